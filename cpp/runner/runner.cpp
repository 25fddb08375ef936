// One round: the machine in the middle, the voters' port on one side, the ledger on the other.
//
// Must not know any adapter, nor what an operator's mode makes of the verdict (decision.cpp).
//
// The machine's ballots are `spoken` first, then the guests; the adapter numbers guests from 0. Everything an adapter
// says is checked here before the machine sees it: what breaks the port's rules is worker_protocol, what is late or
// said twice is passed over, and neither is ever a consent.
#include "consent/runner.hpp"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "patience.hpp"
#include "places.hpp"
#include "text.hpp"

namespace consent {

namespace {

/// What the rounds of one runner share.
struct Host {
    Host(std::shared_ptr<Voters> v, std::shared_ptr<Ledger> l, std::shared_ptr<Clock> c, std::uint32_t rounds)
        : voters(std::move(v)), ledger(std::move(l)), clock(std::move(c)), max_rounds(rounds), places(rounds) {}

    const std::shared_ptr<Voters> voters;
    const std::shared_ptr<Ledger> ledger;
    const std::shared_ptr<Clock> clock;
    const std::uint32_t max_rounds;
    Places places;
    Patience patience;
};

/// A Voices that comes back empty-handed before its time this often does not wait at all: not to be spun on for ever.
constexpr int max_early_returns = 10000;

[[noreturn]] void out_of_range(const std::string& what) { throw std::invalid_argument(what); }

void check_deadline(milliseconds value, const char* name) {
    if (value < milliseconds(1) || value > max_deadline) {
        out_of_range(std::string(name) + " must be 1 ms to " + std::to_string(max_deadline.count()) + " ms, not " +
                     std::to_string(value.count()) + " ms");
    }
}

void check_name(const std::string& value, const char* name) {
    if (value.size() > max_name) {
        out_of_range(std::string(name) + " must be at most " + std::to_string(max_name) + " bytes, not " +
                     std::to_string(value.size()));
    }
}

void check_selected(const std::vector<std::string>& ids, const char* name) {
    if (ids.size() > max_selected) {
        out_of_range(std::string(name) + " must hold at most " + std::to_string(max_selected) + " ids, not " +
                     std::to_string(ids.size()));
    }
    for (const std::string& id : ids) { check_name(id, name); }
}

bool is_round_name(std::string_view name) {
    static constexpr std::string_view allowed = "0123456789abcdefABCDEF-";
    return name.size() <= 36 && name.find_first_not_of(allowed) == std::string_view::npos;
}

/// Throws std::invalid_argument when the request is beyond its bounds or needs a port that is not there.
void check(const RoundRequest& request, const Host& host) {
    const Inquiry& inquiry = request.inquiry;
    check_deadline(inquiry.voter_deadline, "voter_deadline");
    check_deadline(request.round_deadline, "round_deadline");
    if (request.grant_lifetime < milliseconds::zero() || request.grant_lifetime > max_grant_lifetime) {
        out_of_range("grant_lifetime must be 0 to " + std::to_string(max_grant_lifetime.count()) + " ms, not " +
                     std::to_string(request.grant_lifetime.count()) + " ms");
    }
    if (!is_round_name(inquiry.round)) { out_of_range("round must be a UUID"); }
    check_name(inquiry.subject.operation, "operation");
    check_name(inquiry.subject.mover, "mover");
    check_name(inquiry.subject.mover_name, "mover_name");
    check_name(inquiry.subject.mover_project, "mover_project");
    check_name(inquiry.subject.source, "source");
    check_name(inquiry.subject.site, "site");
    check_selected(inquiry.select.listed, "listed");
    check_selected(inquiry.select.exclude, "exclude");
    if (request.entitled) { check_selected(*request.entitled, "entitled"); }
    if (request.spoken.size() > max_spoken) {
        out_of_range("spoken must hold at most " + std::to_string(max_spoken) + " votes, not " +
                     std::to_string(request.spoken.size()));
    }
    for (const Spoken& spoken : request.spoken) {
        check_name(spoken.voter.id, "spoken voter's id");
        check_name(spoken.voter.name, "spoken voter's name");
        check_name(spoken.voter.project, "spoken voter's project");
        if (spoken.answer != Answer::consent && spoken.answer != Answer::refuse && spoken.answer != Answer::abstain) {
            out_of_range("spoken answer must be consent, refuse or abstain");
        }
    }
    if (request.grant_lifetime > milliseconds::zero()) {
        if (host.ledger == nullptr) { out_of_range("grant_lifetime needs a ledger"); }
        if (inquiry.subject.mover.empty() || inquiry.subject.site.empty()) {
            out_of_range("grant_lifetime needs a mover and a site");
        }
    }
    if (request.ask_guests && host.voters == nullptr) { out_of_range("ask_guests needs voters"); }
}

std::string seconds(milliseconds time) {
    if (time.count() % 1000 == 0) { return std::to_string(time.count() / 1000) + " s"; }
    return std::to_string(time.count()) + " ms";
}

bool known_code(std::string_view code) {
    static constexpr std::string_view codes[] = {"worker_lost", "worker_timeout", "worker_protocol",
                                                 "libvirt",     "limit",          "internal"};
    return std::ranges::find(codes, code) != std::end(codes);
}

/// Gives the place back when the round is over, however it ends.
class Place {
  public:
    explicit Place(Places& places) : places_(places) {}
    ~Place() { places_.give_back(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

  private:
    Places& places_;
};

class Round {
  public:
    Round(Host& host, const RoundRequest& request, const Runner::Progress& progress, const std::atomic<bool>* cancel)
        : host_(host), request_(request), progress_(progress), cancel_(cancel) {}

    /// Never throws but std::bad_alloc while it reports another failure.
    RoundReport run() {
        try {
            begin();
            hear();
            record();
        } catch (const std::exception& error) { fail("internal", error.what()); } catch (...) {
            fail("internal", "an exception of a kind that is not known");
        }
        return finish();
    }

  private:
    // ---- the course of a round ----

    void begin() {
        began_ = host_.clock->now();
        deadline_ = began_ + request_.round_deadline;
        report_.round = request_.inquiry.round.empty() ? new_uuid() : request_.inquiry.round;
        for (const Spoken& spoken : request_.spoken) { add_voter(spoken.voter); }
        feed({.kind = EventKind::sites_identified,
              .sites = 1,
              .now = began_,
              .grant_lifetime = request_.grant_lifetime});
    }

    void hear() {
        if (!request_.ask_guests || spoken_decides()) {
            open_round(began_);
            return;
        }
        switch (host_.places.take(*host_.clock, deadline_, cancel_)) {
            case Places::Outcome::cancelled: end_cancelled(); return;
            case Places::Outcome::late: end_without_place(); return;
            case Places::Outcome::taken: break;
        }
        const Place place(host_.places);
        ask_guests();
    }

    bool spoken_decides() const {
        return std::ranges::any_of(request_.spoken, [](const Spoken& spoken) {
            return spoken.voter.binding && spoken.answer == Answer::refuse;
        });
    }

    void ask_guests() {
        const TimePoint now = host_.clock->now();
        if (now >= deadline_) {
            end_without_place();
            return;
        }
        Inquiry inquiry = request_.inquiry;
        inquiry.round = report_.round;
        inquiry.voter_deadline = std::min(inquiry.voter_deadline, deadline_ - now);
        const std::unique_ptr<Voices> voices = host_.voters->open(inquiry);
        if (voices == nullptr) {
            fail("worker_protocol", "the voters' adapter opened no inquiry");
            return;
        }
        voices_ = voices.get();
        while (!over()) { listen(); }
        voices_ = nullptr;
    }

    bool over() const { return failed_ || migration_.state == State::consented || is_final(migration_.state); }

    void listen() {
        const TimePoint now = host_.clock->now();
        if (cancel_ != nullptr && cancel_->load()) {
            end_cancelled();
            return;
        }
        // Past the deadline no vote counts any more. But only who shows that it is alive may report silence: an adapter
        // that hangs is our failure, not the voters'.
        const TimePoint limit = now < deadline_ ? deadline_ : deadline_ + sign_of_life;
        if (now >= limit) {
            fail("worker_timeout", migration_.state == State::identified
                                       ? "nothing was heard of the guests within " + seconds(request_.round_deadline)
                                       : std::to_string(migration_.owed) + " of " +
                                             std::to_string(migration_.votes.size()) +
                                             " votes were still owed at the deadline of " +
                                             seconds(request_.round_deadline) + " and nothing was heard of them");
            return;
        }
        const TimePoint until = cancel_ == nullptr ? limit : std::min(limit, now + cancel_poll);
        const std::optional<InquiryEvent> event = voices_->next(until);
        const TimePoint then = host_.clock->now();
        if (!event) {
            if (then < until && ++early_returns_ > max_early_returns) {
                fail("internal", "the voters' adapter does not wait");
            }
            return;
        }
        now_ = then;
        if (then < deadline_) {
            std::visit([this](const auto& what) { hear_event(what); }, *event);
        } else {
            hear_late(*event);
        }
    }

    void hear_late(const InquiryEvent& event) {
        if (const auto* failed = std::get_if<InquiryFailed>(&event)) {
            hear_event(*failed);
            return;
        }
        if (migration_.state == State::requesting &&
            (std::holds_alternative<VoterFellSilent>(event) || std::holds_alternative<VoterLeft>(event))) {
            std::visit([this](const auto& what) { hear_event(what); }, event);
            if (over()) { return; }
        }
        if (migration_.state == State::identified) {
            report_.because =
                "the guests were identified only after the round's deadline of " + seconds(request_.round_deadline);
        }
        for (std::uint32_t voter = first_guest(); voter < migration_.votes.size(); ++voter) {
            if (migration_.votes[voter] == Vote::awaited) {
                report_.voters[voter].because =
                    "no answer by the round's deadline of " + seconds(request_.round_deadline);
                note_missed(voter);
            }
        }
        feed({.kind = EventKind::deadline_passed, .now = now_});
    }

    // ---- what the adapter says ----

    void hear_event(const VotersIdentified& event) {
        if (migration_.state != State::identified) {
            fail("worker_protocol", "the guests were identified twice");
            return;
        }
        if (event.voters.size() + request_.spoken.size() > max_voters) {
            fail("limit", std::to_string(event.voters.size()) + " guests would vote; at most " +
                              std::to_string(max_voters - request_.spoken.size()) + " can");
            return;
        }
        std::unordered_set<std::string_view> ids;
        for (const Voter& voter : event.voters) {
            if (voter.id.empty() || voter.id.size() > max_name || voter.name.size() > max_name ||
                voter.project.size() > max_name || !ids.insert(voter.id).second) {
                fail("worker_protocol", "a guest was identified twice, or by an id or name that is empty or too long");
                return;
            }
        }
        for (const Voter& voter : event.voters) {
            add_voter(voter);
            report_.voters.back().voter.silence = request_.silence;
        }
        unbind_the_unentitled();
        asked_ = now_;
        open_round(now_);
        tell(event);
        pass_over_the_slow();
    }

    void hear_event(const VoterAnswered& event) {
        if (!is_guest(event.voter)) { return; }
        const std::uint32_t voter = first_guest() + event.voter;
        if (event.answer != Answer::consent && event.answer != Answer::refuse && event.answer != Answer::abstain) {
            fail("worker_protocol", "a guest's answer is none of consent, refuse and abstain");
            return;
        }
        host_.patience.answered(report_.voters[voter].voter.id);
        if (feed({.kind = EventKind::voter_answered, .voter = voter, .answer = event.answer, .now = now_})) {
            report_.voters[voter].because = head(event.because, max_words);
            report_.voters[voter].elapsed_ms = (now_ - asked_).count();
            tell(event);
        }
    }

    void hear_event(const VoterFellSilent& event) {
        if (!is_guest(event.voter)) { return; }
        const std::uint32_t voter = first_guest() + event.voter;
        if (feed({.kind = EventKind::voter_fell_silent, .voter = voter, .now = now_})) {
            report_.voters[voter].because = event.why.empty() ? "no answer" : head(event.why, max_words);
            note_missed(voter);
            tell(event);
        }
    }

    void hear_event(const VoterLeft& event) {
        if (!is_guest(event.voter)) { return; }
        const std::uint32_t voter = first_guest() + event.voter;
        if (feed({.kind = EventKind::voter_left, .voter = voter, .now = now_})) {
            report_.voters[voter].because = event.why.empty() ? "left" : head(event.why, max_words);
            tell(event);
        }
    }

    void hear_event(const VoterWithdrew& event) {
        if (!is_guest(event.voter)) { return; }
        const std::uint32_t voter = first_guest() + event.voter;
        if (feed({.kind = EventKind::voter_withdrew, .voter = voter, .now = now_})) { tell(event); }
    }

    void hear_event(const InquiryFailed& event) {
        if (known_code(event.code)) {
            fail(event.code, event.why);
        } else {
            fail("worker_protocol", "a failure of an unknown kind: " + event.code + ": " + event.why);
        }
        tell(event);
    }

    /// False, and the round failed, when the adapter names a voter that there is not.
    bool is_guest(std::uint32_t voter) {
        if (migration_.state != State::requesting) {
            fail("worker_protocol", "a guest was heard before the guests were identified");
            return false;
        }
        if (voter >= report_.voters.size() - request_.spoken.size()) {
            fail("worker_protocol", "guest " + std::to_string(voter) + " was heard of " +
                                        std::to_string(report_.voters.size() - request_.spoken.size()) + " asked");
            return false;
        }
        return true;
    }

    // ---- to the machine and from it ----

    /// Opens the round for every voter added so far and casts the votes that are known already.
    void open_round(TimePoint now) {
        std::vector<Ballot> ballots;
        ballots.reserve(report_.voters.size());
        for (const VoterReport& voter : report_.voters) {
            ballots.push_back({.binding = voter.voter.binding, .silence = voter.voter.silence});
        }
        feed({.kind = EventKind::voters_identified, .ballots = &ballots, .now = now, .deadline = deadline_});
        for (std::uint32_t voter = 0; voter < request_.spoken.size() && !over(); ++voter) {
            const Spoken& spoken = request_.spoken[voter];
            report_.voters[voter].because = head(spoken.because, max_words);
            report_.voters[voter].elapsed_ms = 0;
            feed({.kind = EventKind::voter_answered, .voter = voter, .answer = spoken.answer, .now = now});
        }
    }

    /// A guest without a veto is asked like the others; what it says, its silence too, is recorded and decides nothing.
    void unbind_the_unentitled() {
        if (!request_.entitled) { return; }
        const std::unordered_set<std::string_view> entitled(request_.entitled->begin(), request_.entitled->end());
        for (std::size_t voter = first_guest(); voter < report_.voters.size(); ++voter) {
            Voter& guest = report_.voters[voter].voter;
            guest.binding = guest.binding && entitled.contains(guest.id);
        }
    }

    /// Who missed a deadline lately was asked like the others, but the round does not wait for it.
    void pass_over_the_slow() {
        const auto voters = static_cast<std::uint32_t>(report_.voters.size());
        for (std::uint32_t voter = first_guest(); voter < voters && !over(); ++voter) {
            const std::optional<TimePoint> missed = host_.patience.missed_at(report_.voters[voter].voter.id, now_);
            if (missed && feed({.kind = EventKind::voter_fell_silent, .voter = voter, .now = now_})) {
                const milliseconds ago = now_ - *missed;
                report_.voters[voter].because =
                    report_.voters[voter].voter.name + " missed a deadline " + std::to_string(ago.count() / 1000) +
                    " s ago; it is asked, but not waited for until it answers or " +
                    std::to_string((patience - ago).count() / 1000 + 1) + " s more have passed";
                tell(VoterFellSilent{voter - first_guest(), report_.voters[voter].because});
            }
        }
    }

    bool feed(const Event& event) {
        if (!step(migration_, event, effects_)) { return false; }
        for (const Effect& effect : effects_) { perform(effect); }
        return true;
    }

    void perform(const Effect& effect) {
        switch (effect.kind) {
            case EffectKind::send_requests:
                if (voices_ != nullptr) { voices_->request(); }
                return;
            case EffectKind::record_verdict:     // done by record()
            case EffectKind::identify_voters:    // begun by open()
            case EffectKind::withdraw_requests:  // done by the end of Voices
            case EffectKind::set_timer:          // the round's deadline, which listen() keeps
            case EffectKind::clear_timer:
            case EffectKind::start_migration:  // done by whoever reads the report
            case EffectKind::abort_migration: return;
        }
    }

    /// The grant stands on record before the report that lets the migration go, and after everything that may fail.
    void record() {
        if (failed_ || migration_.state != State::consented || request_.grant_lifetime == milliseconds::zero()) {
            return;
        }
        const Subject& subject = request_.inquiry.subject;
        const TimePoint expires = host_.clock->now() + request_.grant_lifetime;
        report_.grant = host_.ledger
                            ->grant({.id = 0,
                                     .round = report_.round,
                                     .mover = subject.mover,
                                     .source = subject.source,
                                     .site = subject.site,
                                     .expires = expires})
                            .id;
    }

    // ---- how it ends ----

    void fail(std::string_view code, std::string_view why) {
        failed_ = true;
        report_.failure_code = code;
        report_.because = head(why, max_words);
    }

    void end_cancelled() {
        report_.because = "cancelled";
        feed({.kind = EventKind::cancelled, .now = host_.clock->now()});
    }

    void end_without_place() {
        report_.because = "no place came within " + seconds(request_.round_deadline) + ": " +
                          "as many rounds as max_rounds allows (" + std::to_string(host_.max_rounds) +
                          ") were under way";
        feed({.kind = EventKind::deadline_passed, .now = host_.clock->now()});
    }

    RoundReport finish() {
        voices_ = nullptr;
        if (failed_) { feed_failure(); }
        for (std::size_t i = 0; i < report_.voters.size() && i < migration_.votes.size(); ++i) {
            report_.voters[i].vote = migration_.votes[i];
            if (migration_.votes[i] == Vote::withdrawn) { report_.voters[i].because = "took its consent back"; }
        }
        report_.verdict = failed_ ? State::failed : migration_.state;
        if (!failed_ && migration_.decided_by != no_voter) {
            report_.decided_by = static_cast<std::int32_t>(migration_.decided_by);
            report_.because = report_.voters[migration_.decided_by].because;
        }
        try {
            report_.elapsed_ms = (host_.clock->now() - began_).count();
        } catch (...) {
            report_.elapsed_ms = 0;  // a clock that fails has failed the round already, or does not matter any more
        }
        return std::move(report_);
    }

    /// The machine is told of the failure; where it knows none (the consent could not be recorded) it is called off.
    void feed_failure() {
        if (!step(migration_, {.kind = EventKind::round_failed, .now = now_}, effects_)) {
            (void)step(migration_, {.kind = EventKind::cancelled, .now = now_}, effects_);
        }
    }

    void add_voter(const Voter& voter) {
        VoterReport report;
        report.voter = voter;
        report_.voters.push_back(std::move(report));
    }

    std::uint32_t first_guest() const { return static_cast<std::uint32_t>(request_.spoken.size()); }

    /// Remembers a voter that was waited for in vain. Not one whose channel broke at once, nor one of a round that had
    /// waited so long for a place that its voters were given next to nothing.
    void note_missed(std::uint32_t voter) {
        const milliseconds fair = std::min(request_.inquiry.voter_deadline, request_.round_deadline / 2);
        if (now_ - asked_ >= fair) { host_.patience.missed(report_.voters[voter].voter.id, now_); }
    }

    void tell(const InquiryEvent& event) {
        if (progress_) { progress_(event); }
    }

    Host& host_;
    const RoundRequest& request_;
    const Runner::Progress& progress_;
    const std::atomic<bool>* cancel_;

    Migration migration_;
    Effects effects_;
    RoundReport report_;
    Voices* voices_ = nullptr;
    TimePoint began_{};
    TimePoint deadline_{};
    TimePoint asked_{};
    TimePoint now_{};  // when the event that is being heard came
    bool failed_ = false;
    int early_returns_ = 0;
};

}  // namespace

struct Runner::Impl {
    Host host;
};

Runner::Runner(std::shared_ptr<Voters> voters, std::shared_ptr<Ledger> ledger, std::shared_ptr<Clock> clock,
               std::uint32_t max_rounds) {
    if (max_rounds < 1 || max_rounds > 1024) {
        out_of_range("max_rounds must be 1 to 1024, not " + std::to_string(max_rounds));
    }
    if (clock == nullptr) { out_of_range("a runner needs a clock"); }
    impl_.reset(new Impl{{std::move(voters), std::move(ledger), std::move(clock), max_rounds}});
}

Runner::~Runner() = default;

RoundReport Runner::run(const RoundRequest& request, const Progress& progress, const std::atomic<bool>* cancel) {
    check(request, impl_->host);
    return Round(impl_->host, request, progress, cancel).run();
}

}  // namespace consent
