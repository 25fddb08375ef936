// What is left of rules once part of the facts is known.
//
// Works on an explanation, which has the truth of every condition: what is true or false already says nothing more, and
// of a group that is open exactly the open parts matter.
#include <utility>

#include "consent/standing.hpp"

namespace consent {
namespace {

/// Adds a condition to the parts of a group, without a group around it that would change nothing.
void add(ConditionKind group, Condition condition, std::vector<Condition>& parts) {
    const bool joins = condition.kind == ConditionKind::all || condition.kind == ConditionKind::any;
    if (joins && condition.parts.size() == 1) {
        Condition only = std::move(condition.parts.front());
        add(group, std::move(only), parts);
        return;
    }
    if (condition.kind == ConditionKind::none && condition.parts.size() == 1 &&
        condition.parts.front().kind == ConditionKind::none) {
        add(group, {ConditionKind::all, {}, {}, std::move(condition.parts.front().parts)}, parts);
        return;
    }
    // The parts of `not` are joined as those of `all` are.
    const ConditionKind same = group == ConditionKind::any ? ConditionKind::any : ConditionKind::all;
    if (condition.kind == same) {
        for (Condition& part : condition.parts) { parts.push_back(std::move(part)); }
        return;
    }
    parts.push_back(std::move(condition));
}

/// Reads the conditions of an explanation, groups before their parts, and keeps those that are open.
class Open {
  public:
    explicit Open(const std::vector<ConditionSeen>& seen) : seen_(seen) {}

    std::vector<Condition> parts(ConditionKind group, std::size_t depth) {
        std::vector<Condition> open;
        while (at_ < seen_.size() && seen_[at_].depth == depth) {
            const ConditionSeen& seen = seen_[at_++];
            Condition condition{seen.kind, std::string(seen.fact), std::string(seen.expression), {}};
            if (seen.kind != ConditionKind::fact) { condition.parts = parts(seen.kind, depth + 1); }
            if (seen.truth == Truth::unknown) { add(group, std::move(condition), open); }
        }
        return open;
    }

  private:
    const std::vector<ConditionSeen>& seen_;
    std::size_t at_ = 0;
};

}  // namespace

std::vector<StandingRule> reduce(const RuleSet& rules, const FactSet& known) {
    std::vector<StandingRule> rest;
    const std::vector<RuleSeen> seen = rules.explain(known);
    for (std::size_t i = 0; i < seen.size(); ++i) {
        if (seen[i].truth == Truth::no) { continue; }
        StandingRule rule{std::string(rules.name(i)), {}, rules.answer(i), std::string(rules.because(i))};
        if (seen[i].truth == Truth::unknown) { rule.when = Open(seen[i].conditions).parts(ConditionKind::all, 0); }
        rest.push_back(std::move(rule));
        if (seen[i].truth == Truth::yes) { break; }
    }
    return rest;
}

}  // namespace consent
