// A worker that does as its script says: honest, or broken in one named way. The script comes as the URI, "WORD" or
// "WORD:NUMBER", so that the client starts it as it starts any worker.
//
// Stands in for faults that the real worker is built not to have.
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <variant>

#include "worker_lines.hpp"

namespace {

namespace lines = consent::worker_lines;
using consent::Answer;

void write_raw(std::string_view text) {
    while (!text.empty()) {
        const auto put = ::write(STDOUT_FILENO, text.data(), text.size());
        if (put <= 0) std::_Exit(1);
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

void say(const lines::Report& report) { write_raw(lines::write(report)); }

void tell(const std::string& round, consent::InquiryEvent event) { say(lines::Told{round, std::move(event)}); }

[[noreturn]] void hang() {
    for (;;) ::pause();
}

consent::VotersIdentified voters(unsigned count) {
    consent::VotersIdentified identified;
    for (unsigned i = 0; i < count; ++i) {
        consent::Voter voter;
        voter.id = "guest-" + std::to_string(1000 + i);
        voter.name = "g" + std::to_string(i);
        identified.voters.push_back(voter);
    }
    return identified;
}

/// What this process was given: open descriptors, blocked signals, its process group's kind, secrets.
std::string account_of_self() {
    unsigned descriptors = 0;
    DIR* folder = ::opendir("/proc/self/fd");
    while (::readdir(folder) != nullptr) ++descriptors;
    ::closedir(folder);
    sigset_t blocked;
    ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
    return std::to_string(descriptors - 3) + " descriptors, SIGTERM " +  // ".", ".." and the folder itself
           (::sigismember(&blocked, SIGTERM) != 0 ? "blocked" : "open") + ", group " +
           (::getpgrp() == ::getpid() ? "its own" : "inherited") + ", " +
           (::getenv("OS_PASSWORD") != nullptr ? "a password" : "no password") + ", " +
           (::getenv("PATH") != nullptr ? "a path" : "no path");
}

class Script {
  public:
    Script(std::string word, unsigned number) : word_(std::move(word)), number_(number) {}

    void start() {
        if (word_ == "die" && number_ == 0) std::_Exit(7);
        if (word_ == "never-ready") hang();
        if (word_ == "another-pid") return say(lines::Ready{lines::version, 1});
        if (word_ == "another-version") return say(lines::Ready{lines::version + 1, ::getpid()});
        if (word_ == "no-introduction") return tell("r", voters(1));
        say(lines::Ready{lines::version, ::getpid()});
        if (word_ == "ready-twice") say(lines::Ready{lines::version, ::getpid()});
        if (word_ == "deaf") hang();
    }

    void identify(const std::string& round) {
        const std::string word = word_for(round);
        if (word == "die" && number_ == 1) std::_Exit(7);
        if (word == "mute") return;
        if (word == "stuck") hang();
        if (word == "garbage") return write_raw("\x01\xff{]\n");
        if (word == "deep") return write_raw(std::string(10000, '[') + '\n');
        if (word == "long-line") return write_raw(std::string(10U * 1024U * 1024U, 'x'));
        if (word == "closes-stdout") {
            ::close(STDOUT_FILENO);
            hang();
        }
        if (word == "foreign-round") return tell("another", voters(1));
        if (word == "unsorted") {
            auto list = voters(2);
            std::swap(list.voters[0], list.voters[1]);
            return tell(round, list);
        }
        if (word == "fails") return tell(round, consent::InquiryFailed{"libvirt", "no libvirtd"});
        if (word == "fails-oddly")
            return tell(round, consent::InquiryFailed{"worker_lost", "a code that is not its own"});
        if (word == "early-answer") return tell(round, consent::VoterAnswered{0, Answer::consent, {}});
        if (word == "ends-itself") return say(lines::Ended{round});
        const unsigned count = word == "crowd" ? number_ : 3;
        if (word == "slow") {
            for (const char byte : lines::write(lines::Report{lines::Told{round, voters(count)}})) {
                write_raw({&byte, 1});
                std::this_thread::sleep_for(std::chrono::microseconds(200));
            }
            return;
        }
        tell(round, voters(count));
        if (word == "identifies-twice") tell(round, voters(count));
        if (word == "die" && number_ == 2) std::_Exit(7);
    }

    void request(const std::string& round) {
        const std::string word = word_for(round);
        if (word == "die" && number_ == 3) std::_Exit(7);
        if (word == "rules-instead") return say(lines::ToldRules{round, 0, "[]"});
        if (word == "stuck-asked") hang();
        if (word == "mute-asked") return;
        const std::string because = word == "account" ? account_of_self() : "";
        tell(round, consent::VoterAnswered{0, Answer::consent, because});
        if (word == "die" && number_ == 4) std::_Exit(7);
        if (word == "answers-twice") tell(round, consent::VoterAnswered{0, Answer::consent, {}});
        if (word == "out-of-range") tell(round, consent::VoterAnswered{77, Answer::consent, {}});
        if (word == "unasked-withdrawal") tell(round, consent::VoterWithdrew{1});
        if (word == "one-missing") return;
        tell(round, consent::VoterFellSilent{1, "its channel was closed"});
        tell(round, consent::VoterLeft{2, "gone"});
        const unsigned count = word == "crowd" ? number_ : 3;
        for (unsigned i = 3; i < count; ++i) tell(round, consent::VoterAnswered{i, Answer::abstain, {}});
        if (word == "withdraws") tell(round, consent::VoterWithdrew{0});
    }

    void rules(const std::string& round) {
        if (word_ == "stuck-asked") hang();
        if (word_ == "mute-asked") return;
        say(lines::ToldRules{round, 0, R"([{"name":"a","answer":"ask"}])"});
        if (word_ == "answers-twice") say(lines::ToldRules{round, 0, "[]"});
        if (word_ == "out-of-range") say(lines::ToldRules{round, 77, "[]"});
        if (word_ == "consents-instead") tell(round, consent::VoterAnswered{1, Answer::consent, {}});
        tell(round, consent::VoterFellSilent{1, "it sent nothing"});
        tell(round, consent::VoterLeft{2, "gone"});
        const unsigned count = word_ == "crowd" ? number_ : 3;
        for (unsigned i = 3; i < count; ++i) say(lines::ToldRules{round, i, std::string(lines::max_rules, ' ')});
    }

    void end(const std::string& round) {
        if (word_ != "never-ends") say(lines::Ended{round});
    }

    [[nodiscard]] bool heeds_end_of_file() const { return word_ != "ignores-end"; }

  private:
    /// With the word "by-round" each round's id says what to do in it: WORD.REST.
    [[nodiscard]] std::string word_for(const std::string& round) const {
        return word_ == "by-round" ? round.substr(0, round.find('.')) : word_;
    }

    std::string word_;
    unsigned number_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || std::strcmp(argv[1], "--uri") != 0) return 2;
    const std::string uri = argv[2];
    const auto colon = uri.find(':');
    Script script(uri.substr(0, colon),
                  colon == std::string::npos ? 0 : static_cast<unsigned>(std::stoul(uri.substr(colon + 1))));
    script.start();
    std::string line;
    while (std::getline(std::cin, line)) {
        const auto read = lines::read_order(line);
        const auto* order = std::get_if<lines::Order>(&read);
        if (order == nullptr) return 3;
        if (const auto* identify = std::get_if<lines::Identify>(order)) script.identify(identify->inquiry.round);
        if (const auto* request = std::get_if<lines::Request>(order)) script.request(request->round);
        if (const auto* rules = std::get_if<lines::AskRules>(order)) script.rules(rules->round);
        if (const auto* end = std::get_if<lines::End>(order)) script.end(end->round);
    }
    if (!script.heeds_end_of_file()) hang();
    return 0;
}
