// Characters as Python's str sees them: UTF-8 decoded, which are white space, which are decimal digits.
//
// Must not know: expressions, literals.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace consent::characters {

/// Whether `text` is UTF-8: no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

/// The character at `at` of UTF-8 text, and past it in `at`.
[[nodiscard]] char32_t next(std::string_view text, std::size_t& at) noexcept;

/// Appends `c` (also a surrogate, which no valid text equals then).
void append(std::string& text, char32_t c);

/// str.isspace(): what \s matches.
[[nodiscard]] bool is_space(char32_t c) noexcept;

/// 0 to 9 for a decimal digit of any script (Unicode 14, Python 3.11), else -1.
[[nodiscard]] int decimal(char32_t c) noexcept;

}  // namespace consent::characters
