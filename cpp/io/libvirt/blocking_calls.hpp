// A few threads for libvirt calls that wait for an answer; their results come back into the event loop.
//
// One connection carries several calls at once, so that 20 of them cost little more than one; and a call that libvirtd
// does not answer (stopped, it answers none) blocks a thread here and not the loop. Must not know what is called.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "event_loop.hpp"

namespace consent {

class BlockingCalls {
  public:
    /// `threads` of them, with all signals blocked. libvirtd works on 5 requests of one client at once by default
    /// (max_client_requests): more threads than that only keep its queue from running dry.
    BlockingCalls(EventLoop& loop, std::size_t threads);
    /// Waits for calls that are being made; those that wait for a thread are dropped.
    ~BlockingCalls();
    BlockingCalls(const BlockingCalls&) = delete;
    BlockingCalls& operator=(const BlockingCalls&) = delete;

    /// Runs `call()` on a thread, then `then(its result)` in the loop. Neither may throw.
    template <class Call, class Then>
    void run(Call call, Then then) {
        enqueue([this, call = std::move(call), then = std::move(then)]() mutable {
            loop_.post([then = std::move(then), result = call()]() mutable { then(std::move(result)); });
        });
    }
    /// As run(), ahead of all that waits for a thread: for what ends something that grows meanwhile.
    template <class Call, class Then>
    void run_first(Call call, Then then) {
        enqueue(
            [this, call = std::move(call), then = std::move(then)]() mutable {
                loop_.post([then = std::move(then), result = call()]() mutable { then(std::move(result)); });
            },
            true);
    }
    /// run() for a call whose end nobody waits for.
    void run(std::function<void()> call) { enqueue(std::move(call)); }

    /// Whether any call is being made or waits for a thread.
    [[nodiscard]] bool idle() const;

  private:
    void enqueue(std::function<void()> call, bool first = false);
    void serve();

    EventLoop& loop_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<std::function<void()>> calls_;
    std::size_t busy_ = 0;
    bool ending_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace consent
