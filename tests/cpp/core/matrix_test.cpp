// The state x event matrix against matrix.txt, which was written by hand; and that each cell of the table matters:
// every other rule put in its place is noticed by the same comparison.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>

#include "consent/machine.hpp"

namespace {

using namespace consent;

struct Expected {
    bool legal = false;
    std::string state;
    std::string effects;
};

struct Grid {
    std::string name;
    Migration given;
    Event event;
    bool brings_voters = false;
    std::vector<Ballot> brings;
    std::array<std::array<Expected, event_count>, state_count> cells;
};

template <typename Enum, std::size_t Count>
Enum named(std::string_view name) {
    for (std::size_t i = 0; i < Count; ++i) {
        if (to_string(static_cast<Enum>(i)) == name) { return static_cast<Enum>(i); }
    }
    throw std::runtime_error("matrix.txt: no such name: " + std::string(name));
}

/// The lines that say something, one after another.
class Lines {
  public:
    explicit Lines(const std::string& file) : in_(file) {
        if (!in_) { throw std::runtime_error("cannot read " + file); }
    }
    bool next(std::istringstream& words) {
        for (std::string line; std::getline(in_, line);) {
            if (!line.empty() && line.front() != '#') {
                words = std::istringstream(line);
                return true;
            }
        }
        return false;
    }
    std::istringstream must(const std::string& first) {
        std::istringstream words;
        std::string word;
        if (!next(words) || (!first.empty() && (!(words >> word) || word != first))) {
            throw std::runtime_error("matrix.txt: expected a line: " + first);
        }
        return words;
    }

  private:
    std::ifstream in_;
};

void read_voter(const std::string& word, Migration& given) {
    const auto slash = word.find('/');
    const auto colon = word.find(':');
    const Vote vote = named<Vote, 7>(word.substr(colon + 1));
    given.ballots.push_back({.binding = word.substr(0, slash) == "binding",
                             .silence = named<Silence, 2>(word.substr(slash + 1, colon - slash - 1))});
    given.votes.push_back(vote);
    given.owed += vote == Vote::awaited ? 1U : 0U;
}

void read_event(std::istringstream& words, Grid& grid) {
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        const std::string name = word.substr(0, equals);
        const std::string value = word.substr(equals + 1);
        if (name == "voter") {
            grid.event.voter = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "answer") {
            grid.event.answer = named<Answer, 3>(value);
        } else if (name == "sites") {
            grid.event.sites = static_cast<std::uint32_t>(std::stoul(value));
        } else if (name == "brings") {
            grid.brings_voters = value != "none";
            grid.brings.resize(grid.brings_voters ? std::stoul(value) : 0);
        } else if (name == "lifetime") {
            grid.given.grant_lifetime = milliseconds(std::stol(value));
        } else {
            throw std::runtime_error("matrix.txt: no such field of an event: " + name);
        }
    }
}

void read_cells(Lines& lines, Grid& grid) {
    std::vector<State> columns;
    auto heads = lines.must("");
    for (std::string word; heads >> word;) { columns.push_back(named<State, state_count>(word)); }
    if (columns.size() != state_count) { throw std::runtime_error("matrix.txt: a grid needs every state"); }
    for (std::size_t row = 0; row < event_count; ++row) {
        auto words = lines.must("");
        std::string word;
        words >> word;
        const auto event = static_cast<std::size_t>(named<EventKind, event_count>(word));
        if (event != row) {
            throw std::runtime_error("matrix.txt: rows stand in the order of the events; not so " + word);
        }
        for (const State state : columns) {
            if (!(words >> word)) { throw std::runtime_error("matrix.txt: too few cells"); }
            Expected& cell = grid.cells[static_cast<std::size_t>(state)][event];
            cell.legal = word != ".";
            if (cell.legal) {
                cell.state = word.substr(0, word.find('/'));
                cell.effects = word.substr(word.find('/') + 1);
                (void)named<State, state_count>(cell.state);
            }
        }
    }
}

std::vector<Grid> read_matrix() {
    Lines lines(CONSENT_TEST_FILES "/matrix.txt");
    std::vector<Grid> grids;
    std::istringstream words;
    while (lines.next(words)) {
        Grid grid;
        std::string word;
        words >> word;
        if (word != "grid") { throw std::runtime_error("matrix.txt: expected a grid, not " + word); }
        std::getline(words >> std::ws, grid.name);
        lines.must("site") >> grid.given.site >> word >> grid.given.sites;
        auto voters = lines.must("voters");
        while (voters >> word) { read_voter(word, grid.given); }
        auto event = lines.must("event");
        read_event(event, grid);
        read_cells(lines, grid);
        grids.push_back(std::move(grid));
    }
    return grids;
}

char letter(EffectKind kind) {
    switch (kind) {
        case EffectKind::identify_voters: return 'I';
        case EffectKind::send_requests: return 'S';
        case EffectKind::withdraw_requests: return 'W';
        case EffectKind::set_timer: return 'T';
        case EffectKind::clear_timer: return 'C';
        case EffectKind::record_verdict: return 'V';
        case EffectKind::start_migration: return 'G';
        case EffectKind::abort_migration: return 'A';
    }
    return '?';
}

/// What differs from the grid when this cell's event is fed in this cell's state; empty when nothing does.
std::string difference(const Transitions& table, const Grid& grid, std::size_t state, std::size_t event) {
    Migration before = grid.given;
    before.state = static_cast<State>(state);
    Migration after = before;
    Event fed = grid.event;
    fed.kind = static_cast<EventKind>(event);
    fed.ballots = grid.brings_voters ? &grid.brings : nullptr;
    Effects effects;
    effects.push({.kind = EffectKind::start_migration});  // left over from an earlier step: never to be seen again

    const bool legal = step(table, after, fed, effects);
    const Expected& expected = grid.cells[state][event];
    std::string letters;
    for (const Effect& effect : effects) { letters += letter(effect.kind); }
    if (legal != expected.legal) { return legal ? "legal, but must be refused" : "refused, but must be legal"; }
    if (!legal) { return after == before && effects.empty() ? "" : "refused, but something changed"; }
    if (to_string(after.state) != expected.state || letters != expected.effects) {
        return "goes to " + std::string(to_string(after.state)) + "/" + letters;
    }
    return "";
}

TEST_CASE("each cell of each grid is as matrix.txt says") {
    const std::vector<Grid> grids = read_matrix();
    REQUIRE(grids.size() == 6);
    for (const Grid& grid : grids) {
        for (std::size_t state = 0; state < state_count; ++state) {
            for (std::size_t event = 0; event < event_count; ++event) {
                INFO(grid.name << ": " << to_string(static_cast<State>(state)) << " x "
                               << to_string(static_cast<EventKind>(event)));
                CHECK(difference(transitions, grid, state, event) == "");
            }
        }
    }
}

TEST_CASE("every other rule in every cell is noticed") {
    const std::vector<Grid> grids = read_matrix();
    int changes = 0;
    int unnoticed = 0;
    for (std::size_t state = 0; state < state_count; ++state) {
        for (std::size_t event = 0; event < event_count; ++event) {
            for (std::size_t rule = 0; rule < rule_count; ++rule) {
                Transitions changed = transitions;
                if (changed[state][event] == static_cast<Rule>(rule)) { continue; }
                changed[state][event] = static_cast<Rule>(rule);
                ++changes;
                const bool noticed = std::ranges::any_of(
                    grids, [&](const Grid& grid) { return !difference(changed, grid, state, event).empty(); });
                if (!noticed) {
                    ++unnoticed;
                    UNSCOPED_INFO(to_string(static_cast<State>(state))
                                  << " x " << to_string(static_cast<EventKind>(event)) << ": "
                                  << to_string(transitions[state][event]) << " may become "
                                  << to_string(static_cast<Rule>(rule)));
                }
            }
        }
    }
    std::cout << "matrix: " << changes << " changes of one cell tried, " << unnoticed << " unnoticed\n";
    CHECK(changes == 10 * 12 * 15);
    CHECK(unnoticed == 0);
}

}  // namespace
