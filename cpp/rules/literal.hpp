// Python literals, as ast.literal_eval() of Python 3.11 takes them: what <all-in> and <range-in> read a value as.
//
// Must not know: expressions. A value may come from a guest's owner: depth is bounded, cost is linear.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "consent/expression.hpp"

namespace consent {

enum class LiteralKind : std::uint8_t {
    integer,
    real,
    complex,
    text,
    bytes,
    constant,  ///< None, True, False, ...
    list,
    tuple,
    set,
    dict,
};

/// What is needed of a literal: of a list its strings, of a number its float.
struct Literal {
    LiteralKind kind = LiteralKind::constant;
    bool hashable = true;              ///< may stand in a set or as a dict's key
    bool is_signed = false;            ///< a number behind + or -, or a sum: takes no other sign
    bool is_sum = false;               ///< 1+2j
    bool number_fits = true;           ///< false: float() of it raises (an integer beyond a double; None; ...)
    double number = 0;                 ///< of integer, real, True and False
    std::string text;                  ///< of text and bytes, escapes resolved; a surrogate as its three bytes
    std::vector<std::string> strings;  ///< of a list: its elements that are text
};

/// Reads `source` (UTF-8). On a fault (value_not_a_literal, literal_too_deep, literal_named_escape) `literal` is unspecified.
[[nodiscard]] Fault read_literal(std::string_view source, Literal& literal);

}  // namespace consent
