// Clock_steady: the Clock port over the system's monotonic clock.
#include "consent/runner.hpp"

namespace consent {
namespace {

class ClockSteady final : public Clock {
  public:
    [[nodiscard]] TimePoint now() const override {
        return std::chrono::time_point_cast<milliseconds>(std::chrono::steady_clock::now());
    }
};

}  // namespace

std::shared_ptr<Clock> make_steady_clock() { return std::make_shared<ClockSteady>(); }

}  // namespace consent
