// Reads the part of YAML that policy files need into a tree that knows its places.
//
// No anchors, aliases, tags, directives nor second documents; bounded size and depth; no key twice. Must not know what
// a policy says.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "consent/policy.hpp"

namespace consent::policy {

/// The deepest that rules need: file, list of rules, rule, `when` and in it an `all:` are 6 levels; eight `not:` groups,
/// each with an `all:` in it, are 3 levels more each.
inline constexpr std::size_t max_yaml_depth = 32;

/// Where something stands in a file; both from 1, the column in characters. 0: no place.
struct Place {
    int line = 0;
    int column = 0;
};

struct Entry;

struct Node {
    enum class Kind : std::uint8_t { null, scalar, sequence, map } kind = Kind::null;
    Place place;
    std::string text;            ///< of a scalar
    std::vector<Node> items;     ///< of a sequence
    std::vector<Entry> entries;  ///< of a map; keys are scalars, no two alike
};

/// A field of a map.
struct Entry {
    Node key;
    Node value;
};

/// The document in `text`; a null node when it is empty. `file` names it in errors.
/// Throws PolicyError, and nothing else but std::bad_alloc.
[[nodiscard]] Node read_yaml(std::string_view text, std::string_view file);

}  // namespace consent::policy
