#include "warnings.hpp"

#include <optional>
#include <set>

#include "text.hpp"

namespace consentctl {
namespace {

using consent::Expression;
using consent::FactType;
using consent::Operator;

bool compares_whole_text(Operator op) {
    return op == Operator::equals_word || op == Operator::equals_text || op == Operator::any_of ||
           (op >= Operator::text_equal && op <= Operator::text_at_least);
}

/// An operator that takes the value for something else than it is, as far as that is allowed when rules are loaded.
std::optional<std::string> misfit(const consent::Fact& fact, const Expression& expression) {
    const Operator op = expression.op();
    if (fact.type == FactType::number && (compares_whole_text(op) || op == Operator::in)) {
        return "is compared as text, so that 8.0 is not 8; write \"== 8\"";
    }
    if (fact.type == FactType::list && op == Operator::in) {
        return "is a list, and <in> looks through its whole text: red is found in ['infrared']; write \"<all-in> " +
               expression.words().front() + '"';
    }
    return std::nullopt;
}

/// A rule on me.project and the like that does not begin by asking who is judged.
bool asks_guests_alone(const consent::RuleSeen& rule) {
    bool guests_fact = false;
    for (const consent::ConditionSeen& condition : rule.conditions) {
        if (condition.fact == "me.kind" && condition.depth == 0) { return false; }
        guests_fact = guests_fact ||
                      (condition.fact.starts_with("me.") && condition.fact != "me.kind" && condition.fact != "me.id");
    }
    return guests_fact;
}

}  // namespace

std::vector<Warning> warnings(const consent::RuleSet& rules, const Facts& stated, bool of_host) {
    std::vector<Warning> found;
    std::optional<std::string> always;  // the rule behind which none is reached
    for (const consent::RuleSeen& rule : rules.explain({})) {
        const std::string name(rule.name);
        if (always) {
            found.push_back({name, "", "is never reached: rule " + in_quotes(*always) + " before it always holds"});
        }
        if (!always && rule.conditions.empty()) { always = name; }
        if (of_host && asks_guests_alone(rule)) {
            found.push_back(
                {name, "",
                 "asks for what a hypervisor does not have, so that of the hypervisor it answers ask and no rule "
                 "behind it is reached; add me.kind: s== neighbour, or s!= hypervisor"});
        }
        std::set<std::string_view> unknown;
        for (const consent::ConditionSeen& condition : rule.conditions) {
            if (condition.kind != consent::ConditionKind::fact) { continue; }
            const std::string fact_name(condition.fact);
            const Expression expression(condition.expression);
            if (expression.op() != Operator::in) {  // what it means for a list is said below, and a text is meant
                for (const std::string& remark : expression.remarks()) {
                    found.push_back({name, fact_name, in_quotes(expression.text()) + ": " + remark});
                }
            }
            const auto known = consent::find_fact(condition.fact);
            if (!known) { continue; }
            const consent::Fact& fact = consent::facts()[known->row];
            if (auto text = misfit(fact, expression)) {
                found.push_back({name, fact_name, in_quotes(expression.text()) + ": " + *std::move(text)});
            }
            if (fact.known == consent::FactKnown::scheduler && find(stated, condition.fact) == nullptr &&
                unknown.insert(condition.fact).second) {
                found.push_back(
                    {name, fact_name,
                     "is not known on a host unless its file states it under facts:; until then the rule answers "
                     "ask"});
            }
        }
    }
    return found;
}

}  // namespace consentctl
