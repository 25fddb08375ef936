// Checks expressions against the table of facts: see expression_check.hpp.
#include "expression_check.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "consent/expression.hpp"
#include "consent/wire.hpp"

namespace consent::policy {
namespace {

/// What one would write: all but "=", which means >= and is never what a mistake was meant to be.
const std::vector<std::string_view>& operators() {
    static const std::vector<std::string_view> all = [] {
        std::vector<std::string_view> words;
        for (std::size_t i = 0; i < operator_count; ++i) {
            const auto op = static_cast<Operator>(i);
            if (op != Operator::at_least_legacy && !to_string(op).empty()) { words.push_back(to_string(op)); }
        }
        return words;
    }();
    return all;
}

constexpr std::string_view range_example = "write \"<range-in> [ 10 20 )\", with blanks between";

bool is_numeric(Operator op) { return op >= Operator::at_least_legacy && op <= Operator::at_least; }

bool is_number(const std::string& word) { return Expression("== " + word).fault() == Fault::none; }

/// The expression's first word, as somebody meant an operator.
std::string_view head(std::string_view text) {
    text.remove_prefix(std::min(text.find_first_not_of(" \t\r\n"), text.size()));
    return text.substr(0, text.find_first_of(" \t\r\n"));
}

bool is_operator(std::string_view word) {
    const auto& all = operators();
    return word == "=" || std::find(all.begin(), all.end(), word) != all.end();
}

/// For an expression whose first word is no operator that can be read so.
[[noreturn]] void fail_operator(const Field& field, std::string_view text) {
    const std::string_view word = head(text);
    if (word == "<range-in>") { field.fail("<range-in> has no range behind it", std::string(range_example)); }
    if (is_operator(word)) {
        field.fail(std::string(word) + " has no word behind it that it can take",
                   "write one behind it that does not begin with an operator");
    }
    std::vector<std::string_view> likely = operators();  // of two as near, the one that begins alike: s= is s==
    std::stable_partition(likely.begin(), likely.end(),
                          [&](std::string_view op) { return !word.empty() && op[0] == word[0]; });
    const std::string_view near = nearest(word, likely);
    field.fail(in_quotes(word) + " is no operator",
               near.empty() ? "write " + one_of(operators()) : "did you mean " + std::string(near) + "?");
}

/// How to write a number that `fact` may meet.
std::string number_remedy(const Fact& fact) {
    const std::string unit = fact.unit.empty() ? "" : ", in " + std::string(fact.unit);
    return "write the number alone" + unit + R"(, as in ">= 4")";
}

[[noreturn]] void fail_fault(const Field& field, const Fact& fact, const Expression& expression) {
    const std::string_view text = expression.text();
    switch (expression.fault()) {
        case Fault::word_not_a_number:
            if ((is_operator(head(text)) && head(text) != to_string(expression.op())) ||
                (!is_operator(head(text)) && !nearest(head(text), operators()).empty())) {
                fail_operator(field, text);
            }
            field.fail(in_quotes(text) + ": " + std::string(meaning(expression.fault())),
                       fact.type == FactType::text && is_numeric(expression.op())
                           ? "write s==, s!=, s<, s<=, s> or s>= to compare text"
                           : number_remedy(fact));
        case Fault::range_reversed: field.fail(std::string(meaning(expression.fault())), "write the lower bound first");
        case Fault::range_brackets: field.fail(std::string(meaning(expression.fault())), std::string(range_example));
        case Fault::expression_too_long:
            field.fail("longer than " + std::to_string(max_expression_bytes) + " bytes",
                       "split the condition with any:");
        default: field.fail(std::string(meaning(expression.fault())), "correct the expression");
    }
}

/// What stands behind the one word that counts.
std::string_view rest_of(const Expression& expression) {
    const std::string_view text = expression.text();
    const std::string& word = expression.words()[0];
    const std::string_view op = to_string(expression.op());
    const std::size_t at = text.find(word, text.find(op) + op.size()) + word.size();
    const std::size_t rest = text.find_first_not_of(" \t\r\n", at);
    return rest == std::string_view::npos ? std::string_view() : text.substr(rest);
}

void check_number(const Field& field, const Fact& fact, const Expression& expression) {
    const Operator op = expression.op();
    if (op == Operator::all_in) {
        field.fail(std::string(fact.name) + " is a number, not a list", number_remedy(fact));
    }
    if (op == Operator::equals_word || op == Operator::any_of) {
        for (const std::string& word : expression.words()) {
            if (!is_number(word)) { field.fail(in_quotes(word) + " is not a number", number_remedy(fact)); }
        }
    }
    if (is_numeric(op) || op == Operator::equals_word) {
        // The engine ignores it, as oslo.utils does: ">= 4 GiB" would mean 4 MiB.
        const std::string_view unit = rest_of(expression);
        if (!unit.empty() && unit != fact.unit) {
            field.fail(in_quotes(unit) + " is not the unit of " + std::string(fact.name), number_remedy(fact));
        }
    }
}

void check_list(const Field& field, const Fact& fact, const Expression& expression) {
    const Operator op = expression.op();
    const bool equality = op == Operator::equals_word || op == Operator::any_of || op == Operator::text_equal ||
                          op == Operator::text_not_equal;
    const std::string& word = expression.words()[0];
    if (is_numeric(op) || op == Operator::range_in || (equality && !word.starts_with('['))) {
        field.fail(std::string(fact.name) + " is a list, which " + in_quotes(expression.text()) + " does not look into",
                   "write \"<all-in> " + (equality ? wire::clean(word, max_quote) : "WORD") + '"');
    }
}

void check_text(const Field& field, const Fact& fact, const Expression& expression) {
    const Operator op = expression.op();
    if (is_numeric(op) || op == Operator::range_in || op == Operator::all_in) {
        field.fail(std::string(fact.name) + " is text, not a " + (op == Operator::all_in ? "list" : "number"),
                   "write the text, s== and the text, or <in> and a part of it");
    }
}

}  // namespace

const std::string& read_expression(const Field& field, const Fact& fact) {
    if (field.node.kind == Node::Kind::sequence) {
        field.fail("is a list, not an expression", R"(write "<or> A <or> B" for one of several)");
    }
    const std::string& text = read_text(
        field, std::string(fact.name) + (fact.type == FactType::number ? R"(: ">= 8")" : ": \"<or> a <or> b\""));
    const Expression expression(text);
    if (expression.fault() != Fault::none) { fail_fault(field, fact, expression); }
    if (wire::clean(text, SIZE_MAX) != text) {
        field.fail("holds a character that cannot be shown: " + in_quotes(text),
                   "write one line of printable characters");
    }
    const bool symbols = head(text).find_first_not_of("s=<>!~") == std::string_view::npos &&
                         head(text).find_first_of("=<>!~") != std::string_view::npos;
    if (expression.op() == Operator::equals_text || (expression.op() == Operator::equals_word && symbols)) {
        fail_operator(field, text);
    }
    switch (fact.type) {
        case FactType::number: check_number(field, fact, expression); break;
        case FactType::list: check_list(field, fact, expression); break;
        case FactType::text:
            // What a family holds is told as text, numbers and lists too.
            if (!fact.is_family()) { check_text(field, fact, expression); }
            break;
    }
    return text;
}

}  // namespace consent::policy
