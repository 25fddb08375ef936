// Domain XML to a guest: what Nova and libvirt write, and what a tenant may put in between.
#include "guest.hpp"

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "consent/wire.hpp"

using consent::read_guest;

namespace {

constexpr const char* id = "6f1b0a52-8f6e-4d1a-9c3b-2f0e6a7d5c41";

std::string channel(const std::string& name, const std::string& state, const std::string& type = "virtio") {
    return "<channel type='unix'><source mode='bind' path='/run/x'/><target type='" + type + "' name='" + name + "'" +
           (state.empty() ? "" : " state='" + state + "'") + "/></channel>";
}

std::string domain(const std::string& devices, const std::string& metadata = "") {
    return std::string("<domain type='kvm' id='7'><name>instance-00000001</name><uuid>") + id + "</uuid>" + metadata +
           "<devices>" + devices + "</devices></domain>";
}

const std::string ours = "org.openstack.consent.0";

}  // namespace

TEST_CASE("a guest whose agent has the channel open is connected") {
    const auto guest =
        read_guest(domain(channel("org.qemu.guest_agent.0", "disconnected") + channel(ours, "connected")));
    REQUIRE(guest);
    CHECK(guest->id == id);
    CHECK(guest->name == "instance-00000001");
    CHECK(guest->connected);
    CHECK(guest->project.empty());
}

TEST_CASE("a guest without an agent, channel or state is not connected") {
    CHECK_FALSE(read_guest(domain(""))->connected);
    CHECK_FALSE(read_guest(domain(channel(ours, "disconnected")))->connected);
    CHECK_FALSE(read_guest(domain(channel(ours, "")))->connected);  // not running
    CHECK_FALSE(read_guest(domain(channel("org.qemu.guest_agent.0", "connected")))->connected);
    CHECK_FALSE(read_guest(domain(channel(ours, "connected", "guestfwd")))->connected);
}

TEST_CASE("the project is the owner's, whatever prefix Nova's namespace has") {
    for (const std::string prefix : {"nova:", "n:", ""}) {
        const std::string metadata = "<metadata><" + prefix + "instance xmlns:nova='x' xmlns:n='x'><" + prefix +
                                     "owner><" + prefix + "user uuid='u'>a</" + prefix + "user><" + prefix +
                                     "project uuid='p1'>b</" + prefix + "project></" + prefix + "owner></" + prefix +
                                     "instance></metadata>";
        CHECK(read_guest(domain("", metadata))->project == "p1");
    }
}

TEST_CASE("a display name that looks like our channel gives nobody a vote") {
    const std::string metadata =
        "<metadata><nova:instance xmlns:nova='x'><nova:name>&lt;channel&gt;&lt;target type='virtio' "
        "name='org.openstack.consent.0' state='connected'/&gt;</nova:name></nova:instance></metadata>";
    CHECK_FALSE(read_guest(domain("", metadata))->connected);
}

TEST_CASE("what is no domain is none") {
    CHECK_FALSE(read_guest(""));
    CHECK_FALSE(read_guest("<domain>"));
    CHECK_FALSE(read_guest("<network><uuid>x</uuid></network>"));
    CHECK_FALSE(read_guest("<domain><name>no uuid</name></domain>"));
    CHECK_FALSE(read_guest(std::string(consent::max_domain_xml + 1, ' ')));
}

TEST_CASE("names are cleaned and cut, never in the middle of a character") {
    const auto named = [](const std::string& name) {
        return read_guest("<domain><name>" + name + "</name><uuid>u</uuid></domain>")->name;
    };
    CHECK(named(std::string(1000, 'n')).size() == 255);
    CHECK(named("a\xe2\x80\xaetset") == R"(a\u202etset)");
    // Cleaning makes it longer: 247 bytes become more than 255, and the bound falls into a character of two.
    std::string long_one;
    for (int i = 0; i < 3; ++i) long_one += "\xe2\xa0\x80";
    for (int i = 0; i < 119; ++i) long_one += "\xc3\xa9";
    const std::string cut = named(long_one);
    CHECK(cut.size() <= 255);
    CHECK(cut.size() >= 252);
    CHECK(consent::wire::clean(cut, 255) == cut);
    const std::string metadata =
        "<metadata><instance><owner><project uuid='" + std::string(256, 'p') + "'/></owner></instance></metadata>";
    CHECK(read_guest(domain("", metadata))->project.size() == 255);
}
