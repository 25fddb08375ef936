// One round at a time against a scripted port and a clock that moves only when the port waits.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>
#include <set>
#include <stdexcept>

#include "doubles.hpp"

namespace {

using namespace consent;
using namespace consent::test;
using Catch::Matchers::ContainsSubstring;

/// A runner with everything it needs, and a request that asks two guests.
struct Bench {
    explicit Bench(std::vector<Line> script)
        : voters(std::make_shared<ScriptedVoters>(clock, std::move(script))), runner(voters, ledger, clock, 2) {
        request.inquiry.subject.mover = "mover";
        request.inquiry.subject.source = "host1";
        request.inquiry.subject.site = "host2";
    }
    RoundReport run() {
        return runner.run(request, [this](const InquiryEvent& event) { told.push_back(event.index()); });
    }

    std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();
    std::shared_ptr<ScriptedVoters> voters;
    std::shared_ptr<Ledger> ledger = make_memory_ledger();
    Runner runner;
    RoundRequest request;
    std::vector<std::size_t> told;
};

milliseconds ms(long n) { return milliseconds(n); }

// ---- verdicts ----

TEST_CASE("all consent") {
    Bench b({{ms(10), guests(2)},
             {ms(3), VoterAnswered{1, Answer::consent, ""}},
             {ms(7), VoterAnswered{0, Answer::abstain, "no opinion"}}});
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.decided_by == -1);
    CHECK(report.because.empty());
    CHECK(report.failure_code.empty());
    CHECK(report.elapsed_ms == 17);
    CHECK(report.round.size() == 36);
    CHECK(report.grant == 0);
    REQUIRE(report.voters.size() == 2);
    CHECK(report.voters[0].vote == Vote::abstained);
    CHECK(report.voters[0].because == "no opinion");
    CHECK(report.voters[0].elapsed_ms == 7);
    CHECK(report.voters[1].vote == Vote::consented);
    CHECK(report.voters[1].elapsed_ms == 3);
    CHECK(b.voters->seen.opened == 1);
    CHECK(b.voters->seen.requested == 1);
    CHECK(b.voters->seen.ended == 1);
    CHECK(b.voters->seen.inquiry.round == report.round);
    CHECK(b.told == std::vector<std::size_t>{0, 1, 1});
}

TEST_CASE("nobody to ask is a consent, and nobody is asked") {
    Bench b({{ms(1), guests(0)}});
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(b.voters->seen.requested == 0);
}

TEST_CASE("the first refusal ends the round; who was not needed any more is reported so") {
    Bench b({{ms(1), guests(3)},
             {ms(2), VoterAnswered{1, Answer::refuse, "backup until 6"}},
             {ms(3), VoterAnswered{0, Answer::consent, ""}}});
    const RoundReport report = b.run();
    CHECK(report.verdict == State::refused);
    CHECK(report.decided_by == 1);
    CHECK(report.because == "backup until 6");
    CHECK(report.voters[1].vote == Vote::refused);
    CHECK(report.voters[0].vote == Vote::awaited);
    CHECK(report.voters[0].elapsed_ms == -1);
    CHECK(report.elapsed_ms == 3);
    CHECK(b.voters->seen.ended == 1);
}

TEST_CASE("a binding silence ends the round as expired") {
    Bench b({{ms(1), guests(2)}, {ms(5000), VoterFellSilent{0, "no answer within 5000 ms"}}});
    const RoundReport report = b.run();
    CHECK(report.verdict == State::expired);
    CHECK(report.decided_by == 0);
    CHECK(report.because == "no answer within 5000 ms");
    CHECK(report.voters[0].vote == Vote::silent);
    CHECK(report.voters[0].elapsed_ms == -1);
}

TEST_CASE("the request says what silence counts as, not the adapter") {
    Bench b({{ms(1), guests(2)},
             {ms(10), VoterAnswered{1, Answer::consent, ""}},
             {ms(5000), VoterFellSilent{0, "no answer"}}});
    b.request.silence = Silence::abstain;
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.voters[0].vote == Vote::silent);
    CHECK(report.voters[0].voter.silence == Silence::abstain);
}

TEST_CASE("a guest that is not entitled is asked, and what it says is recorded and decides nothing") {
    // guest-10000 refuses, guest-10001 falls silent, guest-10002 consents.
    const std::vector<Line> script = {{ms(1), guests(3)},
                                      {ms(2), VoterAnswered{0, Answer::refuse, "backup"}},
                                      {ms(3), VoterAnswered{2, Answer::consent, ""}},
                                      {ms(5000), VoterFellSilent{1, "no answer"}}};
    const auto run = [&](std::optional<std::vector<std::string>> entitled) {
        Bench b(script);
        b.request.entitled = std::move(entitled);
        return b.run();
    };
    const RoundReport advice = run(std::vector<std::string>{"guest-10002", "not there"});
    CHECK(advice.verdict == State::consented);
    CHECK(advice.voters[0].vote == Vote::refused);
    CHECK(advice.voters[0].because == "backup");
    CHECK_FALSE(advice.voters[0].voter.binding);
    CHECK_FALSE(advice.voters[1].voter.binding);
    CHECK(advice.voters[2].voter.binding);
    CHECK(run(std::vector<std::string>{}).verdict == State::consented);
    CHECK(run(std::vector<std::string>{"guest-10001"}).verdict == State::expired);
    const RoundReport refused = run(std::vector<std::string>{"guest-10000"});
    CHECK(refused.verdict == State::refused);
    CHECK(refused.decided_by == 0);
    CHECK(run(std::nullopt).verdict == State::refused);
    // Who does not bind by the adapter's word does not by ours.
    VotersIdentified advisory = guests(1);
    advisory.voters[0].binding = false;
    Bench b({{ms(1), advisory}, {ms(2), VoterAnswered{0, Answer::refuse, ""}}});
    b.request.entitled = {"guest-10000"};
    CHECK(b.run().verdict == State::consented);
}

TEST_CASE("as many spoken votes as a host has voters, and who spoke is nobody's to bind anew") {
    Bench b({{ms(1), guests(0)}});
    for (std::size_t i = 0; i < max_spoken; ++i) {
        b.request.spoken.push_back(hypervisor("h" + std::to_string(i), Answer::consent));
    }
    b.request.entitled = std::vector<std::string>{};
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.voters.size() == max_spoken);
    CHECK(report.voters[0].voter.binding);
    b.request.spoken.back() = hypervisor("last", Answer::refuse);
    CHECK(b.run().verdict == State::refused);
}

TEST_CASE("a voter that left has no stake; one that takes its consent back refuses") {
    Bench left({{ms(1), guests(1)}, {ms(10), VoterLeft{0, "shut down"}}});
    const RoundReport gone = left.run();
    CHECK(gone.verdict == State::consented);
    CHECK(gone.voters[0].vote == Vote::left);
    CHECK(gone.voters[0].because == "shut down");

    Bench back({{ms(1), guests(2)}, {ms(10), VoterAnswered{0, Answer::consent, ""}}, {ms(20), VoterWithdrew{0}}});
    const RoundReport report = back.run();
    CHECK(report.verdict == State::refused);
    CHECK(report.decided_by == 0);
    CHECK(report.voters[0].vote == Vote::withdrawn);
    CHECK(report.because == "took its consent back");
}

// ---- spoken votes ----

TEST_CASE("a binding spoken refusal decides, and no guest is asked") {
    Bench b({});
    b.request.spoken = {hypervisor("host1", Answer::consent), hypervisor("host2", Answer::refuse, "maintenance")};
    const RoundReport report = b.run();
    CHECK(report.verdict == State::refused);
    CHECK(report.decided_by == 1);
    CHECK(report.because == "maintenance");
    CHECK(report.voters.size() == 2);
    CHECK(report.voters[0].vote == Vote::consented);
    CHECK(b.voters->seen.opened == 0);
    CHECK(report.elapsed_ms == 0);
}

TEST_CASE("spoken votes stand first, and the guests are asked all the same") {
    Bench b({{ms(1), guests(1)}, {ms(5), VoterAnswered{0, Answer::refuse, "no"}}});
    b.request.spoken = {hypervisor("host2", Answer::consent)};
    const RoundReport report = b.run();
    CHECK(report.verdict == State::refused);
    CHECK(report.decided_by == 1);
    REQUIRE(report.voters.size() == 2);
    CHECK(report.voters[0].vote == Vote::consented);
    CHECK(report.voters[0].elapsed_ms == 0);
    CHECK(report.voters[1].voter.id == "guest-10000");
    CHECK(report.voters[1].elapsed_ms == 5);
}

TEST_CASE("an advisory spoken refusal is recorded and decides nothing, not even that nobody is asked") {
    Bench b({{ms(1), guests(1)}, {ms(5), VoterAnswered{0, Answer::consent, ""}}});
    Spoken advice = hypervisor("host2", Answer::refuse, "rather not");
    advice.voter.binding = false;
    b.request.spoken = {advice};
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.voters[0].vote == Vote::refused);
    CHECK(report.voters[0].because == "rather not");
    REQUIRE(report.voters.size() == 2);
    CHECK(report.voters[1].vote == Vote::consented);
}

TEST_CASE("without guests only what is spoken counts, and no port is needed") {
    auto clock = std::make_shared<FakeClock>();
    Runner runner(nullptr, nullptr, clock);
    RoundRequest request;
    request.ask_guests = false;
    CHECK(runner.run(request).verdict == State::consented);
    request.spoken = {hypervisor("host2", Answer::abstain)};
    CHECK(runner.run(request).verdict == State::consented);
    request.spoken.push_back(hypervisor("host1", Answer::refuse));
    CHECK(runner.run(request).verdict == State::refused);
}

// ---- deadlines ----

TEST_CASE("a guest is given no longer than the round has left") {
    Bench b({{ms(1), guests(0)}});
    b.request.inquiry.voter_deadline = ms(5000);
    b.request.round_deadline = ms(800);
    (void)b.run();
    CHECK(b.voters->seen.inquiry.voter_deadline == ms(800));
}

TEST_CASE("an answer past the round's deadline does not count") {
    Bench b({{ms(1), guests(1)}, {ms(1000), VoterAnswered{0, Answer::consent, ""}}});
    b.request.round_deadline = ms(1000);
    const RoundReport report = b.run();  // 1001 ms after the call
    CHECK(report.verdict == State::expired);
    CHECK(report.decided_by == 0);
    CHECK(report.voters[0].vote == Vote::silent);
    CHECK_THAT(report.because, ContainsSubstring("deadline of 1 s"));
    CHECK(report.elapsed_ms == 1001);
}

TEST_CASE("an answer a millisecond before the deadline does") {
    Bench b({{ms(1), guests(1)}, {ms(998), VoterAnswered{0, Answer::consent, ""}}});
    b.request.round_deadline = ms(1000);
    CHECK(b.run().verdict == State::consented);
}

TEST_CASE("past the deadline, abstaining silence is no vote when the adapter shows that it is alive") {
    Bench b({{ms(1), guests(2)}, {ms(1000), VoterFellSilent{1, "no answer within 1 s"}}});
    b.request.round_deadline = ms(1000);
    b.request.silence = Silence::abstain;
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.voters[0].vote == Vote::silent);
    CHECK_THAT(report.voters[0].because, ContainsSubstring("deadline of 1 s"));
    CHECK(report.voters[1].because == "no answer within 1 s");
}

TEST_CASE("an adapter that hangs is our failure, never a consent, within the deadline and 0.5 s") {
    const Silence silence = Silence::abstain;  // with which the voters' own silence would be a consent
    SECTION("while voters are identified") {
        Bench b({});
        b.request.silence = silence;
        const RoundReport report = b.run();
        CHECK(report.verdict == State::failed);
        CHECK(report.failure_code == "worker_timeout");
        CHECK_THAT(report.because, ContainsSubstring("nothing was heard"));
        CHECK(report.elapsed_ms == 20400);
    }
    SECTION("while voters are owed") {
        Bench b({{ms(1), guests(2)}, {ms(2), VoterAnswered{0, Answer::consent, ""}}});
        b.request.silence = silence;
        const RoundReport report = b.run();
        CHECK(report.verdict == State::failed);
        CHECK(report.failure_code == "worker_timeout");
        CHECK_THAT(report.because, ContainsSubstring("1 of 2 votes were still owed at the deadline of 20 s"));
        CHECK(report.voters[0].vote == Vote::consented);
        CHECK(report.voters[1].vote == Vote::awaited);
        CHECK(report.elapsed_ms == 20400);
        CHECK(b.voters->seen.ended == 1);
    }
}

TEST_CASE("guests identified only after the deadline are not asked") {
    Bench b({{ms(1010), guests(1)}});
    b.request.round_deadline = ms(1000);
    const RoundReport report = b.run();
    CHECK(report.verdict == State::expired);
    CHECK(report.decided_by == -1);
    CHECK_THAT(report.because, ContainsSubstring("identified only after"));
    CHECK(b.voters->seen.requested == 0);
}

TEST_CASE("a failure that is reported past the deadline is a failure") {
    Bench b({{ms(1), guests(1)}, {ms(1100), InquiryFailed{"worker_timeout", "the worker hung"}}});
    b.request.round_deadline = ms(1000);
    const RoundReport report = b.run();
    CHECK(report.verdict == State::failed);
    CHECK(report.failure_code == "worker_timeout");
    CHECK(report.because == "the worker hung");
}

// ---- patience ----

TEST_CASE("who missed a deadline is asked, not waited for, for 60 s, or until it answers") {
    Bench b({{ms(1), guests(2)},
             {ms(10), VoterAnswered{1, Answer::consent, ""}},
             {ms(5000), VoterFellSilent{0, "no answer"}}});
    b.request.silence = Silence::abstain;
    CHECK(b.run().elapsed_ms == 5001);

    b.told.clear();
    b.clock->forward(ms(12000));
    const RoundReport second = b.run();  // the same script: guest 0 would again keep it waiting
    CHECK(second.verdict == State::consented);
    CHECK(second.elapsed_ms == 11);
    CHECK(second.voters[0].vote == Vote::silent);
    CHECK_THAT(second.voters[0].because, ContainsSubstring("name-of-guest-10000 missed a deadline 12 s ago"));
    CHECK(b.voters->seen.requested == 2);
    CHECK(b.told == std::vector<std::size_t>{0, 2, 1});

    SECTION("its answer in a later round clears that") {
        b.voters->script = {{ms(1), guests(2)},
                            {ms(3), VoterAnswered{0, Answer::refuse, "late"}},  // counted silent already: no vote
                            {ms(10), VoterAnswered{1, Answer::consent, ""}}};
        const RoundReport third = b.run();
        CHECK(third.verdict == State::consented);
        CHECK(third.voters[0].vote == Vote::silent);
        const RoundReport fourth = b.run();
        CHECK(fourth.verdict == State::refused);
        CHECK(fourth.decided_by == 0);
    }
    SECTION("a minute clears that; being passed over does not renew it") {
        b.clock->forward(ms(47980));
        CHECK(b.run().elapsed_ms == 11);
        b.clock->forward(ms(20));
        CHECK(b.run().elapsed_ms == 5001);
    }
    SECTION("where silence refuses, the round ends at once and says why") {
        b.request.silence = Silence::refuse;
        const RoundReport third = b.run();
        CHECK(third.verdict == State::expired);
        CHECK(third.elapsed_ms == 1);
        CHECK_THAT(third.because, ContainsSubstring("missed a deadline 12 s ago"));
    }
}

TEST_CASE("a channel that breaks at once is no missed deadline") {
    Bench b({{ms(1), guests(1)}, {ms(40), VoterFellSilent{0, "the channel was closed"}}});
    CHECK(b.run().elapsed_ms == 41);
    b.voters->script = {{ms(1), guests(1)}, {ms(40), VoterAnswered{0, Answer::consent, ""}}};
    CHECK(b.run().verdict == State::consented);
}

TEST_CASE("silence at the round's deadline is a missed deadline too, if the voter was given a fair share") {
    const auto script = [](long identified, long silent) {
        return std::vector<Line>{{ms(identified), guests(1)}, {ms(silent), VoterAnswered{0, Answer::consent, ""}}};
    };
    Bench fair(script(1, 1000));
    fair.request.round_deadline = ms(1000);
    CHECK(fair.run().verdict == State::expired);
    CHECK(fair.run().elapsed_ms == 1);

    Bench unfair(script(900, 200));  // it had 100 ms of 1 s
    unfair.request.round_deadline = ms(1000);
    CHECK(unfair.run().verdict == State::expired);
    unfair.voters->script = script(1, 500);
    CHECK(unfair.run().verdict == State::consented);
}

// ---- cancel ----

TEST_CASE("cancel ends a round within 50 ms") {
    std::atomic<bool> cancel = false;
    TimePoint pulled{};
    Bench b({{ms(1), guests(1)}});
    b.voters->script.push_back({ms(100), VoterWithdrew{0}, [&] {
                                    cancel = true;
                                    pulled = b.clock->now();
                                }});
    const TimePoint began = b.clock->now();
    const RoundReport report = b.runner.run(b.request, {}, &cancel);
    CHECK(report.verdict == State::aborted);
    CHECK(report.because == "cancelled");
    CHECK(began + ms(report.elapsed_ms) - pulled <= ms(50));
    CHECK(b.voters->seen.ended == 1);
}

TEST_CASE("a cancel that came while the port slept is seen within 50 ms") {
    // The port never acts: the flag is set by the clock's reader, as another thread would.
    std::atomic<bool> cancel = false;
    Bench b({{ms(1), guests(1)}, {ms(9000), VoterAnswered{0, Answer::consent, ""}}});
    struct Setter final : Clock {
        Setter(std::shared_ptr<FakeClock> inner, std::atomic<bool>& flag) : inner_(std::move(inner)), flag_(flag) {}
        [[nodiscard]] TimePoint now() const override {
            if (inner_->now() >= at_) { flag_ = true; }
            return inner_->now();
        }
        std::shared_ptr<FakeClock> inner_;
        std::atomic<bool>& flag_;
        TimePoint at_ = inner_->now() + milliseconds(500);
    };
    auto setter = std::make_shared<Setter>(b.clock, cancel);
    Runner runner(b.voters, nullptr, setter, 1);
    const RoundReport report = runner.run(b.request, {}, &cancel);
    CHECK(report.verdict == State::aborted);
    CHECK(report.elapsed_ms <= 550);
}

// ---- grants ----

TEST_CASE("a consent with a lifetime is recorded as a grant, once, before the report") {
    Bench b({{ms(1), guests(1)}, {ms(5), VoterAnswered{0, Answer::consent, ""}}});
    b.request.grant_lifetime = ms(5000);
    b.request.inquiry.round = "0000aaaa-0000-4000-8000-000000000000";
    const RoundReport report = b.run();
    CHECK(report.grant == 1);
    const auto claimed = b.ledger->claim("mover", "host1", "host2", b.clock->now());
    REQUIRE(claimed);
    CHECK(claimed->id == 1);
    CHECK(claimed->round == "0000aaaa-0000-4000-8000-000000000000");
    CHECK(claimed->expires == b.clock->now() + ms(5000));
    CHECK_FALSE(b.ledger->claim("mover", "host1", "host2", b.clock->now()));
}

TEST_CASE("no grant without a consent") {
    Bench b({{ms(1), guests(1)}, {ms(5), VoterAnswered{0, Answer::refuse, ""}}});
    b.request.grant_lifetime = ms(5000);
    CHECK(b.run().grant == 0);
    CHECK(b.ledger->live(b.clock->now()) == 0);
}

struct BrokenLedger final : Ledger {
    Grant grant(Grant) override { throw std::runtime_error("disk full"); }
    std::optional<Grant> claim(const std::string&, const std::string&, const std::string&, TimePoint) override {
        return std::nullopt;
    }
    std::size_t live(TimePoint) override { return 0; }
};

TEST_CASE("a consent that cannot be recorded is none") {
    auto clock = std::make_shared<FakeClock>();
    auto voters = std::make_shared<ScriptedVoters>(clock, std::vector<Line>{{ms(1), guests(0)}});
    Runner runner(voters, std::make_shared<BrokenLedger>(), clock);
    RoundRequest request;
    request.grant_lifetime = ms(1000);
    request.inquiry.subject.mover = "m";
    request.inquiry.subject.site = "s";
    const RoundReport report = runner.run(request);
    CHECK(report.verdict == State::failed);
    CHECK(report.failure_code == "internal");
    CHECK(report.because == "disk full");
    CHECK(report.grant == 0);
}

// ---- hostile or broken adapters ----

TEST_CASE("what breaks the port's rules is a failure with a code") {
    std::vector<Line> script;
    std::string code = "worker_protocol";
    std::string why;
    VotersIdentified odd = guests(2);
    SECTION("an answer before the guests are identified") {
        script = {{ms(1), VoterAnswered{0, Answer::consent, ""}}};
        why = "before the guests were identified";
    }
    SECTION("silence before") {
        script = {{ms(1), VoterFellSilent{0, ""}}};
        why = "before the guests were identified";
    }
    SECTION("a departure before") {
        script = {{ms(1), VoterLeft{0, ""}}};
        why = "before the guests were identified";
    }
    SECTION("a withdrawal before") {
        script = {{ms(1), VoterWithdrew{0}}};
        why = "before the guests were identified";
    }
    SECTION("a voter that there is not") {
        script = {{ms(1), guests(2)}, {ms(2), VoterAnswered{2, Answer::consent, ""}}};
    }
    SECTION("the last number of all") { script = {{ms(1), guests(2)}, {ms(2), VoterFellSilent{0xffffffff, ""}}}; }
    SECTION("identified twice") { script = {{ms(1), guests(2)}, {ms(2), guests(2)}}; }
    SECTION("an answer that is none") {
        script = {{ms(1), guests(2)}, {ms(2), VoterAnswered{0, static_cast<Answer>(9), ""}}};
    }
    SECTION("one guest twice") {
        odd.voters[1] = odd.voters[0];
        script = {{ms(1), odd}};
    }
    SECTION("a guest without an id") {
        odd.voters[1].id.clear();
        script = {{ms(1), odd}};
    }
    SECTION("a name too long") {
        odd.voters[1].name.assign(max_name + 1, 'x');
        script = {{ms(1), odd}};
    }
    SECTION("an unknown kind of failure") { script = {{ms(1), InquiryFailed{"gremlins", "?"}}}; }
    SECTION("5000 guests") {
        script = {{ms(1), guests(5000)}};
        code = "limit";
    }
    Bench b(script);
    b.request.silence = Silence::abstain;
    b.request.spoken = {hypervisor("host2", Answer::consent)};  // counts among the ballots, not among the guests
    const RoundReport report = b.run();
    CHECK(report.verdict == State::failed);
    CHECK(report.failure_code == code);
    CHECK_FALSE(report.because.empty());
    CHECK_THAT(report.because, ContainsSubstring(why));
    CHECK(report.decided_by == -1);
    CHECK(b.voters->seen.ended == 1);
}

TEST_CASE("as many guests as the machine takes, those that spoke included") {
    Bench b({{ms(1), guests(max_voters - 1)}, {ms(5), VoterAnswered{max_voters - 2, Answer::refuse, "I"}}});
    b.request.spoken = {hypervisor("host2", Answer::consent)};
    CHECK(b.run().decided_by == max_voters - 1);
    b.voters->script = {{ms(1), guests(max_voters)}};
    CHECK(b.run().failure_code == "limit");
}

TEST_CASE("what is said twice or taken back unsaid is passed over: a guest can neither vote twice nor fail a round") {
    Bench b({{ms(1), guests(2)},
             {ms(2), VoterWithdrew{1}},
             {ms(3), VoterAnswered{0, Answer::consent, "first"}},
             {ms(4), VoterAnswered{0, Answer::refuse, "second"}},
             {ms(4), VoterFellSilent{0, "again"}},
             {ms(5), VoterAnswered{1, Answer::consent, ""}}});
    const RoundReport report = b.run();
    CHECK(report.verdict == State::consented);
    CHECK(report.voters[0].because == "first");
    CHECK(report.voters[0].elapsed_ms == 3);
    CHECK(b.told == std::vector<std::size_t>{0, 1, 1});
}

TEST_CASE("endless words are cut") {
    Bench b({{ms(1), guests(1)}, {ms(2), VoterAnswered{0, Answer::refuse, std::string(1 << 20, 'x')}}});
    const RoundReport report = b.run();
    CHECK(report.voters[0].because.size() == max_words);
    CHECK(report.because.size() == max_words);
}

TEST_CASE("an adapter that opens nothing") {
    Bench b({});
    b.voters->refuse_to_open = true;
    CHECK(b.run().failure_code == "worker_protocol");
}

struct RestlessVoters final : Voters {  // comes back at once, always empty-handed
    struct Restless final : Voices {
        void request() override {}
        std::optional<InquiryEvent> next(TimePoint) override { return std::nullopt; }
    };
    std::unique_ptr<Voices> open(const Inquiry&) override { return std::make_unique<Restless>(); }
};

TEST_CASE("an adapter that does not wait is not spun on for ever") {
    Runner runner(std::make_shared<RestlessVoters>(), nullptr, std::make_shared<FakeClock>());
    const RoundReport report = runner.run({});
    CHECK(report.verdict == State::failed);
    CHECK(report.failure_code == "internal");
    CHECK_THAT(report.because, ContainsSubstring("does not wait"));
}

enum class Where { open, request, next, clock, progress };

struct ThrowingVoters final : Voters {
    explicit ThrowingVoters(Where w) : where(w) {}
    struct Throwing final : Voices {
        explicit Throwing(Where w) : where(w) {}
        void request() override {
            if (where == Where::request) { throw std::invalid_argument("request"); }
        }
        std::optional<InquiryEvent> next(TimePoint) override {
            if (where == Where::next) { throw 42; }  // not even an exception
            return guests(1);
        }
        Where where;
    };
    std::unique_ptr<Voices> open(const Inquiry&) override {
        if (where == Where::open) { throw std::logic_error("open"); }
        return std::make_unique<Throwing>(where);
    }
    Where where;
};

TEST_CASE("whatever a port or the caller's progress throws becomes a verdict") {
    const auto [where, because] = GENERATE(std::pair(Where::open, "open"), std::pair(Where::request, "request"),
                                           std::pair(Where::next, "an exception of a kind that is not known"),
                                           std::pair(Where::progress, "progress"));
    Runner runner(std::make_shared<ThrowingVoters>(where), nullptr, std::make_shared<FakeClock>(), 1);
    const auto progress = [where = where](const InquiryEvent&) {
        if (where == Where::progress) { throw std::invalid_argument("progress"); }
    };
    for (int i = 0; i < 3; ++i) {  // and its place is given back each time
        const RoundReport report = runner.run({}, progress);
        CHECK(report.verdict == State::failed);
        CHECK(report.failure_code == "internal");
        CHECK(report.because == because);
    }
}

struct BrokenClock final : Clock {
    [[nodiscard]] TimePoint now() const override { throw std::runtime_error("no clock"); }
};

TEST_CASE("a clock that throws") {
    Runner runner(std::make_shared<RestlessVoters>(), nullptr, std::make_shared<BrokenClock>());
    const RoundReport report = runner.run({});
    CHECK(report.verdict == State::failed);
    CHECK(report.because == "no clock");
}

TEST_CASE("progress that fails after the last consent leaves no grant behind") {
    Bench b({{ms(1), guests(1)}, {ms(5), VoterAnswered{0, Answer::consent, ""}}});
    b.request.grant_lifetime = ms(5000);
    const RoundReport report = b.runner.run(b.request, [](const InquiryEvent& event) {
        if (std::holds_alternative<VoterAnswered>(event)) { throw std::runtime_error("terminal closed"); }
    });
    CHECK(report.verdict == State::failed);
    CHECK(b.ledger->live(b.clock->now()) == 0);
}

// ---- requests out of range ----

TEST_CASE("a request out of range is refused before anyone is asked") {
    Bench b({});
    RoundRequest& r = b.request;
    SECTION("voter deadline 0") { r.inquiry.voter_deadline = ms(0); }
    SECTION("voter deadline too long") { r.inquiry.voter_deadline = ms(30001); }
    SECTION("round deadline 0") { r.round_deadline = ms(0); }
    SECTION("round deadline too long") { r.round_deadline = ms(30001); }
    SECTION("lifetime negative") { r.grant_lifetime = ms(-1); }
    SECTION("lifetime too long") { r.grant_lifetime = max_grant_lifetime + ms(1); }
    SECTION("a grant without a mover") {
        r.grant_lifetime = ms(1);
        r.inquiry.subject.mover.clear();
    }
    SECTION("a grant without a site") {
        r.grant_lifetime = ms(1);
        r.inquiry.subject.site.clear();
    }
    SECTION("round's name") { r.inquiry.round = "../../etc"; }
    SECTION("round's name too long") { r.inquiry.round.assign(37, 'a'); }
    SECTION("host's name too long") { r.inquiry.subject.site.assign(256, 'a'); }
    SECTION("too many listed") { r.inquiry.select.listed.resize(max_selected + 1); }
    SECTION("excluded id too long") { r.inquiry.select.exclude = {std::string(256, 'a')}; }
    SECTION("too many spoken") { r.spoken.resize(max_spoken + 1); }
    SECTION("too many entitled") { r.entitled.emplace(max_selected + 1); }
    SECTION("an entitled id that is too long") { r.entitled = {std::string(max_name + 1, 'x')}; }
    SECTION("spoken answer") { r.spoken = {hypervisor("h", static_cast<Answer>(5))}; }
    SECTION("spoken name too long") { r.spoken = {hypervisor(std::string(256, 'a'), Answer::consent)}; }
    CHECK_THROWS_AS(b.run(), std::invalid_argument);
    CHECK(b.voters->seen.opened == 0);
}

TEST_CASE("a runner out of range") {
    auto clock = std::make_shared<FakeClock>();
    CHECK_THROWS_AS(Runner(nullptr, nullptr, clock, 0), std::invalid_argument);
    CHECK_THROWS_AS(Runner(nullptr, nullptr, clock, 1025), std::invalid_argument);
    CHECK_THROWS_AS(Runner(nullptr, nullptr, nullptr, 1), std::invalid_argument);
    Runner runner(nullptr, nullptr, clock, 1024);
    CHECK_THROWS_AS(runner.run({}), std::invalid_argument);  // asks guests, has no voters
    RoundRequest request;
    request.ask_guests = false;
    request.grant_lifetime = ms(1);
    request.inquiry.subject.mover = "m";
    request.inquiry.subject.site = "s";
    CHECK_THROWS_AS(runner.run(request), std::invalid_argument);  // records a grant, has no ledger
}

TEST_CASE("UUIDs are random, of version 4, and well formed") {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) {
        const std::string uuid = new_uuid();
        REQUIRE(uuid.size() == 36);
        CHECK(uuid[14] == '4');
        CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
        CHECK(uuid.find_first_not_of("0123456789abcdef-") == std::string::npos);
        seen.insert(uuid);
    }
    CHECK(seen.size() == 1000);
}

}  // namespace
