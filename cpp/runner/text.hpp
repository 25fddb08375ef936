// Foreign text on its way to an admin: cut to a bound and made one printable line.
//
// The second line of defence behind wire::clean. Must not know whose words they are.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace consent {

/// The beginning of `text`, at most `bytes` bytes; no UTF-8 character is cut in two.
[[nodiscard]] std::string_view head(std::string_view text, std::size_t bytes) noexcept;

/// One printable line of at most `characters` characters (four bytes each at most): control characters become '?', a
/// cut is marked by "...".
[[nodiscard]] std::string one_line(std::string_view text, std::size_t characters);

/// `text` as one_line in double quotes; a quote in it becomes ' so that nothing in it can pass for its end.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t characters);

}  // namespace consent
