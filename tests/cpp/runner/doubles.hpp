// Test doubles of the runner's ports: a clock that moves only when somebody waits, and voters that follow a script.
//
// A round of 20 seconds takes no time here, and each event comes at an exact millisecond.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "consent/runner.hpp"

namespace consent::test {

/// Moves only when it is told to.
class FakeClock final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override { return TimePoint(milliseconds(ms_.load())); }
    void forward_to(TimePoint then) {
        if (then > now()) { ms_ = then.time_since_epoch().count(); }
    }
    void forward(milliseconds by) { ms_ += by.count(); }

  private:
    std::atomic<std::int64_t> ms_{1000000};
};

/// One line of a script: what comes, and when. An act instead of an event happens while the runner waits.
struct Line {
    milliseconds after{0};  ///< from open() for VotersIdentified and what stands before it, else from request()
    InquiryEvent event{VoterWithdrew{0}};
    std::function<void()> act{};
};

/// What a scripted port was told, for the test to look at.
struct Seen {
    int opened = 0;
    int requested = 0;
    int ended = 0;
    Inquiry inquiry;
};

class ScriptedVoices final : public Voices {
  public:
    ScriptedVoices(std::vector<Line> script, FakeClock& clock, Seen& seen)
        : script_(std::move(script)), clock_(clock), seen_(seen), from_(clock.now()) {}
    ~ScriptedVoices() override { ++seen_.ended; }
    ScriptedVoices(const ScriptedVoices&) = delete;
    ScriptedVoices& operator=(const ScriptedVoices&) = delete;

    void request() override {
        ++seen_.requested;
        from_ = clock_.now();
    }

    std::optional<InquiryEvent> next(TimePoint until) override {
        if (at_ == script_.size() || from_ + script_[at_].after > until) {
            clock_.forward_to(until);
            return std::nullopt;
        }
        Line& line = script_[at_++];
        clock_.forward_to(from_ + line.after);
        if (line.act) {
            line.act();
            return std::nullopt;
        }
        return std::move(line.event);
    }

  private:
    std::vector<Line> script_;
    FakeClock& clock_;
    Seen& seen_;
    TimePoint from_;
    std::size_t at_ = 0;
};

class ScriptedVoters final : public Voters {
  public:
    ScriptedVoters(std::shared_ptr<FakeClock> clock, std::vector<Line> lines)
        : clock_(std::move(clock)), script(std::move(lines)) {}

    std::unique_ptr<Voices> open(const Inquiry& inquiry) override {
        ++seen.opened;
        seen.inquiry = inquiry;
        if (refuse_to_open) { return nullptr; }
        return std::make_unique<ScriptedVoices>(script, *clock_, seen);
    }

  private:
    std::shared_ptr<FakeClock> clock_;

  public:
    std::vector<Line> script;  ///< of each round to come
    bool refuse_to_open = false;
    Seen seen;
};

inline Voter guest(const std::string& id) { return {.id = id, .name = "name-of-" + id, .project = "p"}; }

inline VotersIdentified guests(std::size_t n) {
    VotersIdentified event;
    for (std::size_t i = 0; i < n; ++i) { event.voters.push_back(guest("guest-" + std::to_string(10000 + i))); }
    return event;
}

inline Spoken hypervisor(const std::string& name, Answer answer, const std::string& because = "") {
    return {.voter = {.id = name, .name = name, .project = "", .kind = VoterKind::hypervisor},
            .answer = answer,
            .because = because};
}

}  // namespace consent::test
