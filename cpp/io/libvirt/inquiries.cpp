// Rounds: identify through a survey, ask through channels, tell what comes of it, at the deadlines at the latest.
#include "inquiries.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <variant>

#include "consent/wire.hpp"
#include "log.hpp"

namespace consent {
namespace {

namespace lines = worker_lines;

constexpr milliseconds longest_probe{500};

/// A request's id: nobody who was not told it can guess it, so an answer that carries it is an answer to this request.
std::string new_request_id() {
    std::array<unsigned char, wire::request_id_length / 2> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::system_error(errno, std::system_category(), "getrandom");
    constexpr std::string_view digits = "0123456789abcdef";
    std::string id;
    id.reserve(wire::request_id_length);
    for (const unsigned char byte : bytes) {
        id += digits[byte >> 4U];
        id += digits[byte & 15U];
    }
    return id;
}

/// What libvirt knows of a guest that has not answered. Blocks.
std::string condition(const DomainHandle& domain) {
    int state = 0;
    if (virDomainGetState(domain.get(), &state, nullptr, 0) == 0 && state == VIR_DOMAIN_PAUSED)
        return "the guest is paused";
    const std::unique_ptr<char, decltype(&::free)> xml(virDomainGetXMLDesc(domain.get(), 0), &::free);
    const auto guest = xml ? read_guest(xml.get()) : std::nullopt;
    return guest && !guest->connected ? "no agent has its channel open any more" : "";
}

std::string in_ms(milliseconds time) { return std::to_string(time.count()) + " ms"; }

}  // namespace

class Inquiries::Round {
  public:
    enum class Phase { identifying, identified, requesting, over };
    /// A voter, its channel, and the request to it.
    struct Seat {
        Voter voter;
        std::shared_ptr<Channel> channel;
        DomainHandle domain;  ///< of the connection that it was identified on
        std::string request;
        bool owes = false;
        std::string condition;  ///< what libvirt knows of a late one: why it may not answer; empty: nothing
    };

    explicit Round(Inquiry what)
        : inquiry(std::move(what)),
          listed(inquiry.select.listed.begin(), inquiry.select.listed.end()),
          excluded(inquiry.select.exclude.begin(), inquiry.select.exclude.end()) {}

    [[nodiscard]] bool wants(const std::string& guest) const {
        return !excluded.contains(guest) && (inquiry.select.connected || listed.contains(guest));
    }

    const Inquiry inquiry;
    const std::unordered_set<std::string> listed;
    const std::unordered_set<std::string> excluded;
    Phase phase = Phase::identifying;
    std::vector<Seat> seats;
    std::size_t owing = 0;
    EventLoop::Timer deadline = 0;
    EventLoop::Timer probing = 0;
    bool libvirt_silent = false;  ///< it was probed and has not answered yet
};

Inquiries::Inquiries(EventLoop& loop, BlockingCalls& calls, std::string uri, const HolderNotes& notes, Say say)
    : loop_(loop),
      calls_(calls),
      connection_(loop, calls, std::move(uri)),
      notes_(notes),
      survey_(calls, connection_),
      say_(std::move(say)) {
    // Until the parent gives one: pseudonyms that nobody can foresee.
    if (::getrandom(key_.data(), key_.size(), 0) != static_cast<ssize_t>(key_.size()))
        throw std::system_error(errno, std::system_category(), "getrandom");
    connection_.on_lost([this] {
        for (const auto& [guest, channel] : channels_) channel->connection_lost();
    });
}

Inquiries::~Inquiries() = default;

void Inquiries::obey(const lines::Order& order) {
    if (const auto* key = std::get_if<lines::Key>(&order)) {
        key_ = key->bytes;
    } else if (const auto* identify = std::get_if<lines::Identify>(&order)) {
        begin(identify->inquiry);
    } else if (const auto* request_order = std::get_if<lines::Request>(&order)) {
        const auto found = rounds_.find(request_order->round);
        if (found != rounds_.end() && found->second->phase == Round::Phase::identified) request(*found->second, false);
    } else if (const auto* rules_order = std::get_if<lines::AskRules>(&order)) {
        const auto found = rounds_.find(rules_order->round);
        if (found != rounds_.end() && found->second->phase == Round::Phase::identified) request(*found->second, true);
    } else {
        end(std::get<lines::End>(order).round);
    }
}

void Inquiries::begin(const Inquiry& inquiry) {
    if (rounds_.contains(inquiry.round)) return;  // the parent's own check; a second answer would confuse both
    auto round = std::make_shared<Round>(inquiry);
    if (rounds_.size() >= max_inquiries) {
        tell(*round, InquiryFailed{"limit", "more than " + std::to_string(max_inquiries) + " rounds at once"});
        return;
    }
    rounds_.emplace(inquiry.round, round);
    const milliseconds limit = lines::identify_limit(inquiry.voter_deadline);
    round->deadline = loop_.after(limit, [this, round = round.get(), limit] {
        round->deadline = 0;
        const std::string& trouble = connection_.trouble();
        fail(*round, "libvirt",
             "the host's guests could not be identified within " + in_ms(limit) + ": " +
                 (trouble.empty() ? "libvirtd does not answer" : trouble));
    });
    // The raw pointer is good wherever the survey or a timer calls: both stop when the round goes.
    survey_.ask({round, [r = round.get()](const std::string& guest) { return r->wants(guest); },
                 [this, r = round.get()](const Guest& guest, const DomainHandle& domain) { found(*r, guest, domain); },
                 [this, r = round.get()](const std::string& failure) { surveyed(*r, failure); }});
}

void Inquiries::found(Round& round, const Guest& guest, const DomainHandle& domain) {
    if (round.phase != Round::Phase::identifying || !guest.connected) return;
    if (std::any_of(round.seats.begin(), round.seats.end(),
                    [&](const Round::Seat& seat) { return seat.voter.id == guest.id; }))
        return;  // read a second time, after libvirtd went away
    if (round.seats.size() >= lines::max_voters) {
        fail(round, "limit", "more than " + std::to_string(lines::max_voters) + " voters");
        return;
    }
    Voter voter;
    voter.id = guest.id;
    voter.name = guest.name;
    voter.project = guest.project;
    voter.kind = round.inquiry.select.role;
    round.seats.push_back({std::move(voter), channel(guest.id), domain, {}, false, {}});
    round.seats.back().channel->retain(domain);  // opens it while other guests are still being read
}

void Inquiries::surveyed(Round& round, const std::string& failure) {
    if (round.phase != Round::Phase::identifying) return;
    if (!failure.empty()) {
        fail(round, "libvirt", failure);
        return;
    }
    loop_.cancel(std::exchange(round.deadline, 0));
    round.phase = Round::Phase::identified;
    std::sort(round.seats.begin(), round.seats.end(),
              [](const Round::Seat& a, const Round::Seat& b) { return a.voter.id < b.voter.id; });
    VotersIdentified identified;
    for (const Round::Seat& seat : round.seats) identified.voters.push_back(seat.voter);
    if (lines::write(lines::Report{lines::Told{round.inquiry.round, identified}}).size() > lines::max_line) {
        fail(round, "limit", "the voters' names are longer than 1 MiB in all");
        return;
    }
    tell(round, std::move(identified));
}

void Inquiries::request(Round& round, bool for_rules) {
    round.phase = Round::Phase::requesting;
    round.owing = round.seats.size();
    if (round.owing == 0) return;
    const milliseconds limit = round.inquiry.voter_deadline;
    round.deadline = loop_.after(limit, [this, r = &round] {
        r->deadline = 0;
        expire(*r);
    });
    round.probing = loop_.after(limit - std::min(limit / 2, longest_probe), [this, r = &round] {
        r->probing = 0;
        probe(rounds_.at(r->inquiry.round));
    });
    for (Round::Seat& seat : round.seats) seat.owes = true;
    for (std::uint32_t i = 0; i < round.seats.size() && round.phase == Round::Phase::requesting; ++i) {
        Round::Seat& seat = round.seats[i];
        seat.request = new_request_id();
        auto listener = [this, r = &round, i](const Channel::Heard& what) { heard(*r, i, what); };
        if (for_rules) {
            seat.channel->ask_rules(seat.request, std::move(listener));
            continue;
        }
        log().info("round {} asks guest {} ({}) in request {}", round.inquiry.round, seat.voter.name, seat.voter.id,
                   seat.request);
        const auto told =
            disclose(round.inquiry.subject, seat.voter, key_, seat.request, static_cast<std::uint32_t>(limit.count()));
        seat.channel->ask(seat.request, wire::serialise(told), std::move(listener));
    }
}

void Inquiries::heard(Round& round, std::uint32_t voter, const Channel::Heard& heard) {
    if (round.phase != Round::Phase::requesting) return;
    Round::Seat& seat = round.seats[voter];
    if (std::holds_alternative<wire::Withdraw>(heard)) {
        tell(round, VoterWithdrew{voter});
        return;
    }
    if (!std::exchange(seat.owes, false)) return;
    --round.owing;
    if (const auto* reply = std::get_if<wire::Reply>(&heard)) {
        tell(round, VoterAnswered{voter, reply->answer, reply->because});
    } else if (const auto* hello = std::get_if<wire::Hello>(&heard)) {
        say_(lines::ToldRules{round.inquiry.round, voter, hello->rules});
    } else if (const auto* silent = std::get_if<Channel::Silent>(&heard)) {
        tell(round, VoterFellSilent{voter, silent->why});
    } else {
        tell(round, VoterLeft{voter, std::get<Channel::Left>(heard).why});
    }
    if (round.owing == 0) {
        loop_.cancel(std::exchange(round.deadline, 0));
        loop_.cancel(std::exchange(round.probing, 0));
    }
}

/// Some voters still owe an answer and their deadline comes near: whose silence is it? If libvirtd itself does not
/// answer until then, the guests are not to be blamed. If it does, it may know more of them.
void Inquiries::probe(const std::shared_ptr<Round>& round) {
    const ConnectionHandle connection = connection_.current();
    if (!connection) return;
    round->libvirt_silent = true;
    calls_.run_first(
        [connection] {
            unsigned long version = 0;
            return virConnectGetLibVersion(connection.get(), &version);
        },
        [weak = std::weak_ptr(round)](int /*an error is an answer too*/) {
            if (const auto waiting = weak.lock()) waiting->libvirt_silent = false;
        });
    std::vector<std::pair<std::size_t, DomainHandle>> late;
    for (std::size_t i = 0; i < round->seats.size(); ++i)
        if (round->seats[i].owes) late.emplace_back(i, round->seats[i].domain);
    calls_.run(
        [late = std::move(late)] {
            std::vector<std::pair<std::size_t, std::string>> seen;
            seen.reserve(late.size());
            for (const auto& [seat, domain] : late) seen.emplace_back(seat, condition(domain));
            return seen;
        },
        [weak = std::weak_ptr(round)](const std::vector<std::pair<std::size_t, std::string>>& seen) {
            const auto waiting = weak.lock();
            if (!waiting || waiting->phase != Round::Phase::requesting) return;
            for (const auto& [seat, what] : seen) waiting->seats[seat].condition = what;
        });
}

/// The voters' deadline has passed.
void Inquiries::expire(Round& round) {
    if (!connection_.check()) return fail(round, "libvirt", connection_.trouble());
    if (round.libvirt_silent) return fail(round, "libvirt", "libvirtd does not answer");
    for (std::uint32_t i = 0; i < round.seats.size(); ++i) {
        Round::Seat& seat = round.seats[i];
        if (!std::exchange(seat.owes, false)) continue;
        --round.owing;
        const std::string instead = seat.channel->account(seat.request);
        seat.channel->forget(seat.request, true);
        tell(round, VoterFellSilent{i, "no answer within " + in_ms(round.inquiry.voter_deadline) + ": " + instead +
                                           (seat.condition.empty() ? "" : "; " + seat.condition)});
    }
}

void Inquiries::fail(Round& round, const std::string& code, const std::string& why) {
    if (round.phase == Round::Phase::over) return;
    log().warn("round {}: {}: {}", round.inquiry.round, code, why);
    leave(round);
    tell(round, InquiryFailed{code, why});
}

void Inquiries::end(const std::string& id) {
    if (const auto found = rounds_.find(id); found != rounds_.end()) {
        leave(*found->second);
        rounds_.erase(found);
    }
    say_(lines::Ended{id});
    drop_idle_channels();
}

/// Lets go of timers, requests and channels.
void Inquiries::leave(Round& round) {
    round.phase = Round::Phase::over;
    loop_.cancel(std::exchange(round.deadline, 0));
    loop_.cancel(std::exchange(round.probing, 0));
    for (Round::Seat& seat : round.seats) {
        if (!seat.request.empty()) seat.channel->forget(seat.request);
        seat.channel->release();
    }
    round.seats.clear();
}

void Inquiries::tell(const Round& round, InquiryEvent event) {
    lines::Report report = lines::Told{round.inquiry.round, std::move(event)};
    say_(report);
}

std::shared_ptr<Channel> Inquiries::channel(const std::string& guest) {
    auto& channel = channels_[guest];
    if (!channel) channel = std::make_shared<Channel>(Channel::Services{loop_, calls_, connection_, notes_}, guest);
    return channel;
}

/// Channels of guests that left would add up. One that lingers now is dropped when a later round ends.
void Inquiries::drop_idle_channels() {
    std::erase_if(channels_, [](const auto& entry) { return entry.second->idle(); });
}

void Inquiries::close() {
    for (const auto& [id, round] : rounds_) leave(*round);
    rounds_.clear();
    for (const auto& [guest, channel] : channels_) channel->close_now();
}

}  // namespace consent
