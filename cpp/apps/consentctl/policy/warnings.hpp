// What is allowed in rules and yet hardly meant.
//
// Pure. Must not know files.
#pragma once

#include <string>
#include <vector>

#include "consent/rules.hpp"
#include "given.hpp"

namespace consentctl {

/// One sentence about one rule.
struct Warning {
    std::string rule;
    std::string fact;  ///< empty: it is about the rule as a whole
    std::string text;  ///< what it means, and what to write instead
};

/// Expressions that read otherwise than they look, operators that do not fit a fact's type, facts that no host knows unless
/// `stated` has them, rules that are never reached; of a host's rules (`of_host`) those that hang, for the hypervisor, on what
/// only guests have. In the rules' order.
[[nodiscard]] std::vector<Warning> warnings(const consent::RuleSet& rules, const Facts& stated, bool of_host);

}  // namespace consentctl
