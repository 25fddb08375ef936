// The threads behind blocking libvirt calls.
#include "blocking_calls.hpp"

#include <pthread.h>
#include <signal.h>

namespace consent {

BlockingCalls::BlockingCalls(EventLoop& loop, std::size_t threads) : loop_(loop) {
    sigset_t every;
    sigset_t before;
    ::sigfillset(&every);
    ::pthread_sigmask(SIG_SETMASK, &every, &before);
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

BlockingCalls::~BlockingCalls() {
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
        calls_.clear();
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
}

bool BlockingCalls::idle() const {
    const std::lock_guard lock(mutex_);
    return busy_ == 0 && calls_.empty();
}

void BlockingCalls::enqueue(std::function<void()> call, bool first) {
    {
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        calls_.insert(first ? calls_.begin() : calls_.end(), std::move(call));
    }
    changed_.notify_one();
}

void BlockingCalls::serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return ending_ || !calls_.empty(); });
        if (ending_) return;
        auto call = std::move(calls_.front());
        calls_.pop_front();
        ++busy_;
        lock.unlock();
        call();
        call = nullptr;  // what it held is released here, where releasing may block
        lock.lock();
        --busy_;
    }
}

}  // namespace consent
