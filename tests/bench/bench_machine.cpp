// How many steps a second the machine makes, over whole rounds: 20 voters at each of 3 sites, of which the first two are
// refused by their last voter and the third consents; then the migration runs to its end. The final state is asserted in
// every round, so that a machine that did less work would not pass for a fast one.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "consent/machine.hpp"

namespace {

using namespace consent;

constexpr std::uint32_t voters = 20;
constexpr std::uint32_t sites = 3;

/// The events of the whole story, in order.
std::vector<Event> story(const std::vector<Ballot>& ballots) {
    std::vector<Event> events;
    events.push_back({.kind = EventKind::sites_identified, .sites = sites, .grant_lifetime = milliseconds(5000)});
    for (std::uint32_t site = 0; site < sites; ++site) {
        events.push_back(
            {.kind = EventKind::voters_identified, .ballots = &ballots, .deadline = TimePoint(milliseconds(20000))});
        for (std::uint32_t voter = 0; voter < voters; ++voter) {
            const bool refuses = site + 1 < sites && voter + 1 == voters;
            events.push_back({.kind = EventKind::voter_answered,
                              .voter = voter,
                              .answer = refuses ? Answer::refuse : Answer::consent});
        }
    }
    events.push_back({.kind = EventKind::migration_started});
    events.push_back({.kind = EventKind::migration_completed});
    return events;
}

void whole_rounds(benchmark::State& state) {
    const std::vector<Ballot> ballots(voters);
    const std::vector<Event> events = story(ballots);
    Migration migration;
    Effects effects;
    std::uint64_t effects_seen = 0;
    for (auto _ : state) {
        migration.state = State::idle;  // everything else is set anew by the machine; the vectors keep their room
        for (const Event& event : events) {
            if (!step(migration, event, effects)) {
                state.SkipWithError("an event of the story was refused");
                return;
            }
            effects_seen += effects.size();
        }
        if (migration.state != State::migrated || migration.site != sites - 1) {
            state.SkipWithError("the story did not end at the third site");
            return;
        }
    }
    // A story has 18 effects: its rounds were really opened, refused, consented and recorded.
    if (effects_seen != static_cast<std::uint64_t>(state.iterations()) * 18) {
        state.SkipWithError("the machine did not ask for what the story needs");
        return;
    }
    state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(events.size()));
    state.counters["steps_a_story"] = static_cast<double>(events.size());
}
BENCHMARK(whole_rounds);

}  // namespace

BENCHMARK_MAIN();
