// The JSON Schemas by which editors complete and check policy files: see policy.hpp. Names, types and units of facts come
// from the table of facts; bounds from the headers.
//
// A schema says less than the reader: whether an expression can be read, whether a name is given twice.
#include <stdexcept>
#include <string>
#include <string_view>

#include "consent/expression.hpp"
#include "consent/facts.hpp"
#include "consent/policy.hpp"
#include "consent/rules.hpp"
#include "consent/wire.hpp"
#include "json.hpp"

namespace consent {
namespace {

constexpr std::string_view uuid =
    R"({"type": "string", "pattern": "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"})";
constexpr std::string_view voice = R"({"oneOf": [{"enum": ["consent", "refuse"]},
  {"type": "object", "required": ["answer"], "additionalProperties": false,
   "properties": {"answer": {"enum": ["consent", "refuse"]}, "because": {"$ref": "#/$defs/because"}}}]})";
constexpr std::string_view silence = R"({"enum": ["refuse", "abstain"]})";
constexpr std::string_view application = R"(
  "name": {"type": "string", "pattern": "^[-._0-9A-Za-z]{1,64}$", "description": "for the log and the reason"},
  "command": {"type": "array", "minItems": 1, "maxItems": 64, "items": {"type": "string", "maxLength": 4096},
    "prefixItems": [{"type": "string", "pattern": "^/"}], "description": "program with its whole path, and arguments"},
  "timeout_s": {"type": "number", "minimum": 0.001, "maximum": 30, "description": "how long it is waited for"})";

std::string number(std::size_t value) { return std::to_string(value); }

std::string as_json(std::string_view text) {
    std::string out;
    policy::write_json(text, out);
    return out;
}

std::string describe(const Fact& fact) {
    std::string out(fact.meaning);
    out += " (" + std::string(to_string(fact.type));
    if (!fact.unit.empty()) { out += ", " + std::string(fact.unit); }
    return out + ')';
}

/// The names of a family, as a pattern.
std::string pattern(const Fact& fact) {
    std::string out = "^";
    for (const char c : fact.name.substr(0, fact.name.size() - 1)) {
        out += c == '.' ? std::string("\\.") : std::string(1, c);
    }
    return out + ".+$";
}

std::string conditions() {
    std::string plain;
    std::string families;
    for (const Fact& fact : facts()) {
        std::string& out = fact.is_family() ? families : plain;
        if (fact.is_family() && !out.empty()) { out += ",\n  "; }
        out += as_json(fact.is_family() ? pattern(fact) : std::string(fact.name));
        out += R"(: {"$ref": "#/$defs/expression", "description": )" + as_json(describe(fact)) + '}';
        if (!fact.is_family()) { out += ",\n  "; }
    }
    constexpr std::string_view groups =
        R"("any": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/group"}, "description": "at least one holds"},
  "all": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/group"}, "description": "each holds"},
  "not": {"$ref": "#/$defs/group", "description": "they do not hold together"})";
    return R"({"type": "object", "additionalProperties": false, "properties": {
  )" + plain +
           std::string(groups) + "},\n  \"patternProperties\": {" + families + "}}";
}

std::string definitions() {
    return R"("$defs": {
"because": {"type": "string", "minLength": 1, "maxLength": )" +
           number(wire::max_because) +
           R"(, "pattern": "^[^\\x00-\\x1f\\x7f]+$", "description": "one line, shown as the reason"},
"expression": {"type": ["string", "number"], "minLength": 1, "maxLength": )" +
           number(max_expression_bytes) + R"(},
"conditions": )" +
           conditions() + R"(,
"group": {"$ref": "#/$defs/conditions", "minProperties": 1},
"rules": {"type": "array", "maxItems": )" +
           number(max_rules) +
           R"(, "description": "the first whose conditions hold decides", "items": {"type": "object",
  "required": ["name", "answer"], "additionalProperties": false, "properties": {
  "name": {"type": "string", "minLength": 1, "maxLength": )" +
           number(max_rule_name_bytes) + R"(},
  "when": {"$ref": "#/$defs/conditions", "description": "all must hold; left out: always"},
  "answer": {"enum": ["consent", "refuse", "ask", "abstain"]},
  "because": {"$ref": "#/$defs/because"}}}}})";
}

/// The facts that a host may state.
std::string stated() {
    std::string out;
    for (const Fact& fact : facts()) {
        if (fact.known != FactKnown::scheduler) { continue; }
        out += out.empty() ? "" : ",\n  ";
        out += as_json(fact.name) + (fact.type == FactType::list
                                         ? R"(: {"type": "array", "items": {"type": "string", "minLength": 1})"
                                         : R"(: {"type": "string", "minLength": 1)");
        out += ", \"description\": " + as_json(fact.meaning) + '}';
    }
    return R"({"type": "object", "additionalProperties": false, "properties": {
  )" + out +
           "}}";
}

std::string schema(std::string_view title, std::string_view required, const std::string& properties) {
    std::string out = R"({"$schema": "https://json-schema.org/draft/2020-12/schema", "title": )" + as_json(title) +
                      ",\n\"additionalProperties\": false, ";
    if (required.empty()) {
        out += R"("type": ["object", "null"],)";  // an empty file says nothing
    } else {
        out += R"("type": "object", "required": )" + std::string(required) + ',';
    }
    return out + "\n\"properties\": {" + properties + "},\n" + definitions() + "}\n";
}

std::string host() {
    return schema("nova-consent: the host's file", "",
                  R"(
  "mode": {"enum": ["off", "audit", "enforce"], "description": "overrides nova.conf on this host"},
  "on_error": {"enum": ["refuse", "allow"], "description": "what a failure of ours counts as"},
  "silence": {"oneOf": [)" +
                      std::string(silence) + R"(, {"type": "object", "minProperties": 1,
    "additionalProperties": false, "properties": {"neighbour": )" +
                      std::string(silence) + R"(, "mover": )" + std::string(silence) +
                      R"(}}], "description": "what a guest's silence counts as"},
  "voters": {"enum": ["connected", "listed"]},
  "listed": {"type": "array", "items": )" +
                      std::string(uuid) + R"(, "description": "guests that vote"},
  "accept_incoming": )" +
                      std::string(voice) + R"(,
  "accept_outgoing": )" +
                      std::string(voice) + R"(,
  "utc_offset": {"type": "string", "pattern": "^[-+][0-9]{2}:[0-9]{2}$", "description": "of time.hour, time.weekday"},
  "rules": {"$ref": "#/$defs/rules"},
  "include": {"type": "array", "maxItems": 16, "items": {"type": "string", "minLength": 1, "maxLength": 255},
    "description": "files with more rules, facts and veto, relative to this one"},
  "facts": )" + stated() +
                      R"(,
  "veto": {"type": "array", "items": {"type": "string", "pattern": "^[-_0-9A-Za-z]{1,64}$"},
    "description": "projects and VMs whose own refusal counts"})");
}

std::string agent() {
    return schema("nova-consent: the guest's policy", R"(["answer"])",
                  R"(
  "answer": {"enum": ["consent", "refuse", "abstain"], "description": "where no rule and no application says otherwise"},
  "because": {"$ref": "#/$defs/because"},
  "rules": {"$ref": "#/$defs/rules"},
  "applications": {"type": "array", "maxItems": 32, "items": {"type": "object", "required": ["name", "command"],
    "additionalProperties": false, "properties": {)" +
                      std::string(application) + "}}}");
}

std::string drop_in() {
    std::string out = schema("nova-consent: a drop-in of the guest's policy", "[]", std::string(application) + R"(,
  "rules": {"$ref": "#/$defs/rules"})");
    // An application, rules, or both.
    out.insert(out.find("\"required\": []"), R"("anyOf": [{"required": ["name", "command"]},
  {"required": ["rules"], "properties": {"name": false, "command": false, "timeout_s": false}}], )");
    return out;
}

std::string examples() {
    return schema("nova-consent: examples of a policy", R"(["policy", "examples"])",
                  R"(
  "policy": {"type": "string", "minLength": 1, "description": "the file, relative to this one"},
  "examples": {"type": "array", "minItems": 1, "maxItems": 1024, "items": {"type": "object",
    "required": ["name", "expect"], "additionalProperties": false, "properties": {
    "name": {"type": "string", "minLength": 1, "maxLength": 255},
    "facts": {"type": "object", "propertyNames": {"maxLength": )" +
                      number(max_fact_name_bytes) +
                      R"(},
      "additionalProperties": {"type": ["string", "number", "array"], "items": {"type": ["string", "number"]}}},
    "expect": {"enum": ["consent", "refuse", "ask", "abstain"]},
    "rule": {"type": "string", "minLength": 1, "description": "that is to decide; left out: any"}}}})");
}

}  // namespace

std::string policy_schema(std::string_view kind) {
    if (kind == "host") { return host(); }
    if (kind == "agent") { return agent(); }
    if (kind == "application") { return drop_in(); }
    if (kind == "examples") { return examples(); }
    throw std::invalid_argument("there is no such file: write host, agent, application or examples");
}

}  // namespace consent
