// Domain XML to a guest.
#include "guest.hpp"

#include <algorithm>
#include <cstring>
#include <pugixml.hpp>

#include "consent/wire.hpp"

namespace consent {
namespace {

constexpr std::size_t max_name = 255;

/// The child of that name whatever prefix its namespace has: Nova binds the prefix, and has the right to bind another.
pugi::xml_node child_in_any_namespace(const pugi::xml_node& node, std::string_view name) {
    return node.find_child([&](const pugi::xml_node& child) {
        std::string_view full = child.name();
        if (const auto colon = full.find(':'); colon != std::string_view::npos) full.remove_prefix(colon + 1);
        return full == name;
    });
}

/// A name that somebody chose, fit to be shown and sent on: at most max_name bytes, no character cut in two.
std::string shown(std::string_view text) {
    std::string name = wire::clean(text, max_name);
    std::size_t end = std::min(name.size(), max_name);
    while (end > 0 && end < name.size() && (static_cast<unsigned char>(name[end]) & 0xc0U) == 0x80U) --end;
    name.resize(end);
    return name;
}

bool is_connected(const pugi::xml_node& devices) {
    for (const auto& channel : devices.children("channel")) {
        const auto target = channel.child("target");
        if (target.attribute("name").value() == wire::channel_name &&
            std::strcmp(target.attribute("type").value(), "virtio") == 0)
            return std::strcmp(target.attribute("state").value(), "connected") == 0;
    }
    return false;
}

}  // namespace

std::optional<Guest> read_guest(std::string_view xml) {
    if (xml.size() > max_domain_xml) return std::nullopt;
    pugi::xml_document document;
    if (!document.load_buffer(xml.data(), xml.size())) return std::nullopt;
    const auto domain = document.child("domain");
    Guest guest;
    guest.id = domain.child("uuid").text().get();
    if (guest.id.empty() || guest.id.size() > max_name) return std::nullopt;
    guest.name = shown(domain.child("name").text().get());
    const auto instance = child_in_any_namespace(domain.child("metadata"), "instance");
    guest.project =
        shown(child_in_any_namespace(child_in_any_namespace(instance, "owner"), "project").attribute("uuid").value());
    guest.connected = is_connected(domain.child("devices"));
    return guest;
}

}  // namespace consent
