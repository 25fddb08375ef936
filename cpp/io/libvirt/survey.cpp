// One call lists the domains, one call a domain reads its XML; the calls overlap.
#include "survey.hpp"

#include <libvirt/virterror.h>

#include <array>
#include <cstdlib>
#include <utility>

namespace consent {

struct Survey::Listed {
    std::vector<std::pair<std::string, DomainHandle>> domains;
    bool failed = false;
    LibvirtError error;
};

struct Survey::Read {
    std::string id;
    DomainHandle domain;
    std::optional<Guest> guest;
    bool gone = false;  ///< it ended between the list and the reading
    std::string failure;
};

void Survey::ask(Interest interest) {
    std::erase_if(waiting_, [](const Interest& waiting) { return waiting.owner.expired(); });
    waiting_.push_back(std::move(interest));
    if (!running_) start();
}

void Survey::start() {
    running_ = true;
    connection_.get(self_, [this](const ConnectionHandle& connection, const std::string& why) {
        served_ = std::exchange(waiting_, {});
        failure_.clear();
        for (Interest& interest : served_) interest.failure.clear();
        if (connection) {
            list(connection);
        } else {
            finish(why);
        }
    });
}

void Survey::list(const ConnectionHandle& connection) {
    calls_.run(
        [connection]() -> Listed {
            Listed listed;
            virDomainPtr* domains = nullptr;
            const int count = virConnectListAllDomains(connection.get(), &domains, VIR_CONNECT_LIST_DOMAINS_ACTIVE);
            if (count < 0) {
                listed.failed = true;
                listed.error = LibvirtError::last();
                return listed;
            }
            for (int i = 0; i < count; ++i) {
                std::array<char, VIR_UUID_STRING_BUFLEN> id{};
                auto domain = own(domains[i]);
                if (virDomainGetUUIDString(domain.get(), id.data()) == 0)
                    listed.domains.emplace_back(id.data(), std::move(domain));
            }
            ::free(domains);  // NOLINT(cppcoreguidelines-no-malloc): libvirt's way
            return listed;
        },
        [this](const Listed& listed) {
            if (listed.failed) {
                finish("cannot list the host's domains: " + listed.error.text);
            } else {
                read(listed);
            }
        });
}

void Survey::read(const Listed& listed) {
    unread_ = 1;  // held by this loop
    for (const auto& [id, domain] : listed.domains) {
        bool wanted = false;
        for (const Interest& interest : served_) wanted = wanted || (!interest.owner.expired() && interest.wants(id));
        if (!wanted) continue;
        ++unread_;
        calls_.run(
            [id = id, domain = domain]() -> Read {
                Read read{id, domain, std::nullopt, false, {}};
                const std::unique_ptr<char, decltype(&::free)> xml(virDomainGetXMLDesc(domain.get(), 0), &::free);
                if (!xml) {
                    const auto error = LibvirtError::last();
                    read.gone = error.code == VIR_ERR_NO_DOMAIN || virDomainIsActive(domain.get()) == 0;
                    if (!read.gone) read.failure = "cannot read the XML of domain " + id + ": " + error.text;
                    return read;
                }
                read.guest = read_guest(xml.get());
                if (!read.guest) read.failure = "the XML of domain " + id + " is not understood";
                return read;
            },
            [this](const Read& read) { take(read); });
    }
    if (--unread_ == 0) finish({});
}

void Survey::take(const Read& read) {
    if (!read.failure.empty()) {
        failure_ = read.failure;
        for (Interest& interest : served_)
            if (!interest.owner.expired() && interest.wants(read.id)) interest.failure = read.failure;
    }
    if (read.guest)
        for (const Interest& interest : served_)
            if (!interest.owner.expired() && interest.wants(read.id)) interest.found(*read.guest, read.domain);
    // A domain that cannot be read fails those alone who want it; a connection that is lost fails all.
    if (--unread_ == 0) finish(connection_.check() ? std::string{} : failure_);
}

void Survey::finish(const std::string& failure) {
    auto served = std::exchange(served_, {});
    running_ = false;
    if (!failure.empty() && !connection_.check() && connection_.trouble() != failure) {
        // libvirtd went away in the middle: those who still wait are served by the next connection, or by their deadlines.
        for (Interest& interest : served)
            if (!interest.owner.expired()) waiting_.push_back(std::move(interest));
    } else {
        for (const Interest& interest : served)
            if (!interest.owner.expired()) interest.done(failure.empty() ? interest.failure : failure);
    }
    if (!waiting_.empty() && !running_) start();
}

}  // namespace consent
