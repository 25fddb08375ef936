// Rules: standing answers, stated beforehand. The first rule whose conditions hold decides.
//
// Pure: the same rules and facts give the same ruling. Must not know: files, who votes, what a ruling is used for.
// Three-valued: what is unknown is neither true nor false, and a rule that hangs on it answers ask. Unknown is never a consent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/expression.hpp"
#include "consent/facts.hpp"

namespace consent {

inline constexpr std::size_t max_rules = 256;
inline constexpr std::size_t max_conditions = 4096;  ///< groups and facts of all rules together
inline constexpr std::size_t max_condition_depth =
    8;  ///< groups within groups; those directly in `when` are at depth 1
inline constexpr std::size_t max_rule_name_bytes = 64;
inline constexpr std::size_t max_because_bytes = 256;

/// What a rule says: an answer given beforehand, or that the voter itself is to be asked.
enum class StandingAnswer : std::uint8_t { consent, refuse, ask, abstain };

enum class ConditionKind : std::uint8_t {
    fact,  ///< `fact` meets `expression`
    all,   ///< every part holds
    any,   ///< at least one part holds
    none,  ///< `not`: not all parts hold together; of one part its opposite
};

[[nodiscard]] std::string_view to_string(StandingAnswer answer) noexcept;
/// As it is written in a rule: "fact", "all", "any", "not".
[[nodiscard]] std::string_view to_string(ConditionKind kind) noexcept;

/// A condition as it is written.
struct Condition {
    ConditionKind kind = ConditionKind::fact;
    std::string fact;
    std::string expression;
    std::vector<Condition> parts;  ///< of a group; at least one
};

/// A rule as it is written.
struct StandingRule {
    std::string name;             ///< unique among the rules
    std::vector<Condition> when;  ///< all must hold; empty: always
    StandingAnswer answer = StandingAnswer::ask;
    std::string because;
};

/// Why rules cannot be taken.
struct RuleError {
    std::size_t rule = 0;  ///< index; the number of rules when the fault is none's alone
    std::string where;     ///< "when.any.guest.vcpus", "name"; empty: the rules as a whole
    std::string problem;
    std::string remedy;
};

/// What the rules come to.
struct Ruling {
    StandingAnswer answer = StandingAnswer::ask;
    std::optional<std::size_t> rule;  ///< the rule that decided; nothing: none did, the fallback answers
    bool unknown = false;             ///< the rule's conditions are unknown, so it answers ask whatever it says
    std::string_view because;         ///< the rule's own; lives as long as the rules
    std::string why;                  ///< when unknown: which condition and why; else empty
};

/// One condition in an explanation.
struct ConditionSeen {
    std::size_t depth = 0;  ///< 0: directly in `when`
    ConditionKind kind = ConditionKind::fact;
    std::string_view fact;             ///< empty for groups
    std::string_view expression;       ///< empty for groups
    std::optional<std::string> value;  ///< what was seen; nothing: unknown, or a group
    Truth truth = Truth::unknown;
    Fault fault = Fault::none;  ///< unknown although a value was seen: why
};

struct RuleSeen {
    std::string_view name;
    Truth truth = Truth::unknown;
    bool decided = false;
    std::vector<ConditionSeen> conditions;  ///< groups before their parts
};

/// Rules compiled once, evaluated often. Immutable: any number of threads may evaluate at once.
class RuleSet {
  public:
    /// Takes all or nothing: the first fault is returned. Rejects unknown facts, expressions that fault whatever the value,
    /// empty groups, names given twice, and what passes the bounds above.
    [[nodiscard]] static std::variant<RuleSet, RuleError> compile(const std::vector<StandingRule>& rules,
                                                                  StandingAnswer fallback);

    /// The first rule that holds decides; before it one that is unknown answers ask.
    [[nodiscard]] Ruling evaluate(const FactSet& facts) const;

    /// The same without `why`: allocates nothing but what <all-in> and <range-in> need.
    [[nodiscard]] Ruling decide(const FactSet& facts) const;

    /// Every rule and condition with what was seen, those behind the deciding rule too. Views live as long as this set.
    [[nodiscard]] std::vector<RuleSeen> explain(const FactSet& facts) const;

    [[nodiscard]] std::size_t size() const noexcept { return rules_.size(); }
    [[nodiscard]] std::string_view name(std::size_t rule) const noexcept { return rules_[rule].name; }
    [[nodiscard]] StandingAnswer answer(std::size_t rule) const noexcept { return rules_[rule].answer; }
    [[nodiscard]] std::string_view because(std::size_t rule) const noexcept { return rules_[rule].because; }
    [[nodiscard]] StandingAnswer fallback() const noexcept { return fallback_; }

  private:
    struct Compiled {
        ConditionKind kind = ConditionKind::all;
        FactName fact;
        std::string name;
        std::optional<Expression> expression;  // of a fact; groups have none
        std::vector<Compiled> parts;
    };
    struct CompiledRule {
        std::string name;
        Compiled when;
        StandingAnswer answer = StandingAnswer::ask;
        std::string because;
    };
    class Compiler;

    Ruling decide(const FactSet& facts, Match& match, const Compiled*& cause) const;
    /// `cause`: of an unknown result the condition that it hangs on first.
    static Match holds(const Compiled& condition, const FactSet& facts, const Compiled*& cause);
    static Match look(const Compiled& condition, const FactSet& facts, std::size_t depth,
                      std::vector<ConditionSeen>& seen);

    std::vector<CompiledRule> rules_;
    StandingAnswer fallback_ = StandingAnswer::ask;
};

}  // namespace consent
