// One application of the guest being asked: see command.hpp.
#include "command.hpp"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "consent/types.hpp"

extern char** environ;

namespace consent::agent {
namespace {

constexpr std::size_t max_kept = 1024;  // bytes of the first line; far more than is shown of it
constexpr std::size_t output_size = 4096;
constexpr int max_output_reads = 16;  // a command that never stops writing is left to its time-out
constexpr int exit_consent = 0;
constexpr int exit_refuse = 1;
constexpr int exit_abstain = 3;  // 2 is what shells and many programs give for wrong usage

std::vector<pid_t> unburied;  // killed, and not gone yet; of the agent's one thread

struct Pipe {
    Descriptor read;
    Descriptor write;
};

std::optional<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) { return std::nullopt; }
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

std::vector<std::string> environment(const Application& application, const wire::Request& request) {
    std::vector<std::string> out;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        if (!std::string_view(*entry).starts_with("CONSENT_")) { out.emplace_back(*entry); }
    }
    const auto set = [&out](std::string_view name, std::string_view value) {
        out.push_back("CONSENT_" + std::string(name) + "=" + std::string(value));
    };
    set("APPLICATION", application.name);
    set("ID", request.id);
    set("OPERATION", request.operation);
    set("ROLE", to_string(request.role));
    set("MOVER", request.mover);
    set("VCPUS", std::to_string(request.vcpus));
    set("MEMORY_MIB", std::to_string(request.memory_mib));
    set("SOURCE", request.source);
    set("SITE", request.site);
    set("DEADLINE_MS", std::to_string(request.deadline_ms));
    return out;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> out;
    out.reserve(strings.size() + 1);
    for (std::string& string : strings) { out.push_back(string.data()); }
    out.push_back(nullptr);
    return out;
}

/// Starts the command; 0 and errno when it cannot be started.
pid_t start(const Application& application, const wire::Request& request, int input, int output) {
    std::vector<std::string> arguments = application.command;
    std::vector<std::string> variables = environment(application, request);
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(variables);

    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    if (posix_spawn_file_actions_init(&actions) != 0) { return 0; }
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return 0;
    }
    // Every other descriptor of the agent is close-on-exec. Standard error stays: what an application complains of
    // belongs in the guest's log.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    pid_t pid = 0;
    const int error = posix_spawn(&pid, argv[0], &actions, &attributes, argv.data(), envp.data());
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return error == 0 ? pid : 0;
}

}  // namespace

Command::Command(const Application& application, const wire::Request& request, SteadyTime now)
    : name_(application.name), deadline_(now + application.timeout) {
    std::optional<Pipe> input = make_pipe();
    std::optional<Pipe> output = make_pipe();
    const std::string line = wire::serialise(request);
    // The line fits a pipe's buffer (64 KiB, at least one page): written before the command starts, it cannot block.
    if (!input || !output ||
        ::write(input->write.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        silence_ = std::string("could not be started: ") + std::strerror(errno);
        return;
    }
    pid_ = start(application, request, input->read.get(), output->write.get());
    if (pid_ == 0) {
        silence_ = std::string("could not be started: ") + std::strerror(errno);
        return;
    }
    output_ = std::move(output->read);
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

Command::~Command() {
    if (pid_ != 0) { end(true); }
}

void Command::read_output() {
    std::array<char, output_size> buffer;
    for (int reads = 0; output_ && reads < max_output_reads; ++reads) {
        const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) { return; }
        if (got <= 0) {
            output_.close();
            return;
        }
        std::string_view part(buffer.data(), static_cast<std::size_t>(got));
        if (!line_ended_) {
            const std::size_t newline = part.find('\n');
            line_ended_ = newline != std::string_view::npos;
            part = part.substr(0, newline);
            line_.append(part.substr(0, max_kept - line_.size()));
        }
    }
}

bool Command::attend(SteadyTime now) {
    if (ended()) { return true; }
    siginfo_t info{};
    // WNOWAIT: while the process is a zombie, its number, and so its group's, cannot become another's.
    const bool exited =
        ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_;
    if (!exited && now < deadline_) { return false; }
    if (!exited) { silence_ = "did not answer in time"; }
    end(true);
    return true;
}

std::size_t Command::bury() {
    std::erase_if(unburied, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    return unburied.size();
}

/// Kills the process group (of a command that has exited: what it left running), reads the last of the output, and reaps
/// the command if it is gone.
void Command::end(bool kill_first) {
    if (kill_first) { ::kill(-pid_, SIGKILL); }
    read_output();
    output_.close();
    int status = 0;
    const pid_t gone = ::waitpid(pid_, &status, WNOHANG);
    if (gone == 0) { unburied.push_back(pid_); }
    if (gone != pid_ && silence_.empty()) { silence_ = "has no exit status"; }  // status says 0 then, a consent
    pid_ = 0;
    if (!silence_.empty()) { return; }
    if (WIFSIGNALED(status)) {
        silence_ = "was ended by signal " + std::to_string(WTERMSIG(status));
        return;
    }
    switch (WEXITSTATUS(status)) {
        case exit_consent: answer_ = Answer::consent; break;
        case exit_refuse: answer_ = Answer::refuse; break;
        case exit_abstain: answer_ = Answer::abstain; break;
        default: silence_ = "exited with " + std::to_string(WEXITSTATUS(status)); break;
    }
}

std::string Command::because() const { return answer_ ? wire::clean(line_) : silence_; }

}  // namespace consent::agent
