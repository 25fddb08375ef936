// Makes foreign text fit to be shown: see wire::clean.
//
// Pure. Must not know where the text is shown. What is let through is what a reader sees as itself: no code point that
// moves the cursor, changes colour, reverses the line, takes no room or is not a character at all.
#include <algorithm>
#include <array>
#include <cstdio>

#include "consent/wire.hpp"
#include "utf8.hpp"

namespace consent::wire {
namespace {

struct Range {
    char32_t first;
    char32_t last;
};

/// Code points that are escaped (Unicode 15.0: Cc, Cf, Zl, Zp, Co, Cs, Default_Ignorable_Code_Point, blanks that are not
/// spaces, and planes without characters). In order.
constexpr std::array escaped{
    Range{0x0000, 0x001f},   Range{0x007f, 0x009f},     // C0, DEL, C1
    Range{0x00ad, 0x00ad},                              // soft hyphen
    Range{0x034f, 0x034f},                              // combining grapheme joiner
    Range{0x0600, 0x0605},   Range{0x061c, 0x061c},     // Arabic number signs, letter mark
    Range{0x06dd, 0x06dd},   Range{0x070f, 0x070f},     // format characters of Arabic, Syriac
    Range{0x0890, 0x0891},   Range{0x08e2, 0x08e2},     //
    Range{0x115f, 0x1160},   Range{0x17b4, 0x17b5},     // Hangul fillers, Khmer inherent vowels
    Range{0x180b, 0x180f},                              // Mongolian selectors
    Range{0x200b, 0x200f},   Range{0x2028, 0x202e},     // zero width, line separators, embeddings
    Range{0x2060, 0x206f},                              // joiners, isolates, deprecated format
    Range{0x2800, 0x2800},   Range{0x3164, 0x3164},     // blank braille, Hangul filler
    Range{0xd800, 0xf8ff},                              // surrogates, private use
    Range{0xfdd0, 0xfdef},   Range{0xfe00, 0xfe0f},     // no characters, variation selectors
    Range{0xfeff, 0xfeff},   Range{0xffa0, 0xffa0},     // byte order mark, half-width filler
    Range{0xfff0, 0xffff},                              // specials
    Range{0x110bd, 0x110bd}, Range{0x110cd, 0x110cd},   // Kaithi number signs
    Range{0x13430, 0x1343f}, Range{0x1bca0, 0x1bca3},   // hieroglyph and shorthand format
    Range{0x1d173, 0x1d17a}, Range{0x1fffe, 0x1ffff},   // musical format, no characters
    Range{0x2fffe, 0x2ffff}, Range{0x3fffe, 0x10ffff},  // no characters, empty planes, tags, private use
};

/// Marks drawn over the character before them (Unicode 14.0: those with a combining class): a pile of them hides the
/// lines around it.
constexpr std::array combining{
    Range{0x0300, 0x036f},   Range{0x0483, 0x0489},   Range{0x0591, 0x05bd},   Range{0x05bf, 0x05bf},
    Range{0x05c1, 0x05c2},   Range{0x05c4, 0x05c5},   Range{0x05c7, 0x05c7},   Range{0x0610, 0x061a},
    Range{0x064b, 0x065f},   Range{0x0670, 0x0670},   Range{0x06d6, 0x06dc},   Range{0x06df, 0x06e4},
    Range{0x06e7, 0x06e8},   Range{0x06ea, 0x06ed},   Range{0x0711, 0x0711},   Range{0x0730, 0x074a},
    Range{0x07eb, 0x07f3},   Range{0x07fd, 0x07fd},   Range{0x0816, 0x0819},   Range{0x081b, 0x0823},
    Range{0x0825, 0x0827},   Range{0x0829, 0x082d},   Range{0x0859, 0x085b},   Range{0x0898, 0x089f},
    Range{0x08ca, 0x08e1},   Range{0x08e3, 0x08ff},   Range{0x093c, 0x093c},   Range{0x094d, 0x094d},
    Range{0x0951, 0x0954},   Range{0x09bc, 0x09bc},   Range{0x09cd, 0x09cd},   Range{0x09fe, 0x09fe},
    Range{0x0a3c, 0x0a3c},   Range{0x0a4d, 0x0a4d},   Range{0x0abc, 0x0abc},   Range{0x0acd, 0x0acd},
    Range{0x0b3c, 0x0b3c},   Range{0x0b4d, 0x0b4d},   Range{0x0bcd, 0x0bcd},   Range{0x0c3c, 0x0c3c},
    Range{0x0c4d, 0x0c56},   Range{0x0cbc, 0x0cbc},   Range{0x0ccd, 0x0ccd},   Range{0x0d3b, 0x0d3c},
    Range{0x0d4d, 0x0d4d},   Range{0x0dca, 0x0dca},   Range{0x0e34, 0x0e3a},   Range{0x0e47, 0x0e4e},
    Range{0x0eb4, 0x0ebc},   Range{0x0ec8, 0x0ece},   Range{0x0f18, 0x0f19},   Range{0x0f35, 0x0f35},
    Range{0x0f37, 0x0f37},   Range{0x0f39, 0x0f39},   Range{0x0f71, 0x0f7d},   Range{0x0f80, 0x0f84},
    Range{0x0f86, 0x0f87},   Range{0x0fc6, 0x0fc6},   Range{0x1037, 0x1037},   Range{0x1039, 0x103a},
    Range{0x108d, 0x108d},   Range{0x135d, 0x135f},   Range{0x1714, 0x1715},   Range{0x1734, 0x1734},
    Range{0x17d2, 0x17d2},   Range{0x17dd, 0x17dd},   Range{0x18a9, 0x18a9},   Range{0x1939, 0x193b},
    Range{0x1a17, 0x1a18},   Range{0x1a60, 0x1a60},   Range{0x1a75, 0x1a7f},   Range{0x1ab0, 0x1aff},
    Range{0x1b34, 0x1b34},   Range{0x1b44, 0x1b44},   Range{0x1b6b, 0x1b73},   Range{0x1baa, 0x1bab},
    Range{0x1be6, 0x1be6},   Range{0x1bf2, 0x1bf3},   Range{0x1c37, 0x1c37},   Range{0x1cd0, 0x1cd2},
    Range{0x1cd4, 0x1ce0},   Range{0x1ce2, 0x1ce8},   Range{0x1ced, 0x1ced},   Range{0x1cf4, 0x1cf4},
    Range{0x1cf8, 0x1cf9},   Range{0x1dc0, 0x1dff},   Range{0x20d0, 0x20ff},   Range{0x2cef, 0x2cf1},
    Range{0x2d7f, 0x2d7f},   Range{0x2de0, 0x2dff},   Range{0x302a, 0x302f},   Range{0x3099, 0x309a},
    Range{0xa66f, 0xa66f},   Range{0xa674, 0xa67d},   Range{0xa69e, 0xa69f},   Range{0xa6f0, 0xa6f1},
    Range{0xa806, 0xa806},   Range{0xa82c, 0xa82c},   Range{0xa8c4, 0xa8c4},   Range{0xa8e0, 0xa8f1},
    Range{0xa92b, 0xa92d},   Range{0xa953, 0xa953},   Range{0xa9b3, 0xa9b3},   Range{0xa9c0, 0xa9c0},
    Range{0xaab0, 0xaab0},   Range{0xaab2, 0xaab4},   Range{0xaab7, 0xaab8},   Range{0xaabe, 0xaabf},
    Range{0xaac1, 0xaac1},   Range{0xaaf6, 0xaaf6},   Range{0xabed, 0xabed},   Range{0xfb1e, 0xfb1e},
    Range{0xfe20, 0xfe2f},   Range{0x101fd, 0x101fd}, Range{0x102e0, 0x102e0}, Range{0x10376, 0x1037a},
    Range{0x10a0d, 0x10a0f}, Range{0x10a38, 0x10a3f}, Range{0x10ae5, 0x10ae6}, Range{0x10d24, 0x10d27},
    Range{0x10eab, 0x10eac}, Range{0x10f46, 0x10f50}, Range{0x10f82, 0x10f85}, Range{0x11046, 0x11046},
    Range{0x11070, 0x11070}, Range{0x1107f, 0x1107f}, Range{0x110b9, 0x110ba}, Range{0x11100, 0x11102},
    Range{0x11133, 0x11134}, Range{0x11173, 0x11173}, Range{0x111c0, 0x111c0}, Range{0x111ca, 0x111ca},
    Range{0x11235, 0x11236}, Range{0x112e9, 0x112ea}, Range{0x1133b, 0x1133c}, Range{0x1134d, 0x1134d},
    Range{0x11366, 0x11374}, Range{0x11442, 0x11442}, Range{0x11446, 0x11446}, Range{0x1145e, 0x1145e},
    Range{0x114c2, 0x114c3}, Range{0x115bf, 0x115c0}, Range{0x1163f, 0x1163f}, Range{0x116b6, 0x116b7},
    Range{0x1172b, 0x1172b}, Range{0x11839, 0x1183a}, Range{0x1193d, 0x1193e}, Range{0x11943, 0x11943},
    Range{0x119e0, 0x119e0}, Range{0x11a34, 0x11a34}, Range{0x11a47, 0x11a47}, Range{0x11a99, 0x11a99},
    Range{0x11c3f, 0x11c3f}, Range{0x11d42, 0x11d45}, Range{0x11d97, 0x11d97}, Range{0x16af0, 0x16af4},
    Range{0x16b30, 0x16b36}, Range{0x16ff0, 0x16ff1}, Range{0x1bc9e, 0x1bc9e}, Range{0x1d165, 0x1d169},
    Range{0x1d16d, 0x1d172}, Range{0x1d17b, 0x1d182}, Range{0x1d185, 0x1d18b}, Range{0x1d1aa, 0x1d1ad},
    Range{0x1d242, 0x1d244}, Range{0x1e000, 0x1e02a}, Range{0x1e130, 0x1e136}, Range{0x1e2ae, 0x1e2ae},
    Range{0x1e2ec, 0x1e2ef}, Range{0x1e8d0, 0x1e8d6}, Range{0x1e944, 0x1e94a},
};
constexpr std::size_t max_combining = 2;  // in a row; written languages need no more

/// Spaces of other widths, shown as plain ones.
constexpr std::array spaces{
    Range{0x00a0, 0x00a0}, Range{0x1680, 0x1680}, Range{0x2000, 0x200a},
    Range{0x202f, 0x202f}, Range{0x205f, 0x205f}, Range{0x3000, 0x3000},
};

template <std::size_t N>
constexpr bool in(const std::array<Range, N>& ranges, char32_t point) noexcept {
    const auto at = std::lower_bound(ranges.begin(), ranges.end(), point,
                                     [](const Range& range, char32_t value) { return range.last < value; });
    return at != ranges.end() && at->first <= point;
}

std::string escape(char32_t point) {
    switch (point) {
        case '\n': return "\\n";
        case '\r': return "\\r";
        case '\t': return "\\t";
        default: break;
    }
    const char* form = point < 0x80 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
    std::array<char, 16> out{};
    (void)std::snprintf(out.data(), out.size(), form, static_cast<unsigned>(point));
    return out.data();
}

std::string escape_byte(char byte) {
    std::array<char, 8> out{};
    (void)std::snprintf(out.data(), out.size(), "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
    return out.data();
}

}  // namespace

std::string clean(std::string_view text, std::size_t limit) {
    constexpr std::string_view dots = "...";
    const std::size_t keep = limit > dots.size() ? limit - dots.size() : 0;
    std::string out;
    std::size_t shown = 0;     // characters in out
    std::size_t cut_at = 0;    // bytes of out that stay if the text must be cut
    std::size_t combined = 0;  // combining marks in a row
    while (!text.empty()) {
        const utf8::Decoded next = utf8::decode(text);
        const std::size_t taken = std::max<std::size_t>(next.length, 1);
        combined = next.length != 0 && in(combining, next.point) ? combined + 1 : 0;
        std::string piece;
        if (next.length == 0) {
            piece = escape_byte(text.front());
        } else if (in(escaped, next.point) || combined > max_combining) {
            piece = escape(next.point);
        } else if (in(spaces, next.point)) {
            piece = " ";
        } else {
            piece = std::string(text.substr(0, taken));
        }
        text.remove_prefix(taken);
        shown += utf8::length(piece);
        if (shown > limit) {
            out.resize(cut_at);
            out += dots.substr(0, std::min(limit, dots.size()));
            return out;
        }
        out += piece;
        if (shown <= keep) { cut_at = out.size(); }
    }
    return out;
}

}  // namespace consent::wire
