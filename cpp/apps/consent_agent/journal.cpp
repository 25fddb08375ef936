// The agent's log: see journal.hpp.
#include "journal.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace consent::agent {
namespace {

/// Where to write to, and how, so that it never waits.
struct Target {
    int fd = STDERR_FILENO;
    bool socket = false;
};

Target open_target() {
    struct stat status {};
    if (::fstat(STDERR_FILENO, &status) != 0) { return {}; }
    Target target;
    target.socket = S_ISSOCK(status.st_mode);  // systemd's journal
    if (S_ISCHR(status.st_mode) || S_ISFIFO(status.st_mode)) {
        // Opened anew: O_NONBLOCK set on standard error itself would hold for whoever else shares it.
        const int own = ::open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        target.fd = own >= 0 ? own : STDERR_FILENO;
    }
    return target;
}

}  // namespace

void log(std::string_view line) {
    static const Target target = open_target();
    std::string text = "consent-agent: ";
    text += line;
    text += '\n';
    // One write a line, so that lines of several programs on one console do not mix. What it does not take is lost.
    [[maybe_unused]] const ssize_t written =
        target.socket ? ::send(target.fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                      : ::write(target.fd, text.data(), text.size());
}

}  // namespace consent::agent
