// Random rules over a small world of facts, for properties that must hold for all rules: each condition is likely to be
// decided by some value and not by another, some fault, some stay unknown.
//
// Must not know what is tested with them. The seed is the caller's to print.
#pragma once

#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "consent/rules.hpp"

namespace consent::testing {

/// The seed: CONSENT_SEED, or a fresh one.
inline std::uint64_t seed_of_this_run() {
    const char* given = std::getenv("CONSENT_SEED");  // NOLINT(concurrency-mt-unsafe): before any thread
    if (given != nullptr) { return std::strtoull(given, nullptr, 10); }
    return std::random_device{}();
}

class Chance {
  public:
    explicit Chance(std::uint64_t seed) : engine_(seed) {}

    /// 0 to n - 1.
    std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
    bool odds(unsigned percent) { return engine_() % 100 < percent; }
    template <typename T>
    const T& pick(const std::vector<T>& from) {
        return from[below(from.size())];
    }

  private:
    std::mt19937_64 engine_;
};

/// A fact, the values that it takes, and expressions about it.
struct Topic {
    std::string fact;
    std::vector<std::string> values;
    std::vector<std::string> expressions;
};

inline Condition random_condition(Chance& chance, const std::vector<Topic>& topics, int depth = 0) {
    if (depth >= 3 || chance.odds(70)) {
        const Topic& topic = chance.pick(topics);
        return {ConditionKind::fact, topic.fact, chance.pick(topic.expressions), {}};
    }
    static const std::vector<ConditionKind> kinds = {ConditionKind::all, ConditionKind::any, ConditionKind::none};
    Condition group{chance.pick(kinds), {}, {}, {}};
    for (std::size_t parts = 1 + chance.below(3); parts > 0; --parts) {
        group.parts.push_back(random_condition(chance, topics, depth + 1));
    }
    return group;
}

inline std::vector<StandingRule> random_rules(Chance& chance, const std::vector<Topic>& topics, std::size_t most = 4) {
    static const std::vector<StandingAnswer> answers = {
        StandingAnswer::refuse,  StandingAnswer::refuse, StandingAnswer::refuse, StandingAnswer::consent,
        StandingAnswer::consent, StandingAnswer::ask,    StandingAnswer::ask,    StandingAnswer::abstain};
    std::vector<StandingRule> rules;
    for (std::size_t i = chance.below(most + 1); i > 0; --i) {
        StandingRule rule{"r" + std::to_string(i), {}, chance.pick(answers), "because " + std::to_string(i)};
        for (std::size_t conditions = chance.odds(10) ? 0 : 1 + chance.below(2); conditions > 0; --conditions) {
            rule.when.push_back(random_condition(chance, topics));
        }
        rules.push_back(std::move(rule));
    }
    return rules;
}

/// Every topic with one of its values, but for `unknown` percent of them.
inline FactSet random_facts(Chance& chance, const std::vector<Topic>& topics, unsigned unknown) {
    FactSet facts;
    for (const Topic& topic : topics) {
        if (!chance.odds(unknown)) { facts.set(topic.fact, chance.pick(topic.values)); }
    }
    return facts;
}

}  // namespace consent::testing
