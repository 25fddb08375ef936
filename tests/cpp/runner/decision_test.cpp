// What mode and on_error make of each verdict, and that an admin understands the reason.
#include "consent/decision.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

namespace {

using namespace consent;
using Catch::Matchers::ContainsSubstring;
using Catch::Matchers::StartsWith;

VoterReport voter(const std::string& name, Vote vote, const std::string& because = "",
                  VoterKind kind = VoterKind::neighbour) {
    return {
        .voter = {.id = "id-of-" + name, .name = name, .project = "", .kind = kind}, .vote = vote, .because = because};
}

RoundReport report(State verdict, std::vector<VoterReport> voters = {}, std::int32_t decided_by = -1) {
    RoundReport r;
    r.round = "round-1";
    r.verdict = verdict;
    r.decided_by = decided_by;
    if (decided_by >= 0) { r.because = voters[static_cast<std::size_t>(decided_by)].because; }
    r.voters = std::move(voters);
    if (verdict == State::failed) {
        r.failure_code = "libvirt";
        r.because = "connection refused";
    }
    return r;
}

TEST_CASE("decision: the table of verdict, mode and on_error") {
    struct Row {
        State verdict;
        bool enforce_refuse;  // let through in enforce with on_error=refuse
        bool enforce_allow;
        bool fault;
    };
    const Row rows[] = {
        {State::consented, true, true, false},
        {State::refused, false, false, false},
        {State::expired, false, false, false},
        {State::failed, false, true, true},
        {State::aborted, false, true, false},
        // No round ends in these. If one does, the fault is ours, and it is not a consent.
        {State::idle, false, true, true},
        {State::identified, false, true, true},
        {State::requesting, false, true, true},
        {State::migrating, false, true, true},
        {State::migrated, false, true, true},
    };
    for (const Row& row : rows) {
        INFO(to_string(row.verdict));
        const RoundReport r = report(row.verdict);
        CHECK(decide(r, Mode::enforce, OnError::refuse).allow == row.enforce_refuse);
        CHECK(decide(r, Mode::enforce, OnError::allow).allow == row.enforce_allow);
        for (const OnError on_error : {OnError::refuse, OnError::allow}) {
            for (const Mode mode : {Mode::audit, Mode::off}) {
                const Decision decision = decide(r, mode, on_error);
                CHECK(decision.allow);
                CHECK(decision.fault == row.fault);
                CHECK(decision.reason.empty() == (row.verdict == State::consented));
                const bool would = on_error == OnError::refuse ? row.enforce_refuse : row.enforce_allow;
                if (row.verdict != State::consented) {
                    CHECK_THAT(decision.reason, ContainsSubstring(would ? "enforce would too" : "enforce would not"));
                    CHECK(decision.decided_by == "mode " + std::string(to_string(mode)));
                }
            }
            CHECK(decide(r, Mode::enforce, on_error).fault == row.fault);
        }
    }
}

TEST_CASE("decision: a guest's refusal names it, quotes it and counts") {
    const Decision d = decide(report(State::refused,
                                     {voter("instance-0001", Vote::consented),
                                      voter("instance-0002", Vote::refused, "compaction \"until\"\nsix"),
                                      voter("instance-0003", Vote::awaited)},
                                     1),
                              Mode::enforce, OnError::refuse);
    CHECK(d.decided_by == "guest instance-0002");
    CHECK(d.reason ==
          "guest instance-0002 (id-of-instance-0002) refused: guest says \"compaction 'until'?six\"; "
          "3 asked: 1 consented, 1 refused, 1 no longer needed");
}

TEST_CASE("decision: other ways to refuse") {
    CHECK(decide(report(State::refused, {voter("g", Vote::refused)}, 0), Mode::enforce, OnError::refuse).reason ==
          "guest g (id-of-g) refused without a reason; 1 asked: 1 refused");
    CHECK(decide(report(State::refused, {voter("g", Vote::withdrawn, "took its consent back")}, 0), Mode::enforce,
                 OnError::refuse)
              .reason == "guest g (id-of-g) took its consent back; 1 asked: 1 withdrawn");
    const Decision host =
        decide(report(State::refused, {voter("host2", Vote::refused, "full", VoterKind::hypervisor)}, 0), Mode::enforce,
               OnError::refuse);
    CHECK(host.decided_by == "hypervisor host2");
    CHECK(host.reason == "hypervisor host2 refused: its operator says \"full\"; 1 asked: 1 refused");
    CHECK_THAT(decide(report(State::refused, {voter("m", Vote::refused, "not now", VoterKind::mover)}, 0),
                      Mode::enforce, OnError::refuse)
                   .reason,
               StartsWith("guest m (id-of-m), which is to move, refused: guest says \"not now\""));
}

TEST_CASE("decision: silence and deadlines") {
    const Decision silent = decide(report(State::expired, {voter("g", Vote::silent, "no answer within 5 s")}, 0),
                                   Mode::enforce, OnError::allow);
    CHECK_FALSE(silent.allow);
    CHECK(silent.decided_by == "guest g");
    CHECK(silent.reason ==
          "guest g (id-of-g) did not answer (no answer within 5 s), and its silence counts as a refusal; 1 asked: 1 "
          "silent");
    RoundReport none = report(State::expired);
    none.because = "no place came within 20 s: as many rounds as max_rounds allows (8) were under way";
    const Decision late = decide(none, Mode::enforce, OnError::refuse);
    CHECK(late.decided_by == "deadline");
    CHECK(late.reason ==
          "the deadline passed: no place came within 20 s: as many rounds as max_rounds allows (8) were under way");
}

TEST_CASE("decision: our own failure says what to do, for each code") {
    RoundReport r = report(State::failed);
    std::vector<std::string> reasons;
    for (const char* code : {"worker_lost", "worker_timeout", "worker_protocol", "libvirt", "limit", "internal"}) {
        r.failure_code = code;
        const Decision d = decide(r, Mode::enforce, OnError::refuse);
        CHECK(d.decided_by == "error " + std::string(code));
        CHECK_THAT(d.reason, StartsWith("on_error=refuse refuses it: consent could not be asked: " + std::string(code) +
                                        ": connection refused; "));
        reasons.push_back(d.reason.substr(d.reason.find("; ")));
    }
    for (std::size_t i = 1; i < reasons.size(); ++i) { CHECK(reasons[i] != reasons[i - 1]); }
    CHECK_THAT(decide(r, Mode::enforce, OnError::allow).reason, StartsWith("on_error=allow lets it through: "));
    r.failure_code.clear();
    CHECK(decide(r, Mode::enforce, OnError::refuse).decided_by == "error internal");
}

TEST_CASE("decision: consents") {
    CHECK(decide(report(State::consented, {voter("g", Vote::consented)}), Mode::enforce, OnError::refuse).decided_by ==
          "all voters");
    CHECK(decide(report(State::consented), Mode::audit, OnError::refuse).decided_by == "nobody asked");
}

TEST_CASE("decision: one printable line of at most 500 characters whatever comes, and never a crash") {
    const std::string endless(5000, 'w');
    VoterReport loud = voter(endless, Vote::refused, endless + "\n\x1b[2J");
    loud.voter.id = endless;
    loud.voter.kind = VoterKind::mover;
    for (const State verdict : {State::refused, State::expired, State::failed}) {
        for (const std::int32_t decided_by : {-1, 0, 1, 2147483647, -2147483647}) {
            RoundReport r = report(verdict, {loud});
            for (std::size_t i = 0; i < 4000; ++i) { r.voters.push_back(voter("g", static_cast<Vote>(i % 7))); }
            r.decided_by = decided_by;
            r.because = loud.because;
            r.failure_code = endless;
            const Decision d = decide(r, Mode::audit, OnError::refuse);
            CHECK(d.reason.size() <= 500);
            CHECK(d.decided_by.size() <= 100);
            CHECK(d.reason.find('\n') == std::string::npos);
            CHECK(d.reason.find('\x1b') == std::string::npos);
        }
    }
}

}  // namespace
