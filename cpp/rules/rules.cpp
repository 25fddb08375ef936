#include "consent/rules.hpp"

#include <set>
#include <utility>

#include "characters.hpp"

namespace consent {
namespace {

/// Joins the parts of a group as they come: Kleene's logic.
class Joined {
  public:
    explicit Joined(ConditionKind kind) : any_(kind == ConditionKind::any), turned_(kind == ConditionKind::none) {}

    /// True when the result can no longer change.
    bool add(Match part) noexcept {
        if (part.truth == (any_ ? Truth::yes : Truth::no)) {
            decided_ = true;
        } else if (part.truth == Truth::unknown && !unknown_) {
            unknown_ = true;
            fault_ = part.fault;
        }
        return decided_;
    }

    [[nodiscard]] Match result() const noexcept {
        if (!decided_ && unknown_) { return {Truth::unknown, fault_}; }
        const bool holds = (decided_ == any_) != turned_;
        return {holds ? Truth::yes : Truth::no, Fault::none};
    }

  private:
    bool any_;
    bool turned_;
    bool decided_ = false;
    bool unknown_ = false;
    Fault fault_ = Fault::none;
};

}  // namespace

/// Compiles rule by rule; the first fault ends it.
class RuleSet::Compiler {
  public:
    std::optional<RuleError> compile(const std::vector<StandingRule>& rules, std::vector<CompiledRule>& compiled) {
        index_ = rules.size();
        if (rules.size() > max_rules) { return fault("", "more than 256 rules", "join rules with any:"); }
        for (index_ = 0; index_ < rules.size(); ++index_) {
            const StandingRule& rule = rules[index_];
            if (auto error = check(rule)) { return error; }
            CompiledRule made;  // member by member: g++ 12 at -O3 takes an initialiser for something left out
            made.name = rule.name;
            made.answer = rule.answer;
            made.because = rule.because;
            if (auto error = parts(rule.when, made.when, "when", 0)) { return error; }
            compiled.push_back(std::move(made));
        }
        return std::nullopt;
    }

  private:
    [[nodiscard]] RuleError fault(std::string where, std::string problem, std::string remedy) const {
        return {index_, std::move(where), std::move(problem), std::move(remedy)};
    }

    std::optional<RuleError> check(const StandingRule& rule) {
        if (rule.name.empty()) {
            return fault("name", "a rule without a name", "name it: logs and explanations use it");
        }
        if (rule.name.size() > max_rule_name_bytes) { return fault("name", "longer than 64 bytes", "shorten it"); }
        if (!names_.insert(rule.name).second) { return fault("name", "given to two rules", "name each rule once"); }
        if (rule.because.size() > max_because_bytes) { return fault("because", "longer than 256 bytes", "shorten it"); }
        if (!characters::is_utf8(rule.name) || !characters::is_utf8(rule.because)) {
            return fault("", "text that is not UTF-8", "write it in UTF-8");
        }
        return std::nullopt;
    }

    std::optional<RuleError> parts(const std::vector<Condition>& written, Compiled& group, const std::string& where,
                                   std::size_t depth) {
        for (const Condition& condition : written) {
            if (++conditions_ > max_conditions) {
                return fault(where, "more than 4096 conditions in all rules", "split the policy");
            }
            Compiled made;
            made.kind = condition.kind;
            if (condition.kind == ConditionKind::fact) {
                if (auto error = fact(condition, made, where)) { return error; }
            } else {
                const std::string inner = where + "." + std::string(to_string(condition.kind));
                if (depth + 1 > max_condition_depth) {
                    return fault(inner, "groups nested deeper than 8", "split the rule in two");
                }
                if (condition.parts.empty()) {
                    return fault(inner, "an empty group", "put a condition in it, or remove it");
                }
                if (auto error = parts(condition.parts, made, inner, depth + 1)) { return error; }
            }
            group.parts.push_back(std::move(made));
        }
        return std::nullopt;
    }

    std::optional<RuleError> fact(const Condition& condition, Compiled& made, const std::string& where) const {
        auto found = find_fact(condition.fact);
        if (!found) {
            const std::string nearest = nearest_fact(condition.fact);
            const bool printable = condition.fact.size() <= max_rule_name_bytes && characters::is_utf8(condition.fact);
            return fault(where, printable ? "unknown fact \"" + condition.fact + "\"" : "unknown fact",
                         nearest.empty() ? "use a fact of the table" : "did you mean " + nearest + "?");
        }
        made.fact = std::move(*found);
        made.name = condition.fact;
        Expression expression(condition.expression);
        if (const Fault always = expression.fault(); always != Fault::none) {
            return fault(where + "." + condition.fact, std::string(meaning(always)), "correct the expression");
        }
        made.expression = std::move(expression);
        return std::nullopt;
    }

    std::size_t index_ = 0;
    std::size_t conditions_ = 0;
    std::set<std::string> names_;
};

std::variant<RuleSet, RuleError> RuleSet::compile(const std::vector<StandingRule>& rules, StandingAnswer fallback) {
    RuleSet set;
    set.fallback_ = fallback;
    if (auto error = Compiler().compile(rules, set.rules_)) { return *std::move(error); }
    return set;
}

Match RuleSet::holds(const Compiled& condition, const FactSet& facts, const Compiled*& cause) {
    if (condition.expression) {
        const std::string* value = facts.value(condition.fact);
        const Match match = value == nullptr ? Match{} : condition.expression->match(*value);
        if (match.truth == Truth::unknown && cause == nullptr) { cause = &condition; }
        return match;
    }
    Joined joined(condition.kind);
    const Compiled* first = nullptr;
    for (const Compiled& part : condition.parts) {
        if (joined.add(holds(part, facts, first))) { break; }
    }
    const Match result = joined.result();
    if (result.truth == Truth::unknown && cause == nullptr) { cause = first; }
    return result;
}

Ruling RuleSet::decide(const FactSet& facts, Match& match, const Compiled*& cause) const {
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        const CompiledRule& rule = rules_[i];
        cause = nullptr;
        match = holds(rule.when, facts, cause);
        if (match.truth == Truth::no) { continue; }
        if (match.truth == Truth::yes) { return {rule.answer, i, false, rule.because, {}}; }
        return {StandingAnswer::ask, i, true, rule.because, {}};
    }
    return {fallback_, std::nullopt, false, {}, {}};
}

Ruling RuleSet::decide(const FactSet& facts) const {
    Match match;
    const Compiled* cause = nullptr;
    return decide(facts, match, cause);
}

Ruling RuleSet::evaluate(const FactSet& facts) const {
    Match match;
    const Compiled* cause = nullptr;
    Ruling ruling = decide(facts, match, cause);
    if (ruling.unknown && ruling.rule && cause != nullptr) {
        ruling.why = "rule \"" + rules_[*ruling.rule].name + "\": " + cause->name;
        ruling.why += match.fault == Fault::none ? " is unknown" : ": " + std::string(meaning(match.fault));
    }
    return ruling;
}

Match RuleSet::look(const Compiled& condition, const FactSet& facts, std::size_t depth,
                    std::vector<ConditionSeen>& seen) {
    const std::size_t at = seen.size();
    seen.push_back({depth, condition.kind, condition.name, {}, std::nullopt, Truth::unknown, Fault::none});
    Match match;
    if (condition.expression) {
        seen[at].expression = condition.expression->text();
        if (const std::string* value = facts.value(condition.fact)) {
            seen[at].value = *value;
            match = condition.expression->match(*value);
        }
    } else {
        Joined joined(condition.kind);
        for (const Compiled& part : condition.parts) { joined.add(look(part, facts, depth + 1, seen)); }
        match = joined.result();
    }
    seen[at].truth = match.truth;
    seen[at].fault = match.fault;
    return match;
}

std::vector<RuleSeen> RuleSet::explain(const FactSet& facts) const {
    std::vector<RuleSeen> seen;
    bool decided = false;
    for (const CompiledRule& rule : rules_) {
        RuleSeen one{rule.name, Truth::unknown, false, {}};
        Joined joined(ConditionKind::all);
        for (const Compiled& part : rule.when.parts) { joined.add(look(part, facts, 0, one.conditions)); }
        one.truth = joined.result().truth;
        one.decided = !decided && one.truth != Truth::no;
        decided = decided || one.decided;
        seen.push_back(std::move(one));
    }
    return seen;
}

std::string_view to_string(StandingAnswer answer) noexcept {
    switch (answer) {
        case StandingAnswer::consent: return "consent";
        case StandingAnswer::refuse: return "refuse";
        case StandingAnswer::ask: return "ask";
        case StandingAnswer::abstain: return "abstain";
    }
    return "?";
}

std::string_view to_string(ConditionKind kind) noexcept {
    switch (kind) {
        case ConditionKind::fact: return "fact";
        case ConditionKind::all: return "all";
        case ConditionKind::any: return "any";
        case ConditionKind::none: return "not";
    }
    return "?";
}

}  // namespace consent
