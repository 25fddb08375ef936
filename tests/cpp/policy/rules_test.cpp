// Tests of what good rules mean wherever they stand, and that what is written is read back as it was.
#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "consent/policy.hpp"

using namespace consent;

namespace consent {
// NOLINTNEXTLINE(misc-no-recursion): as deep as conditions are
static bool operator==(const Condition& a, const Condition& b) {
    return a.kind == b.kind && a.fact == b.fact && a.expression == b.expression && a.parts == b.parts;
}
static bool operator==(const StandingRule& a, const StandingRule& b) {
    return a.name == b.name && a.when == b.when && a.answer == b.answer && a.because == b.because;
}
}  // namespace consent

namespace {

using Kind = ConditionKind;
using Says = StandingAnswer;

Condition fact(std::string name, std::string expression) {
    return {Kind::fact, std::move(name), std::move(expression), {}};
}
Condition group(Kind kind, std::vector<Condition> parts) { return {kind, {}, {}, std::move(parts)}; }

const std::string everything = R"(
mode: audit
rules:
  - name: too large
    when:
      guest.vcpus: ">= 8"
      any:
        - {guest.flavor: <or> large <or> huge, time.hour: 4}
        - site.traits: <all-in> HW_A
      not:
        guest.image.os_type: windows
        guest.memory_mib: ">= 4096 MiB"
    answer: refuse
    because: Größe
  - {name: rest, answer: consent}
)";

const std::vector<StandingRule> everything_read{
    {"too large",
     {fact("guest.vcpus", ">= 8"),
      group(Kind::any, {group(Kind::all, {fact("guest.flavor", "<or> large <or> huge"), fact("time.hour", "4")}),
                        fact("site.traits", "<all-in> HW_A")}),
      group(Kind::none, {fact("guest.image.os_type", "windows"), fact("guest.memory_mib", ">= 4096 MiB")})},
     Says::refuse,
     "Größe"},
    {"rest", {}, Says::consent, ""}};

}  // namespace

TEST_CASE("rules mean the same in a host's file, a guest's file and a list") {
    const HostPolicy host = parse_host_policy(everything, "f");
    REQUIRE(host.rules);
    CHECK(host.rules->size() == 2);
    CHECK(host.rules->name(0) == "too large");
    FactSet known;
    known.set("guest.vcpus", "4");
    CHECK(host.rules->evaluate(known).answer == Says::consent);
    std::string agent = everything;
    agent.replace(agent.find("mode: audit"), 11, "answer: abstain");
    CHECK(parse_agent_policy(agent, "f").rules == everything_read);
    const std::string list = everything.substr(everything.find("  - name"));
    CHECK(parse_rules(list, "f") == everything_read);
    CHECK_FALSE(parse_host_policy("rules: []", "f").rules);
    CHECK_FALSE(parse_host_policy("mode: audit", "f").rules);
    CHECK(parse_rules("[]", "f").empty());
}

TEST_CASE("a rule in one line") {
    const StandingRule rule =
        parse_rule(R"({when: {guest.vcpus: ">= 8"}, answer: refuse, because: too big})", "big", "flavor m1.small");
    CHECK(rule == StandingRule{"big", {fact("guest.vcpus", ">= 8")}, Says::refuse, "too big"});
    CHECK(parse_rule("answer: ask", "a", "image").answer == Says::ask);
    CHECK(parse_rule(R"({"when":{"guest.vcpus":"== 8"},"answer":"abstain"})", "json", "metadata").when.size() == 1);
    const std::string longest = "{answer: refuse, because: " + std::string(max_property_bytes - 27, 'x') + "}";
    CHECK(longest.size() == max_property_bytes);
    CHECK_FALSE(longest.empty());
    CHECK_THROWS_AS(parse_rule(longest, "a", "image"), PolicyError);  // a reason of 227 characters
    CHECK(parse_rule("{answer: refuse}" + std::string(max_property_bytes - 16, ' '), "a", "image").because.empty());
}

TEST_CASE("what else a host's file says for standing policy") {
    const HostPolicy host = parse_host_policy(
        "silence: {mover: abstain}\nutc_offset: +05:30\n"
        "facts: {site.zone: az-1, site.aggregates: [gpu, \"it's\"]}\n"
        "veto: [4f5c1b526c0f4a7e9a440d2d1f1c2b3a, 4F5C1B52-6C0F-4A7E-9A44-0D2D1F1C2B3A]\n",
        "f");
    CHECK_FALSE(host.silence);
    CHECK(host.silence_mover == Silence::abstain);
    CHECK(host.utc_offset_min == 330);
    CHECK(host.facts ==
          std::map<std::string, std::string>{{"site.zone", "az-1"}, {"site.aggregates", R"(['gpu', 'it\'s'])"}});
    CHECK(host.veto ==
          std::vector<std::string>{"4f5c1b526c0f4a7e9a440d2d1f1c2b3a", "4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a"});
    CHECK(parse_host_policy("silence: abstain", "f").silence_mover == Silence::abstain);
    CHECK(parse_host_policy("utc_offset: \"-12:00\"", "f").utc_offset_min == -720);
    CHECK(parse_host_policy("veto: []", "f").veto->empty());
    CHECK_FALSE(parse_host_policy("", "f").veto);
}

TEST_CASE("eight groups, one in the other, each with a fact met twice, are read back") {
    Condition deepest = fact("guest.vcpus", "4");
    for (int i = 0; i < 8; ++i) {
        deepest = group(Kind::none, {fact("guest.vcpus", ">= 4"), fact("guest.vcpus", "<= 8"), deepest});
    }
    const std::vector<StandingRule> rules{{"deep", {deepest, deepest}, Says::refuse, ""}};
    CHECK(parse_rules(write_rules(rules), "f") == rules);
}

TEST_CASE("what is written is read back as it was, and written again alike") {
    const std::vector<Condition> leaves{fact("guest.vcpus", ">= 4"), fact("guest.image.a \"b\"", "s== \\ \" ' # : {ä"),
                                        fact("site.traits", "<all-in> A B"), fact("me.tag", "s!= []"),
                                        fact("guest.extra.x:y", "null")};
    CHECK(write_rules({}) == "[]");
    CHECK(write_rules({{"a", {fact("guest.vcpus", ">= 4")}, Says::ask, "b"}}) ==
          R"([{"name":"a","when":{"guest.vcpus":">= 4"},"answer":"ask","because":"b"}])");
    const std::function<Condition(int, bool)> drawn = [&](int depth, bool alternative) -> Condition {
        const int pick = *rc::gen::inRange(0, depth < 4 ? 8 : 5);
        if (pick < 5) { return leaves[static_cast<std::size_t>(pick)]; }
        // Conditions that all must hold are a group of their own only as one of several alternatives.
        const Kind kind = pick == 5 && alternative ? Kind::all : pick == 6 ? Kind::any : Kind::none;
        std::vector<Condition> parts;
        for (int i = *rc::gen::inRange(kind == Kind::all ? 2 : 1, 4); i > 0; --i) {
            parts.push_back(drawn(depth + 1, kind == Kind::any));
        }
        return group(kind, std::move(parts));
    };
    CHECK(rc::check("round trip", [&] {
        std::vector<StandingRule> rules;
        for (int i = *rc::gen::inRange(0, 4); i > 0; --i) {
            StandingRule rule{"r\"" + std::to_string(i), {}, *rc::gen::element(Says::consent, Says::refuse), "ä ~ \\"};
            for (int c = *rc::gen::inRange(0, 4); c > 0; --c) { rule.when.push_back(drawn(1, false)); }
            rules.push_back(std::move(rule));
        }
        const std::string written = write_rules(rules);
        RC_ASSERT(written.find('\n') == std::string::npos);
        const std::vector<StandingRule> read = parse_rules(written, "f");
        RC_ASSERT(read == rules);
        RC_ASSERT(write_rules(read) == written);
    }));
}
