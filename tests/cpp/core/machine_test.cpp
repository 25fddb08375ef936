// What the machine promises apart from its table: no allocation but for a larger round, names for everything, bounds.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <new>
#include <set>
#include <string>

#include "consent/machine.hpp"

namespace {
std::size_t allocations = 0;  // counted by the operators new below; the tests here have one thread
}

// NOLINTBEGIN(cppcoreguidelines-no-malloc): the replacement of operator new has nothing else to use
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size != 0 ? size : 1)) { return memory; }
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace {

using namespace consent;

/// A migration whose voters have been asked.
Migration asked(const std::vector<Ballot>& ballots, std::uint32_t sites = 1) {
    Migration migration;
    Effects effects;
    REQUIRE(step(migration, {.kind = EventKind::sites_identified, .sites = sites}, effects));
    REQUIRE(step(migration, {.kind = EventKind::voters_identified, .ballots = &ballots}, effects));
    return migration;
}

TEST_CASE("a round of no more voters than before allocates nothing") {
    const std::vector<Ballot> ballots(20);
    Effects effects;
    Migration migration = asked(ballots, 2);
    const std::size_t before = allocations;
    bool all = true;
    for (std::uint32_t voter = 0; voter < 19; ++voter) {
        all = all &&
              step(migration, {.kind = EventKind::voter_answered, .voter = voter, .answer = Answer::consent}, effects);
    }
    all = all && step(migration, {.kind = EventKind::voter_answered, .voter = 19, .answer = Answer::refuse}, effects);
    all = all && step(migration, {.kind = EventKind::voters_identified, .ballots = &ballots}, effects);
    all = all && step(migration, {.kind = EventKind::deadline_passed}, effects);
    const std::size_t after = allocations;
    CHECK(all);
    CHECK(migration.state == State::expired);
    CHECK(after == before);

    const std::vector<Ballot> more(21);  // the counter counts: a larger round does allocate
    Migration other = asked(ballots, 2);
    REQUIRE(step(other, {.kind = EventKind::round_failed}, effects));
    const std::size_t room = allocations;
    REQUIRE(step(other, {.kind = EventKind::voters_identified, .ballots = &more}, effects));
    CHECK(allocations > room);
}

TEST_CASE("bounds of what an event brings") {
    Effects effects;
    Migration migration;
    const Migration idle;
    const auto refuses = [&](const Event& event) {
        const Migration before = migration;
        return !step(migration, event, effects) && migration == before && effects.empty();
    };
    CHECK(refuses({.kind = EventKind::sites_identified, .sites = 0}));
    CHECK(refuses({.kind = EventKind::sites_identified, .sites = max_sites + 1}));
    CHECK(refuses({.kind = EventKind::sites_identified, .sites = 1, .grant_lifetime = milliseconds(-1)}));
    CHECK(refuses(
        {.kind = EventKind::sites_identified, .sites = 1, .grant_lifetime = max_grant_lifetime + milliseconds(1)}));
    CHECK(refuses({.kind = static_cast<EventKind>(event_count), .sites = 1}));
    CHECK(migration == idle);
    REQUIRE(step(migration,
                 {.kind = EventKind::sites_identified, .sites = max_sites, .grant_lifetime = max_grant_lifetime},
                 effects));
    const std::vector<Ballot> too_many(max_voters + 1);
    CHECK(refuses({.kind = EventKind::voters_identified, .ballots = &too_many}));
    CHECK(refuses({.kind = EventKind::voters_identified, .ballots = nullptr}));
    const std::vector<Ballot> most(max_voters);
    REQUIRE(step(migration, {.kind = EventKind::voters_identified, .ballots = &most}, effects));
    CHECK(migration.owed == max_voters);
    CHECK(refuses({.kind = EventKind::voter_answered, .voter = max_voters, .answer = Answer::consent}));
    CHECK(refuses({.kind = EventKind::voter_answered, .voter = no_voter, .answer = Answer::consent}));
    CHECK(refuses({.kind = EventKind::voter_answered, .voter = 0, .answer = static_cast<Answer>(3)}));
}

TEST_CASE("a migration in a state that there is not takes no event") {
    Migration migration;
    migration.state = static_cast<State>(state_count);
    const Migration before = migration;
    Effects effects;
    CHECK_FALSE(step(migration, {.kind = EventKind::cancelled}, effects));
    CHECK(migration == before);
}

TEST_CASE("a silence of a kind that is not known counts as a refusal") {
    Migration migration = asked({{.binding = true, .silence = static_cast<Silence>(7)}});
    Effects effects;
    REQUIRE(step(migration, {.kind = EventKind::deadline_passed}, effects));
    CHECK(migration.state == State::expired);
}

TEST_CASE("the times and numbers that effects carry") {
    const std::vector<Ballot> ballots(2);
    Migration migration;
    Effects effects;
    REQUIRE(step(migration, {.kind = EventKind::sites_identified, .sites = 2, .grant_lifetime = milliseconds(500)},
                 effects));
    const TimePoint deadline(milliseconds(9000));
    REQUIRE(
        step(migration, {.kind = EventKind::voters_identified, .ballots = &ballots, .deadline = deadline}, effects));
    REQUIRE(effects.size() == 2);
    CHECK(effects[0] == Effect{.kind = EffectKind::set_timer, .at = deadline});
    CHECK(effects[1] == Effect{.kind = EffectKind::send_requests});
    REQUIRE(step(migration, {.kind = EventKind::voter_answered, .voter = 1, .answer = Answer::refuse}, effects));
    REQUIRE(effects.size() == 4);
    CHECK(effects[0] == Effect{.kind = EffectKind::record_verdict, .voter = 1, .verdict = State::refused});
    CHECK(effects[3] == Effect{.kind = EffectKind::identify_voters, .site = 1});
    const std::vector<Ballot> nobody;
    REQUIRE(step(migration,
                 {.kind = EventKind::voters_identified, .ballots = &nobody, .now = TimePoint(milliseconds(70))},
                 effects));
    REQUIRE(effects.size() == 3);
    CHECK(effects[0] == Effect{.kind = EffectKind::record_verdict, .site = 1, .verdict = State::consented});
    CHECK(effects[1] == Effect{.kind = EffectKind::set_timer, .site = 1, .at = TimePoint(milliseconds(570))});
    CHECK(effects[2] == Effect{.kind = EffectKind::start_migration, .site = 1});
}

template <typename Enum>
std::set<std::string> names(std::size_t count) {
    std::set<std::string> all;
    for (std::size_t i = 0; i < count; ++i) { all.insert(std::string(to_string(static_cast<Enum>(i)))); }
    return all;
}

TEST_CASE("everything has a name of its own, what is not there has none") {
    CHECK(names<State>(state_count).size() == state_count);
    CHECK(names<EventKind>(event_count).size() == event_count);
    CHECK(names<EffectKind>(8).size() == 8);
    CHECK(names<Rule>(rule_count).size() == rule_count);
    CHECK(names<Vote>(7).size() == 7);
    CHECK(to_string(static_cast<State>(state_count)) == "?");
    CHECK(to_string(static_cast<EventKind>(event_count)) == "?");
    CHECK(to_string(static_cast<EffectKind>(8)) == "?");
    CHECK(to_string(static_cast<Rule>(rule_count)) == "?");
    CHECK(to_string(static_cast<Vote>(7)) == "?");
}

TEST_CASE("a state is final when no event is legal in it") {
    for (std::size_t s = 0; s < state_count; ++s) {
        bool none_legal = true;
        for (const Rule rule : transitions[s]) { none_legal = none_legal && rule == Rule::illegal; }
        INFO(to_string(static_cast<State>(s)));
        CHECK(is_final(static_cast<State>(s)) == none_legal);
    }
}

}  // namespace
