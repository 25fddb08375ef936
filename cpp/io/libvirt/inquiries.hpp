// The rounds that consent-worker has under way: what its orders ask for, what it reports of each.
//
// Knows guests, channels and what may be disclosed to whom; must not know standard input and output, nor what a verdict
// is: it reports who said what, and the round's machine elsewhere decides.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "blocking_calls.hpp"
#include "channel.hpp"
#include "connection.hpp"
#include "consent/disclosure.hpp"
#include "event_loop.hpp"
#include "holder_note.hpp"
#include "survey.hpp"
#include "worker_lines.hpp"

namespace consent {

inline constexpr std::size_t max_inquiries = 1024;  ///< under way at once

/// For the loop's thread. Never blocks.
class Inquiries {
  public:
    using Say = std::function<void(const worker_lines::Report&)>;

    Inquiries(EventLoop& loop, BlockingCalls& calls, std::string uri, const HolderNotes& notes, Say say);
    Inquiries(const Inquiries&) = delete;
    Inquiries& operator=(const Inquiries&) = delete;
    ~Inquiries();

    void obey(const worker_lines::Order& order);
    /// Ends every round and closes every channel; the calls that does are left to BlockingCalls.
    void close();

  private:
    class Round;
    void begin(const Inquiry& inquiry);
    void found(Round& round, const Guest& guest, const DomainHandle& domain);
    void surveyed(Round& round, const std::string& failure);
    /// Asks all voters: for consent, or for their agents' rules.
    void request(Round& round, bool for_rules);
    void heard(Round& round, std::uint32_t voter, const Channel::Heard& heard);
    void probe(const std::shared_ptr<Round>& round);
    void expire(Round& round);
    void fail(Round& round, const std::string& code, const std::string& why);
    void end(const std::string& id);
    void leave(Round& round);
    void tell(const Round& round, InquiryEvent event);
    std::shared_ptr<Channel> channel(const std::string& guest);
    void drop_idle_channels();

    EventLoop& loop_;
    BlockingCalls& calls_;
    Connection connection_;
    const HolderNotes& notes_;
    Survey survey_;
    Say say_;
    PseudonymKey key_{};
    std::map<std::string, std::shared_ptr<Round>> rounds_;
    std::map<std::string, std::shared_ptr<Channel>> channels_;
};

}  // namespace consent
