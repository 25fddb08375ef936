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

/// Marks drawn over the character before them: a pile of them hides the lines around it.
constexpr std::array combining{
    Range{0x0300, 0x036f}, Range{0x0483, 0x0489}, Range{0x0591, 0x05bd}, Range{0x0610, 0x061a},
    Range{0x064b, 0x065f}, Range{0x06d6, 0x06dc}, Range{0x06df, 0x06e4}, Range{0x0730, 0x074a},
    Range{0x0e34, 0x0e3a}, Range{0x0e47, 0x0e4e}, Range{0x0eb4, 0x0ebc}, Range{0x0ec8, 0x0ece},
    Range{0x1ab0, 0x1aff}, Range{0x1dc0, 0x1dff}, Range{0x20d0, 0x20ff}, Range{0xfe20, 0xfe2f},
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
