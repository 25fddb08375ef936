// Tests that the JSON Schemas say what the readers say. Policies are written in JSON here, which both read.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>
#include <vector>

#include "consent/facts.hpp"
#include "consent/policy.hpp"

using namespace consent;
using nlohmann::json;

namespace {

/// The keywords of JSON Schema that ours use; another one fails the test.
class Validator {
  public:
    explicit Validator(json schema) : root_(std::move(schema)) {}
    [[nodiscard]] bool valid(const json& value) const { return valid(root_, value); }

  private:
    static bool is(const std::string& type, const json& value) {
        return type == "object"   ? value.is_object()
               : type == "array"  ? value.is_array()
               : type == "string" ? value.is_string()
               : type == "number" ? value.is_number()
                                  : type == "null" && value.is_null();
    }

    static bool within(const json& schema, const char* least, const char* most, double size) {
        return (!schema.contains(least) || size >= schema[least].get<double>()) &&
               (!schema.contains(most) || size <= schema[most].get<double>());
    }

    [[nodiscard]] bool count(const json& schemas, const json& value, std::size_t least, std::size_t most) const {
        std::size_t fits = 0;
        for (const json& schema : schemas) {
            if (valid(schema, value)) { ++fits; }
        }
        return fits >= least && fits <= most;
    }

    [[nodiscard]] bool object(const json& schema, const json& value) const {
        for (const auto& [name, field] : value.items()) {
            bool named = schema.value("properties", json::object()).contains(name);
            if (named && !valid(schema["properties"][name], field)) { return false; }
            const json patterns = schema.value("patternProperties", json::object());
            for (const auto& [pattern, of_pattern] : patterns.items()) {
                if (!std::regex_search(name, std::regex(pattern))) { continue; }
                named = true;
                if (!valid(of_pattern, field)) { return false; }
            }
            if (!named && schema.contains("additionalProperties") && !valid(schema["additionalProperties"], field)) {
                return false;
            }
            if (schema.contains("propertyNames") && !valid(schema["propertyNames"], name)) { return false; }
        }
        const json required = schema.value("required", json::array());
        return std::all_of(required.begin(), required.end(),
                           [&](const json& name) { return value.contains(name.get<std::string>()); }) &&
               within(schema, "minProperties", "maxProperties", static_cast<double>(value.size()));
    }

    [[nodiscard]] bool array(const json& schema, const json& value) const {
        const json first = schema.value("prefixItems", json::array());
        for (std::size_t i = 0; i < value.size(); ++i) {
            if (i < first.size() ? !valid(first[i], value[i])
                                 : schema.contains("items") && !valid(schema["items"], value[i])) {
                return false;
            }
        }
        return within(schema, "minItems", "maxItems", static_cast<double>(value.size()));
    }

    [[nodiscard]] bool valid(const json& schema, const json& value) const {  // NOLINT(misc-no-recursion)
        if (schema.is_boolean()) { return schema.get<bool>(); }
        static const std::vector<std::string> known{
            "$schema",   "$defs",     "$ref",          "title",         "description", "type",
            "enum",      "oneOf",     "anyOf",         "required",      "properties",  "patternProperties",
            "items",     "minItems",  "maxItems",      "prefixItems",   "pattern",     "additionalProperties",
            "minLength", "maxLength", "minProperties", "propertyNames", "minimum",     "maximum"};
        for (const auto& [keyword, unused] : schema.items()) {
            CAPTURE(keyword);
            REQUIRE(std::find(known.begin(), known.end(), keyword) != known.end());
        }
        if (schema.contains("$ref")) {
            const std::string ref = schema["$ref"];
            if (!valid(root_.at(json::json_pointer(ref.substr(1))), value)) { return false; }
        }
        if (schema.contains("type")) {
            const json types = schema["type"].is_array() ? schema["type"] : json::array({schema["type"]});
            if (std::none_of(types.begin(), types.end(), [&](const json& type) { return is(type, value); })) {
                return false;
            }
        }
        if (schema.contains("enum") &&
            std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end()) {
            return false;
        }
        if (schema.contains("oneOf") && !count(schema["oneOf"], value, 1, 1)) { return false; }
        if (schema.contains("anyOf") && !count(schema["anyOf"], value, 1, 100)) { return false; }
        if (value.is_object()) { return object(schema, value); }
        if (value.is_array()) { return array(schema, value); }
        if (value.is_number()) { return within(schema, "minimum", "maximum", value.get<double>()); }
        if (!value.is_string()) { return true; }
        const std::string text = value;
        return within(schema, "minLength", "maxLength", static_cast<double>(text.size())) &&
               (!schema.contains("pattern") ||
                std::regex_search(text, std::regex(schema["pattern"].get<std::string>())));
    }

    json root_;
};

template <typename F>
bool taken(F&& read) {
    try {
        read();
        return true;
    } catch (const PolicyError&) { return false; }
}

/// Fields that a reader knows, by what it says of one that it does not.
template <typename F>
std::string told(F&& read) {
    try {
        read();
    } catch (const PolicyError& error) { return error.remedy; }
    return {};
}

}  // namespace

TEST_CASE("schema and reader of a host's file agree") {
    const Validator schema(json::parse(policy_schema("host")));
    const std::string uuid = R"("4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a")";
    const std::string rule = R"({"rules": [{"name": "r", "answer": "ask", "when": )";
    const std::vector<std::pair<std::string, bool>> policies{
        {"{}", true},
        {"null", true},
        {R"({"mode": "off", "on_error": "allow", "silence": "abstain", "voters": "listed"})", true},
        {R"({"listed": [)" + uuid + R"(], "accept_incoming": "refuse"})", true},
        {R"({"accept_outgoing": {"answer": "refuse", "because": "full"}, "utc_offset": "+01:00"})", true},
        {R"({"silence": {"neighbour": "refuse"}, "veto": ["4f5c1b526c0f4a7e9a440d2d1f1c2b3a"]})", true},
        {R"({"facts": {"site.zone": "a", "site.traits": ["HW_A"]}, "rules": []})", true},
        {rule + R"({"guest.vcpus": 8, "guest.image.os_type": "linux", "site.traits": "<all-in> A"}}]})", true},
        {rule + R"({"any": [{"me.id": "a"}], "all": [{"me.id": "a"}], "not": {"time.hour": "< 4"}}}]})", true},
        {rule + "{}}]}", true},
        {R"({"rules": [{"name": "r", "answer": "ask", "because": "so"}]})", true},
        {"[]", false},
        {R"({"mod": "off"})", false},
        {R"({"mode": "on"})", false},
        {R"({"listed": ["a"]})", false},
        {R"({"accept_incoming": "abstain"})", false},
        {R"({"accept_incoming": {"because": "full"}})", false},
        {R"({"silence": {}})", false},
        {R"({"silence": {"guest": "refuse"}})", false},
        {R"({"utc_offset": "CET"})", false},
        {R"({"veto": ["a b"]})", false},
        {R"({"facts": {"guest.vcpus": "4"}})", false},
        {R"({"facts": {"site.traits": "HW_A"}})", false},
        {R"({"include": "a.yaml"})", false},
        {R"({"rules": {}})", false},
        {R"({"rules": [{"name": "r"}]})", false},
        {R"({"rules": [{"answer": "ask"}]})", false},
        {R"({"rules": [{"name": "r", "answer": "no"}]})", false},
        {R"({"rules": [{"name": "r", "answer": "ask", "then": 1}]})", false},
        {R"({"rules": [{"name": "r", "answer": "ask", "because": "a\nb"}]})", false},
        {rule + R"({"guest.vcpu": 8}}]})", false},
        {rule + R"({"guest.vcpus": [8]}}]})", false},
        {rule + R"({"guest.vcpus": ""}}]})", false},
        {rule + R"({"guest.image.": "a"}}]})", false},
        {rule + R"({"any": []}}]})", false},
        {rule + R"({"any": [{}]}}]})", false},
        {rule + R"({"any": {"me.id": "a"}}}]})", false},
        {rule + R"({"not": {}}}]})", false},
        {rule + R"([]}]})", false},
    };
    for (const auto& [text, good] : policies) {
        CAPTURE(text);
        CHECK(taken([&, &policy = text] { (void)parse_host_policy(policy, "f"); }) == good);
        CHECK(schema.valid(json::parse(text)) == good);
    }
    CHECK(schema.valid(json::parse(R"({"include": ["a.yaml"]})")));
}

TEST_CASE("schema and reader of a guest's files agree") {
    const Validator agent(json::parse(policy_schema("agent")));
    const Validator application(json::parse(policy_schema("application")));
    for (const auto& [text, good] : std::vector<std::pair<std::string, bool>>{
             {R"({"answer": "consent", "because": "a", "rules": [{"name": "r", "answer": "refuse"}]})", true},
             {R"({"answer": "consent", "applications": [{"name": "a", "command": ["/bin/a", "b"], "timeout_s": 2}]})",
              true},
             {"null", false},
             {R"({"because": "a"})", false},
             {R"({"answer": "ask"})", false},
             {R"({"answer": "consent", "applications": [{"name": "a", "command": ["a"]}]})", false},
             {R"({"answer": "consent", "applications": [{"name": "a", "command": []}]})", false},
             {R"({"answer": "consent", "applications": [{"name": "a b", "command": ["/bin/a"]}]})", false},
             {R"({"answer": "consent", "applications": [{"name": "a", "command": ["/bin/a"], "timeout_s": 31}]})",
              false}}) {
        CAPTURE(text);
        CHECK(taken([&, &policy = text] { (void)parse_agent_policy(policy, "f"); }) == good);
        CHECK(agent.valid(json::parse(text)) == good);
    }
    CHECK(application.valid(json::parse(R"({"name": "a", "command": ["/bin/a"], "rules": []})")));
    CHECK(application.valid(json::parse(R"({"rules": []})")));
    CHECK_FALSE(application.valid(json::parse(R"({"name": "a", "rules": []})")));
    CHECK_FALSE(application.valid(json::parse(R"({"name": "a"})")));
    CHECK_FALSE(application.valid(json::parse("{}")));
}

TEST_CASE("a schema names each field and each fact that the reader knows, no more") {
    const json host = json::parse(policy_schema("host"));
    const std::string fields = told([] { (void)parse_host_policy("zzzzzz: 1", "f"); });
    for (const auto& [name, unused] : host["properties"].items()) { CHECK(fields.find(name) != std::string::npos); }
    CHECK(static_cast<std::size_t>(std::count(fields.begin(), fields.end(), ',')) + 1 == host["properties"].size());
    const json& conditions = host["$defs"]["conditions"];
    std::size_t plain = 0;
    for (const Fact& fact : facts()) {
        if (fact.is_family()) { continue; }
        CHECK(conditions["properties"].contains(std::string(fact.name)));
        ++plain;
    }
    CHECK(conditions["properties"].size() == plain + 3);
    CHECK(conditions["patternProperties"].size() == fact_count - plain);
    CHECK(json::parse(policy_schema("examples"))["properties"].contains("examples"));
    CHECK_THROWS_AS(policy_schema("hosts"), std::invalid_argument);
}
