// The agent's log: see journal.hpp.
#include "journal.hpp"

#include <poll.h>
#include <unistd.h>

#include <string>

namespace consent::agent {

void log(std::string_view line) {
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
        return;
    }
    std::string text = "consent-agent: ";
    text += line;
    text += '\n';
    // One write a line, so that lines of several programs on one console do not mix. What it does not take is lost.
    [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
}

}  // namespace consent::agent
