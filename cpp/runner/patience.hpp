// Patience: who missed a deadline lately. Such a voter is asked again, but no round waits for it, or one dead guest
// would cost every migration to its host the whole deadline.
//
// Must not read a clock.
#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "consent/runner.hpp"

namespace consent {

class Patience {
  public:
    /// Remembers at most `max_voters_kept`; one more takes the place of the one that missed its deadline longest ago.
    explicit Patience(std::size_t max_voters_kept = 4096) : max_(max_voters_kept) {}

    /// The voter was waited for and did not answer.
    void missed(const std::string& voter, TimePoint now);
    /// The voter answered: it is waited for again.
    void answered(const std::string& voter);
    /// When it missed the deadline for which it is not waited for at `now`; nothing when it is waited for.
    [[nodiscard]] std::optional<TimePoint> missed_at(const std::string& voter, TimePoint now);

  private:
    const std::size_t max_;
    std::mutex mutex_;
    std::unordered_map<std::string, TimePoint> missed_;
};

}  // namespace consent
