// Tests of the rules: which decides, what unknown comes to, what is rejected, and that explaining says what evaluating does.
#include "consent/rules.hpp"

#include <rapidcheck.h>

#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <string>
#include <variant>
#include <vector>

using namespace consent;

namespace {

using Kind = ConditionKind;
using Says = StandingAnswer;

Condition fact(std::string name, std::string expression) {
    return {Kind::fact, std::move(name), std::move(expression), {}};
}
Condition group(Kind kind, std::vector<Condition> parts) { return {kind, {}, {}, std::move(parts)}; }

RuleSet compiled(const std::vector<StandingRule>& rules, Says fallback = Says::abstain) {
    auto result = RuleSet::compile(rules, fallback);
    REQUIRE(std::holds_alternative<RuleSet>(result));
    return std::get<RuleSet>(std::move(result));
}

RuleError rejected(const std::vector<StandingRule>& rules) {
    const auto result = RuleSet::compile(rules, Says::ask);
    REQUIRE(std::holds_alternative<RuleError>(result));
    const RuleError& error = std::get<RuleError>(result);
    CHECK_FALSE(error.problem.empty());
    CHECK_FALSE(error.remedy.empty());
    return error;
}

// Conditions with a known result on `three()`.
const Condition holds = fact("guest.vcpus", "== 4");
const Condition fails = fact("guest.vcpus", "== 5");
const Condition unknown = fact("site.zone", "a");
const Condition faulty = fact("guest.flavor", "> 4");

FactSet three() {
    FactSet known;
    known.set("guest.vcpus", "4");
    known.set("guest.flavor", "m1.small");
    return known;
}

Truth truth_of(const Condition& condition) {
    const RuleSet rules = compiled({{"r", {condition}, Says::consent, ""}});
    const Ruling ruling = rules.evaluate(three());
    const std::vector<RuleSeen> seen = rules.explain(three());
    const Truth truth = ruling.unknown ? Truth::unknown : ruling.rule ? Truth::yes : Truth::no;
    CHECK(seen[0].truth == truth);
    CHECK(seen[0].conditions[0].truth == truth);
    return truth;
}

}  // namespace

TEST_CASE("the first rule that holds decides, else the fallback") {
    const RuleSet rules = compiled({{"large", {fact("guest.vcpus", ">= 8")}, Says::refuse, "too large"},
                                    {"small", {fact("guest.vcpus", "< 8")}, Says::consent, "small enough"},
                                    {"never reached", {}, Says::ask, ""}});
    FactSet known;
    known.set("guest.vcpus", "4");
    CHECK(rules.evaluate(known).answer == Says::consent);
    CHECK(rules.evaluate(known).rule == 1);
    CHECK(rules.evaluate(known).because == "small enough");
    known.set("guest.vcpus", "8");
    CHECK(rules.evaluate(known).answer == Says::refuse);
    CHECK(compiled({}).evaluate(known).answer == Says::abstain);
    CHECK_FALSE(compiled({}).evaluate(known).rule);
    CHECK(compiled({{"all", {}, Says::refuse, ""}}).evaluate(FactSet{}).answer ==
          Says::refuse);  // no condition: always
}

TEST_CASE("a rule that hangs on what is unknown answers ask and says why") {
    const Ruling missing =
        compiled({{"zone", {holds, unknown}, Says::consent, "b"}, {"later", {}, Says::consent, ""}}).evaluate(three());
    CHECK(missing.answer == Says::ask);
    CHECK(missing.unknown);
    CHECK(missing.rule == 0);
    CHECK(missing.why == "rule \"zone\": site.zone is unknown");
    const Ruling fault = compiled({{"r", {faulty}, Says::refuse, ""}}).evaluate(three());
    CHECK(fault.answer == Says::ask);
    CHECK(fault.why == "rule \"r\": guest.flavor: the value is not a number");
    // What cannot matter need not be known.
    CHECK(compiled({{"r", {unknown, fails}, Says::refuse, ""}}).evaluate(three()).answer == Says::abstain);
}

TEST_CASE("three-valued logic") {
    const auto all = [](std::vector<Condition> parts) { return truth_of(group(Kind::all, std::move(parts))); };
    const auto any = [](std::vector<Condition> parts) { return truth_of(group(Kind::any, std::move(parts))); };
    const auto none = [](std::vector<Condition> parts) { return truth_of(group(Kind::none, std::move(parts))); };
    for (const Condition& open : {unknown, faulty}) {
        CHECK(truth_of(open) == Truth::unknown);
        CHECK(all({holds, open}) == Truth::unknown);
        CHECK(all({open, fails}) == Truth::no);
        CHECK(any({holds, open}) == Truth::yes);
        CHECK(any({open, holds}) == Truth::yes);
        CHECK(any({open, fails}) == Truth::unknown);
        CHECK(none({open}) == Truth::unknown);
        CHECK(none({open, fails}) == Truth::yes);
        CHECK(none({open, holds}) == Truth::unknown);
    }
    CHECK(all({holds, holds}) == Truth::yes);
    CHECK(all({holds, fails}) == Truth::no);
    CHECK(any({fails, fails}) == Truth::no);
    CHECK(none({holds}) == Truth::no);
    CHECK(none({fails}) == Truth::yes);
    CHECK(none({holds, fails}) == Truth::yes);
    CHECK(none({group(Kind::none, {holds})}) == Truth::yes);
}

TEST_CASE("an explanation shows every condition, the value seen and the result") {
    const RuleSet rules = compiled({{"first", {fails, group(Kind::any, {unknown, faulty})}, Says::refuse, ""},
                                    {"second", {holds}, Says::consent, ""},
                                    {"third", {holds}, Says::refuse, ""}});
    const std::vector<RuleSeen> seen = rules.explain(three());
    REQUIRE(seen.size() == 3);
    CHECK_FALSE(seen[0].decided);
    CHECK(seen[1].decided);
    CHECK_FALSE(seen[2].decided);
    REQUIRE(seen[0].conditions.size() == 4);
    CHECK(seen[0].conditions[0].value == "4");
    CHECK(seen[0].conditions[0].expression == "== 5");
    CHECK(seen[0].conditions[1].kind == Kind::any);
    CHECK(seen[0].conditions[2].depth == 1);
    CHECK_FALSE(seen[0].conditions[2].value);
    CHECK(seen[0].conditions[3].fault == Fault::value_not_a_number);
}

TEST_CASE("rules that cannot be taken are rejected with place and remedy") {
    const RuleError nearest =
        rejected({{"ok", {}, Says::ask, ""}, {"r", {group(Kind::any, {fact("guest.vcpu", "1")})}, Says::ask, ""}});
    CHECK(nearest.rule == 1);
    CHECK(nearest.where == "when.any");
    CHECK(nearest.remedy == "did you mean guest.vcpus?");
    CHECK(rejected({{"r", {fact("guest.vcpus", "== four")}, Says::ask, ""}}).where == "when.guest.vcpus");
    CHECK(rejected({{"r", {group(Kind::none, {})}, Says::ask, ""}}).where == "when.not");
    CHECK(rejected({{"", {}, Says::ask, ""}}).where == "name");
    CHECK(rejected({{"r", {}, Says::ask, ""}, {"r", {}, Says::ask, ""}}).rule == 1);
    CHECK(rejected({{std::string(max_rule_name_bytes + 1, 'r'), {}, Says::ask, ""}}).where == "name");
    CHECK(rejected({{"r", {}, Says::ask, std::string(max_because_bytes + 1, 'b')}}).where == "because");
    CHECK(rejected({{"r", {}, Says::ask, "\xff"}}).rule == 0);

    Condition deep = holds;
    for (std::size_t i = 0; i < max_condition_depth; ++i) { deep = group(Kind::any, {deep}); }
    compiled({{"r", {deep}, Says::ask, ""}});
    CHECK(rejected({{"r", {group(Kind::any, {deep})}, Says::ask, ""}}).problem == "groups nested deeper than 8");

    std::vector<StandingRule> many;
    for (std::size_t i = 0; i < max_rules; ++i) { many.push_back({"r" + std::to_string(i), {}, Says::ask, ""}); }
    compiled(many);
    many.push_back({"one more", {}, Says::ask, ""});
    CHECK(rejected(many).rule == many.size());
    compiled({{"r", std::vector<Condition>(max_conditions, holds), Says::ask, ""}});
    CHECK(rejected({{"r", std::vector<Condition>(max_conditions + 1, holds), Says::ask, ""}}).where == "when");
}

TEST_CASE("random rules: explaining agrees with evaluating, and what is told more never turns a ruling") {
    const std::vector<Condition> leaves = {holds, fails, unknown, faulty, fact("site.host", "a")};
    const std::function<Condition(int)> drawn = [&](int depth) -> Condition {
        const int pick = *rc::gen::inRange(0, depth < 3 ? 8 : 5);
        if (pick < 5) { return leaves[static_cast<std::size_t>(pick)]; }
        std::vector<Condition> parts;
        for (int i = *rc::gen::inRange(1, 4); i > 0; --i) { parts.push_back(drawn(depth + 1)); }
        return group(static_cast<Kind>(pick - 4), std::move(parts));
    };
    CHECK(rc::check("agrees", [&] {
        std::vector<StandingRule> written;
        for (int i = *rc::gen::inRange(1, 4); i > 0; --i) {
            written.push_back(
                {std::to_string(i), {drawn(0)}, *rc::gen::element(Says::consent, Says::refuse, Says::abstain), ""});
        }
        const auto result = RuleSet::compile(written, Says::abstain);
        const RuleSet& rules = std::get<RuleSet>(result);
        FactSet known = three();
        const Ruling before = rules.evaluate(known);
        std::optional<std::size_t> decided;
        const auto seen = rules.explain(known);
        for (std::size_t i = 0; i < seen.size(); ++i) {
            if (seen[i].decided) { decided = i; }
        }
        RC_ASSERT(decided == before.rule);
        RC_ASSERT(before.unknown == (before.rule && seen[*before.rule].truth == Truth::unknown));
        RC_ASSERT(before.unknown == !before.why.empty());
        if (before.unknown) { RC_ASSERT(before.answer == Says::ask); }
        known.set("site.zone", *rc::gen::element<std::string>("a", "b"));
        known.set("site.host", *rc::gen::element<std::string>("a", "b"));
        const Ruling after = rules.evaluate(known);
        if (!before.unknown) {
            RC_ASSERT(after.answer == before.answer);
            RC_ASSERT(after.rule == before.rule);
        }
    }));
}
