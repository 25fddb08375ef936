// The real consent-worker, on libvirt's test driver (which has domains and no channels) and on no libvirt at all.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <fstream>
#include <string>

#include "consent/voters_worker.hpp"

using namespace consent;
using namespace std::chrono_literals;

namespace {

TimePoint now() { return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now()); }

Inquiry inquiry(const std::string& round) {
    Inquiry what;
    what.round = round;
    return what;
}

std::string status_of(pid_t pid, const std::string& field) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(field + ":")) return line.substr(line.find_first_not_of(" \t", field.size() + 1));
    return {};
}

std::string limit_of(pid_t pid, const std::string& name) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/limits");
    for (std::string line; std::getline(file, line);)
        if (line.starts_with(name)) {
            const auto begin = line.find_first_not_of(' ', name.size());
            return line.substr(begin, line.find(' ', begin) - begin);
        }
    return {};
}

/// Runs the program on `input` and waits for its end. Exit status and standard output.
std::pair<int, std::string> run(const std::string& input, const std::string& arguments) {
    const std::string command =
        "printf '%s' '" + input + "' | timeout 20 " CONSENT_WORKER " " + arguments + " 2>/dev/null";
    FILE* pipe = ::popen(command.c_str(), "r");
    std::string output;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
    return {WEXITSTATUS(::pclose(pipe)), output};
}

}  // namespace

TEST_CASE("a host whose guests have no channel has no voters") {
    VotersWorker port(CONSENT_WORKER, "test:///default");
    const auto voices = port.open(inquiry("r1"));
    const auto event = voices->next(now() + 20s);
    REQUIRE(event);
    CHECK(std::get<VotersIdentified>(*event).voters.empty());
}

TEST_CASE("a libvirt that is not there is libvirt's failure at once, and says where it was looked for") {
    VotersWorker port(CONSENT_WORKER, "qemu+unix:///system?socket=/nonexistent");
    for (const char* round : {"r1", "r2"}) {
        const auto voices = port.open(inquiry(round));
        const auto event = voices->next(now() + 20s);
        REQUIRE(event);
        CHECK(std::get<InquiryFailed>(*event).code == "libvirt");
        CHECK(std::get<InquiryFailed>(*event).why.find("/nonexistent") != std::string::npos);
    }
    CHECK(port.pid() != 0);
}

TEST_CASE("the worker has given up what it does not need") {
    VotersWorker port(CONSENT_WORKER, "test:///default");
    const auto voices = port.open(inquiry("r1"));
    REQUIRE(voices->next(now() + 20s));
    const pid_t pid = port.pid();
    CHECK(status_of(pid, "NoNewPrivs") == "1");
    CHECK(limit_of(pid, "Max core file size") == "0");
    CHECK(limit_of(pid, "Max open files") == "512");
    // Its log goes where nova-compute's does, into a file that may be of any size: a limit here would end it by SIGXFSZ.
    CHECK(limit_of(pid, "Max file size") == limit_of(::getpid(), "Max file size"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    CHECK(limit_of(pid, "Max data size") == "536870912");
    CHECK(limit_of(pid, "Max address space") == "2147483648");
#endif
}

TEST_CASE("the worker dies with whoever started it, even if its input stays open") {
    int orders[2];
    int reports[2];
    REQUIRE(::pipe2(orders, O_CLOEXEC) == 0);
    REQUIRE(::pipe2(reports, O_CLOEXEC) == 0);
    const pid_t parent = ::fork();
    if (parent == 0) {
        if (::fork() == 0) {
            ::dup2(orders[0], STDIN_FILENO);
            ::dup2(reports[1], STDOUT_FILENO);
            ::execl(CONSENT_WORKER, CONSENT_WORKER, "--uri", "test:///default", nullptr);
            ::_exit(1);
        }
        for (;;) ::pause();
    }
    ::close(reports[1]);
    char byte = 0;
    while (byte != '\n') REQUIRE(::read(reports[0], &byte, 1) == 1);  // it is ready: confined
    REQUIRE(::kill(parent, SIGKILL) == 0);
    REQUIRE(::waitpid(parent, nullptr, 0) == parent);
    CHECK(::read(reports[0], &byte, 1) == 0);  // waits for its end; ctest's time-out is the bound
    ::close(reports[0]);
    ::close(orders[0]);
    ::close(orders[1]);
}

TEST_CASE("standard input's end is the worker's, and so is an order that is none") {
    const auto [silent, nothing] = run("", "--uri test:///default");
    CHECK(silent == 0);
    CHECK(nothing.starts_with("{\"event\":\"ready\""));
    CHECK(run("{\"op\":\"obey\"}\n", "--uri test:///default").first == 0);
    CHECK(run(std::string(2000, '['), "--uri test:///default").first == 0);
}

TEST_CASE("the command line is checked, and explains itself") {
    CHECK(run("", "--url x").first == 2);
    CHECK(run("", "--help").second.find("consentctl") != std::string::npos);
    CHECK(run("", "--version").second == "consent-worker 0.1.0\n");
}
