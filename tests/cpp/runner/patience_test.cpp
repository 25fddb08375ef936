// Who missed a deadline is remembered for 60 s, by the time given, for a bounded number of voters; and the text
// helpers.
#include "patience.hpp"

#include <catch2/catch_test_macros.hpp>

#include "text.hpp"

namespace {

using namespace consent;

TimePoint at(long ms) { return TimePoint(milliseconds(ms)); }

TEST_CASE("patience: for 60 s from the deadline missed last, or until an answer") {
    Patience patience;
    CHECK_FALSE(patience.missed_at("a", at(0)));
    patience.missed("a", at(1000));
    CHECK(patience.missed_at("a", at(1000)) == at(1000));
    CHECK_FALSE(patience.missed_at("b", at(1000)));
    patience.missed("a", at(2000));
    CHECK(patience.missed_at("a", at(61999)) == at(2000));
    CHECK_FALSE(patience.missed_at("a", at(62000)));
    patience.missed("a", at(70000));
    patience.answered("a");
    CHECK_FALSE(patience.missed_at("a", at(70000)));
}

TEST_CASE("patience: bounded; what is over goes first, then what is oldest") {
    Patience patience(2);
    patience.missed("old", at(0));
    patience.missed("a", at(60000));
    patience.missed("b", at(60001));  // "old" is over by now
    CHECK(patience.missed_at("a", at(60001)));
    CHECK(patience.missed_at("b", at(60001)));
    patience.missed("c", at(60002));
    CHECK_FALSE(patience.missed_at("a", at(60002)));
    CHECK(patience.missed_at("b", at(60002)));
    CHECK(patience.missed_at("c", at(60002)));
}

TEST_CASE("text: cut between characters, one line, quotes that cannot be left") {
    CHECK(head("abc", 3) == "abc");
    CHECK(head("abcd", 3) == "abc");
    CHECK(head("a\xc3\xa4z", 2) == "a");     // the umlaut has two bytes
    CHECK(head("\x80\x80\x80", 2).empty());  // not UTF-8 at all: cut all the same
    CHECK(one_line("a\nb\x1b[31m\x7f", 100) == "a?b?[31m?");
    CHECK(one_line("abcdefgh", 6) == "abc...");
    CHECK(one_line("abcdefgh", 2) == "ab");
    CHECK(one_line("", 0).empty());
    CHECK(one_line("\xc3\xa4\xc3\xa4", 2) == "\xc3\xa4\xc3\xa4");  // characters count, not bytes
    CHECK(one_line("\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4", 4) == "\xc3\xa4...");
    CHECK(one_line(std::string(100, '\x80'), 10).size() <= 40);  // no UTF-8: bounded all the same
    CHECK(quoted(R"(no" allowed by "admin)", 100) == R"("no' allowed by 'admin")");
}

}  // namespace
