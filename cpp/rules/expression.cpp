// The grammar of oslo.utils' specs_matcher, as pyparsing reads it, and its operators.
#include "consent/expression.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "characters.hpp"
#include "literal.hpp"
#include "number.hpp"

namespace consent {
namespace {

struct Spelling {
    std::string_view text;
    Operator op;
};

// In the grammar's order: the first that the text starts with is the operator, whether a blank follows or not.
constexpr Spelling unary[] = {
    {"==", Operator::equal},          {"=", Operator::at_least_legacy},
    {"!=", Operator::not_equal},      {"<in>", Operator::in},
    {">=", Operator::at_least},       {"<=", Operator::at_most},
    {">", Operator::greater},         {"<", Operator::less},
    {"s==", Operator::text_equal},    {"s!=", Operator::text_not_equal},
    {"s<=", Operator::text_at_most},  {"s<", Operator::text_less},
    {"s>=", Operator::text_at_least}, {"s>", Operator::text_greater},
};

constexpr bool is_numeric(Operator op) noexcept { return op >= Operator::at_least_legacy && op <= Operator::at_least; }

const Spelling* operator_at(std::string_view text) noexcept {
    for (const Spelling& spelling : unary) {
        if (text.starts_with(spelling.text)) { return &spelling; }
    }
    return nullptr;  // <all-in>, <or>, <range-in> start with < and are found as that
}

/// Takes words from the front of the expression.
class Words {
  public:
    explicit Words(std::string_view text) : rest_(text) { skip(); }

    [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

    bool take(std::string_view literal) {
        if (!rest_.starts_with(literal)) { return false; }
        rest_.remove_prefix(literal.size());
        skip();
        return true;
    }

    /// An atom: all up to the next white space, unless an operator begins it.
    bool take_word(std::vector<std::string>& words) {
        if (operator_at(rest_) != nullptr) { return false; }
        std::size_t length = 0;
        for (std::size_t at = 0; at < rest_.size(); length = at) {
            if (characters::is_space(characters::next(rest_, at))) { break; }
        }
        if (length == 0) { return false; }
        words.emplace_back(rest_.substr(0, length));
        rest_.remove_prefix(length);
        skip();
        return true;
    }

  private:
    // The grammar skips these; other white space ends a word, and no word starts with it.
    void skip() { rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size())); }

    std::string_view rest_;
};

struct Reading {
    Operator op = Operator::equals_text;
    std::vector<std::string> words;
    bool rest_ignored = false;
};

// One after another, as the grammar's alternatives: each from the start, the first that reads something has it.

bool read_any_of(Words words, Reading& reading) {
    reading = Reading{Operator::any_of, {}, false};
    std::string_view read_to;
    while (words.take("<or>") && words.take_word(reading.words)) { read_to = words.rest(); }
    reading.rest_ignored = !read_to.empty();
    return !reading.words.empty();
}

bool read_all_in(Words words, Reading& reading) {
    reading = Reading{Operator::all_in, {}, false};
    if (!words.take("<all-in>")) { return false; }
    while (words.take_word(reading.words)) {}
    reading.rest_ignored = !words.rest().empty();
    return !reading.words.empty();
}

bool read_range_in(Words words, Reading& reading) {
    reading = Reading{Operator::range_in, {}, false};
    if (!words.take("<range-in>")) { return false; }
    for (int i = 0; i < 4; ++i) {
        if (!words.take_word(reading.words)) { return false; }
    }
    reading.rest_ignored = !words.rest().empty();
    return true;
}

bool read_unary(Words words, Reading& reading) {
    const Spelling* spelling = operator_at(words.rest());
    if (spelling == nullptr) { return false; }
    reading = Reading{spelling->op, {}, false};
    if (!words.take(spelling->text) || !words.take_word(reading.words)) { return false; }
    reading.rest_ignored = !words.rest().empty();
    return true;
}

bool read_word(Words words, Reading& reading) {
    reading = Reading{Operator::equals_word, {}, false};
    if (!words.take_word(reading.words)) { return false; }
    reading.rest_ignored = !words.rest().empty();
    return true;
}

Reading read(std::string_view text) {
    Reading reading;
    const Words words(text);
    if (read_any_of(words, reading) || read_all_in(words, reading) || read_range_in(words, reading) ||
        read_unary(words, reading) || read_word(words, reading)) {
        return reading;
    }
    return {Operator::equals_text, {std::string(text)}, false};
}

constexpr Match matched(bool holds) noexcept { return {holds ? Truth::yes : Truth::no, Fault::none}; }
constexpr Match faulted(Fault fault) noexcept { return {Truth::unknown, fault}; }

bool contains(std::string_view value, std::string_view part) noexcept {
    // memmem is linear whatever the texts; string_view::find is not.
    return value.size() >= part.size() && memmem(value.data(), value.size(), part.data(), part.size()) != nullptr;
}

}  // namespace

Expression::Expression(std::string_view text) {
    if (text.size() > max_expression_bytes) {
        text_ = "(too long)";
        fault_ = Fault::expression_too_long;
        return;
    }
    if (!characters::is_utf8(text)) {
        text_ = "(not UTF-8)";
        fault_ = Fault::expression_not_utf8;
        return;
    }
    text_ = text;
    Reading reading = read(text);
    op_ = reading.op;
    words_ = std::move(reading.words);
    rest_ignored_ = reading.rest_ignored;
    const auto bound = [this](const std::string& word, double& number) {
        const std::optional<double> read_number = number_of(word);
        if (!read_number && fault_ == Fault::none) { fault_ = Fault::word_not_a_number; }
        number = read_number.value_or(0);
    };
    if (is_numeric(op_)) {
        bound(words_[0], low_);
    } else if (op_ == Operator::all_in) {
        std::sort(words_.begin(), words_.end());
        words_.erase(std::unique(words_.begin(), words_.end()), words_.end());
    } else if (op_ == Operator::range_in) {
        bound(words_[1], low_);
        bound(words_[2], high_);
        low_included_ = words_[0] == "[";
        high_included_ = words_[3] == "]";
        if (fault_ == Fault::none && low_ > high_) { fault_ = Fault::range_reversed; }
        const bool brackets = (low_included_ || words_[0] == "(") && (high_included_ || words_[3] == ")");
        if (fault_ == Fault::none && !brackets) { fault_ = Fault::range_brackets; }
    }
}

Match Expression::match(std::string_view value) const {
    if (fault_ != Fault::none) { return faulted(fault_); }
    if (value.size() > max_value_bytes) { return faulted(Fault::value_too_long); }
    if (!characters::is_utf8(value)) { return faulted(Fault::value_not_utf8); }
    // UTF-8 in order of bytes is in order of characters, as Python compares.
    switch (op_) {
        case Operator::equals_word:
        case Operator::equals_text:
        case Operator::text_equal: return matched(value == words_[0]);
        case Operator::text_not_equal: return matched(value != words_[0]);
        case Operator::text_less: return matched(value < words_[0]);
        case Operator::text_at_most: return matched(value <= words_[0]);
        case Operator::text_greater: return matched(value > words_[0]);
        case Operator::text_at_least: return matched(value >= words_[0]);
        case Operator::in: return matched(contains(value, words_[0]));
        case Operator::any_of: return matched(std::find(words_.begin(), words_.end(), value) != words_.end());
        case Operator::all_in: return match_list(value);
        case Operator::range_in: return match_range(value);
        default: return match_number(value);
    }
}

Match Expression::match_number(std::string_view value) const {
    const std::optional<double> number = number_of(value);
    if (!number) { return faulted(Fault::value_not_a_number); }
    switch (op_) {
        case Operator::equal: return matched(*number == low_);
        case Operator::not_equal: return matched(*number != low_);
        case Operator::less: return matched(*number < low_);
        case Operator::at_most: return matched(*number <= low_);
        case Operator::greater: return matched(*number > low_);
        default: return matched(*number >= low_);  // >= and its legacy spelling
    }
}

Match Expression::match_list(std::string_view value) const {
    Literal literal;
    if (const Fault fault = read_literal(value, literal); fault != Fault::none) { return faulted(fault); }
    if (literal.kind != LiteralKind::list) { return faulted(Fault::value_not_a_list); }
    std::vector<bool> seen(words_.size());
    std::size_t missing = words_.size();
    for (const std::string& element : literal.strings) {
        const auto word = std::lower_bound(words_.begin(), words_.end(), element);
        if (word == words_.end() || *word != element) { continue; }
        const auto index = static_cast<std::size_t>(word - words_.begin());
        if (!seen[index]) { --missing; }
        seen[index] = true;
    }
    return matched(missing == 0);
}

Match Expression::match_range(std::string_view value) const {
    Literal literal;
    if (const Fault fault = read_literal(value, literal); fault != Fault::none) { return faulted(fault); }
    std::optional<double> number;
    if (literal.kind == LiteralKind::text) {
        number = number_of(literal.text);
    } else if (literal.kind == LiteralKind::bytes) {
        number = number_of_ascii(literal.text);
    } else if (literal.number_fits) {
        number = literal.number;
    } else if (literal.kind == LiteralKind::integer) {
        return faulted(Fault::value_out_of_range);
    }
    if (!number) { return faulted(Fault::value_not_a_number); }
    const bool above = low_included_ ? *number >= low_ : *number > low_;
    const bool below = high_included_ ? *number <= high_ : *number < high_;
    return matched(above && below);
}

std::vector<std::string> Expression::remarks() const {
    std::vector<std::string> said;
    if (fault_ != Fault::none) { said.push_back("can never hold: " + std::string(meaning(fault_))); }
    if (op_ == Operator::at_least_legacy) {
        said.emplace_back("= means >=; write == for equal numbers, s== for equal text");
    }
    if (op_ == Operator::equals_text && fault_ == Fault::none) {
        said.emplace_back("no operator can be read, so the value must equal the whole text");
    }
    if (op_ == Operator::equals_word && rest_ignored_) {
        said.emplace_back("without an operator only the first word counts; write <or> a <or> b for either");
    } else if (rest_ignored_) {
        said.emplace_back("words behind the last that " + std::string(to_string(op_)) + " takes are ignored");
    }
    if (op_ == Operator::in) { said.emplace_back("<in> looks for a part of the text, not for an element of a list"); }
    return said;
}

std::string_view to_string(Operator op) noexcept {
    switch (op) {
        case Operator::equals_word:
        case Operator::equals_text: return "";
        case Operator::all_in: return "<all-in>";
        case Operator::any_of: return "<or>";
        case Operator::range_in: return "<range-in>";
        default: break;
    }
    for (const Spelling& spelling : unary) {
        if (spelling.op == op) { return spelling.text; }
    }
    return "?";
}

std::string_view to_string(Truth truth) noexcept {
    switch (truth) {
        case Truth::no: return "no";
        case Truth::yes: return "yes";
        case Truth::unknown: return "unknown";
    }
    return "?";
}

std::string_view to_string(Fault fault) noexcept {
    switch (fault) {
        case Fault::none: return "none";
        case Fault::value_not_a_number: return "value_not_a_number";
        case Fault::word_not_a_number: return "word_not_a_number";
        case Fault::value_not_a_literal: return "value_not_a_literal";
        case Fault::value_not_a_list: return "value_not_a_list";
        case Fault::value_out_of_range: return "value_out_of_range";
        case Fault::range_reversed: return "range_reversed";
        case Fault::range_brackets: return "range_brackets";
        case Fault::expression_too_long: return "expression_too_long";
        case Fault::expression_not_utf8: return "expression_not_utf8";
        case Fault::value_too_long: return "value_too_long";
        case Fault::value_not_utf8: return "value_not_utf8";
        case Fault::literal_too_deep: return "literal_too_deep";
        case Fault::literal_named_escape: return "literal_named_escape";
    }
    return "?";
}

std::string_view meaning(Fault fault) noexcept {
    switch (fault) {
        case Fault::none: return "";
        case Fault::value_not_a_number: return "the value is not a number";
        case Fault::word_not_a_number: return "the expression compares with what is not a number";
        case Fault::value_not_a_literal: return "the value is not a Python literal, such as ['a', 'b'] or 12";
        case Fault::value_not_a_list: return "the value is not a list literal, such as ['a', 'b']";
        case Fault::value_out_of_range: return "the value is an integer too large to compare";
        case Fault::range_reversed: return "the range's lower bound is above its upper one";
        case Fault::range_brackets: return "the range does not open with [ or ( and close with ] or )";
        case Fault::expression_too_long: return "the expression is longer than 1024 bytes";
        case Fault::expression_not_utf8: return "the expression is not UTF-8";
        case Fault::value_too_long: return "the value is longer than 64 KiB";
        case Fault::value_not_utf8: return "the value is not UTF-8";
        case Fault::literal_too_deep: return "the value nests brackets deeper than 32";
        case Fault::literal_named_escape:
            return "the value has a character by its name, \\N{...}, which is not supported";
    }
    return "?";
}

}  // namespace consent
