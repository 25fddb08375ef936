// Takes a policy's fields out of a YAML tree and says precisely what is wrong with one that does not fit.
//
// Must not know which policies there are.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "yaml.hpp"

namespace consent::policy {

/// A node and its name, for errors.
struct Field {
    const Node& node;
    std::string path;  ///< dotted: applications[0].command; empty for the file as a whole
    std::string_view file;

    /// Throws PolicyError at this field.
    [[noreturn]] void fail(std::string problem, std::string remedy) const;
};

/// Calls `take` with each field of a map, in the file's order. A null node counts as an empty map.
/// Throws PolicyError for what is no map and for a name that is none of `names`, with the nearest of them.
void read_map(const Field& field, std::span<const std::string_view> names,
              const std::function<void(std::string_view name, const Field& value)>& take);

/// Calls `take` with each item. Throws PolicyError for what is no list, or one of more than `most` items.
/// `example`: how to write one.
void read_list(const Field& field, std::size_t most, std::string_view example,
               const std::function<void(const Field& item)>& take);

/// A scalar's text. Throws PolicyError for anything else, and for text without a character when `least` is above 0.
[[nodiscard]] const std::string& read_text(const Field& field, std::string_view example);

/// Which of `words` it is. Throws PolicyError with the nearest word.
[[nodiscard]] std::size_t read_word(const Field& field, std::span<const std::string_view> words);

/// A `because`: one line of at most wire::max_because printable characters.
[[nodiscard]] std::string read_because(const Field& field);

/// Seconds, as a decimal number of up to three places. Throws PolicyError when not from 0.001 to `most`.
[[nodiscard]] milliseconds read_seconds(const Field& field, milliseconds most);

inline constexpr std::size_t max_quote = 40;  // characters shown of what somebody wrote

/// What somebody wrote, in quotes and fit to be shown.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// What a node is: "empty", "a list", "a map", a scalar's text in quotes.
[[nodiscard]] std::string kind_of(const Node& node);

/// The nearest of `words` to what somebody wrote: few edits away, or empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view written, std::span<const std::string_view> words);

/// "one of a, b, c"
[[nodiscard]] std::string one_of(std::span<const std::string_view> words);

}  // namespace consent::policy
