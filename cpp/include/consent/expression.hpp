// Expressions: what a rule demands of one fact, in the language of oslo.utils' specs_matcher (release 10.1.1), which flavors'
// extra specs speak already: `>= 60`, `s== x`, `<or> a <or> b`, `<all-in> aes mmx`, `<range-in> [ 10 20 )`.
//
// Pure. Must not know: facts, rules, files. docs/operators/expressions.md has the language, its quirks and what differs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace consent {

inline constexpr std::size_t max_expression_bytes = 1024;
inline constexpr std::size_t max_value_bytes = 64 * 1024;
inline constexpr std::size_t max_literal_depth = 32;  ///< brackets within brackets in a value read as a literal

/// Three-valued: what is not known is neither true nor false.
enum class Truth : std::uint8_t { no, yes, unknown };

/// Why a match has no result. Those up to `range_brackets` are where oslo.utils raises; the rest are our own bounds.
enum class Fault : std::uint8_t {
    none,
    value_not_a_number,   ///< Python's float() would not take the value (or, for <range-in>, the literal in it)
    word_not_a_number,    ///< likewise the word behind the operator
    value_not_a_literal,  ///< <all-in>, <range-in>: Python's ast.literal_eval() would not take the value
    value_not_a_list,     ///< <all-in>: a literal, but no list
    value_out_of_range,   ///< <range-in>: an integer beyond what a float holds
    range_reversed,       ///< <range-in>: the lower bound is above the upper one
    range_brackets,       ///< <range-in>: the first word is not [ or (, or the last not ] or )
    expression_too_long,  ///< over max_expression_bytes
    expression_not_utf8,
    value_too_long,  ///< over max_value_bytes
    value_not_utf8,
    literal_too_deep,      ///< over max_literal_depth
    literal_named_escape,  ///< "\N{NAME}" in a literal: names of characters are not known here
};

enum class Operator : std::uint8_t {
    equals_word,      ///< no operator: the value is the first word
    equals_text,      ///< what the grammar cannot read: the value is the whole expression
    at_least_legacy,  ///< "=": means >=
    equal,
    not_equal,
    less,
    at_most,
    greater,
    at_least,
    text_equal,
    text_not_equal,
    text_less,
    text_at_most,
    text_greater,
    text_at_least,
    in,
    all_in,
    any_of,  ///< "<or>"
    range_in,
};
inline constexpr std::size_t operator_count = 19;

/// The operator as it is written; "" for equals_word and equals_text.
[[nodiscard]] std::string_view to_string(Operator op) noexcept;
[[nodiscard]] std::string_view to_string(Truth truth) noexcept;
/// The enumerator's name.
[[nodiscard]] std::string_view to_string(Fault fault) noexcept;
/// One line for people, without the value: "the value is not a number".
[[nodiscard]] std::string_view meaning(Fault fault) noexcept;

/// The result of one match: unknown exactly when there is a fault.
struct Match {
    Truth truth = Truth::unknown;
    Fault fault = Fault::none;

    friend bool operator==(const Match&, const Match&) = default;
};

/// One expression, read once, matched often. Immutable: any number of threads may match at once.
class Expression {
  public:
    /// Reads any text: there is no expression that cannot be read, but some that fault with every value, see fault().
    explicit Expression(std::string_view text);

    /// Whether `value` (UTF-8, at most max_value_bytes) meets the expression. Cost: linear in the value's length.
    /// Allocates for <all-in> and <range-in> only. Never throws but for want of memory.
    [[nodiscard]] Match match(std::string_view value) const;

    /// What every match with this expression will fault with, whatever the value; else none. The validator rejects by it.
    [[nodiscard]] Fault fault() const noexcept { return fault_; }
    [[nodiscard]] Operator op() const noexcept { return op_; }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// What is compared with: the words behind the operator; of equals_text the whole text.
    [[nodiscard]] const std::vector<std::string>& words() const noexcept { return words_; }

    /// What reads otherwise than most would expect, a sentence each; empty: nothing. For `policy check`.
    [[nodiscard]] std::vector<std::string> remarks() const;

  private:
    [[nodiscard]] Match match_number(std::string_view value) const;
    [[nodiscard]] Match match_list(std::string_view value) const;
    [[nodiscard]] Match match_range(std::string_view value) const;

    std::string text_;
    Operator op_ = Operator::equals_text;
    Fault fault_ = Fault::none;
    std::vector<std::string> words_;  // of all_in sorted, each once
    double low_ = 0;                  // of range_in; of the numeric operators the word
    double high_ = 0;
    bool low_included_ = false;
    bool high_included_ = false;
    bool rest_ignored_ = false;  // words behind what the grammar reads
};

}  // namespace consent
