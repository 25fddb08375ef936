// The guest's end of the channel: see channel.hpp.
#include "channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "journal.hpp"

namespace consent::agent {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds first_back_off = 100ms;
constexpr std::chrono::milliseconds max_back_off = 5s;
constexpr std::chrono::milliseconds look_again = 500ms;  // while the host is away, should its coming go unreported
constexpr std::chrono::milliseconds look_rarely = 5s;    // while it is there
constexpr std::chrono::milliseconds news_lag = 1s;     // of a host's coming, behind its first bytes: more than it takes
constexpr std::chrono::milliseconds news_look = 20ms;  // while it is awaited
constexpr std::size_t max_queued = 64 * 1024;
constexpr std::size_t read_size = 4096;
constexpr std::size_t max_reads = 16;

int open_port(const std::filesystem::path& path, bool& socket) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) { return -1; }
    socket = S_ISSOCK(status.st_mode);
    if (!socket) {
        if (!S_ISCHR(status.st_mode)) {
            errno = ENOTTY;
            return -1;
        }
        return ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = path.string();
    if (name.size() >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    name.copy(address.sun_path, name.size());
    Descriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) { return -1; }
    return fd.release();
}

}  // namespace

Channel::Channel(std::filesystem::path path, int epoll, std::uint64_t tag)
    : path_(std::move(path)), epoll_(epoll), tag_(tag), back_off_(first_back_off) {}

void Channel::open(SteadyTime now) {
    port_ = Descriptor(open_port(path_, socket_));
    if (port_) {
        epoll_event watch{};
        watch.events = EPOLLIN | EPOLLOUT | EPOLLET;
        watch.data.u64 = tag_;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, port_.get(), &watch) == 0) {
            log("channel " + path_.string() + " opened");
            last_error_ = 0;
            return;
        }
    }
    vanish(now, errno);
}

void Channel::vanish(SteadyTime now, int error) {
    host_left(now);
    port_.close();  // which ends its watch, too
    if (error != last_error_) {
        log("channel " + path_.string() + " cannot be used: " + std::strerror(error) + "; trying again");
        last_error_ = error;
    }
    next_look_ = now + back_off_;
    back_off_ = std::min(back_off_ * 2, max_back_off);
}

void Channel::host_left(SteadyTime now) {
    host_there_ = false;
    // The rest of a line half read or half written is of no use to whoever comes next.
    reader_.reset();
    std::string().swap(out_);
    next_look_ = now + look_again;
}

bool Channel::attend(SteadyTime now) {
    if (!port_) {
        if (now < next_look_) { return false; }
        open(now);
        if (!port_) { return false; }
    }
    pollfd state{port_.get(), POLLIN | POLLOUT, 0};
    if (::poll(&state, 1, 0) < 0) { return false; }
    if ((state.revents & (POLLERR | POLLNVAL)) != 0) {
        vanish(now, EIO);
        return false;
    }
    if ((state.revents & POLLHUP) != 0) {
        // A virtio port brings bytes by one queue and the news that their sender has come by another, which may be later:
        // what was just read may be half of what it says, and what is queued may be for it.
        if (host_there_ || now >= heard_ + news_lag) {
            host_left(now);
        } else {
            next_look_ = now + news_look;
        }
        return false;
    }
    const bool came = !std::exchange(host_there_, true);
    next_look_ = now + look_rarely;
    return came;
}

bool Channel::receive(SteadyTime now, std::vector<Line>& lines) {
    std::array<char, read_size> buffer;
    for (std::size_t reads = 0; port_ && reads < max_reads; ++reads) {
        const ssize_t got = ::read(port_.get(), buffer.data(), buffer.size());
        if (got > 0) {
            back_off_ = first_back_off;
            heard_ = now;
            reader_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)), lines);
            continue;
        }
        if (got < 0 && errno == EINTR) { continue; }
        if (got < 0 && errno == EAGAIN) { return false; }
        if (got < 0 || socket_) { vanish(now, got == 0 ? ECONNRESET : errno); }
        // Else the end of a virtio port that no host has open, which stays good for the next: attend() sees to it.
        return false;
    }
    return static_cast<bool>(port_);
}

bool Channel::send(std::string_view line, SteadyTime now) {
    const bool may_be_there = host_there_ || now < heard_ + news_lag;
    if (!may_be_there || out_.size() + line.size() > max_queued) { return false; }
    out_ += line;
    flush(now);
    return true;
}

void Channel::flush(SteadyTime now) {
    std::size_t written = 0;
    while (port_ && written < out_.size()) {
        const ssize_t took = ::write(port_.get(), out_.data() + written, out_.size() - written);
        if (took > 0) {
            written += static_cast<std::size_t>(took);
            continue;
        }
        if (took < 0 && errno == EINTR) { continue; }
        if (took < 0 && errno != EAGAIN) {
            vanish(now, errno);
            return;
        }
        break;
    }
    if (written == out_.size()) {
        std::string().swap(out_);
    } else {
        out_.erase(0, written);
    }
}

}  // namespace consent::agent
