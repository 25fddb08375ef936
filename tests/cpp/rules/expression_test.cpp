// Tests of the expressions by hand: each operator, the grammar's quirks, what faults, and the bounds. corpus.py compares with
// oslo.utils itself; what is written here was seen there.
#include "consent/expression.hpp"

#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

using namespace consent;

namespace {

constexpr auto yes = Truth::yes;
constexpr auto no = Truth::no;

struct Row {
    std::string expression;
    std::string value;
    Truth truth;
};

void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
        CAPTURE(row.expression, row.value);
        CHECK(Expression(row.expression).match(row.value) == Match{row.truth, Fault::none});
    }
}

struct FaultRow {
    std::string expression;
    std::string value;
    Fault fault;
};

void check_faults(const std::vector<FaultRow>& rows) {
    for (const FaultRow& row : rows) {
        CAPTURE(row.expression, row.value);
        const Match match = Expression(row.expression).match(row.value);
        CHECK(to_string(match.fault) == to_string(row.fault));
        CHECK(match.truth == Truth::unknown);
    }
}

}  // namespace

TEST_CASE("numbers") {
    check({
        {"= 10", "10", yes},
        {"= 10", "11", yes},
        {"= 10", "9", no},  // means >=
        {"== 10", "10.0", yes},
        {"== 10", "11", no},
        {"!= 10", "11", yes},
        {"!= 10", "1e1", no},
        {"< 10", "9", yes},
        {"< 10", "10", no},
        {"<= 10", "10", yes},
        {"<= 10", "11", no},
        {"> 10", "11", yes},
        {"> 10", "10", no},
        {">= 10", "10", yes},
        {">= 10", "9", no},
        {">=60", "60", yes},       // no blank needed
        {">= 60 MiB", "60", yes},  // the rest is ignored
        {"== 1_000", "1000", yes},
        {"== 0.1", "0.1000000000000000055511151231257827", yes},
        {"== inf", "1e999", yes},
        {"== nan", "nan", no},
        {"!= nan", "nan", yes},
        {"> 0", "1e-400", no},
        {"== 12", "\u0661\u0662", yes},
        {"== 12", "\u2003 12\u00a0", yes},
        {"== -0", "0", yes},
        {"== 1.7976931348623157e308", "1.7976931348623158e308", yes},
        {"== 0", "0e99999999999999999999", yes},
        {"< 1e400", "1e308", yes},
    });
    check_faults({
        {"== 10", "ten", Fault::value_not_a_number},
        {"== 10", "", Fault::value_not_a_number},
        {"== 10", "0x0a", Fault::value_not_a_number},
        {"== 10", "1__0", Fault::value_not_a_number},
        {"== 10", "10_", Fault::value_not_a_number},
        {"== 10", "+ 10", Fault::value_not_a_number},
        {"== 10",
         "\x1c"
         "10",
         Fault::value_not_a_number},
        {"== 10", std::string("10\0", 3), Fault::value_not_a_number},
        {"== ten", "10", Fault::word_not_a_number},
    });
}

TEST_CASE("text") {
    check({
        {"s== abc", "abc", yes},
        {"s== abc", "ab", no},
        {"s!= abc", "ab", yes},
        {"s!= abc", "abc", no},
        {"s< b", "a", yes},
        {"s< b", "b", no},
        {"s<= b", "b", yes},
        {"s<= b", "c", no},
        {"s> b", "c", yes},
        {"s> b", "b", no},
        {"s>= b", "b", yes},
        {"s>= b", "a", no},
        {"s> 9", "10", no},                // as text
        {"s< \U0001f600", "\uffff", yes},  // by characters, not by UTF-16
        {"s== 10 20", "10", yes},
        {"s= 10", "s=", yes},  // no operator: a word
    });
}

TEST_CASE("no operator: the first word; what cannot be read: the whole text") {
    check({
        {"abc", "abc", yes},
        {"abc", "abcd", no},
        {" abc def ", "abc", yes},
        {"abc def", "abc def", no},
        {"a<or>b", "a<or>b", yes},
        {"", "", yes},
        {"  ", "  ", yes},
        {"  ", "", no},
        {"===60", "===60", yes},
        {"===60", "60", no},
        {"<in>", "<in>", yes},
        {">=", ">=", yes},
        {"== == 5", "== == 5", yes},
        {">= \u00a0"
         "5",
         ">= \u00a0"
         "5",
         yes},  // the grammar skips blank, tab and line end alone
        {"\u00a0"
         "a",
         "\u00a0"
         "a",
         yes},
        {"\u00a0"
         "a",
         "a", no},
        {"a\u2003"
         "b",
         "a", yes},
    });
}

TEST_CASE("parts and alternatives") {
    check({
        {"<in> gcc", "x gcc y", yes},
        {"<in> gcc", "gc c", no},
        {"<in> gcc cc", "gcc", yes},
        {"<in> a", "", no},
        {"<in>gcc", "gcc", yes},
        {"<or> a <or> b", "b", yes},
        {"<or> a <or> b", "c", no},
        {"<or> a b", "b", no},
        {"<or>a<or> b", "a<or>", yes},
        {"<or> a <or> <or> b", "b", no},
        {"<or> a <or> <or> b", "a", yes},
    });
    check_faults({
        {"<or> <or> a", "a", Fault::word_not_a_number},  // read as "<" and the word "or>"
        {"<or>", "a", Fault::word_not_a_number},
    });
}

TEST_CASE("all of a list") {
    check({
        {"<all-in> aes", "['aes', 'mmx']", yes},
        {"<all-in> aes mmx", "['mmx', 'aes']", yes},
        {"<all-in> aes sse", "['aes', 'mmx']", no},
        {"<all-in> aes", "[]", no},
        {"<all-in> a a", "['a']", yes},
        {"<all-in> 1", "[1]", no},  // a word equals text alone
        {"<all-in> 1", "['1', 1, None, (2,), {'k': [b'1']}]", yes},
        {"<all-in> a <or> b", "['a']", yes},  // ends where an operator begins
        {"<all-in> \u00e9", "['\\xe9']", yes},
        {"<all-in> ab", "['a' \"b\"]", yes},
        {"<all-in> a", "(['a'])", yes},
    });
    check_faults({
        {"<all-in> a", "a", Fault::value_not_a_literal},
        {"<all-in> a", "['a'", Fault::value_not_a_literal},
        {"<all-in> a", "('a',)", Fault::value_not_a_list},
        {"<all-in> a", "'a'", Fault::value_not_a_list},
        {"<all-in> a", "['\\N{BULLET}']", Fault::literal_named_escape},
        {"<all-in>", "['a']", Fault::word_not_a_number},  // read as "<" and "all-in>"
    });
}

TEST_CASE("ranges") {
    check({
        {"<range-in> [ 10 20 ]", "10", yes},
        {"<range-in> [ 10 20 ]", "20", yes},
        {"<range-in> ( 10 20 ]", "10", no},
        {"<range-in> ( 10 20 )", "20", no},
        {"<range-in> [ 10 20 )", "19.9", yes},
        {"<range-in> [ 10 20 ]", "21", no},
        {"<range-in> [ 10 20 ]", "'15'", yes},
        {"<range-in> [ 10 20 ]", "b'15'", yes},
        {"<range-in> [ 0 1 ]", "True", yes},
        {"<range-in> [ 10 20 ]", "0xf", yes},
        {"<range-in> [ -5 5 ]", "-5", yes},
        {"<range-in> [ 10 20 ] x", "15", yes},
        {"<range-in> [ nan 20 ]", "15", no},
    });
    check_faults({
        {"<range-in> [ 20 10 ]", "15", Fault::range_reversed},
        {"<range-in> { 10 20 }", "15", Fault::range_brackets},
        {"<range-in> [ a 20 ]", "15", Fault::word_not_a_number},
        {"<range-in> [ 10 20 ]", "015", Fault::value_not_a_literal},
        {"<range-in> [ 10 20 ]", "[15]", Fault::value_not_a_number},
        {"<range-in> [ 10 20 ]", "None", Fault::value_not_a_number},
        {"<range-in> [ 10 20 ]", "15j", Fault::value_not_a_number},
        {"<range-in> [10 20]", "15", Fault::word_not_a_number},
        {"<range-in> [ 10 20 ]", std::string(400, '9'), Fault::value_out_of_range},
    });
    CHECK(Expression("<range-in> [ 10 20 ]").match("9" + std::string(308, '9') + ".").truth == no);  // a float: inf
}

TEST_CASE("the bounds are named, one byte on either side") {
    CHECK(Expression(std::string(max_expression_bytes, 'a')).match(std::string(max_expression_bytes, 'a')).truth ==
          yes);
    CHECK(Expression(std::string(max_expression_bytes + 1, 'a')).fault() == Fault::expression_too_long);
    CHECK(Expression("a").match(std::string(max_value_bytes, 'a')).truth == no);
    CHECK(Expression("a").match(std::string(max_value_bytes + 1, 'a')).fault == Fault::value_too_long);
    CHECK(Expression("\xff").match("a").fault == Fault::expression_not_utf8);
    CHECK(Expression("a").match("\xed\xa0\x80").fault == Fault::value_not_utf8);
    const auto nested = [](std::size_t depth) { return std::string(depth, '[') + "'a'" + std::string(depth, ']'); };
    CHECK(Expression("<all-in> a").match(nested(max_literal_depth)) == Match{no, Fault::none});
    CHECK(Expression("<all-in> a").match(nested(max_literal_depth + 1)).fault == Fault::literal_too_deep);
    CHECK(Expression("<all-in> a").match(std::string(60000, '[')).fault == Fault::literal_too_deep);
    CHECK(Expression("<all-in> a").match(std::string(60000, '(')).fault == Fault::literal_too_deep);
}

TEST_CASE("what reads otherwise than expected is remarked") {
    for (const std::string text : {"= 10", "a b", ">= 10 MiB", "== ten", "== == 5", "<in> a", "<or> a b"}) {
        CAPTURE(text);
        CHECK(Expression(text).remarks().size() == 1);
    }
    for (const std::string text : {">= 10", "a", "s== x", "<or> a <or> b", "<all-in> a b", "<range-in> [ 1 2 ]"}) {
        CAPTURE(text);
        CHECK(Expression(text).remarks().empty());
    }
}

TEST_CASE("any text is an expression, any text a value; unknown exactly with a fault") {
    CHECK(rc::check("total", [](const std::string& tail, const std::string& value) {
        const auto op =
            *rc::gen::element<std::string>("", "=", "<in>", "<all-in> a ", "<or>", "<range-in> [ 1 2 ] ", "s<", "<");
        const auto wrapped = *rc::gen::element<std::string>("", "['", "[", "(", "{", "-", "b'", "0x");
        const Expression expression(op + tail);
        const Match match = expression.match(wrapped + value);
        RC_ASSERT((match.truth == Truth::unknown) == (match.fault != Fault::none));
        RC_ASSERT(expression.fault() == Fault::none || match.fault == expression.fault());
    }));
}

TEST_CASE("opposites are opposite") {
    CHECK(rc::check("!= and ==, < and >=, > and <=", [](double a, double b) {
        const std::string word = std::to_string(a);
        const std::string value = std::to_string(b);
        const auto holds = [&](const std::string& op) { return Expression(op + " " + word).match(value).truth == yes; };
        RC_ASSERT(holds("==") != holds("!="));
        RC_ASSERT(holds("<") != holds(">="));
        RC_ASSERT(holds(">") != holds("<="));
        RC_ASSERT(holds("=") == holds(">="));
        RC_ASSERT(holds("s<") != holds("s>="));
    }));
}
