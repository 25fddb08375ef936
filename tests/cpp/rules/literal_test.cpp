// Tests of Python's literals as ast.literal_eval takes them, through the two operators that read them.
#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "consent/expression.hpp"
#include "consent/facts.hpp"

using namespace consent;

TEST_CASE("lists that hold the word a") {
    const Expression holds_a("<all-in> a");
    for (const std::string list : {"['a']",
                                   " \t['a']",
                                   "\n['a']",
                                   "\f['a']",
                                   "# c\n['a']",
                                   "\\\n['a']",
                                   "['a']\n",
                                   "['a'] # c",
                                   "['a']\n  \n",
                                   "['a']\r\n",
                                   "['a',]",
                                   "['a',\n# c\n1]",
                                   "[\\\n'a']",
                                   "(['a'])",
                                   "[('a')]",
                                   "[u'a', R'b']",
                                   "['''a''']",
                                   "['\\141']",
                                   "['\\u0061']",
                                   "['\\U00000061']",
                                   "['\\\na']",
                                   "['a', ...]",
                                   "['a', set()]",
                                   "['a', ((set))()]",
                                   "['a', {1: [2]}]",
                                   "['a', {1, 'b', (2, 3)}]",
                                   "['a', -1+2j]",
                                   "['a', (1)+(2j)]",
                                   "['a', 01.5, 0_0, 00, 1_0]",
                                   "['a', rb'\\xff' b'x']",
                                   "['a', '\\q']",
                                   "['a', '\\ud800']"}) {
        CAPTURE(list);
        CHECK(holds_a.match(list) == Match{Truth::yes, Fault::none});
    }
}

TEST_CASE("what is no literal") {
    const Expression holds_a("<all-in> a");
    for (const std::string text : {"",
                                   " ",
                                   "\n ['a']",
                                   "['a']\n ",
                                   "['a'] \\\n",
                                   "['a'],,",
                                   "['a',,]",
                                   "[,]",
                                   "['a' 1]",
                                   "['a']['b']",
                                   "['a', x]",
                                   "['a', f'b']",
                                   "['a', ur'b']",
                                   "['a' b'b']",
                                   "['a', b'\xc3\xa9']",
                                   "['a\n']",
                                   "['a",
                                   "['\\x4']",
                                   "['\\U00110000']",
                                   "['a', 01]",
                                   "['a', 1__0]",
                                   "['a', 0x]",
                                   "['a', {[]}]",
                                   "['a', {[]: 1}]",
                                   "['a', {([],)}]",
                                   "['a', {1, 2: 3}]",
                                   "['a', --1]",
                                   "['a', -(-1)]",
                                   "['a', -True]",
                                   "['a', 1+2]",
                                   "['a', 1j+2j]",
                                   "['a', 1+-2j]",
                                   "['a', set(1)]",
                                   "['a', set]",
                                   "[*'a']",
                                   "['a' for x in y]",
                                   "['a', 1 if 1 else 2]",
                                   "['a']\x0b",
                                   "\xc2\xa0['a']",
                                   "['a', (,)]"}) {
        CAPTURE(text);
        CHECK(to_string(holds_a.match(text).fault) == "value_not_a_literal");
    }
    CHECK(holds_a.match(std::string("['a']\0", 6)).fault == Fault::value_not_a_literal);
    CHECK(holds_a.match("['a', " + std::string(4300, '1') + "]").truth == Truth::yes);
    CHECK(holds_a.match("['a', " + std::string(4301, '1') + "]").fault == Fault::value_not_a_literal);
}

TEST_CASE("large integers round to the nearest, half to even") {
    const auto equals = [](const std::string& bound, const std::string& value) {
        return Expression("<range-in> [ " + bound + " " + bound + " ]").match(value).truth == Truth::yes;
    };
    CHECK(equals("9007199254740992", "0x20000000000001"));
    CHECK(equals("9007199254740996", "0x20000000000003"));
    CHECK(equals("18446744073709551616", "0x10000000000000000"));
    CHECK(equals("18446744073709555712", "0x10000000000000801"));  // what fell off breaks the tie
    CHECK(equals("18446744073709551616", "0x10000000000000800"));
    CHECK(equals("9007199254740992", "9007199254740993"));
    CHECK(equals("511", "0o777"));
    CHECK(equals("5", "0b101"));
}

TEST_CASE("a list written by list_literal reads back as it was") {
    CHECK(list_literal({}) == "[]");
    CHECK(list_literal({"a", "it's", "\\", "\n\x7f"}) == "['a', 'it\\'s', '\\\\', '\\x0a\\x7f']");
    CHECK(rc::check("round trip", [] {
        const auto word = rc::gen::nonEmpty(rc::gen::container<std::string>(rc::gen::inRange('!', '~')));
        const auto words = *rc::gen::nonEmpty(rc::gen::container<std::vector<std::string>>(word));
        for (const std::string& one : words) {
            const Expression expression("<all-in> " + one);
            if (expression.op() != Operator::all_in || expression.words()[0] != one) {
                continue;
            }  // begins as an operator
            RC_ASSERT(expression.match(list_literal(words)).truth == Truth::yes);
        }
    }));
}
