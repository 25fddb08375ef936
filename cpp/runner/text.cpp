// See text.hpp.
#include "text.hpp"

#include <algorithm>

namespace consent {

std::string_view head(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) { return text; }
    while (bytes > 0 && (static_cast<unsigned char>(text[bytes]) & 0xc0U) == 0x80U) {
        --bytes;  // text[bytes] continues a character that began before
    }
    return text.substr(0, bytes);
}

std::string one_line(std::string_view text, std::size_t bytes) {
    static constexpr std::string_view mark = "...";
    std::string line;
    if (text.size() <= bytes) {
        line = text;
    } else if (bytes <= mark.size()) {
        line = head(text, bytes);
    } else {
        line = head(text, bytes - mark.size());
        line += mark;
    }
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7f; }, '?');
    return line;
}

std::string quoted(std::string_view text, std::size_t bytes) {
    std::string line = one_line(text, bytes);
    std::ranges::replace(line, '"', '\'');
    return '"' + line + '"';
}

}  // namespace consent
