// Rules and standing policies as Python holds them. Immutable: any thread may use them without the GIL.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "consent/standing.hpp"
#include "register.hpp"

namespace consent::python {

/// A RuleSet that Python holds.
struct Rules {
    std::shared_ptr<const RuleSet> set;
};

/// Compiles rules that a text was read into. Throws PolicyError.
[[nodiscard]] Rules compile(const std::vector<StandingRule>& rules, const std::string& origin);

}  // namespace consent::python
