// Reads rules: see rules.hpp.
#include "rules.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "consent/policy.hpp"
#include "consent/wire.hpp"
#include "expression_check.hpp"

namespace consent::policy {
namespace {

constexpr std::array<std::string_view, 3> groups{"any", "all", "not"};
constexpr std::array<std::string_view, 4> answers{"consent", "refuse", "ask", "abstain"};  // in StandingAnswer's order
constexpr std::string_view condition_example = R"(write FACT: EXPRESSION, as in guest.vcpus: ">= 8")";

[[noreturn]] void fail_empty(const Field& group) {
    group.fail("is a group without a condition", "put a condition in it, or remove it");
}

/// The conditions that a map comes to: those of `all` count where it stands.
std::size_t count(const Node& map) {
    std::size_t conditions = 0;
    for (const auto& [key, value] : map.entries) {
        if (key.text != "all") {
            ++conditions;
        } else {
            for (const Node& item : value.items) { conditions += count(item); }
        }
    }
    return conditions;
}

void check_depth(const Field& group, std::size_t depth) {
    if (depth > max_condition_depth) {
        group.fail("groups nested deeper than " + std::to_string(max_condition_depth), "split the rule in two");
    }
}

std::string fact_remedy(std::string_view name) {
    if (const std::string_view group = nearest(name, groups); !group.empty()) {
        return "did you mean " + std::string(group) + "?";
    }
    const std::string near = nearest_fact(name);
    return near.empty() ? "write a fact of guest, source, site, me or time, or operation, any, all, not"
                        : "did you mean " + near + "?";
}

std::string read_rule_name(const Field& field) {
    const std::string& name = read_text(field, "name: too-large");
    if (name.size() > max_rule_name_bytes) {
        field.fail("is " + std::to_string(name.size()) + " bytes long",
                   "shorten it to " + std::to_string(max_rule_name_bytes));
    }
    if (wire::clean(name, SIZE_MAX) != name) {
        field.fail("holds a character that cannot be shown", "write one line of printable characters");
    }
    return name;
}

}  // namespace

void RulesReader::read_rules(const Field& list) {
    constexpr std::string_view example = R"([{name: too-large, when: {guest.vcpus: ">= 8"}, answer: refuse}])";
    read_list(list, max_rules, example, [&](const Field& item) { read_rule(item, nullptr); });
}

void RulesReader::read_named(const Field& rule, const std::string& name) { read_rule(rule, &name); }

void RulesReader::read_rule(const Field& field, const std::string* given) {
    constexpr std::array<std::string_view, 4> names{"when", "answer", "because", "name"};
    StandingRule rule;
    Origin origin{std::string(field.file), field.path, field.node.place, field.node.place, field.node.place};
    bool answered = false;
    read_map(field, std::span(names).first(given == nullptr ? 4 : 3), [&](std::string_view name, const Field& value) {
        if (name == "name") {
            rule.name = read_rule_name(value);
            origin.name = value.node.place;
        } else if (name == "when") {
            rule.when = read_together(value, 0);
        } else if (name == "answer") {
            rule.answer = static_cast<StandingAnswer>(read_word(value, answers));
            answered = true;
        } else {
            rule.because = read_because(value);
            origin.because = value.node.place;
        }
    });
    if (given != nullptr) { rule.name = *given; }
    if (rule.name.empty()) { field.fail("has no name", "add name: NAME, for logs and explanations"); }
    if (!answered) { field.fail("has no answer", "add answer: " + one_of(answers)); }
    add(field, std::move(rule), std::move(origin));
}

void RulesReader::add(const Field& field, StandingRule rule, Origin origin) {
    if (rules_.size() == max_rules) {
        field.fail("more than " + std::to_string(max_rules) + " rules", "join rules with any:");
    }
    if (const auto [at, fresh] = names_.emplace(rule.name, rules_.size()); !fresh) {
        const Origin& first = origins_[at->second];
        const std::string other = first.file == origin.file ? "" : " of " + wire::clean(first.file);
        throw PolicyError(
            origin.file, origin.name.line, origin.name.column, origin.path + ".name",
            "the name " + rule.name + " is given twice, first in line " + std::to_string(first.name.line) + other,
            "give each rule its own name");
    }
    rules_.push_back(std::move(rule));
    origins_.push_back(std::move(origin));
}

/// Conditions that must all hold.
std::vector<Condition> RulesReader::read_together(const Field& map, std::size_t depth) {
    if (map.node.kind != Node::Kind::map) {
        const bool left_empty = map.node.kind == Node::Kind::null && depth == 0;
        map.fail(
            "is " + kind_of(map.node) + ", not a map of conditions",
            (left_empty ? "leave it out for a rule that always holds, else " : "") + std::string(condition_example));
    }
    std::vector<Condition> conditions;
    for (const auto& [key, value] : map.node.entries) {
        const std::string path = map.path + "." + wire::clean(key.text, max_quote);
        read_condition(Field{key, path, map.file}, Field{value, path, map.file}, depth, conditions);
    }
    return conditions;
}

/// Groups of which each stands for itself: of one condition it is that condition.
std::vector<Condition> RulesReader::read_alternatives(const Field& list, std::size_t depth) {
    std::vector<Condition> alternatives;
    read_list(list, max_conditions, R"([{guest.vcpus: ">= 8"}, {guest.flavor: large}])", [&](const Field& item) {
        const bool several = count(item.node) > 1;
        if (several) { check_depth(item, depth + 1); }
        std::vector<Condition> parts = read_together(item, several ? depth + 1 : depth);
        if (parts.empty()) { fail_empty(item); }
        if (several) {
            alternatives.push_back({ConditionKind::all, {}, {}, std::move(parts)});
        } else {
            alternatives.push_back(std::move(parts.front()));
        }
    });
    if (alternatives.empty()) { fail_empty(list); }
    return alternatives;
}

void RulesReader::read_condition(const Field& key, const Field& value, std::size_t depth,
                                 std::vector<Condition>& conditions) {
    const std::string& name = key.node.text;
    if (name ==
        "all") {  // no group of its own: what it holds counts where it stands, so that one fact may be met twice
        read_list(value, max_conditions, R"([{guest.vcpus: ">= 2"}, {guest.vcpus: "<= 8"}])", [&](const Field& item) {
            std::vector<Condition> parts = read_together(item, depth);
            if (parts.empty()) { fail_empty(item); }
            std::move(parts.begin(), parts.end(), std::back_inserter(conditions));
        });
        if (value.node.items.empty()) { fail_empty(value); }
        return;
    }
    if (++conditions_ > max_conditions) {
        key.fail("more than " + std::to_string(max_conditions) + " conditions in all rules", "split the policy");
    }
    if (name == "any" || name == "not") {
        check_depth(key, depth + 1);
        Condition group{name == "any" ? ConditionKind::any : ConditionKind::none, {}, {}, {}};
        group.parts = name == "any" ? read_alternatives(value, depth + 1) : read_together(value, depth + 1);
        if (group.parts.empty()) { fail_empty(value); }
        conditions.push_back(std::move(group));
        return;
    }
    const std::optional<FactName> fact = find_fact(name);
    if (!fact) { key.fail("no such fact", fact_remedy(name)); }
    conditions.push_back({ConditionKind::fact, name, read_expression(value, facts()[fact->row]), {}});
}

std::shared_ptr<const RuleSet> RulesReader::compile(StandingAnswer fallback) const {
    if (rules_.empty()) { return nullptr; }
    auto result = RuleSet::compile(rules_, fallback);
    if (auto* set = std::get_if<RuleSet>(&result)) { return std::make_shared<const RuleSet>(std::move(*set)); }
    // All but the length of `because` in bytes has been found where it stands.
    const RuleError& error = std::get<RuleError>(result);
    const Origin& origin = origins_[std::min(error.rule, origins_.size() - 1)];
    const Place place = error.where == "because" ? origin.because : error.where == "name" ? origin.name : origin.rule;
    throw PolicyError(origin.file, place.line, place.column,
                      origin.path + (error.where.empty() ? "" : "." + wire::clean(error.where, max_quote)),
                      wire::clean(error.problem), wire::clean(error.remedy));
}

}  // namespace consent::policy
