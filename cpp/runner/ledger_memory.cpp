// Ledger_memory: the Ledger port in this process's memory. What it holds is lost with the process, which is safe: a
// grant that is not found is asked for again.
//
// Must not read a clock: what is expired is judged by the time that the caller gives.
#include <algorithm>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "consent/runner.hpp"

namespace consent {
namespace {

class LedgerMemory final : public Ledger {
  public:
    explicit LedgerMemory(std::size_t max_grants) : max_grants_(max_grants) {
        if (max_grants == 0) { throw std::invalid_argument("max_grants must be at least 1"); }
    }

    Grant grant(Grant grant) override {
        const std::lock_guard lock(mutex_);
        grant.id = next_id_;
        Key key{grant.mover, grant.site};
        const bool takes_a_place = !grants_.contains(key);
        grants_.insert_or_assign(std::move(key), grant);
        ++next_id_;
        if (takes_a_place && grants_.size() > max_grants_) {
            // One too many: the earliest to expire goes, most likely one that is expired. Losing a grant is safe.
            grants_.erase(std::ranges::min_element(grants_, [&](const auto& a, const auto& b) {
                return std::pair(a.second.id == grant.id, a.second.expires) <
                       std::pair(b.second.id == grant.id, b.second.expires);
            }));
        }
        return grant;
    }

    std::optional<Grant> claim(const std::string& mover, const std::string& source, const std::string& site,
                               TimePoint now) override {
        const std::lock_guard lock(mutex_);
        forget_expired(now);
        const auto found = grants_.find(Key{mover, site});
        if (found == grants_.end() || found->second.source != source) { return std::nullopt; }
        Grant claimed = std::move(found->second);
        grants_.erase(found);
        return claimed;
    }

    std::size_t live(TimePoint now) override {
        const std::lock_guard lock(mutex_);
        forget_expired(now);
        return grants_.size();
    }

  private:
    using Key = std::pair<std::string, std::string>;  // mover, site

    void forget_expired(TimePoint now) {
        std::erase_if(grants_, [now](const auto& entry) { return entry.second.expires <= now; });
    }

    const std::size_t max_grants_;
    std::mutex mutex_;
    std::map<Key, Grant> grants_;
    std::uint64_t next_id_ = 1;
};

}  // namespace

std::shared_ptr<Ledger> make_memory_ledger(std::size_t max_grants) {
    return std::make_shared<LedgerMemory>(max_grants);
}

}  // namespace consent
