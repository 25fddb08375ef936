// One thread's event loop over libvirt's default event implementation: descriptors, timers, work posted by other threads.
//
// Must not know connections, channels or rounds. libvirt keeps one event implementation a process: this must be the only
// loop in it, made before any connection. (Never use it inside nova-compute, which has a loop of its own.)
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <unordered_map>

#include "consent/types.hpp"

namespace consent {

class EventLoop {
  public:
    using Work = std::function<void()>;
    using Timer = std::uint64_t;  ///< 0 is no timer

    /// Registers libvirt's event implementation. Throws std::runtime_error when that or an eventfd fails.
    EventLoop();
    ~EventLoop();
    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;

    /// Turns until stop(). An exception thrown by work leaves run().
    void run();
    void stop() noexcept { running_ = false; }

    /// From any thread: `work` runs in the loop, in the order posted.
    void post(Work work);

    // In the loop's thread only:
    [[nodiscard]] TimePoint now() const;
    Timer at(TimePoint when, Work work);
    Timer after(milliseconds delay, Work work) { return at(now() + delay, std::move(work)); }
    /// Forgets a timer; one that is over or 0 is no mistake.
    void cancel(Timer timer);
    /// Calls `readable` whenever `fd` has something to read or was closed by its other end.
    void watch(int fd, Work readable);

  private:
    struct Watched;
    void run_posted();
    void run_timers();
    void set_timeout();

    int wake_ = -1;
    int timeout_ = -1;
    bool running_ = true;
    std::deque<int> watches_;
    Timer last_timer_ = 0;
    std::map<std::pair<TimePoint, Timer>, Work> timers_;
    std::unordered_map<Timer, TimePoint> times_;
    std::exception_ptr failed_;  ///< libvirt's C code must not be unwound through
    std::mutex mutex_;
    std::deque<Work> posted_;  ///< guarded by mutex_
};

}  // namespace consent
