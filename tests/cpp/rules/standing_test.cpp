// Tests of standing policy: whose word counts first, what binds, that what is left of rules says what the whole says, and
// that a change turns a refusal and no smaller one does.
#include "consent/standing.hpp"

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <cmath>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "random_rules.hpp"

using namespace consent;
using consent::testing::Chance;
using consent::testing::Topic;

namespace {

using Kind = ConditionKind;
using Says = StandingAnswer;

Condition fact(std::string name, std::string expression) {
    return {Kind::fact, std::move(name), std::move(expression), {}};
}
Condition group(Kind kind, std::vector<Condition> parts) { return {kind, {}, {}, std::move(parts)}; }

std::shared_ptr<const RuleSet> compiled(const std::vector<StandingRule>& rules, Says fallback = Says::abstain) {
    auto result = RuleSet::compile(rules, fallback);
    REQUIRE(std::holds_alternative<RuleSet>(result));
    return std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(result)));
}

SourcedRules from(Source source, const std::vector<StandingRule>& rules) {
    return {source, "file of " + std::string(to_string(source)), compiled(rules)};
}

const std::vector<Source> all_sources = {Source::host, Source::flavor, Source::image, Source::metadata, Source::agent};

const std::vector<Topic> topics = {
    {"guest.vcpus", {"1", "4", "8", "many"}, {">= 4", "== 4", "< 2", "<or> 1 8", "<range-in> [ 2 8 )"}},
    {"guest.project", {"p1", "p2", "4"}, {"p1", "s!= p2", "<in> p", ">= 3"}},
    {"guest.tag", {"['a']", "['a', 'b']", "[]", "no list"}, {"<all-in> a b", "<all-in> a"}},
    {"guest.extra.hw:cpu_policy", {"dedicated", "shared"}, {"dedicated", "<in> e"}},
    {"site.neighbours", {"0", "7"}, {"> 3", "== 0"}},
    {"me.project", {"p1", "p2"}, {"p1", "s== p2"}},
    {"time.hour", {"3", "12"}, {">= 8", "< 4"}},
};

bool empty_group(const std::vector<Condition>& conditions) {
    for (const Condition& condition : conditions) {
        if (condition.kind == Kind::fact) { continue; }
        if (condition.parts.empty() || empty_group(condition.parts)) { return true; }
        if (condition.kind != Kind::none && condition.parts.size() == 1) { return true; }  // changes nothing
    }
    return false;
}

}  // namespace

TEST_CASE("the first source of which a rule decides speaks, in whatever order they are given") {
    StandingPolicy policy;
    const FactSet facts;
    CHECK(vote(policy, facts).answer == Says::ask);
    CHECK_FALSE(vote(policy, facts).source);
    for (auto source = all_sources.rbegin(); source != all_sources.rend(); ++source) {
        policy.sources.push_back(from(*source, {{"r", {}, Says::refuse, "no"}}));
        const StandingVote said = vote(policy, facts);
        CHECK(said.source == *source);
        CHECK(said.origin == "file of " + std::string(to_string(*source)));
        CHECK(said.rule == "r");
        CHECK(said.because == "no");
    }
}

TEST_CASE("a source of which no rule decides leaves the word to the next; one that hangs on the unknown does not") {
    const std::vector<StandingRule> no = {{"r", {}, Says::refuse, ""}};
    const std::vector<StandingRule> large = {{"large", {fact("guest.vcpus", ">= 8")}, Says::consent, ""}};
    FactSet facts;
    facts.set("guest.vcpus", "4");
    StandingPolicy policy{{from(Source::host, large), {Source::host, "none", nullptr}, from(Source::image, no)}, true};
    CHECK(vote(policy, facts).source == Source::image);
    facts.set("guest.vcpus", "8");
    CHECK(vote(policy, facts).answer == Says::consent);
    facts.forget("guest.vcpus");
    const StandingVote open = vote(policy, facts);
    CHECK(open.answer == Says::ask);
    CHECK(open.source == Source::host);
    CHECK(open.why == "rule \"large\": guest.vcpus is unknown");
    // Of one source, the order given.
    policy.sources = {from(Source::image, {{"first", {}, Says::consent, ""}}), from(Source::image, no)};
    CHECK(vote(policy, facts).rule == "first");
}

TEST_CASE("a tenant's refusal binds with a veto alone; everything else always does") {
    for (const Source source : all_sources) {
        for (const Says says : {Says::consent, Says::refuse, Says::ask, Says::abstain}) {
            const StandingPolicy policy{{from(source, {{"r", {}, says, ""}})}, false};
            const bool tenants = source != Source::host && source != Source::flavor;
            CHECK(vote(policy, {}).binding == !(tenants && says == Says::refuse));
            CHECK(vote({policy.sources, true}, {}).binding);
        }
    }
}

TEST_CASE("what is known goes from the rules; what is open, or faults, stays") {
    FactSet known;
    known.set("me.project", "p1");
    known.set("site.zone", "a");
    const auto mine = fact("me.project", "p1");
    const auto not_mine = fact("me.project", "p2");
    const auto faulty = fact("site.zone", "> 4");
    const auto open = fact("guest.vcpus", ">= 8");
    const auto open_too = fact("guest.project", "p1");
    const auto rest_of = [&](std::vector<Condition> when) {
        return reduce(*compiled({{"r", std::move(when), Says::refuse, "b"}}), known);
    };
    CHECK(rest_of({not_mine, open}).empty());
    CHECK(rest_of({mine})[0].when.empty());
    CHECK(rest_of({mine, open})[0].when.size() == 1);
    CHECK(rest_of({mine, open})[0].because == "b");
    CHECK(rest_of({faulty})[0].when[0].expression == "> 4");
    // Groups: what is decided goes, and so does a group around one part.
    CHECK(rest_of({group(Kind::any, {not_mine, open})})[0].when[0].fact == "guest.vcpus");
    CHECK(rest_of({group(Kind::any, {mine, open})})[0].when.empty());
    CHECK(rest_of({group(Kind::none, {group(Kind::none, {open, open_too})})})[0].when.size() == 2);
    CHECK(rest_of({group(Kind::none, {not_mine, open})})[0].when.empty());
    const auto none = rest_of({group(Kind::none, {mine, open})})[0].when;
    CHECK((none[0].kind == Kind::none && none[0].parts.size() == 1));
    // What stands behind a rule that holds is never reached.
    const auto rules = compiled({{"open", {open}, Says::refuse, ""},
                                 {"never", {not_mine}, Says::refuse, ""},
                                 {"always", {mine}, Says::consent, ""},
                                 {"behind", {open_too}, Says::refuse, ""}});
    const auto rest = reduce(*rules, known);
    REQUIRE(rest.size() == 2);
    CHECK(rest[1].name == "always");
    CHECK(rest[1].answer == Says::consent);
}

TEST_CASE("random rules: the rest with the other facts says what the whole says with all") {
    const std::uint64_t seed = consent::testing::seed_of_this_run();
    INFO("CONSENT_SEED=" << seed);
    Chance chance(seed);
    int reduced = 0;
    for (int i = 0; i < 20000; ++i) {
        const auto whole = compiled(consent::testing::random_rules(chance, topics));
        const FactSet all = consent::testing::random_facts(chance, topics, 15);
        FactSet known;
        FactSet others;
        for (const Topic& topic : topics) {
            if (const std::string* value = all.value(topic.fact)) {
                (chance.odds(50) ? known : others).set(topic.fact, *value);
            }
        }
        const std::vector<StandingRule> rest = reduce(*whole, known);
        for (const StandingRule& rule : rest) { REQUIRE_FALSE(empty_group(rule.when)); }
        const Ruling expected = whole->evaluate(all);
        const auto remaining = compiled(rest);
        const Ruling ruling = remaining->evaluate(others);
        REQUIRE(ruling.answer == expected.answer);
        REQUIRE(ruling.unknown == expected.unknown);
        REQUIRE(ruling.rule.has_value() == expected.rule.has_value());
        if (ruling.rule) { REQUIRE(remaining->name(*ruling.rule) == whole->name(*expected.rule)); }
        REQUIRE(remaining->decide(others).answer == expected.answer);
        reduced += rest.size() < whole->size() ? 1 : 0;
    }
    CHECK(reduced > 2000);
}

TEST_CASE("a change names the nearest value that turns the refusal") {
    const StandingPolicy policy{
        {from(Source::host,
              {{"big", {fact("guest.vcpus", "> 8")}, Says::refuse, ""},
               {"rival",
                {fact("guest.project", "<or> rival foe"), group(Kind::none, {fact("guest.tag", "<all-in> trusted")})},
                Says::refuse,
                ""},
               {"rest", {}, Says::consent, ""}})},
        true};
    FactSet facts;
    facts.set("guest.vcpus", "12");
    facts.set("guest.project", "mine");
    facts.set("guest.tag", "['x']");
    auto turned = changes(policy, facts);
    REQUIRE(turned.size() == 1);
    CHECK(turned[0].fact == "guest.vcpus");
    CHECK(turned[0].from == "12");
    CHECK(turned[0].to == "8");
    CHECK(turned[0].answer == Says::consent);
    facts.set("guest.project", "rival");
    CHECK(changes(policy, facts).empty());  // two rules refuse: no single change is enough
    facts.set("guest.vcpus", "1");
    turned = changes(policy, facts);
    REQUIRE(turned.size() == 2);
    CHECK(turned[0].fact == "guest.tag");
    CHECK(turned[0].to == "['x', 'trusted']");
    CHECK(turned[1].fact == "guest.project");
    CHECK(turned[1].to == "another");
    CHECK(changes(policy, facts, 1).size() == 1);
    facts.set("guest.project", "mine");
    CHECK(changes(policy, facts).empty());  // no refusal

    // The voter, the time and what is to happen do not change; a word that is named comes before any other.
    const StandingPolicy by_voter{
        {from(Source::flavor, {{"r",
                                {fact("me.project", "p"), fact("time.hour", "< 8"), fact("source.host", "s!= b")},
                                Says::refuse,
                                ""}})},
        true};
    FactSet known;
    known.set("me.project", "p");
    known.set("time.hour", "4");
    known.set("source.host", "a");
    turned = changes(by_voter, known);
    REQUIRE(turned.size() == 1);
    CHECK(turned[0].to == "b");
    CHECK(turned[0].answer == Says::ask);
}

TEST_CASE("random rules: each change turns the refusal, and no smaller number does") {
    const std::uint64_t seed = consent::testing::seed_of_this_run();
    INFO("CONSENT_SEED=" << seed);
    Chance chance(seed);
    const std::vector<Topic> numbers = {
        {"guest.vcpus",
         {"0", "1", "3", "5", "9"},
         {">= 4", "== 5", "< 2", "<or> 1 5", "<range-in> [ 2 8 )", "!= 3", "> 6.5"}},
        {"site.memory_free_mib", {"-3", "0", "2", "7"}, {"< 0", "<= 2", "> -2", "<range-in> ( -1 3 ]", "s!= 7"}},
    };
    int turned = 0;
    int stuck = 0;
    for (int i = 0; i < 5000; ++i) {
        const StandingPolicy policy{{from(Source::host, consent::testing::random_rules(chance, numbers))}, true};
        const FactSet facts = consent::testing::random_facts(chance, numbers, 0);
        if (vote(policy, facts).answer != Says::refuse) { continue; }
        const std::vector<Change> found = changes(policy, facts, 10);
        for (const Topic& topic : numbers) {
            const int from_value = std::stoi(*facts.value(topic.fact));
            const int least = topic.fact == "guest.vcpus" ? 0 : -30;
            int nearest = 1000;
            for (int to = least; to <= 30; ++to) {
                FactSet changed = facts;
                changed.set(topic.fact, std::to_string(to));
                if (vote(policy, changed).answer != Says::refuse) {
                    nearest = std::min(nearest, std::abs(to - from_value));
                }
            }
            const auto change =
                std::find_if(found.begin(), found.end(), [&](const Change& each) { return each.fact == topic.fact; });
            REQUIRE((change != found.end()) == (nearest < 1000));
            if (change == found.end()) {
                ++stuck;
                continue;
            }
            ++turned;
            REQUIRE(std::abs(std::stoi(change->to) - from_value) == nearest);
            FactSet changed = facts;
            changed.set(topic.fact, change->to);
            REQUIRE(vote(policy, changed).answer == change->answer);
            REQUIRE(change->answer != Says::refuse);
        }
    }
    CHECK(turned > 200);
    CHECK(stuck > 200);
}

TEST_CASE("the cost of looking for changes is bounded") {
    std::string words = "<or> a";
    while (words.size() < max_expression_bytes - 16) { words += " <or> w" + std::to_string(words.size()); }
    std::vector<Condition> many(max_conditions - 1, fact("guest.project", words));
    const StandingPolicy policy{{from(Source::host, {{"r", {group(Kind::any, std::move(many))}, Says::refuse, ""}})},
                                true};
    FactSet facts;
    facts.set("guest.project", "a");
    const auto began = std::chrono::steady_clock::now();
    const auto turned = changes(policy, facts);
    CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(10));
    REQUIRE(turned.size() == 1);
    CHECK(turned[0].to == "another");
}
