// Which guests run on the host now: their live XML, read for several rounds at once.
//
// Nothing is kept from one survey to the next: libvirt tells no event when an agent opens or closes a channel, so what
// was read before a round began says nothing about it. Rounds that come while a survey runs share the next one. Must not
// know channels, rounds or votes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "guest.hpp"

namespace consent {

/// For the loop's thread. Never blocks.
class Survey {
  public:
    struct Interest {
        std::weak_ptr<void> owner;                      ///< once it is gone nothing is called any more
        std::function<bool(const std::string&)> wants;  ///< by UUID, before anything is read of the domain
        std::function<void(const Guest&, const DomainHandle&)>
            found;                                     ///< each guest wanted, as it is read, in no order
        std::function<void(const std::string&)> done;  ///< once; why it failed, or empty
        std::string failure{};                         ///< of a domain that it wants
    };

    Survey(BlockingCalls& calls, Connection& connection) : calls_(calls), connection_(connection) {}
    Survey(const Survey&) = delete;
    Survey& operator=(const Survey&) = delete;

    void ask(Interest interest);

  private:
    struct Listed;
    struct Read;
    void start();
    void list(const ConnectionHandle& connection);
    void read(const Listed& listed);
    void take(const Read& read);
    void finish(const std::string& failure);

    BlockingCalls& calls_;
    Connection& connection_;
    std::vector<Interest> waiting_;  ///< for the next survey
    std::vector<Interest> served_;   ///< by the one that runs
    bool running_ = false;
    std::size_t unread_ = 0;
    std::string failure_;
    std::shared_ptr<int> self_ = std::make_shared<int>(0);  ///< owner of the wait for a connection
};

}  // namespace consent
