#include "characters.hpp"

#include <algorithm>
#include <iterator>

namespace consent::characters {
namespace {

// The zeros of the scripts' digits; the other nine follow each.
constexpr char32_t zeros[] = {
    0x0030,  0x0660,  0x06f0,  0x07c0,  0x0966,  0x09e6,  0x0a66,  0x0ae6,  0x0b66,  0x0be6,  0x0c66,
    0x0ce6,  0x0d66,  0x0de6,  0x0e50,  0x0ed0,  0x0f20,  0x1040,  0x1090,  0x17e0,  0x1810,  0x1946,
    0x19d0,  0x1a80,  0x1a90,  0x1b50,  0x1bb0,  0x1c40,  0x1c50,  0xa620,  0xa8d0,  0xa900,  0xa9d0,
    0xa9f0,  0xaa50,  0xabf0,  0xff10,  0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0,
    0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x16a60,
    0x16ac0, 0x16b50, 0x1d7ce, 0x1d7d8, 0x1d7e2, 0x1d7ec, 0x1d7f6, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
};
static_assert(std::is_sorted(std::begin(zeros), std::end(zeros)));

constexpr bool follows(unsigned char byte) noexcept { return (byte & 0xc0U) == 0x80U; }

}  // namespace

bool is_utf8(std::string_view text) noexcept {
    const auto byte = [&](std::size_t at) -> unsigned char {
        return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    for (std::size_t at = 0; at < text.size();) {
        const unsigned char first = byte(at);
        const unsigned char second = byte(at + 1);
        if (first < 0x80) {
            at += 1;
        } else if (first >= 0xc2 && first <= 0xdf && follows(second)) {
            at += 2;
        } else if (first >= 0xe0 && first <= 0xef && follows(second) && follows(byte(at + 2)) &&
                   !(first == 0xe0 && second < 0xa0) && !(first == 0xed && second > 0x9f)) {
            at += 3;
        } else if (first >= 0xf0 && first <= 0xf4 && follows(second) && follows(byte(at + 2)) &&
                   follows(byte(at + 3)) && !(first == 0xf0 && second < 0x90) && !(first == 0xf4 && second > 0x8f)) {
            at += 4;
        } else {
            return false;
        }
    }
    return true;
}

char32_t next(std::string_view text, std::size_t& at) noexcept {
    const auto bits = [&] { return at < text.size() ? static_cast<unsigned char>(text[at++]) & 0x3fU : 0U; };
    const auto first = static_cast<unsigned char>(text[at++]);
    if (first < 0x80) { return first; }
    const int more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
    char32_t c = first & (more == 1 ? 0x1fU : more == 2 ? 0x0fU : 0x07U);
    for (int i = 0; i < more; ++i) { c = (c << 6U) | bits(); }
    return c;
}

void append(std::string& text, char32_t c) {
    const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(static_cast<unsigned char>(byte))); };
    if (c < 0x80) {
        put(c);
    } else if (c < 0x800) {
        put(0xc0U | (c >> 6U));
        put(0x80U | (c & 0x3fU));
    } else if (c < 0x10000) {
        put(0xe0U | (c >> 12U));
        put(0x80U | ((c >> 6U) & 0x3fU));
        put(0x80U | (c & 0x3fU));
    } else {
        put(0xf0U | (c >> 18U));
        put(0x80U | ((c >> 12U) & 0x3fU));
        put(0x80U | ((c >> 6U) & 0x3fU));
        put(0x80U | (c & 0x3fU));
    }
}

bool is_space(char32_t c) noexcept {
    return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

int decimal(char32_t c) noexcept {
    const auto* after = std::upper_bound(std::begin(zeros), std::end(zeros), c);
    if (after == std::begin(zeros)) { return -1; }
    const char32_t distance = c - *std::prev(after);
    return distance < 10 ? static_cast<int>(distance) : -1;
}

}  // namespace consent::characters
