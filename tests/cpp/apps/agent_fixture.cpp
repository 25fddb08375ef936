// What the tests of consent-agent stand on: see agent_fixture.hpp.
#include "agent_fixture.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <fstream>
#include <functional>
#include <sstream>

extern char** environ;

namespace agent_test {
namespace {

namespace fs = std::filesystem;
namespace wire = consent::wire;
using Clock = std::chrono::steady_clock;

/// Looks again and again at what gives no event to wait for (a file of another process, another's end).
bool eventually(const std::function<bool()>& true_now) {
    for (const auto end = Clock::now() + patience; Clock::now() < end;) {
        if (true_now()) { return true; }
        ::usleep(5000);
    }
    return true_now();
}

/// Waits for bytes; false when none come in time or the end has come.
bool readable(int fd) {
    pollfd entry{fd, POLLIN, 0};
    return ::poll(&entry, 1, static_cast<int>(std::chrono::milliseconds(patience).count())) == 1;
}

pid_t spawn(const std::vector<std::string>& command, int error, bool output_too) {
    std::vector<std::string> words = command;
    std::vector<char*> argv;
    for (std::string& word : words) { argv.push_back(word.data()); }
    argv.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, error, STDERR_FILENO);
    if (output_too) { posix_spawn_file_actions_adddup2(&actions, error, STDOUT_FILENO); }
    pid_t pid = 0;
    const int result = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    REQUIRE(result == 0);
    return pid;
}

}  // namespace

Folder::Folder() {
    std::string name = (fs::temp_directory_path() / "agent-test-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
}

Folder::~Folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
}

void Folder::write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
}

std::string Folder::read(const std::string& name) const {
    std::ifstream in(path_ / name, std::ios::binary);
    REQUIRE(in);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::string Folder::await(const std::string& name) const {
    REQUIRE(eventually([&] { return fs::exists(path_ / name) && read(name).find('\n') != std::string::npos; }));
    return read(name);
}

Child::Child(const std::vector<std::string>& command) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    pid_ = spawn(command, ends[1], false);
    ::close(ends[1]);
    log_fd_ = ends[0];
    ::fcntl(log_fd_, F_SETPIPE_SZ, 1 << 20);
}

Child::~Child() {
    if (pid_ != 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    ::close(log_fd_);
}

void Child::signal(int number) const { REQUIRE(::kill(pid_, number) == 0); }

void Child::await_log(const std::string& text) {
    const auto end = Clock::now() + patience;
    for (;;) {
        if (const std::size_t at = log_.find(text, seen_); at != std::string::npos) {
            seen_ = at;
            return;
        }
        std::array<char, 65536> buffer;
        if (Clock::now() > end || !readable(log_fd_)) { break; }
        const ssize_t got = ::read(log_fd_, buffer.data(), buffer.size());
        if (got <= 0) { break; }
        log_.append(buffer.data(), static_cast<std::size_t>(got));
    }
    FAIL("\"" << text << "\" is not in the log:\n" << log_.substr(seen_));
}

int Child::stop() {
    ::kill(pid_, SIGTERM);
    int status = -1;
    const bool ended = eventually([&] { return ::waitpid(pid_, &status, WNOHANG) == pid_; });
    REQUIRE(ended);
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

Agent::Agent(const Folder& folder, const std::string& channel)
    : Child({CONSENT_AGENT, "--channel", channel, "--policy", folder.path() + "/policy.yaml", "--drop-in",
             folder.path() + "/conf.d"}) {
    await_log("started");
}

void Agent::reload() {
    signal(SIGHUP);
    await_log("policy loaded");
    await_log("applications\n");
}

End::~End() {
    if (fd_ >= 0) { ::close(fd_); }
}

void End::send(const std::string& bytes) const {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const ssize_t took = ::write(fd_, bytes.data() + sent, bytes.size() - sent);
        REQUIRE(took > 0);
        sent += static_cast<std::size_t>(took);
    }
}

wire::Message End::next() {
    while (taken_ == lines_.size()) {
        lines_.clear();
        taken_ = 0;
        std::array<char, 4096> buffer;
        if (!readable(fd_)) { FAIL("nothing comes from the agent"); }
        const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
        if (got <= 0) { FAIL("the agent has closed the channel"); }
        reader_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)), lines_);
    }
    const auto& line = lines_[taken_++];
    return std::holds_alternative<std::string>(line) ? wire::parse(std::get<std::string>(line))
                                                     : std::get<wire::Malformed>(line);
}

void End::forget() {
    lines_.clear();
    taken_ = 0;
    reader_.reset();
}

wire::Reply End::reply() {
    for (;;) {
        const wire::Message message = next();
        if (const auto* reply = std::get_if<wire::Reply>(&message)) { return *reply; }
        REQUIRE(std::holds_alternative<wire::Hello>(message));
    }
}

wire::Hello End::hello() {
    const wire::Message message = next();
    REQUIRE(std::holds_alternative<wire::Hello>(message));
    return std::get<wire::Hello>(message);
}

bool End::nothing_pending() {
    send("{\"v\":99}\n");
    // The hello of the start may still be unread: then two hellos come, and nothing else may.
    wire::Message message = next();
    if (std::holds_alternative<wire::Hello>(message) && taken_ < lines_.size()) { message = next(); }
    return std::holds_alternative<wire::Hello>(message);
}

Host::Host(const Folder& folder) : path_(folder.path() + "/socket") {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(path_.size() < sizeof address.sun_path);
    path_.copy(address.sun_path, path_.size());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_, 1) == 0);
}

Host::~Host() { ::close(listener_); }

void Host::accept() {
    REQUIRE(readable(listener_));
    fd_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    REQUIRE(fd_ >= 0);
}

void Host::hang_up() {
    ::close(fd_);
    fd_ = -1;
    forget();
}

Terminal::Terminal(const Folder& folder) : path_(folder.path() + "/port") {
    std::array<char, 128> name{};
    termios raw{};
    ::cfmakeraw(&raw);
    REQUIRE(::openpty(&fd_, &other_, name.data(), &raw, nullptr) == 0);
    ::fcntl(fd_, F_SETFD, FD_CLOEXEC);
    ::fcntl(other_, F_SETFD, FD_CLOEXEC);
    fs::create_symlink(name.data(), path_);
}

Terminal::~Terminal() {
    std::error_code ignored;
    fs::remove(path_, ignored);
    ::close(other_);
}

Outcome run(const Folder& folder, const std::string& arguments) {
    std::vector<std::string> command{CONSENT_AGENT};
    std::istringstream words(arguments);
    for (std::string word; words >> word;) { command.push_back(word); }
    const std::string file = folder.path() + "/output";
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    const pid_t pid = spawn(command, fd, true);
    ::close(fd);
    int status = -1;
    const bool ended = eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; });
    if (!ended) {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, &status, 0);
        FAIL("the agent does not end");
    }
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), folder.read("output")};
}

bool gone(pid_t pid) {
    return eventually([pid] {
        std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
        std::string text((std::istreambuf_iterator<char>(in)), {});
        const std::size_t name_end = text.rfind(')');
        return text.empty() || name_end == std::string::npos || text.compare(name_end + 2, 1, "Z") == 0;
    });
}

int children(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children");
    int count = 0;
    for (std::string child; in >> child;) { ++count; }
    return count;
}

}  // namespace agent_test
