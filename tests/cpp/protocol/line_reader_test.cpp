// Tests of wire::LineReader: a stream cut anywhere gives the same lines, and no line takes more than its bound.
#include <rapidcheck.h>
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "consent/wire.hpp"

using consent::wire::Fault;
using consent::wire::LineReader;
using consent::wire::Malformed;
using consent::wire::max_line;
using Lines = std::vector<std::variant<std::string, Malformed>>;

namespace {

Lines read(std::string_view bytes, std::size_t step) {
    LineReader reader;
    Lines lines;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
        reader.feed(bytes.substr(0, step), lines);
        REQUIRE(reader.pending() <= max_line);
    }
    return lines;
}

bool too_long(const Lines::value_type& line) {
    return std::holds_alternative<Malformed>(line) && std::get<Malformed>(line).fault == Fault::too_long;
}

}  // namespace

TEST_CASE("a stream cut anywhere gives the same lines") {
    const std::string text = "\none\n\ntwo\r\n\n\xff\n" + std::string("a\0b", 3) + "\nunfinished";
    const Lines expected{"one", "two\r", "\xff", std::string("a\0b", 3)};
    for (std::size_t step = 1; step <= text.size(); ++step) { CHECK(read(text, step) == expected); }
}

TEST_CASE("an unfinished line is held, and forgotten on demand") {
    LineReader reader;
    Lines lines;
    reader.feed("half", lines);
    CHECK(lines.empty());
    CHECK(reader.pending() == 4);
    reader.reset();
    CHECK(reader.pending() == 0);
    reader.feed("whole\n", lines);
    CHECK(lines == Lines{"whole"});
}

TEST_CASE("the longest line is read, a longer one dropped, reported once, and reading goes on") {
    for (const std::size_t step : {std::size_t{1}, std::size_t{4096}, std::size_t{65536}, std::size_t{1000000}}) {
        CAPTURE(step);
        const std::string longest(max_line, 'x');
        CHECK(read(longest + "\nnext\n", step) == Lines{longest, "next"});
        const Lines lines =
            read("before\n" + std::string(3 * max_line, 'x') + "\nnext\n" + longest + "x\nlast\n", step);
        REQUIRE(lines.size() == 5);
        CHECK(lines[0] == Lines::value_type("before"));
        CHECK(too_long(lines[1]));
        CHECK(lines[2] == Lines::value_type("next"));
        CHECK(too_long(lines[3]));
        CHECK(lines[4] == Lines::value_type("last"));
    }
}

TEST_CASE("a line being dropped is forgotten on demand, too") {
    LineReader reader;
    Lines lines;
    reader.feed(std::string(max_line + 1, 'x'), lines);
    REQUIRE(lines.size() == 1);
    reader.reset();
    reader.feed("whole\n", lines);
    CHECK(lines.back() == Lines::value_type("whole"));
}

TEST_CASE("1 GiB without a newline takes constant memory") {
    LineReader reader;
    Lines lines;
    const std::string chunk(std::size_t{1} << 20U, 'x');
    for (int i = 0; i < 1024; ++i) {
        reader.feed(chunk, lines);
        REQUIRE(reader.pending() == 0);
    }
    REQUIRE(lines.size() == 1);
    CHECK(too_long(lines[0]));
    reader.feed("\nnext\n", lines);
    CHECK(lines.back() == Lines::value_type("next"));
}

TEST_CASE("any stream, cut at random, gives its lines") {
    CHECK(rc::check([](const std::vector<std::string>& parts) {
        LineReader whole;
        LineReader pieces;
        Lines one;
        Lines many;
        std::string all;
        for (const std::string& part : parts) {
            pieces.feed(part, many);
            all += part;
        }
        whole.feed(all, one);
        RC_ASSERT(one == many);
    }));
}
