// Tests of wire::clean: what a reader is shown of foreign text.
#include <rapidcheck.h>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "../../../cpp/protocol/utf8.hpp"
#include "consent/wire.hpp"

using consent::wire::clean;

TEST_CASE("text that shows itself stays as it is") {
    for (const std::string text :
         {"", "backup runs until 04:00", "\"quoted\" \\n 'so'", "Größe – 5 €", "夜間バックアップ", "🚚 move", "é"}) {
        CHECK(clean(text) == text);
    }
}

TEST_CASE("what moves, hides or colours text becomes visible") {
    struct Row {
        std::string text;
        std::string shown;
    };
    const std::vector<Row> rows{
        {std::string("a\0b", 3), R"(a\x00b)"},
        {"a\nb\rc\td", R"(a\nb\rc\td)"},
        {"\x1b[2J\x07\x7f", R"(\x1b[2J\x07\x7f)"},
        {"\xc2\x9b"
         "31m",
         R"(\u009b31m)"},                     // C1 CSI
        {"\xc2\x85", R"(\u0085)"},            // next line
        {"\xe2\x80\xaegro", R"(\u202egro)"},  // right-to-left override
        {"\xe2\x81\xa6x\xe2\x81\xa9", R"(\u2066x\u2069)"},
        {"\xd8\x9c", R"(\u061c)"},  // Arabic letter mark
        {"a\xe2\x80\x8b"
         "b\xe2\x80\x8d"
         "c",
         R"(a\u200bb\u200dc)"},
        {"\xe2\x80\xa8\xe2\x80\xa9", R"(\u2028\u2029)"},
        {"\xc2\xad", R"(\u00ad)"},  // soft hyphen
        {"\xef\xbb\xbf", R"(\ufeff)"},
        {"\xe2\xa0\x80", R"(\u2800)"},          // blank braille
        {"\xe3\x85\xa4", R"(\u3164)"},          // Hangul filler
        {"x\xef\xb8\x8f", R"(x\ufe0f)"},        // variation selector
        {"\xee\x80\x80", R"(\ue000)"},          // private use
        {"\xef\xbf\xbf", R"(\uffff)"},          // no character
        {"\xf3\xa0\x81\x81", R"(\U000e0041)"},  // tag
        {"\xf1\x90\x80\x80", R"(\U00050000)"},  // a plane without characters
        {"\xff\xfe", R"(\xff\xfe)"},
        {"a\xc3", R"(a\xc3)"},                // cut in the middle
        {"\xc0\xaf", R"(\xc0\xaf)"},          // overlong
        {"\xed\xa0\x80", R"(\xed\xa0\x80)"},  // surrogate
        {"a\xc2\xa0"
         "b\xe3\x80\x80"
         "c",
         "a b c"},  // other spaces
        {"e\xcc\x81\xcc\x81\xcc\x81\xcc\x81", "e\xcc\x81\xcc\x81\\u0301\\u0301"},
        {"e\xe2\xb7\xa0\xe2\xb7\xa0\xe2\xb7\xa0", "e\xe2\xb7\xa0\xe2\xb7\xa0\\u2de0"},  // of another block
        {"e\xea\xa3\xa0\xe1\xb3\x90\xcc\x81", "e\xea\xa3\xa0\xe1\xb3\x90\\u0301"},      // of three blocks
    };
    for (const Row& row : rows) {
        CAPTURE(row.shown);
        CHECK(clean(row.text) == row.shown);
    }
}

TEST_CASE("the limit counts characters, and a cut is marked") {
    CHECK(clean(std::string(200, 'x')) == std::string(200, 'x'));
    CHECK(clean(std::string(201, 'x')) == std::string(197, 'x') + "...");
    std::string wide;
    for (int i = 0; i < 200; ++i) { wide += "夜"; }
    CHECK(clean(wide) == wide);
    CHECK(clean("abcdef", 5) == "ab...");
    CHECK(clean("abcde", 5) == "abcde");
    CHECK(clean("ab\x1b"
                "cd",
                8) == R"(ab\x1bcd)");
    CHECK(clean("ab\x1b"
                "cde",
                8) == "ab...");  // an escape is kept whole or not at all
    CHECK(clean("abcdef", 3) == "...");
    CHECK(clean("abcdef", 2) == "..");
    CHECK(clean("abcdef", 0).empty());
    CHECK(clean(std::string(std::size_t{1} << 24U, '\x1b'), 40).size() == 39);  // 9 escapes and dots
}

TEST_CASE("cleaning is bounded, well-formed, printable and final") {
    CHECK(rc::check([](const std::string& text) {
        const std::string shown = clean(text, 40);
        RC_ASSERT(consent::utf8::find_ill_formed(shown) == std::string::npos);
        RC_ASSERT(consent::utf8::length(shown) <= 40U);
        for (const char c : shown) { RC_ASSERT(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }
        RC_ASSERT(clean(shown, 40) == shown);
    }));
}

TEST_CASE("no code point gets through that takes no room or changes the line") {
    // Every code point that this project knows to be harmful, by range, independent of the table in clean.cpp.
    for (char32_t point = 0; point <= 0x10ffff; ++point) {
        if (point >= 0xd800 && point <= 0xdfff) { continue; }
        std::string text;
        if (point < 0x80) {
            text = {static_cast<char>(point)};
        } else if (point < 0x800) {
            text = {static_cast<char>(0xc0U | (point >> 6U)), static_cast<char>(0x80U | (point & 0x3fU))};
        } else if (point < 0x10000) {
            text = {static_cast<char>(0xe0U | (point >> 12U)), static_cast<char>(0x80U | ((point >> 6U) & 0x3fU)),
                    static_cast<char>(0x80U | (point & 0x3fU))};
        } else {
            text = {static_cast<char>(0xf0U | (point >> 18U)), static_cast<char>(0x80U | ((point >> 12U) & 0x3fU)),
                    static_cast<char>(0x80U | ((point >> 6U) & 0x3fU)), static_cast<char>(0x80U | (point & 0x3fU))};
        }
        const bool harmful = point < 0x20 || (point >= 0x7f && point < 0xa0) || (point >= 0x200b && point <= 0x200f) ||
                             (point >= 0x2028 && point <= 0x202e) || (point >= 0x2060 && point <= 0x206f) ||
                             (point & 0xfffeU) == 0xfffe || (point >= 0xe000 && point <= 0xf8ff) || point >= 0xe0000;
        const std::string shown = clean(text);
        if (harmful && shown.front() != '\\') {
            FAIL("U+" << std::hex << static_cast<unsigned>(point) << " is let through");
        }
        if (shown != text && shown != " " && shown.front() != '\\') {
            FAIL("U+" << std::hex << static_cast<unsigned>(point) << " becomes " << shown);
        }
    }
}
