// The one table: which rule applies to which event in which state. Everything that decides what may follow what stands
// here; what a rule does stands in machine.cpp. An empty cell is illegal: the event is refused and nothing changes.
//
// Must not know anything but the names of states, events and rules. docs/architecture/machine.dot is drawn from it.
#include "consent/machine.hpp"

namespace consent {
namespace {

struct Cell {
    State state;
    EventKind event;
    Rule rule;
};

using S = State;
using E = EventKind;
using R = Rule;

constexpr Cell cells[] = {
    {S::idle, E::sites_identified, R::take_sites},
    {S::idle, E::cancelled, R::abort},

    {S::identified, E::voters_identified, R::open_round},
    {S::identified, E::deadline_passed, R::expire_site},
    {S::identified, E::round_failed, R::fail_site},
    {S::identified, E::cancelled, R::abort},

    {S::requesting, E::voter_answered, R::count_answer},
    {S::requesting, E::voter_fell_silent, R::count_silence},
    {S::requesting, E::voter_left, R::count_departure},
    {S::requesting, E::voter_withdrew, R::count_withdrawal},
    {S::requesting, E::deadline_passed, R::close_round},
    {S::requesting, E::round_failed, R::fail_site},
    {S::requesting, E::cancelled, R::abort},

    {S::consented, E::voter_withdrew, R::revoke_consent},
    {S::consented, E::deadline_passed, R::expire_consent},
    {S::consented, E::migration_started, R::start},
    {S::consented, E::cancelled, R::abort},

    {S::migrating, E::migration_completed, R::complete},
    {S::migrating, E::migration_failed, R::fail},
    {S::migrating, E::cancelled, R::abort},

    // refused, expired, migrated, failed, aborted: final, no event is legal.
};

constexpr Transitions laid_out() {
    Transitions table{};  // Rule::illegal is 0
    for (const Cell& cell : cells) {
        table[static_cast<std::size_t>(cell.state)][static_cast<std::size_t>(cell.event)] = cell.rule;
    }
    return table;
}

static_assert(Rule{} == Rule::illegal, "an empty cell must be illegal");

}  // namespace

constinit const Transitions transitions = laid_out();

}  // namespace consent
