// See text.hpp.
#include "text.hpp"

#include <algorithm>

namespace consent {
namespace {

bool continues(char c) noexcept { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

/// How many bytes the first `characters` characters of `text` take. Of what is not UTF-8, at most four a character.
std::size_t bytes_of(std::string_view text, std::size_t characters) noexcept {
    std::size_t bytes = 0;
    for (std::size_t n = 0; n < characters && bytes < text.size(); ++n) {
        ++bytes;
        for (int more = 0; more < 3 && bytes < text.size() && continues(text[bytes]); ++more) { ++bytes; }
    }
    return bytes;
}

}  // namespace

std::string_view head(std::string_view text, std::size_t bytes) noexcept {
    if (text.size() <= bytes) { return text; }
    while (bytes > 0 && continues(text[bytes])) {
        --bytes;  // text[bytes] continues a character that began before
    }
    return text.substr(0, bytes);
}

std::string one_line(std::string_view text, std::size_t characters) {
    static constexpr std::string_view mark = "...";
    std::string line;
    if (const std::size_t whole = bytes_of(text, characters); whole == text.size()) {
        line = text;
    } else if (characters <= mark.size()) {
        line = text.substr(0, whole);
    } else {
        line = text.substr(0, bytes_of(text, characters - mark.size()));
        line += mark;
    }
    std::ranges::replace_if(
        line, [](char c) { return static_cast<unsigned char>(c) < 0x20U || c == 0x7f; }, '?');
    return line;
}

std::string quoted(std::string_view text, std::size_t characters) {
    std::string line = one_line(text, characters);
    std::ranges::replace(line, '"', '\'');
    return '"' + line + '"';
}

}  // namespace consent
