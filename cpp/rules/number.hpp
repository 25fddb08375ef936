// Numbers as Python's float() reads them from text.
//
// Must not know: expressions, literals.
#pragma once

#include <optional>
#include <string_view>

namespace consent {

/// float(text) of a str (UTF-8): white space around, digits of any script, underscores between digits, inf, infinity, nan,
/// overflow to inf. Nothing where Python raises ValueError.
[[nodiscard]] std::optional<double> number_of(std::string_view text);

/// float(text) of bytes: likewise, ASCII alone.
[[nodiscard]] std::optional<double> number_of_ascii(std::string_view text);

/// Digits with optional point and exponent, no sign, no underscore, at least one digit, nothing else: the nearest double,
/// inf when beyond.
[[nodiscard]] double nearest_double(std::string_view digits);

}  // namespace consent
