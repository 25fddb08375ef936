// Facts: what rules may ask about. One table, from which the validator, the engine and the documentation take their names.
//
// Pure. Must not know: where facts are gathered, expressions, rules. Whoever evaluates fills a FactSet; what is not known
// stays out of it, and a rule that needs it answers ask.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace consent {

enum class FactType : std::uint8_t {
    text,
    number,  ///< decimal: 4096, 0.5
    list,    ///< a Python list literal: ['a', 'b'], see list_literal()
};

/// Where a fact is known. At the gate: on the compute host that judges; at the scheduler: from what hosts publish.
enum class FactKnown : std::uint8_t { everywhere, gate, scheduler };

/// One row of the table.
struct Fact {
    std::string_view name;  ///< "guest.vcpus"; of a family "guest.image.*", where * is one name or more, dots included
    FactType type = FactType::text;
    std::string_view unit;  ///< "MiB", "h"; empty: none
    FactKnown known = FactKnown::everywhere;
    std::string_view meaning;

    [[nodiscard]] constexpr bool is_family() const noexcept { return name.ends_with(".*"); }
};

inline constexpr std::size_t fact_count = 36;
inline constexpr std::size_t max_fact_name_bytes = 255;

/// The table, in the order of the documentation.
[[nodiscard]] std::span<const Fact, fact_count> facts() noexcept;

[[nodiscard]] std::string_view to_string(FactType type) noexcept;
[[nodiscard]] std::string_view to_string(FactKnown known) noexcept;

/// A fact by its name: the row of the table, and of a family the rest of the name ("hw_disk_bus").
struct FactName {
    std::size_t row = 0;
    std::string rest;

    friend bool operator==(const FactName&, const FactName&) = default;
};

/// The fact of that name; nothing when there is none.
[[nodiscard]] std::optional<FactName> find_fact(std::string_view name);

/// The name in the table that is nearest to `name`; empty when none is near. Cost: bounded by max_fact_name_bytes.
[[nodiscard]] std::string nearest_fact(std::string_view name);

/// What is known in one case. A value is text, as an expression reads it: numbers decimal, lists as list literals.
class FactSet {
  public:
    /// False, and nothing changes, when there is no fact of that name or the value is longer than max_value_bytes.
    bool set(std::string_view name, std::string value);
    /// Makes it unknown; of a name that is no fact nothing happens.
    void forget(std::string_view name);

    /// The value; null: unknown. Valid until the set changes.
    [[nodiscard]] const std::string* value(const FactName& name) const;
    /// By name; null also when there is no fact of that name.
    [[nodiscard]] const std::string* value(std::string_view name) const;

  private:
    /// Looks up without a copy of the name.
    struct ByName {
        using is_transparent = void;
        using Key = std::pair<std::size_t, std::string_view>;
        bool operator()(const Key& a, const Key& b) const noexcept { return a < b; }
    };
    std::array<std::optional<std::string>, fact_count> plain_;
    std::map<std::pair<std::size_t, std::string>, std::string, ByName> of_families_;
};

/// The list as Python writes it, ['a', 'it\'s'], so that <all-in> reads it back as it was. Elements are UTF-8.
[[nodiscard]] std::string list_literal(const std::vector<std::string>& elements);

}  // namespace consent
