// The loop. Every callback that libvirt calls is noexcept for libvirt's sake: what it throws is kept and leaves run().
#include "event_loop.hpp"

#include <libvirt/libvirt.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace consent {

struct EventLoop::Watched {
    EventLoop* loop;
    Work readable;

    static void call(int /*watch*/, int /*fd*/, int /*events*/, void* opaque) {
        auto& self = *static_cast<Watched*>(opaque);
        try {
            self.readable();
        } catch (...) { self.loop->failed_ = std::current_exception(); }
    }
    static void free(void* opaque) { delete static_cast<Watched*>(opaque); }  // NOLINT(cppcoreguidelines-owning-memory)
};

EventLoop::EventLoop() {
    if (virEventRegisterDefaultImpl() < 0) throw std::runtime_error("libvirt has no event implementation to register");
    wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_ < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    watch(wake_, [this] { run_posted(); });
    timeout_ = virEventAddTimeout(
        -1,
        [](int /*timer*/, void* opaque) {
            auto& self = *static_cast<EventLoop*>(opaque);
            try {
                self.run_timers();
            } catch (...) { self.failed_ = std::current_exception(); }
        },
        this, nullptr);
    if (timeout_ < 0) throw std::runtime_error("libvirt's event loop takes no timer");
}

EventLoop::~EventLoop() {
    virEventRemoveTimeout(timeout_);
    for (const int watch : watches_) virEventRemoveHandle(watch);
    ::close(wake_);
}

void EventLoop::run() {
    while (running_) {
        if (virEventRunDefaultImpl() < 0) throw std::runtime_error("libvirt's event loop failed");
        if (failed_) std::rethrow_exception(std::exchange(failed_, nullptr));
    }
}

void EventLoop::post(Work work) {
    {
        const std::lock_guard lock(mutex_);
        posted_.push_back(std::move(work));
    }
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(wake_, &one, sizeof one);  // full: awake already
}

void EventLoop::run_posted() {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto got = ::read(wake_, &count, sizeof count);
    std::deque<Work> batch;
    {
        const std::lock_guard lock(mutex_);
        batch.swap(posted_);
    }
    for (Work& work : batch) work();
}

TimePoint EventLoop::now() const {
    return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now());
}

EventLoop::Timer EventLoop::at(TimePoint when, Work work) {
    const Timer timer = ++last_timer_;
    timers_.emplace(std::pair{when, timer}, std::move(work));
    times_.emplace(timer, when);
    set_timeout();
    return timer;
}

void EventLoop::cancel(Timer timer) {
    const auto found = times_.find(timer);
    if (found == times_.end()) return;
    timers_.erase({found->second, timer});
    times_.erase(found);
    set_timeout();
}

void EventLoop::run_timers() {
    // Only what is due on entry: a timer that sets another for now must not keep descriptors from their turn.
    const TimePoint due = now();
    for (auto first = timers_.begin(); first != timers_.end() && first->first.first <= due; first = timers_.begin()) {
        Work work = std::move(first->second);
        times_.erase(first->first.second);
        timers_.erase(first);
        work();
    }
    set_timeout();
}

void EventLoop::set_timeout() {
    std::int64_t wait = -1;
    if (!timers_.empty()) wait = std::clamp<std::int64_t>((timers_.begin()->first.first - now()).count(), 0, 60'000);
    virEventUpdateTimeout(timeout_, static_cast<int>(wait));
}

void EventLoop::watch(int fd, Work readable) {
    auto* watched = new Watched{this, std::move(readable)};  // NOLINT(cppcoreguidelines-owning-memory): libvirt's now
    const int id = virEventAddHandle(fd, VIR_EVENT_HANDLE_READABLE | VIR_EVENT_HANDLE_HANGUP | VIR_EVENT_HANDLE_ERROR,
                                     &Watched::call, watched, &Watched::free);
    if (id < 0) {
        Watched::free(watched);
        throw std::runtime_error("libvirt's event loop takes no descriptor");
    }
    watches_.push_back(id);
}

}  // namespace consent
