// The guest's rules: judged for each request, and told to a host that wants them.
//
// Must not know the channel, the applications.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consent/rules.hpp"
#include "consent/wire.hpp"

namespace consent::agent {

class Rules {
  public:
    /// `rules`: as a policy that was loaded has them.
    explicit Rules(const std::vector<StandingRule>& rules);

    /// The ruling on a request, by the guest's own clock in UTC. `ask`: applications and the default answer have the word.
    [[nodiscard]] Ruling judge(const wire::Request& request) const;
    [[nodiscard]] std::string_view name(const Ruling& ruling) const;

    [[nodiscard]] std::size_t size() const noexcept { return set_ ? set_->size() : 0; }
    /// As a hello tells them: a JSON list. "[]" when they do not fit in one: then the host asks instead.
    [[nodiscard]] const std::string& told() const noexcept { return told_; }
    /// Why they are not told; empty when they are.
    [[nodiscard]] const std::string& untold() const noexcept { return untold_; }

  private:
    std::optional<RuleSet> set_;  // nothing: no rules
    std::string told_ = "[]";
    std::string untold_;
};

/// What is known of a request. A mover under a pseudonym has no id that a rule could mean; a size of 0 is not known.
[[nodiscard]] FactSet facts_of(const wire::Request& request, std::int64_t seconds_since_epoch);

}  // namespace consent::agent
