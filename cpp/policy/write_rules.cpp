// Writes rules as JSON in one line, which parse_rules() reads: see policy.hpp.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "consent/policy.hpp"
#include "json.hpp"

namespace consent {
namespace {

using policy::write_json;

std::string_view key_of(const Condition& condition) {
    return condition.kind == ConditionKind::fact ? std::string_view(condition.fact) : to_string(condition.kind);
}

void write_together(const std::vector<Condition>& conditions, std::string& out);

void write_list(const std::vector<Condition>& conditions, std::string& out) {
    out += '[';
    for (const Condition& condition : conditions) {
        out += out.back() == '[' ? "" : ",";
        write_together(condition.kind == ConditionKind::all ? condition.parts : std::vector{condition}, out);
    }
    out += ']';
}

void write_value(const Condition& condition, std::string& out) {
    switch (condition.kind) {
        case ConditionKind::fact: write_json(condition.expression, out); break;
        case ConditionKind::all:
        case ConditionKind::any: write_list(condition.parts, out); break;
        case ConditionKind::none: write_together(condition.parts, out); break;
    }
}

/// A map of conditions; where two would have the same name, `all` and a list of maps.
void write_together(const std::vector<Condition>& conditions, std::string& out) {
    std::set<std::string_view> names;
    for (const Condition& condition : conditions) { names.insert(key_of(condition)); }
    out += '{';
    if (names.size() < conditions.size()) {
        out += R"("all":)";
        write_list(conditions, out);
    } else {
        for (const Condition& condition : conditions) {
            out += out.back() == '{' ? "" : ",";
            write_json(key_of(condition), out);
            out += ':';
            write_value(condition, out);
        }
    }
    out += '}';
}

}  // namespace

std::string write_rules(const std::vector<StandingRule>& rules) {
    std::string out = "[";
    for (const StandingRule& rule : rules) {
        out += out.back() == '[' ? "" : ",";
        out += R"({"name":)";
        write_json(rule.name, out);
        if (!rule.when.empty()) {
            out += R"(,"when":)";
            write_together(rule.when, out);
        }
        out += R"(,"answer":)";
        write_json(to_string(rule.answer), out);
        if (!rule.because.empty()) {
            out += R"(,"because":)";
            write_json(rule.because, out);
        }
        out += '}';
    }
    return out + ']';
}

}  // namespace consent
