// Places: how many rounds may ask guests at once. First come, first served.
//
// Must not know what is done in a place.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>

#include "consent/ports.hpp"

namespace consent {

/// How often a wait looks whether it was cancelled. Well below the 50 ms that Runner::run promises.
inline constexpr milliseconds cancel_poll{20};

class Places {
  public:
    explicit Places(std::uint32_t places) : free_(places) {}

    enum class Outcome : std::uint8_t { taken, late, cancelled };

    /// Waits for a place until `until` by `clock`, or until `cancel` (may be null) is true. After `taken` the caller
    /// owes one give_back(). Safe for use by several threads at once; what `clock` throws goes through and leaves no
    /// trace.
    Outcome take(const Clock& clock, TimePoint until, const std::atomic<bool>* cancel);

    /// Hands the place to whoever waits longest.
    void give_back() noexcept;

  private:
    struct Waiter {
        std::condition_variable woken;
        bool given = false;
    };

    std::mutex mutex_;
    std::uint32_t free_;
    std::deque<Waiter*> queue_;  // bounded by the number of threads that call run()
};

}  // namespace consent
