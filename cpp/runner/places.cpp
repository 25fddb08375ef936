// See places.hpp.
#include "places.hpp"

#include <algorithm>

namespace consent {

Places::Outcome Places::take(const Clock& clock, TimePoint until, const std::atomic<bool>* cancel) {
    std::unique_lock lock(mutex_);
    if (free_ > 0) {  // then nobody waits: give_back() hands on before it frees
        --free_;
        return Outcome::taken;
    }
    Waiter self;
    queue_.push_back(&self);
    struct Leave {
        std::deque<Waiter*>& queue;
        Waiter* self;
        ~Leave() { std::erase(queue, self); }
    } const leave{queue_, &self};

    while (!self.given) {
        if (cancel != nullptr && cancel->load()) { return Outcome::cancelled; }
        const TimePoint now = clock.now();
        if (now >= until) { return Outcome::late; }
        const milliseconds left = until - now;
        self.woken.wait_for(lock, cancel != nullptr ? std::min(left, cancel_poll) : left);
    }
    return Outcome::taken;
}

void Places::give_back() noexcept {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
        ++free_;
        return;
    }
    Waiter* next = queue_.front();
    queue_.pop_front();
    next->given = true;
    next->woken.notify_one();  // under the lock: the waiter, and with it `woken`, lives until it has seen `given`
}

}  // namespace consent
