// Tables and small words of consentctl's output. Must not know what they tell.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace consentctl {

/// Characters, not bytes, of well-formed UTF-8.
[[nodiscard]] std::size_t width(std::string_view text);

/// Columns padded to the widest cell, two blanks between, no blank at a line's end; `indent` blanks before each line.
/// Rows may have fewer cells than others.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, std::size_t indent = 0);

/// "1 host", "2 hosts"; `what` in the singular.
[[nodiscard]] std::string number_of(std::size_t count, std::string_view what);

/// The text fit for a terminal, whoever wrote it: in double quotes, what cannot be shown escaped, quotes in it made '.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace consentctl
