// One guest's channel: opened once for all rounds that ask the guest, its lines sorted to the requests that they answer.
//
// The guest is an attacker. What it may cost is bounded here, for each channel: bytes and lines between two answers,
// requests that it left unread, answers that we send it. Must not know rounds, sites or what an answer means.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "blocking_calls.hpp"
#include "connection.hpp"
#include "consent/wire.hpp"
#include "event_loop.hpp"
#include "holder_note.hpp"

namespace consent {

inline constexpr std::size_t max_useless_bytes =
    256 * 1024;                                        ///< from a guest beside its answers: four of the longest lines
inline constexpr std::size_t max_useless_lines = 256;  ///< likewise
/// To a guest, without a sign that it reads. Linux calls a local socket full at a quarter of net.core.wmem_default, which is
/// some 40 of our lines; what does not fit takes libvirtd's places for requests of one client (max_client_requests, 5 by
/// default), and without one of these the connection stands still, for every guest.
inline constexpr std::size_t max_unread_lines = 16;
inline constexpr int max_hellos = 4;  ///< that we send on one open channel
inline constexpr milliseconds linger{
    2000};  ///< how long an unused channel stays open, so that a burst of rounds shares it

/// A guest's channel. All of it in the loop's thread; nothing blocks.
class Channel : public std::enable_shared_from_this<Channel> {
  public:
    struct Services {
        EventLoop& loop;
        BlockingCalls& calls;
        Connection& connection;
        const HolderNotes& notes;
    };
    struct Silent {
        std::string why;
    };  ///< the channel is gone though the guest runs, or a bound was passed
    struct Left {
        std::string why;
    };  ///< the guest does not run here any more, says libvirt
    /// What becomes of a request: one of Reply, Silent, Left; a Withdraw after a Reply that consented, once. Of a question
    /// for the agent's rules: one of Hello, Silent, Left.
    using Heard = std::variant<wire::Reply, wire::Withdraw, wire::Hello, Silent, Left>;
    using Listener = std::function<void(const Heard&)>;

    Channel(Services services, std::string guest) : services_(services), guest_(std::move(guest)) {}
    ~Channel();
    Channel(const Channel&) = delete;
    Channel& operator=(const Channel&) = delete;

    /// A round that is going to ask: the channel is opened in advance and kept until as many releases.
    /// `domain`: of the current connection.
    void retain(const DomainHandle& domain);
    void release();

    /// Sends `line` as soon as the channel is open. `listener` must not call this channel.
    void ask(const std::string& id, std::string line, Listener listener);
    /// Asks the agent for its rules, likewise. `id`: a name on this side alone.
    void ask_rules(const std::string& id, Listener listener);
    /// Ends a request; tells the guest so when it has been asked and has not answered. `in_vain`: it had its time.
    void forget(const std::string& id, bool in_vain = false);
    /// What the guest did instead of answering this request, for a log: "it sent nothing".
    [[nodiscard]] std::string account(const std::string& id) const;

    /// The connection is gone and the stream with it. Requests stand; they are sent anew on the next one.
    void connection_lost();
    /// Closed, with no use.
    [[nodiscard]] bool idle() const { return state_ == State::closed && !wanted(); }
    /// Closes what lingers, for the program's end.
    void close_now() { close(); }

  private:
    enum class State { closed, connecting, opening, held, open, closing };
    struct Ask {
        std::string line;
        Listener listener;
        bool for_rules = false;
        bool answered = false;
        bool consented = false;  ///< and has not taken it back
        bool sent = false;
        bool lost = false;       ///< sent on a stream that ended since
        std::size_t number = 0;  ///< of its line among those sent on this stream, from 1
        std::size_t bytes_before = 0;
        std::size_t lines_before = 0;
    };
    struct Outcome {
        StreamHandle stream;
        DomainHandle domain;
        LibvirtError error;
        bool active = true;
    };
    [[nodiscard]] bool wanted() const { return users_ != 0 || !asks_.empty(); }
    void add(const std::string& id, Ask fresh);
    void open();
    void opened(std::uint64_t attempt, const Outcome& outcome);
    void close();
    void closed();
    void rest();
    void give_up(const std::string& why);
    void broke(const std::string& why);
    void verify(const std::string& why, int attempts);
    void end(const Heard& heard, bool (*which)(const Ask&));
    void end_all(const Heard& heard);

    void ready(int events);
    void read();
    void take(const std::variant<std::string, wire::Malformed>& line);
    void take(const wire::Reply& reply);
    void take(const wire::Withdraw& withdraw);
    void take(const wire::Hello& hello);
    bool take_rules(const wire::Hello& hello);
    void useless(std::string what);
    void greet();
    void send(const std::string& line);
    void flush();
    void send_waiting();
    [[nodiscard]] bool full() const { return sent_lines_ - read_lines_ >= max_unread_lines; }

    Services services_;
    std::string guest_;
    State state_ = State::closed;
    DomainHandle domain_;
    StreamHandle stream_;
    std::uint64_t attempt_ = 0;  ///< numbers openings: what an earlier one brings is stale
    std::size_t users_ = 0;
    std::unordered_map<std::string, Ask> asks_;
    EventLoop::Timer timer_ = 0;  ///< of lingering, or of the next try at a held channel
    std::string holder_;
    milliseconds back_off_{0};

    wire::LineReader reader_;
    std::string outgoing_;
    bool watches_writable_ = false;
    bool answers_ = true;  ///< it answered the last request that ended
    int hellos_ = 0;
    std::size_t bytes_ = 0;  ///< ever received
    std::size_t lines_ = 0;
    std::size_t useless_bytes_ = 0;
    std::size_t useless_lines_ = 0;
    std::size_t sent_lines_ = 0;  ///< on this stream
    std::size_t read_lines_ = 0;  ///< of these, known to be read: an answer proves it of its request and all before
    std::string last_useless_;    ///< of the lines that were no answer
};

}  // namespace consent
