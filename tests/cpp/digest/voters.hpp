// Voters for the digest's tests, in few words.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "consent/digest.hpp"

namespace consent::testing {

inline Condition fact(std::string name, std::string expression) {
    return {ConditionKind::fact, std::move(name), std::move(expression), {}};
}

inline std::shared_ptr<const RuleSet> compiled(const std::vector<StandingRule>& rules) {
    auto result = RuleSet::compile(rules, StandingAnswer::abstain);
    REQUIRE(std::holds_alternative<RuleSet>(result));
    return std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(result)));
}

inline DigestVoter neighbour(Source source, const std::vector<StandingRule>& rules, bool answers = false) {
    return {VoterKind::neighbour, {{{source, "flavor m1.small", compiled(rules)}}, true}, {}, answers};
}

/// 4 vCPUs of project p1.
inline FactSet mover() {
    FactSet facts;
    facts.set("guest.vcpus", "4");
    facts.set("guest.project", "p1");
    return facts;
}

inline constexpr std::int64_t noon = 1'800'000'000;

inline Digest read(const std::string& text) {
    auto result = Digest::read(text);
    if (const auto* unusable = std::get_if<Digest::Unusable>(&result)) { FAIL(unusable->why << ": " << text); }
    return std::get<Digest>(std::move(result));
}

inline std::string why_unusable(std::string_view text) {
    const auto result = Digest::read(text);
    return std::holds_alternative<Digest::Unusable>(result) ? std::get<Digest::Unusable>(result).why : "";
}

inline DigestSource source(std::vector<DigestVoter> voters) { return {Mode::enforce, noon, std::move(voters), 3}; }

/// What a host with these voters says of mover().
inline Judgement judged(std::vector<DigestVoter> voters) {
    return read(write_digest(source(std::move(voters)))).judge(mover(), noon, 120);
}

}  // namespace consent::testing
