// See patience.hpp.
#include "patience.hpp"

#include <algorithm>

namespace consent {

void Patience::missed(const std::string& voter, TimePoint now) {
    const std::lock_guard lock(mutex_);
    missed_.insert_or_assign(voter, now);
    if (missed_.size() <= max_) { return; }
    std::erase_if(missed_, [now](const auto& entry) { return entry.second + patience <= now; });
    if (missed_.size() > max_) {
        missed_.erase(std::ranges::min_element(missed_, {}, [](const auto& entry) { return entry.second; }));
    }
}

void Patience::answered(const std::string& voter) {
    const std::lock_guard lock(mutex_);
    missed_.erase(voter);
}

std::optional<TimePoint> Patience::missed_at(const std::string& voter, TimePoint now) {
    const std::lock_guard lock(mutex_);
    const auto found = missed_.find(voter);
    if (found == missed_.end()) { return std::nullopt; }
    if (found->second + patience <= now) {
        missed_.erase(found);
        return std::nullopt;
    }
    return found->second;
}

}  // namespace consent
