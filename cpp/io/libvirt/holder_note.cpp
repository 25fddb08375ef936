// Notes in a folder that everybody may write to: no link is followed, nothing but a small regular file is read.
#include "holder_note.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <utility>

#include "consent/wire.hpp"

namespace consent {
namespace {

constexpr std::size_t max_note = 100;

}  // namespace

HolderNotes::HolderNotes(std::string folder, std::string holder)
    : folder_(std::move(folder)), holder_(std::move(holder)) {
    if (::mkdir(folder_.c_str(), 01777) == 0) ::chmod(folder_.c_str(), 01777);  // whatever the umask took away
}

void HolderNotes::write(const std::string& guest) const {
    const std::string file = path(guest);
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = ::open(file.c_str(), flags, 0644);
    if (fd < 0 && errno == EEXIST && ::unlink(file.c_str()) == 0) fd = ::open(file.c_str(), flags, 0644);
    if (fd < 0) return;
    [[maybe_unused]] const auto written = ::write(fd, holder_.data(), holder_.size());
    ::close(fd);
}

void HolderNotes::remove(const std::string& guest) const { ::unlink(path(guest).c_str()); }

std::string HolderNotes::read(const std::string& guest) const {
    const int fd = ::open(path(guest).c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return {};
    std::array<char, max_note> text{};
    struct stat file {};
    ssize_t length = 0;
    if (::fstat(fd, &file) == 0 && S_ISREG(file.st_mode)) length = ::read(fd, text.data(), text.size());
    ::close(fd);
    if (length <= 0) return {};
    const std::string_view note(text.data(), static_cast<std::size_t>(length));
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(note.data(), note.data() + note.size(), pid);
    if (error != std::errc{} || pid <= 0 || (::kill(pid, 0) != 0 && errno == ESRCH)) return {};
    auto program = note.substr(static_cast<std::size_t>(end - note.data()));
    while (!program.empty() && (program.front() == ' ' || program.front() == '\n')) program.remove_prefix(1);
    while (!program.empty() && program.back() == '\n') program.remove_suffix(1);
    return wire::clean("pid " + std::to_string(pid) + (program.empty() ? "" : " (" + std::string(program) + ")"),
                       max_note);
}

std::string HolderNotes::parent_process() {
    const pid_t parent = ::getppid();
    std::ifstream file("/proc/" + std::to_string(parent) + "/comm");
    std::string name;
    std::getline(file, name);
    return std::to_string(parent) + ' ' + name + '\n';
}

}  // namespace consent
