// A survey on libvirt's test driver, with one fault planted: a domain whose XML cannot be read though it runs. The real
// libvirt does not produce that on demand; virDomainGetXMLDesc of this program does, for the domain named in `unreadable`.
#include "survey.hpp"

#include <dlfcn.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "event_loop.hpp"

namespace {

const std::string first = "11111111-1111-4111-8111-111111111111";
const std::string second = "22222222-2222-4222-8222-222222222222";
std::string unreadable;

std::string host_of_two() {
    const std::string path = CONSENT_TEST_FOLDER "/survey_host.xml";
    std::ofstream out(path);
    out << "<node>";
    for (const auto& [name, id] : std::map<std::string, std::string>{{"first", first}, {"second", second}})
        out << "<domain type='test'><name>" << name << "</name><uuid>" << id
            << "</uuid><memory>8192</memory><os><type>hvm</type></os></domain>";
    out << "</node>";
    return "test://" + path;
}

}  // namespace

// libvirt's test driver takes a close callback and forgets it, what belongs to it included.
extern "C" const char* __lsan_default_suppressions() {
    return "leak:virConnectRegisterCloseCallback\nleak:Connection::open";
}  // NOLINT

// Called by the library under test instead of libvirt's own, which it calls in turn.
extern "C" char* virDomainGetXMLDesc(virDomainPtr domain, unsigned int flags) {
    using Read = char* (*)(virDomainPtr, unsigned int);
    static const auto real = reinterpret_cast<Read>(::dlsym(RTLD_NEXT, "virDomainGetXMLDesc"));  // NOLINT
    char id[VIR_UUID_STRING_BUFLEN] = {};                                                        // NOLINT
    virDomainGetUUIDString(domain, id);
    return id == unreadable ? nullptr : real(domain, flags);
}

namespace consent {
namespace {

/// One round's part in a survey, and what it was told.
struct Round {
    std::set<std::string> wanted;
    std::set<std::string> found;
    bool done = false;
    std::string failure;
};

TEST_CASE("a domain that cannot be read fails those alone who want it") {
    EventLoop loop;
    BlockingCalls calls(loop, 2);
    Connection connection(loop, calls, host_of_two());
    Survey survey(calls, connection);
    const auto ask = [&](Round& round, const std::shared_ptr<int>& owner, const std::function<void()>& done) {
        survey.ask({owner, [&](const std::string& id) { return round.wanted.contains(id); },
                    [&](const Guest& guest, const DomainHandle& /*domain*/) { round.found.insert(guest.id); },
                    [&, done](const std::string& failure) {
                        round.done = true;
                        round.failure = failure;
                        done();
                    }});
    };
    unreadable = second;
    Round with{{first, second}, {}, false, {}};
    Round without{{first}, {}, false, {}};
    const auto owner = std::make_shared<int>(0);
    const auto stop = [&] {
        if (with.done && without.done) loop.stop();
    };
    loop.post([&] {
        ask(with, owner, stop);
        ask(without, owner, stop);
    });
    loop.run();
    CHECK(with.found == std::set{first});
    CHECK(with.failure.find("cannot read the XML of domain " + second) == 0);
    CHECK(without.found == std::set{first});
    CHECK(without.failure.empty());
}

}  // namespace
}  // namespace consent
