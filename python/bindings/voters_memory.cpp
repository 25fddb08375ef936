// Voters whose answers were written down beforehand: see voters_memory.hpp.
#include "voters_memory.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <thread>
#include <utility>

namespace consent::python {
namespace {

bool contains(const std::vector<std::string>& ids, const std::string& id) {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// One round: an event stands ready from the start or is one that its voter's deadline brings.
class MemoryVoices : public Voices {
  public:
    MemoryVoices(InquiryEvent first, std::vector<std::optional<Line>> lines, milliseconds voter_deadline)
        : lines_(std::move(lines)), voter_deadline_(voter_deadline) {
        ready_.push_back(std::move(first));
    }

    void request() override {
        for (std::uint32_t voter = 0; voter < lines_.size(); ++voter) {
            if (const auto& line = lines_[voter]) {
                ready_.emplace_back(VoterAnswered{voter, line->answer, line->because});
            } else {
                silent_.emplace_back(VoterFellSilent{voter, "no answer within its deadline"});
            }
        }
        silence_ = now() + voter_deadline_;
    }

    std::optional<InquiryEvent> next(TimePoint until) override {
        if (ready_.empty() && !silent_.empty() && silence_ <= until) {
            std::this_thread::sleep_until(silence_);
            ready_.swap(silent_);
        }
        if (ready_.empty()) {
            if (!failed_) std::this_thread::sleep_until(until);
            return std::nullopt;
        }
        InquiryEvent event = std::move(ready_.front());
        ready_.pop_front();
        failed_ = std::holds_alternative<InquiryFailed>(event);
        return event;
    }

  private:
    static TimePoint now() { return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now()); }

    const std::vector<std::optional<Line>> lines_;
    const milliseconds voter_deadline_;
    std::deque<InquiryEvent> ready_;
    std::deque<InquiryEvent> silent_;
    TimePoint silence_{};
    bool failed_ = false;
};

}  // namespace

VotersMemory::VotersMemory(std::vector<Voter> voters, std::map<std::string, std::optional<Line>> lines,
                           std::optional<Line> fallback, std::optional<InquiryFailed> failure)
    : voters_([&] {
          std::sort(voters.begin(), voters.end(), [](const Voter& a, const Voter& b) { return a.id < b.id; });
          return std::move(voters);
      }()),
      lines_(std::move(lines)),
      fallback_(std::move(fallback)),
      failure_(std::move(failure)) {}

std::unique_ptr<Voices> VotersMemory::open(const Inquiry& inquiry) {
    {
        const std::lock_guard lock(mutex_);
        if (asked_.size() == max_asked) asked_.erase(asked_.begin());
        asked_.push_back(inquiry);
    }
    if (failure_) return std::make_unique<MemoryVoices>(*failure_, std::vector<std::optional<Line>>{}, milliseconds(0));
    VotersIdentified identified;
    std::vector<std::optional<Line>> lines;
    for (const Voter& voter : voters_) {
        if (contains(inquiry.select.exclude, voter.id)) continue;
        if (!inquiry.select.connected && !contains(inquiry.select.listed, voter.id)) continue;
        identified.voters.push_back(voter);
        identified.voters.back().kind = inquiry.select.role;
        const auto line = lines_.find(voter.id);
        lines.push_back(line == lines_.end() ? fallback_ : line->second);
    }
    return std::make_unique<MemoryVoices>(std::move(identified), std::move(lines), inquiry.voter_deadline);
}

std::vector<Inquiry> VotersMemory::asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
}

}  // namespace consent::python
