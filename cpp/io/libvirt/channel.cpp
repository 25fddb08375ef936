// A channel's life: closed, (connecting,) opening, open, closing; held while another program has it.
#include "channel.hpp"

#include <libvirt/virterror.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "log.hpp"

namespace consent {
namespace {

constexpr std::size_t slice = 4096;  ///< bytes parsed before the bounds are looked at again
/// Bytes taken of one guest before timers and other guests have their turn: about one message of libvirt's.
constexpr std::size_t turn = 256UL * 1024;
constexpr milliseconds first_retry{20};  ///< of a held channel
constexpr milliseconds last_retry{200};
constexpr milliseconds verify_interval{100};  ///< QEMU's socket closes a moment before libvirt calls a domain inactive
constexpr int verify_attempts = 5;
constexpr std::string_view software = "consent-worker/0.1.0";

template <class... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <class... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

void abort_stream(const StreamHandle& stream) { virStreamAbort(stream.get()); }

}  // namespace

Channel::~Channel() { services_.loop.cancel(timer_); }

void Channel::retain(const DomainHandle& domain) {
    ++users_;
    if (state_ == State::closed) domain_ = domain;
    open();
}

void Channel::release() {
    --users_;
    rest();
}

void Channel::ask(const std::string& id, std::string line, Listener listener) {
    Ask fresh;
    fresh.line = std::move(line);
    fresh.listener = std::move(listener);
    add(id, std::move(fresh));
}

void Channel::ask_rules(const std::string& id, Listener listener) {
    Ask fresh;
    fresh.line = wire::serialise(wire::Hello{{wire::version}, std::string(software), {"rules"}, {}});
    fresh.listener = std::move(listener);
    fresh.for_rules = true;
    add(id, std::move(fresh));
}

void Channel::add(const std::string& id, Ask fresh) {
    fresh.bytes_before = bytes_;
    fresh.lines_before = lines_;
    asks_.insert_or_assign(id, std::move(fresh));
    if (state_ == State::open) {
        send_waiting();
    } else {
        open();
    }
}

void Channel::forget(const std::string& id, bool in_vain) {
    const auto found = asks_.find(id);
    if (found == asks_.end()) return;
    const bool answered = found->second.answered;
    const bool sent = found->second.sent;
    const bool told_by_id = !found->second.for_rules;
    asks_.erase(found);
    if (!answered && in_vain) answers_ = false;
    if (!answered && sent && state_ == State::open) {
        if (told_by_id && !full()) send(wire::serialise(wire::Withdraw{id}));
        if (state_ == State::open && full())
            give_up("it answers nothing: " + std::to_string(max_unread_lines) + " lines wait for it");
    }
    rest();
}

std::string Channel::account(const std::string& id) const {
    const auto found = asks_.find(id);
    if (state_ == State::held)
        return "its channel is held by " + (holder_.empty() ? "another reader, who left no note" : holder_);
    if (state_ != State::open) return "its channel did not open in time";
    if (found == asks_.end() || !found->second.sent) return "it was not asked: it leaves unread what came before";
    const std::size_t bytes = bytes_ - found->second.bytes_before;
    const std::size_t lines = lines_ - found->second.lines_before;
    if (bytes == 0) return "it sent nothing";
    if (lines == 0) return "it sent " + std::to_string(bytes) + " bytes and no complete line";
    std::string text =
        "it sent " + std::to_string(lines) + (lines == 1 ? " line" : " lines") + ", none an answer to this request";
    if (!last_useless_.empty()) text += "; the last: " + last_useless_;
    return text;
}

void Channel::connection_lost() {
    domain_.reset();
    for (auto& [id, ask] : asks_) {
        ask.sent = ask.answered;
        ask.lost = false;
    }
    if (state_ == State::connecting || state_ == State::closing) return;  // what ends those opens the channel anew
    ++attempt_;
    services_.loop.cancel(std::exchange(timer_, 0));
    if (stream_) {
        virStreamEventRemoveCallback(stream_.get());
        services_.calls.run([gone = std::exchange(stream_, nullptr)] {});
        services_.notes.remove(guest_);
    }
    closed();
}

void Channel::open() {
    if (state_ == State::open && timer_ != 0) services_.loop.cancel(std::exchange(timer_, 0));  // lingered
    if (state_ != State::closed) return;
    const std::uint64_t attempt = ++attempt_;
    if (!services_.connection.check()) {
        // A lost connection: the guest is looked up again on the next one.
        state_ = State::connecting;
        services_.connection.get(weak_from_this(), [this, attempt](const ConnectionHandle&, const std::string& why) {
            if (attempt != attempt_ || state_ != State::connecting) return;
            state_ = State::closed;
            if (!why.empty()) {
                end_all(Silent{why});
            } else if (wanted()) {
                open();
            }
        });
        return;
    }
    state_ = State::opening;
    services_.calls.run(
        [connection = services_.connection.current(), domain = domain_, guest = guest_]() -> Outcome {
            Outcome outcome;
            outcome.domain = domain ? domain : own(virDomainLookupByUUIDString(connection.get(), guest.c_str()));
            if (outcome.domain) {
                outcome.stream = own(virStreamNew(connection.get(), VIR_STREAM_NONBLOCK));
                // Never VIR_DOMAIN_CHANNEL_FORCE: whoever reads there now would go deaf without knowing.
                if (outcome.stream &&
                    virDomainOpenChannel(outcome.domain.get(), std::string(wire::channel_name).c_str(),
                                         outcome.stream.get(), 0) == 0)
                    return outcome;
            }
            outcome.error = LibvirtError::last();
            outcome.stream.reset();
            // Only what libvirt is sure of is a departure: a guest that left has no vote any more.
            const int active = outcome.domain ? virDomainIsActive(outcome.domain.get()) : -1;
            const int code = outcome.domain && active < 0 ? LibvirtError::last().code : outcome.error.code;
            outcome.active = active > 0 || (active < 0 && code != VIR_ERR_NO_DOMAIN);
            return outcome;
        },
        [self = weak_from_this(), &calls = services_.calls, attempt](const Outcome& outcome) {
            if (const auto channel = self.lock()) {
                channel->opened(attempt, outcome);
            } else if (outcome.stream) {
                calls.run([stream = outcome.stream] { abort_stream(stream); });
            }
        });
}

void Channel::opened(std::uint64_t attempt, const Outcome& outcome) {
    if (attempt != attempt_) {  // of a connection that was lost meanwhile
        if (outcome.stream) services_.calls.run([stream = outcome.stream] { abort_stream(stream); });
        return;
    }
    if (!outcome.stream) {
        if (!services_.connection.check()) return;  // connection_lost() has seen to it
        state_ = State::closed;
        if (!outcome.active) {
            domain_.reset();
            end_all(Left{"the guest does not run here any more"});
        } else if (outcome.error.code == VIR_ERR_OPERATION_FAILED) {  // "Active channel stream exists for this domain"
            if (!wanted()) return;
            state_ = State::held;
            holder_ = services_.notes.read(guest_);
            back_off_ = std::clamp(back_off_ * 2, first_retry, last_retry);
            timer_ = services_.loop.after(back_off_, [this] {
                timer_ = 0;
                state_ = State::closed;
                if (wanted()) open();
            });
        } else {
            end_all(Silent{"its channel cannot be opened: " + outcome.error.text});
        }
        return;
    }
    domain_ = outcome.domain;
    stream_ = outcome.stream;
    state_ = State::open;
    back_off_ = milliseconds{0};
    reader_.reset();
    outgoing_.clear();
    watches_writable_ = false;
    hellos_ = 0;
    useless_bytes_ = useless_lines_ = sent_lines_ = read_lines_ = 0;
    answers_ = true;
    auto* self =
        new std::weak_ptr<Channel>(weak_from_this());  // NOLINT(cppcoreguidelines-owning-memory): libvirt's now
    const int added = virStreamEventAddCallback(
        stream_.get(), VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP,
        [](virStreamPtr /*stream*/, int events, void* opaque) {
            if (const auto channel = static_cast<std::weak_ptr<Channel>*>(opaque)->lock()) channel->ready(events);
        },
        self, [](void* opaque) { delete static_cast<std::weak_ptr<Channel>*>(opaque); });  // NOLINT
    if (added < 0) {
        delete self;  // NOLINT(cppcoreguidelines-owning-memory)
        broke("its channel cannot be watched: " + LibvirtError::last().text);
        return;
    }
    services_.notes.write(guest_);
    send_waiting();
    rest();
}

/// Nobody needs the channel: it lingers, if the guest has been answering.
void Channel::rest() {
    if (wanted() || timer_ != 0) return;
    if (state_ != State::open) return;
    if (!answers_) {
        close();
        return;
    }
    timer_ = services_.loop.after(linger, [this] {
        timer_ = 0;
        if (!wanted()) close();
    });
}

void Channel::close() {
    services_.loop.cancel(std::exchange(timer_, 0));
    if (state_ != State::open) return;
    virStreamEventRemoveCallback(stream_.get());
    services_.notes.remove(guest_);
    state_ = State::closing;
    ++attempt_;
    // First of all that waits: what a flooding guest sends is queued until its stream is aborted.
    services_.calls.run_first(
        [stream = std::exchange(stream_, nullptr)] {
            abort_stream(stream);
            return 0;
        },
        [self = weak_from_this()](int) {
            if (const auto channel = self.lock()) channel->closed();
        });
}

/// It is closed now; requests that came meanwhile open it again.
void Channel::closed() {
    state_ = State::closed;
    const bool waits = std::any_of(asks_.begin(), asks_.end(), [](const auto& entry) { return !entry.second.sent; });
    if (waits) open();
}

/// The guest passed a bound.
void Channel::give_up(const std::string& why) {
    log().warn("guest {}: {}; its channel is closed", guest_, why);
    close();
    end(Silent{why}, [](const Ask&) { return true; });
}

/// The stream ended under us.
void Channel::broke(const std::string& why) {
    close();
    for (auto& [id, ask] : asks_) {
        ask.lost = ask.sent;
        ask.number = 0;  // of a stream that is gone: an answer on the next one proves nothing of what was read there
    }
    verify(why, verify_attempts);
}

/// Finds out whether the guest still runs: one that has left has no stake, one that only fell silent has.
void Channel::verify(const std::string& why, int attempts) {
    if (std::none_of(asks_.begin(), asks_.end(), [](const auto& entry) { return entry.second.lost; }) || !domain_)
        return;
    services_.calls.run(
        [domain = domain_] {
            const int active = virDomainIsActive(domain.get());
            return active < 0 && LibvirtError::last().code == VIR_ERR_NO_DOMAIN ? 0 : active;
        },
        [self = weak_from_this(), why, attempts](int active) {
            const auto channel = self.lock();
            if (!channel || !channel->services_.connection.check()) return;
            if (active == 0) {
                channel->domain_.reset();
                channel->end_all(Left{"the guest does not run here any more"});
            } else if (attempts > 1) {
                channel->services_.loop.after(verify_interval, [self, why, attempts] {
                    if (const auto again = self.lock()) again->verify(why, attempts - 1);
                });
            } else {
                channel->end(Silent{why}, [](const Ask& ask) { return ask.lost; });
            }
        });
}

void Channel::end_all(const Heard& heard) {
    end(heard, [](const Ask&) { return true; });
}

/// Ends those requests with the same words.
void Channel::end(const Heard& heard, bool (*which)(const Ask&)) {
    std::erase_if(asks_, [&](auto& entry) {
        if (!which(entry.second)) return false;
        if (!entry.second.answered) entry.second.listener(heard);
        return true;
    });
    rest();
}

void Channel::ready(int events) {
    if (state_ != State::open) return;
    if ((events & VIR_STREAM_EVENT_READABLE) != 0) read();
    if (state_ == State::open && (events & VIR_STREAM_EVENT_WRITABLE) != 0) flush();
    if (state_ == State::open && (events & (VIR_STREAM_EVENT_ERROR | VIR_STREAM_EVENT_HANGUP)) != 0)
        broke("its channel was closed");
}

/// Reads what is there, as much as a turn takes: libvirt calls again for as long as anything of it is queued.
void Channel::read() {
    std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by virStreamRecv
    for (std::size_t taken = 0; state_ == State::open && taken < turn;) {
        const int got = virStreamRecv(stream_.get(), buffer.data(), buffer.size());
        if (got == -2) return;
        if (got <= 0) {
            broke("its channel was closed");
            return;
        }
        std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
        taken += bytes.size();
        while (!bytes.empty()) {
            const auto part = bytes.substr(0, slice);
            bytes.remove_prefix(part.size());
            bytes_ += part.size();
            useless_bytes_ += part.size();
            std::vector<std::variant<std::string, wire::Malformed>> lines;
            reader_.feed(part, lines);
            for (const auto& line : lines) {
                ++lines_;
                take(line);
                if (state_ != State::open) return;
            }
            if (useless_bytes_ > max_useless_bytes) return give_up("it sent more than 256 KiB without an answer");
        }
    }
}

void Channel::take(const std::variant<std::string, wire::Malformed>& line) {
    const auto message = std::holds_alternative<std::string>(line) ? wire::parse(std::get<std::string>(line))
                                                                   : wire::Message{std::get<wire::Malformed>(line)};
    std::visit(Overloaded{
                   [&](const wire::Reply& reply) { take(reply); },
                   [&](const wire::Withdraw& withdraw) { take(withdraw); },
                   [&](const wire::Hello& hello) { take(hello); },
                   [&](const wire::Request&) { useless("a request, which only a host may make"); },
                   [&](const wire::Malformed& malformed) {
                       if (malformed.fault == wire::Fault::unknown_version) greet();
                       useless(std::string(wire::to_string(malformed.fault)) + ": " + malformed.detail);
                   },
               },
               message);
}

void Channel::take(const wire::Reply& reply) {
    const auto found = asks_.find(reply.id);
    if (found == asks_.end() || !found->second.sent || found->second.for_rules)
        return useless("an answer to a request that is not open");
    if (found->second.answered) return useless("a second answer to one request");
    found->second.answered = true;
    found->second.consented = reply.answer == Answer::consent;
    answers_ = true;
    useless_lines_ = 0;
    useless_bytes_ -= std::min(useless_bytes_, wire::max_line + 1);  // an answer pays for its own line and no more
    read_lines_ = std::max(read_lines_, found->second.number);
    found->second.listener(reply);
    send_waiting();
}

void Channel::take(const wire::Withdraw& withdraw) {
    const auto found = asks_.find(withdraw.id);
    if (found == asks_.end() || !std::exchange(found->second.consented, false))
        return useless("a withdrawal of no consent");
    found->second.listener(withdraw);
    useless("a withdrawal");
}

void Channel::take(const wire::Hello& hello) {
    if (std::find(hello.versions.begin(), hello.versions.end(), wire::version) != hello.versions.end()) {
        if (!take_rules(hello)) useless({});
        return;
    }
    greet();
    useless("a hello that speaks no version spoken here");
}

/// A hello with rules answers all who have asked for them; one that nobody asked for is a line like another.
bool Channel::take_rules(const wire::Hello& hello) {
    if (hello.rules.empty()) return false;
    bool asked = false;
    for (auto& [id, ask] : asks_) {
        if (!ask.for_rules || !ask.sent || ask.answered) continue;
        asked = ask.answered = true;
        read_lines_ = std::max(read_lines_, ask.number);
        ask.listener(hello);
    }
    if (!asked) return false;
    answers_ = true;
    useless_bytes_ = useless_lines_ = 0;
    send_waiting();
    return true;
}

/// Counts a line that was no answer.
void Channel::useless(std::string what) {
    if (!what.empty()) last_useless_ = std::move(what);
    if (++useless_lines_ <= max_useless_lines) return;
    give_up("it sent more than " + std::to_string(max_useless_lines) +
            " lines without an answer; the last: " + last_useless_);
}

/// Says what is spoken here, a few times at most: two sides that greet each other must not go on for ever.
void Channel::greet() {
    if (++hellos_ > max_hellos) return;
    send(wire::serialise(wire::Hello{{wire::version}, std::string(software)}));
}

/// Sends the requests that wait, as far as the guest reads.
void Channel::send_waiting() {
    for (auto& [id, ask] : asks_) {
        if (ask.sent || ask.answered) continue;
        if (full()) return;
        ask.sent = true;
        ask.number = sent_lines_ + 1;
        send(ask.line);
        if (state_ != State::open) return;
    }
}

void Channel::send(const std::string& line) {
    ++sent_lines_;
    outgoing_ += line;
    flush();
}

void Channel::flush() {
    while (!outgoing_.empty()) {
        const int sent = virStreamSend(stream_.get(), outgoing_.data(), std::min<std::size_t>(outgoing_.size(), 65536));
        if (sent == -2) break;
        if (sent < 0) {
            broke("its channel was closed");
            return;
        }
        outgoing_.erase(0, static_cast<std::size_t>(sent));
    }
    if (const bool waits = !outgoing_.empty(); waits != watches_writable_) {
        watches_writable_ = waits;
        virStreamEventUpdateCallback(stream_.get(), VIR_STREAM_EVENT_READABLE | VIR_STREAM_EVENT_ERROR |
                                                        VIR_STREAM_EVENT_HANGUP |
                                                        (waits ? VIR_STREAM_EVENT_WRITABLE : 0));
    }
}

}  // namespace consent
