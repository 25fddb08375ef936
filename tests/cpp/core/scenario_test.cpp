// Plays each file of scenarios/: commands, and under each the trace that it must give.
//
//     sites N [lifetime MS]
//     voters KIND... [deadline MS]              KIND: binding/refuse, advisory/abstain, ...
//     answer VOTER consent|refuse|abstain       silent VOTER    left VOTER    withdrew VOTER
//     deadline | failure | started | completed | migration-failed | cancel      at MS (the time from here on)
// The trace of a command: `-> state` or `-> illegal`, then one line for each effect. A line that begins with # is a
// comment.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "consent/machine.hpp"

namespace {

using namespace consent;

TimePoint at(long ms) { return TimePoint(milliseconds(ms)); }

std::string trace_of(const Effect& effect) {
    std::ostringstream text;
    text << "   " << to_string(effect.kind);
    switch (effect.kind) {
        case EffectKind::set_timer: text << " at " << effect.at.time_since_epoch().count(); break;
        case EffectKind::clear_timer: break;
        case EffectKind::record_verdict:
            text << " site " << effect.site << " " << to_string(effect.verdict);
            if (effect.voter != no_voter) { text << " by " << effect.voter; }
            break;
        default: text << " site " << effect.site;
    }
    return text.str();
}

class Player {
  public:
    /// Plays one command; its trace, one line each.
    std::vector<std::string> play(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "at") {
            long ms = 0;
            words >> ms;
            now_ = at(ms);
            return {};
        }
        std::vector<Ballot> ballots;
        Event event = read(command, words, ballots);
        event.now = now_;
        Effects effects;
        if (!step(migration_, event, effects)) { return {"-> illegal"}; }
        std::vector<std::string> trace{"-> " + std::string(to_string(migration_.state))};
        std::ranges::transform(effects, std::back_inserter(trace), trace_of);
        return trace;
    }

  private:
    static Event read(const std::string& command, std::istringstream& words, std::vector<Ballot>& ballots) {
        std::string word;
        Event event;
        long ms = 0;
        if (command == "sites") {
            event.kind = EventKind::sites_identified;
            words >> event.sites;
            if (words >> word >> ms) { event.grant_lifetime = milliseconds(ms); }
        } else if (command == "voters") {
            event.kind = EventKind::voters_identified;
            while (words >> word && word != "deadline") {
                ballots.push_back({.binding = word.starts_with("binding"),
                                   .silence = word.ends_with("/refuse") ? Silence::refuse : Silence::abstain});
            }
            event.ballots = &ballots;
            words >> ms;
            event.deadline = at(ms);
        } else if (command == "answer") {
            event.kind = EventKind::voter_answered;
            words >> event.voter >> word;
            event.answer = word == "consent" ? Answer::consent : word == "refuse" ? Answer::refuse : Answer::abstain;
        } else {
            event.kind = kind_of(command);
            words >> event.voter;
        }
        return event;
    }

    static EventKind kind_of(const std::string& command) {
        static constexpr std::pair<std::string_view, EventKind> kinds[] = {
            {"silent", EventKind::voter_fell_silent},
            {"left", EventKind::voter_left},
            {"withdrew", EventKind::voter_withdrew},
            {"deadline", EventKind::deadline_passed},
            {"failure", EventKind::round_failed},
            {"started", EventKind::migration_started},
            {"completed", EventKind::migration_completed},
            {"migration-failed", EventKind::migration_failed},
            {"cancel", EventKind::cancelled}};
        const auto* found = std::ranges::find(kinds, command, &std::pair<std::string_view, EventKind>::first);
        if (found == std::end(kinds)) { throw std::runtime_error("no such command: " + command); }
        return found->second;
    }

    Migration migration_;
    TimePoint now_{};
};

bool is_trace(const std::string& line) { return line.starts_with("->") || line.starts_with("   "); }

void play_file(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) {
        if (!line.empty() && line.front() != '#') { lines.push_back(line); }
    }
    Player player;
    for (std::size_t i = 0; i < lines.size();) {
        const std::string command = lines[i++];
        std::vector<std::string> expected;
        while (i < lines.size() && is_trace(lines[i])) { expected.push_back(lines[i++]); }
        INFO(file.filename().string() << ": " << command);
        CHECK(player.play(command) == expected);
    }
}

TEST_CASE("scenarios") {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(CONSENT_TEST_FILES "/scenarios")) {
        files.push_back(entry.path());
    }
    std::ranges::sort(files);
    REQUIRE(files.size() == 10);
    for (const auto& file : files) { play_file(file); }
}

}  // namespace
