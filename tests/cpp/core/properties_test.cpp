// What must hold whatever happens in whatever order (RapidCheck): random voters, random events, legal or not.
#include <rapidcheck.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "consent/machine.hpp"

namespace {

using namespace consent;

/// An event before its kind's fields are filled in: three small numbers.
using Draw = std::tuple<std::size_t, std::uint32_t, std::size_t>;

rc::Gen<Ballot> any_ballot() {
    return rc::gen::map(rc::gen::tuple(rc::gen::arbitrary<bool>(), rc::gen::arbitrary<bool>()), [](const auto& drawn) {
        return Ballot{.binding = std::get<0>(drawn),
                      .silence = std::get<1>(drawn) ? Silence::refuse : Silence::abstain};
    });
}

rc::Gen<std::vector<Ballot>> any_ballots() {
    return rc::gen::mapcat(rc::gen::inRange<std::size_t>(0, 7),
                           [](std::size_t n) { return rc::gen::container<std::vector<Ballot>>(n, any_ballot()); });
}

rc::Gen<std::vector<Draw>> any_draws() {
    // Votes three times as often as the rest: else few rounds would get far.
    const auto kinds = rc::gen::weightedOneOf<std::size_t>({
        {3, rc::gen::inRange<std::size_t>(2, 6)},
        {1, rc::gen::inRange<std::size_t>(0, event_count)},
        {2, rc::gen::element<std::size_t>(0, 1, 8)},
    });
    return rc::gen::container<std::vector<Draw>>(
        rc::gen::tuple(kinds, rc::gen::inRange<std::uint32_t>(0, 8), rc::gen::inRange<std::size_t>(0, 4)));
}

Event event_of(const Draw& draw, const std::vector<Ballot>& ballots) {
    return {.kind = static_cast<EventKind>(std::get<0>(draw)),
            .voter = std::get<1>(draw),
            .answer = static_cast<Answer>(std::get<2>(draw)),
            .sites = static_cast<std::uint32_t>(std::get<2>(draw)),
            .ballots = &ballots,
            .grant_lifetime = milliseconds(std::get<2>(draw))};
}

std::uint32_t count(const Migration& m, Vote vote) {
    return static_cast<std::uint32_t>(std::ranges::count(m.votes, vote));
}

bool any_binding(const Migration& m, Vote vote) {
    for (std::size_t i = 0; i < m.votes.size(); ++i) {
        if (m.ballots[i].binding && m.votes[i] == vote) { return true; }
    }
    return false;
}

bool any_silent_veto(const Migration& m) {
    for (std::size_t i = 0; i < m.votes.size(); ++i) {
        if (m.ballots[i].binding && m.ballots[i].silence == Silence::refuse && m.votes[i] == Vote::silent) {
            return true;
        }
    }
    return false;
}

TEST_CASE("properties: invariants after every event, and an illegal one changes nothing") {
    CHECK(rc::check("invariants", [] {
        const auto ballots = *any_ballots();
        Migration m;
        Effects effects;
        for (const Draw& draw : *any_draws()) {
            const Migration before = m;
            const Event event = event_of(draw, ballots);
            effects.push({.kind = EffectKind::start_migration});  // must not survive into this step
            const bool legal = step(m, event, effects);
            RC_ASSERT(effects.size() < Effects::max_effects);  // below, for the one that a caller's left-over adds
            if (!legal) {
                RC_ASSERT(m == before);
                RC_ASSERT(effects.empty());
                continue;
            }
            RC_ASSERT(!is_final(before.state));
            RC_ASSERT(m.votes.size() == m.ballots.size());
            RC_ASSERT(m.state == State::idle || m.state == State::aborted || m.site < m.sites);
            RC_ASSERT(m.owed == count(m, Vote::awaited));
            if (m.state == State::requesting) {
                RC_ASSERT(m.owed > 0U);  // a round that owes nothing has ended
            }
            if (m.state == State::consented || m.state == State::migrating) {
                RC_ASSERT(m.owed == 0U);
                RC_ASSERT(!any_binding(m, Vote::refused));
                RC_ASSERT(!any_binding(m, Vote::withdrawn));
                RC_ASSERT(!any_silent_veto(m));
            }
            bool started = false;
            bool recorded = false;
            for (const Effect& effect : effects) {
                recorded = recorded || effect.kind == EffectKind::record_verdict;
                if (effect.kind == EffectKind::start_migration) {
                    RC_ASSERT(recorded);  // record first, then act
                    RC_ASSERT(m.state == State::consented);
                    started = true;
                }
            }
            RC_ASSERT(started == (m.state == State::consented && before.state != State::consented));
            RC_ASSERT(!is_final(m.state) || recorded);
            RC_ASSERT(m.decided_by == no_voter || m.state == State::refused || m.state == State::expired);
        }
    }));
}

TEST_CASE("properties: a round always ends at its deadline") {
    CHECK(rc::check("a deadline ends a round", [] {
        const auto ballots = *any_ballots();
        Migration m;
        Effects effects;
        RC_ASSERT(
            step(m, {.kind = EventKind::sites_identified, .sites = *rc::gen::inRange<std::uint32_t>(1, 4)}, effects));
        RC_ASSERT(step(m, {.kind = EventKind::voters_identified, .ballots = &ballots}, effects));
        for (const Draw& draw : *any_draws()) {
            const Event event = event_of(draw, ballots);
            if (m.state == State::requesting && event.kind != EventKind::deadline_passed) {
                (void)step(m, event, effects);
            }
        }
        const std::uint32_t site = m.site;
        if (m.state == State::requesting) {
            RC_ASSERT(step(m, {.kind = EventKind::deadline_passed}, effects));
            RC_ASSERT(m.state == State::consented || m.state == State::expired ||
                      (m.state == State::identified && m.site == site + 1));
        }
    }));
}

/// The same rules written without any cleverness: everything that was said is kept, and read anew after each event.
struct Naive {
    std::vector<Ballot> ballots;
    std::vector<std::string> said;

    explicit Naive(const std::vector<Ballot>& b) : ballots(b), said(b.size(), "") {}

    bool hear(const Event& event) {
        if (event.kind == EventKind::deadline_passed) {
            for (std::string& word : said) { word = word.empty() ? "silence" : word; }
            return true;
        }
        if (event.voter >= said.size()) { return false; }
        std::string& word = said[event.voter];
        switch (event.kind) {
            case EventKind::voter_answered: {
                static const char* const words[] = {"yes", "no", "abstain"};
                const auto answer = static_cast<std::size_t>(event.answer);
                if (!word.empty() || answer > 2) { return false; }
                word = words[answer];
                return true;
            }
            case EventKind::voter_fell_silent:
                if (!word.empty()) { return false; }
                word = "silence";
                return true;
            case EventKind::voter_left:
                if (word == "gone") { return false; }
                word = "gone";
                return true;
            case EventKind::voter_withdrew:
                if (word != "yes") { return false; }
                word = "taken back";
                return true;
            default: return false;
        }
    }

    State verdict() const {
        bool open = false;
        for (std::size_t i = 0; i < said.size(); ++i) {
            open = open || said[i].empty();
            if (!ballots[i].binding) { continue; }
            if (said[i] == "no" || said[i] == "taken back") { return State::refused; }
            if (said[i] == "silence" && ballots[i].silence == Silence::refuse) { return State::expired; }
        }
        return open ? State::requesting : State::consented;
    }
};

TEST_CASE("properties: the verdict is the naive one") {
    CHECK(rc::check("naive model", [] {
        const auto ballots = *any_ballots();
        Naive naive(ballots);
        Migration m;
        Effects effects;
        RC_ASSERT(step(m, {.kind = EventKind::sites_identified, .sites = 1}, effects));
        RC_ASSERT(step(m, {.kind = EventKind::voters_identified, .ballots = &ballots}, effects));
        RC_ASSERT(m.state == naive.verdict());
        for (const Draw& draw : *any_draws()) {
            const Event event = event_of(draw, ballots);
            const bool a_vote = event.kind >= EventKind::voter_answered && event.kind <= EventKind::deadline_passed;
            if (!a_vote || m.state != State::requesting) { continue; }
            RC_ASSERT(step(m, event, effects) == naive.hear(event));
            RC_ASSERT(m.state == naive.verdict());
        }
        RC_TAG(std::string(to_string(m.state)));
    }));
}

}  // namespace
