#include "warnings.hpp"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// Every value that a fact can have, where those are few; else nothing.
std::vector<std::string> all_values(std::string_view fact) {
    std::vector<std::string> values;
    const auto numbers = [&](int from, int to) {
        for (int value = from; value <= to; ++value) { values.push_back(std::to_string(value)); }
    };
    if (fact == "me.kind") { values = {"neighbour", "mover", "hypervisor"}; }
    if (fact == "time.hour") { numbers(0, 23); }
    if (fact == "time.weekday") { numbers(1, 7); }
    return values;
}

/// A condition that says the same whatever the fact is: a misspelt word, or a number out of its range.
std::optional<std::string> foregone(std::string_view fact, const Expression& expression) {
    const std::vector<std::string> values = all_values(fact);
    if (values.empty()) { return std::nullopt; }
    const auto holding = std::count_if(values.begin(), values.end(), [&](const std::string& value) {
        return expression.match(value).truth == consent::Truth::yes;
    });
    if (holding != 0 && holding != std::ssize(values)) { return std::nullopt; }
    const std::string range =
        fact == "me.kind" ? "neighbour, mover or hypervisor" : values.front() + " to " + values.back();
    return (holding == 0 ? "never holds: " : "always holds: ") + std::string(fact) + " is " + range;
}

/// What is to be said of one condition on a fact.
std::vector<std::string> about(const consent::ConditionSeen& condition) {
    std::vector<std::string> found;
    const Expression expression(condition.expression);
    const std::string written = in_quotes(expression.text()) + ": ";
    if (expression.op() != Operator::in) {  // what it means for a list is said below, and a text is meant
        for (const std::string& remark : expression.remarks()) { found.push_back(written + remark); }
    }
    if (const auto known = consent::find_fact(condition.fact)) {
        if (const auto text = misfit(consent::facts()[known->row], expression)) { found.push_back(written + *text); }
    }
    if (const auto text = foregone(condition.fact, expression)) { found.push_back(written + *text); }
    return found;
}

/// Facts of this rule that a host does not know unless its file states them, which it does not.
std::set<std::string_view> unstated(const consent::RuleSeen& rule, const Facts& stated) {
    std::set<std::string_view> found;
    for (const consent::ConditionSeen& condition : rule.conditions) {
        if (condition.kind != consent::ConditionKind::fact) { continue; }
        const auto known = consent::find_fact(condition.fact);
        const bool asks_scheduler = known && consent::facts()[known->row].known == consent::FactKnown::scheduler;
        if (asks_scheduler && find(stated, condition.fact) == nullptr) { found.insert(condition.fact); }
    }
    return found;
}

}  // namespace

std::vector<Warning> warnings(const consent::RuleSet& rules, const Facts& stated, bool of_host) {
    std::vector<Warning> found;
    std::optional<std::string> always;  // the rule behind which none is reached
    for (const consent::RuleSeen& rule : rules.explain({})) {
        const std::string name(rule.name);
        if (always) {
            found.push_back({name, "", "is never reached: rule " + in_quotes(*always) + " before it always holds"});
        } else if (rule.conditions.empty()) {
            always = name;
        }
        if (of_host && asks_guests_alone(rule)) {
            found.push_back(
                {name, "",
                 "asks for what a hypervisor does not have, so that of the hypervisor it answers ask and no rule "
                 "behind it is reached; add me.kind: s== neighbour, or s!= hypervisor"});
        }
        for (const consent::ConditionSeen& condition : rule.conditions) {
            if (condition.kind != consent::ConditionKind::fact) { continue; }
            for (std::string& text : about(condition)) {
                found.push_back({name, std::string(condition.fact), std::move(text)});
            }
        }
        for (const std::string_view fact : unstated(rule, stated)) {
            found.push_back(
                {name, std::string(fact),
                 "is not known on a host unless its file states it under facts:; until then the rule answers ask"});
        }
    }
    return found;
}

}  // namespace consentctl
