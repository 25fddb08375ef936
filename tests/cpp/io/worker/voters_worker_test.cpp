// The client of consent-worker against a worker that is honest, silent, broken, lying or dead: every round ends, in time,
// with the code that names whose fault it was, and nothing is left behind.
#include "consent/voters_worker.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <cerrno>
#include <chrono>
#include <future>
#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "worker_lines.hpp"

using namespace consent;
using namespace std::chrono_literals;

namespace {

/// What a busy machine may add to a bound of ours: an order below the faults it separates (waiting for ever).
constexpr auto slack = 2000ms;

TimePoint now() { return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now()); }

std::string fresh_id() {
    static std::atomic<unsigned> last{0};
    return "round-" + std::to_string(++last);
}

Inquiry inquiry(milliseconds voter_deadline = 5000ms) {
    Inquiry what;
    what.round = fresh_id();
    what.voter_deadline = voter_deadline;
    return what;
}

std::shared_ptr<VotersWorker> worker(const std::string& script) {
    return std::make_shared<VotersWorker>(SCRIPTED_WORKER, script);
}

/// All that is heard of a round, which is asked as soon as its voters are known.
struct Heard {
    std::vector<Voter> voters;
    std::map<std::uint32_t, Answer> answers;
    std::map<std::uint32_t, std::string> words;
    std::set<std::uint32_t> silent, left, withdrew;
    std::string code;
    std::string why;
    milliseconds took{0};
};

Heard hear(Voters& port, const Inquiry& what, milliseconds at_most = 20s) {
    const TimePoint start = now();
    Heard heard;
    std::size_t owed = 0;
    const auto voices = port.open(what);
    while (auto event = voices->next(start + at_most)) {
        if (auto* identified = std::get_if<VotersIdentified>(&*event)) {
            heard.voters = identified->voters;
            owed = heard.voters.size();
            voices->request();
        } else if (auto* answered = std::get_if<VoterAnswered>(&*event)) {
            heard.answers[answered->voter] = answered->answer;
            heard.words[answered->voter] = answered->because;
            --owed;
        } else if (auto* silent = std::get_if<VoterFellSilent>(&*event)) {
            heard.silent.insert(silent->voter);
            --owed;
        } else if (auto* left = std::get_if<VoterLeft>(&*event)) {
            heard.left.insert(left->voter);
            --owed;
        } else if (auto* withdrew = std::get_if<VoterWithdrew>(&*event)) {
            heard.withdrew.insert(withdrew->voter);
            break;
        } else {
            heard.code = std::get<InquiryFailed>(*event).code;
            heard.why = std::get<InquiryFailed>(*event).why;
        }
        if (owed == 0 && what.select.role == VoterKind::neighbour && heard.code.empty()) break;
    }
    heard.took = now() - start;
    return heard;
}

bool runs(pid_t pid) { return ::kill(pid, 0) == 0; }  // a zombie still counts: that is the point

std::size_t entries(const char* folder) {
    std::size_t count = 0;
    DIR* open = ::opendir(folder);
    while (::readdir(open) != nullptr) ++count;
    ::closedir(open);
    return count;
}

struct Footprint {
    std::size_t descriptors = entries("/proc/self/fd");
    std::size_t threads = entries("/proc/self/task");
    bool operator==(const Footprint&) const = default;
};

bool has_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;  // else ECHILD
}

}  // namespace

TEST_CASE("an honest worker is heard to the end, and serves the next round too") {
    const auto port = worker("honest");
    REQUIRE(port->pid() == 0);
    const Heard first = hear(*port, inquiry());
    REQUIRE(first.code.empty());
    REQUIRE(first.voters.size() == 3);
    CHECK(first.voters[1].id == "guest-1001");
    CHECK(first.answers == std::map<std::uint32_t, Answer>{{0, Answer::consent}});
    CHECK(first.silent == std::set<std::uint32_t>{1});
    CHECK(first.left == std::set<std::uint32_t>{2});
    const pid_t pid = port->pid();
    REQUIRE(pid > 0);
    CHECK(hear(*port, inquiry()).code.empty());
    CHECK(port->pid() == pid);
}

TEST_CASE("a consent can be taken back while its round stands") {
    const auto port = worker("withdraws");
    auto what = inquiry();
    what.select.role = VoterKind::mover;  // hear() then listens past the last answer
    CHECK(hear(*port, what).withdrew == std::set<std::uint32_t>{0});
}

TEST_CASE("a slow worker is waited for while its deadline lasts") {
    CHECK(hear(*worker("slow"), inquiry(10s)).voters.size() == 3);
}

TEST_CASE("4096 voters fit into a round") { CHECK(hear(*worker("crowd:4096"), inquiry()).answers.size() == 4094); }

TEST_CASE("a worker that lies is killed and its round fails as worker_protocol") {
    const auto script =
        GENERATE(as<std::string>{}, "another-pid", "another-version", "no-introduction", "ready-twice", "garbage",
                 "deep", "long-line", "foreign-round", "unsorted", "fails-oddly", "early-answer", "ends-itself",
                 "identifies-twice", "answers-twice", "out-of-range", "unasked-withdrawal", "rules-instead");
    CAPTURE(script);
    const auto port = worker(script);
    const Heard heard = hear(*port, inquiry());
    CHECK(heard.code == "worker_protocol");
    CHECK_FALSE(heard.why.empty());
    CHECK(heard.took < 5000ms);  // by what it wrote, not by a deadline
    CHECK(heard.silent.empty());
}

TEST_CASE("a worker that dies at any point is worker_lost, and the next need starts another") {
    const auto point = GENERATE(0, 1, 2, 3, 4);
    CAPTURE(point);
    const auto port = worker("die:" + std::to_string(point));
    for (int round = 0; round < 3; ++round) {
        const Heard heard = hear(*port, inquiry());
        CHECK(heard.code == "worker_lost");
        CHECK(heard.took < 5000ms);
    }
}

TEST_CASE("a worker that closes its output but lives on is lost and killed") {
    const auto port = worker("closes-stdout");
    CHECK(hear(*port, inquiry()).code == "worker_lost");
    port->close();
    CHECK_FALSE(has_children());
}

TEST_CASE("a stuck worker is killed at the deadline and its grace") {
    const auto [script, deadline] = GENERATE(table<std::string, milliseconds>({
        {"never-ready", 1000ms},
        {"deaf", 1000ms},
        {"mute", 1000ms},
        {"stuck", 1000ms},
        {"stuck-asked", 50ms},
        {"mute-asked", 50ms},
        {"one-missing", 50ms},
    }));
    CAPTURE(script);
    const auto port = worker(script);
    const Heard heard = hear(*port, inquiry(deadline));
    CHECK(heard.code == "worker_timeout");
    CHECK(heard.took >= deadline + worker_grace);
    CHECK(heard.took < deadline + worker_grace + slack);
    CHECK(heard.answers.count(2) == 0);
    port->close();
    CHECK_FALSE(has_children());
}

TEST_CASE("a stuck worker fails every round that it had, and only those") {
    const auto port = worker("one-missing");
    auto slow = std::async(std::launch::async, [&] { return hear(*port, inquiry(8000ms)); });
    while (port->pid() == 0) std::this_thread::yield();
    const Heard quick = hear(*port, inquiry(50ms));
    CHECK(quick.code == "worker_timeout");
    CHECK(slow.get().code == "worker_timeout");  // long before its own deadline
}

TEST_CASE("a worker that no longer ends rounds is found although nobody waits") {
    const auto port = worker("never-ends");
    CHECK(hear(*port, inquiry(50ms)).code.empty());
    const pid_t pid = port->pid();
    REQUIRE(pid > 0);
    const TimePoint until = now() + 5000ms + slack;
    while (port->pid() == pid && now() < until)
        std::this_thread::sleep_for(20ms);  // no event tells of it: nobody is there
    CHECK(port->pid() == 0);
}

TEST_CASE("agents' rules are told by UUID; who is silent or has left is left out") {
    const auto port = worker("honest");
    const std::vector<std::string> uuids{"guest-1000", "guest-1001", "guest-1002"};
    const std::map<std::string, std::string> told{{"guest-1000", R"([{"name":"a","answer":"ask"}])"}};
    CHECK(port->policies(uuids, 1000ms) == told);
    const pid_t pid = port->pid();
    CHECK(hear(*port, inquiry()).answers.size() == 1);  // the next round is served by the same worker
    CHECK(port->policies(uuids, 1000ms) == told);
    CHECK(port->pid() == pid);
    CHECK(port->policies({}, 1000ms).empty());
    CHECK(worker("crowd:200")->policies(uuids, 5000ms).size() == 198);
}

TEST_CASE("a failure over agents' rules is thrown with its code, in time") {
    const auto [script, code] = GENERATE(table<std::string, std::string>({
        {"mute", "worker_timeout"},
        {"stuck-asked", "worker_timeout"},
        {"mute-asked", "worker_timeout"},
        {"die:0", "worker_lost"},
        {"die:2", "worker_lost"},
        {"fails", "libvirt"},
        {"garbage", "worker_protocol"},
        {"answers-twice", "worker_protocol"},
        {"out-of-range", "worker_protocol"},
        {"consents-instead", "worker_protocol"},
    }));
    CAPTURE(script);
    const auto port = worker(script);
    const TimePoint start = now();
    try {
        (void)port->policies({"guest-1000"}, 50ms);
        FAIL("no error");
    } catch (const InquiryError& error) {
        CHECK(error.code == code);
        CHECK_FALSE(std::string(error.what()).empty());
    }
    CHECK(now() - start < 1000ms + 50ms + 2 * worker_grace + slack);
    port->close();
    CHECK_FALSE(has_children());
}

TEST_CASE("a question for rules that is out of range is refused, and starts nothing") {
    const auto port = worker("honest");
    CHECK_THROWS_AS(port->policies({"guest-1000"}, 0ms), InquiryError);
    CHECK_THROWS_AS(port->policies({"guest-1000"}, 61s), InquiryError);
    CHECK(port->pid() == 0);
}

TEST_CASE("a failure that the worker reports is passed on, and does not cost the worker") {
    const auto port = worker("fails");
    const Heard heard = hear(*port, inquiry());
    CHECK(heard.code == "libvirt");
    CHECK(heard.why == "no libvirtd");
    const pid_t pid = port->pid();
    CHECK(hear(*port, inquiry()).code == "libvirt");
    CHECK(port->pid() == pid);
}

TEST_CASE("a program that cannot be started is worker_lost, by name") {
    VotersWorker port("/nonexistent/consent-worker", "honest");
    const Heard heard = hear(port, inquiry());
    CHECK(heard.code == "worker_lost");
    CHECK(heard.why.find("/nonexistent/consent-worker") != std::string::npos);
}

TEST_CASE("an inquiry that is out of range fails and starts nothing") {
    VotersWorker port(SCRIPTED_WORKER, "honest");
    auto what = inquiry();
    what.round = std::string(65, 'r');
    CHECK(hear(port, what).code == "internal");
    CHECK(hear(port, inquiry(0ms)).code == "internal");
    CHECK(hear(port, inquiry(61s)).code == "internal");
    CHECK(port.pid() == 0);
}

TEST_CASE("an inquiry too long for a line is limit, and the others go on") {
    const auto port = worker("honest");
    auto what = inquiry();
    what.select.listed.assign(5000, std::string(250, 'u'));
    CHECK(hear(*port, what).code == "limit");
    CHECK(hear(*port, inquiry()).code.empty());
}

TEST_CASE("two rounds of one id cannot be told apart: the second fails") {
    const auto port = worker("honest");
    const auto what = inquiry();
    const auto first = port->open(what);
    CHECK(hear(*port, what).code == "internal");
    CHECK(first->next(now() + 5s).has_value());
}

TEST_CASE("next() returns at its time when there is nothing, and at once after a failure") {
    const auto port = worker("mute");
    const auto voices = port->open(inquiry());
    const TimePoint start = now();
    CHECK_FALSE(voices->next(start + 50ms).has_value());
    CHECK(now() - start >= 50ms);
    CHECK(now() - start < 50ms + slack);
    port->close();
    REQUIRE(voices->next(now() + 20s).has_value());
    CHECK_FALSE(voices->next(now() + 20s).has_value());
    CHECK(now() - start < 5s);
}

TEST_CASE("close() reaps the worker, kills one that will not go, and the next need starts another") {
    const auto script = GENERATE(as<std::string>{}, "honest", "ignores-end", "deaf");
    CAPTURE(script);
    const auto port = worker(script);
    const auto voices = port->open(inquiry());
    while (port->pid() == 0) std::this_thread::yield();
    const pid_t pid = port->pid();
    const TimePoint start = now();
    port->close();
    CHECK(now() - start < worker_grace + slack);
    CHECK_FALSE(runs(pid));
    CHECK(port->pid() == 0);
    // "honest" may have told its voters before it was closed.
    auto event = voices->next(now());
    if (event && std::holds_alternative<VotersIdentified>(*event)) event = voices->next(now());
    REQUIRE(event.has_value());
    CHECK(std::get<InquiryFailed>(*event).code == "worker_lost");
    if (script == "honest") {
        CHECK(hear(*port, inquiry()).code.empty());
        CHECK(port->pid() != pid);
    }
}

TEST_CASE("a round outlives the VotersWorker that it came from") {
    auto port = worker("honest");
    const auto voices = port->open(inquiry());
    port.reset();
    while (voices->next(now() + 5s)) {}
    voices->request();
    SUCCEED("no crash; the sanitizers watch");
}

TEST_CASE("a worker gets three descriptors, no blocked signals, a process group of its own and no password") {
    std::vector<int> others;
    for (int i = 0; i < 20; ++i)
        others.push_back(::open("/dev/null", O_RDONLY));  // inheritable, as carelessly as can be
    ::setenv("OS_PASSWORD", "of the cloud", 1);
    const auto port = worker("account");
    sigset_t terminate;
    ::sigemptyset(&terminate);
    ::sigaddset(&terminate, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &terminate, nullptr);
    const Heard heard = hear(*port, inquiry());
    ::pthread_sigmask(SIG_UNBLOCK, &terminate, nullptr);
    for (const int fd : others) ::close(fd);
    ::unsetenv("OS_PASSWORD");
    CHECK(heard.words.at(0) == "3 descriptors, SIGTERM open, group its own, no password, a path");
}

TEST_CASE("a worker killed from outside is replaced") {
    const auto port = worker("honest");
    REQUIRE(hear(*port, inquiry()).code.empty());
    const pid_t pid = port->pid();
    REQUIRE(::kill(pid, SIGKILL) == 0);
    while (port->pid() == pid) std::this_thread::yield();
    CHECK(hear(*port, inquiry()).code.empty());
    CHECK(port->pid() != pid);
}

#if !defined(__SANITIZE_THREAD__)  // which forbids threads in a forked child
TEST_CASE("a forked child starts a worker of its own and leaves its parent's alone") {
    const auto port = worker("honest");
    const auto voices = port->open(inquiry());
    REQUIRE(voices->next(now() + 5s).has_value());
    const pid_t of_parent = port->pid();
    const pid_t child = ::fork();
    if (child == 0) {
        int wrong = port->pid() == 0 ? 0 : 1;
        const auto dead = voices->next(now() + 5s);
        if (!dead || !std::holds_alternative<InquiryFailed>(*dead)) wrong |= 2;
        if (!hear(*port, inquiry()).code.empty() || port->pid() == of_parent) wrong |= 4;
        port->close();
        if (has_children()) wrong |= 8;
        std::_Exit(wrong);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    CHECK(port->pid() == of_parent);
    voices->request();
    CHECK(voices->next(now() + 5s).has_value());
}
#endif

TEST_CASE("rounds of several threads share a worker and are told apart") {
    const auto port = worker("honest");
    std::vector<std::future<int>> threads;
    for (int t = 0; t < 8; ++t) {
        threads.push_back(std::async(std::launch::async, [&] {
            int whole = 0;
            for (int i = 0; i < 25; ++i) {
                const Heard heard = hear(*port, inquiry());
                if (heard.code.empty() && heard.answers.size() + heard.silent.size() + heard.left.size() == 3) ++whole;
            }
            return whole;
        }));
    }
    for (auto& thread : threads) CHECK(thread.get() == 25);
}

TEST_CASE("1,000 rounds with faults mixed in leave no thread, descriptor or process behind") {
    // Each the eighth part of a hundred rounds, spread over the threads.
    static constexpr std::array faults{"garbage",       "long-line",    "closes-stdout", "foreign-round", "fails",
                                       "answers-twice", "out-of-range", "stuck-asked",   "one-missing",   "mute"};
    { CHECK(hear(*worker("honest"), inquiry()).code.empty()); }  // what the C library keeps is there before we count
    const Footprint before;
    std::map<std::string, int> ends;
    std::mutex mutex;
    {
        const auto port = worker("by-round");
        std::vector<std::jthread> threads;
        for (int t = 0; t < 10; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 100; ++i) {
                    const std::size_t number = static_cast<std::size_t>(t * 100 + i);
                    auto what = inquiry(50ms);
                    what.round = std::string(number % 12 == 0 ? faults.at(number / 12 % faults.size()) : "honest") +
                                 '.' + what.round;
                    const Heard heard = hear(*port, what);
                    const std::lock_guard lock(mutex);
                    ++ends[heard.code];
                    // Whatever happened, a consent was heard from the one voter that consents, or not at all.
                    if (heard.answers.size() > 1 || heard.took > 1000ms + worker_grace + slack) ++ends["false"];
                }
            });
        }
    }
    int rounds = 0;
    for (const auto& [code, count] : ends) rounds += code == "false" ? 0 : count;
    CHECK(rounds == 1000);
    CHECK(ends["false"] == 0);
    CHECK(ends[""] > 0);
    for (const char* code : {"worker_protocol", "worker_lost", "worker_timeout", "libvirt"}) {
        CAPTURE(code);
        CHECK(ends[code] > 0);
    }
    CHECK(Footprint{} == before);
    CHECK_FALSE(has_children());
}
