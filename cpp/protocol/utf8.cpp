// Decoding of UTF-8: see utf8.hpp.
#include "utf8.hpp"

namespace consent::utf8 {

Decoded decode(std::string_view text) noexcept {
    if (text.empty()) { return {}; }
    const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) { return {lead, 1}; }
    std::size_t length = 0;
    char32_t point = 0;
    char32_t least = 0;  // below it, a shorter form exists: overlong
    if ((lead & 0xe0U) == 0xc0) {
        length = 2, point = lead & 0x1fU, least = 0x80;
    } else if ((lead & 0xf0U) == 0xe0) {
        length = 3, point = lead & 0x0fU, least = 0x800;
    } else if ((lead & 0xf8U) == 0xf0) {
        length = 4, point = lead & 0x07U, least = 0x10000;
    } else {
        return {};
    }
    if (text.size() < length) { return {}; }
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) { return {}; }
        point = (point << 6U) | (byte(i) & 0x3fU);
    }
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < least || point > 0x10ffff || surrogate) { return {}; }
    return {point, length};
}

std::size_t find_ill_formed(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const Decoded next = decode(text.substr(at));
        if (next.length == 0) { return at; }
        at += next.length;
    }
    return std::string_view::npos;
}

std::size_t length(std::string_view text) noexcept {
    std::size_t points = 0;
    for (const char c : text) { points += (static_cast<unsigned char>(c) & 0xc0U) != 0x80 ? 1 : 0; }
    return points;
}

}  // namespace consent::utf8
