// The guest's end of the channel: a virtio port that the host opens and closes as it likes, and that may vanish.
//
// Carries lines. Must not know what they say. Never blocks. Used by one thread.
//
// A virtio port whose other side is closed reports a hang-up for as long as that lasts. It is therefore watched for
// changes (edge-triggered) and looked at again now and then, never polled for its level: that would be a busy loop.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/wire.hpp"
#include "descriptor.hpp"

namespace consent::agent {

using SteadyTime = std::chrono::steady_clock::time_point;

class Channel {
  public:
    using Line = std::variant<std::string, wire::Malformed>;

    /// `path`: a character device (a virtio port, a terminal), or a Unix socket, which is connected to.
    /// `epoll`: where its descriptor is watched, with `tag` as the event's data; outlives the channel.
    Channel(std::filesystem::path path, int epoll, std::uint64_t tag);

    /// Opens the port when it is closed and its time has come; asks whether the host is there. True: the host has come
    /// since the last call, and what it will read begins here.
    [[nodiscard]] bool attend(SteadyTime now);
    /// When to call attend() again, if nothing happens before.
    [[nodiscard]] SteadyTime next_look() const noexcept { return next_look_; }

    /// Takes what the host has sent, at most 64 KiB a call, and appends its lines. True: there may be more.
    [[nodiscard]] bool receive(SteadyTime now, std::vector<Line>& lines);

    /// Queues a line (with its newline) and writes what the port takes. False: the host is not there or reads too
    /// slowly, and the line is dropped. Of a host heard a moment ago the news that it has come may yet be due: for it, too,
    /// the line is queued.
    [[nodiscard]] bool send(std::string_view line, SteadyTime now);
    /// Writes what is queued. To be called when the port takes more.
    void flush(SteadyTime now);

    [[nodiscard]] bool connected() const noexcept { return host_there_; }

  private:
    void open(SteadyTime now);
    void host_left(SteadyTime now);
    void vanish(SteadyTime now, int error);

    std::filesystem::path path_;
    int epoll_;
    std::uint64_t tag_;
    Descriptor port_;
    bool socket_ = false;
    bool host_there_ = false;
    int last_error_ = 0;  // what was logged last: each change is, each retry is not
    std::chrono::milliseconds back_off_;
    SteadyTime next_look_{};
    wire::LineReader reader_;
    std::string out_;     // queued, at most max_queued bytes
    SteadyTime heard_{};  // when bytes last came
};

}  // namespace consent::agent
