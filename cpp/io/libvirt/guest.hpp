// What the worker needs to know of a domain, read from its live XML.
//
// Pure: text in, values out. Must not know connections. Sources: libvirt's domain XML (channel, target state) and Nova's
// metadata (nova/virt/libvirt/config.py, LibvirtConfigGuestMetaNovaOwner: nova:owner/nova:project).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace consent {

inline constexpr std::size_t max_domain_xml = 4 * 1024 * 1024;  ///< bytes

struct Guest {
    std::string id;          ///< domain UUID
    std::string name;        ///< cleaned (wire::clean), at most 255 bytes
    std::string project;     ///< owner's project, likewise; empty when the XML names none
    bool connected = false;  ///< an agent has org.openstack.consent.0 open
};

/// Nothing when the text is not a domain's XML, names no UUID or is longer than max_domain_xml.
[[nodiscard]] std::optional<Guest> read_guest(std::string_view xml);

}  // namespace consent
