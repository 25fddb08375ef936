// Decoding of UTF-8 that trusts nothing: one code point at a time, or the news that there is none.
//
// Pure. Must not know what the text is for.
#pragma once

#include <cstddef>
#include <string_view>

namespace consent::utf8 {

/// A code point and the bytes that spell it.
struct Decoded {
    char32_t point = 0;
    std::size_t length = 0;  ///< 1 to 4; 0: the text does not begin with well-formed UTF-8
};

/// The code point at the start of `text`. Overlong forms, surrogates and values above U+10FFFF are not well-formed
/// (RFC 3629). `text` empty: length 0.
[[nodiscard]] Decoded decode(std::string_view text) noexcept;

/// Offset of the first byte that is not well-formed UTF-8; npos when all of it is.
[[nodiscard]] std::size_t find_ill_formed(std::string_view text) noexcept;

/// Number of code points of well-formed text.
[[nodiscard]] std::size_t length(std::string_view text) noexcept;

}  // namespace consent::utf8
