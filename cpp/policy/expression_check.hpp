// Says what is wrong with an expression for the fact that it is to meet, where the engine would take it and never find it true:
// a unit that is not the fact's, text where a number stands, an operator that there is not.
//
// Must not know rules, files.
#pragma once

#include "consent/facts.hpp"
#include "schema.hpp"

namespace consent::policy {

/// Returns the expression in `field`, which is to meet `fact`. Throws PolicyError when it is no text, cannot be read, or can
/// never hold for a fact of that type and unit.
[[nodiscard]] const std::string& read_expression(const Field& field, const Fact& fact);

}  // namespace consent::policy
