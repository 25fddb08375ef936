// Reads rules out of a YAML tree, each with its place, so that whatever is wrong with one is said where it stands.
//
// Must not know in which files rules stand.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "consent/rules.hpp"
#include "schema.hpp"

namespace consent::policy {

/// Gathers rules of one or several files. A name is given once in all of them.
class RulesReader {
  public:
    /// Appends a list of rules. Throws PolicyError.
    void read_rules(const Field& list);
    /// Appends one rule that is named elsewhere. Throws PolicyError.
    void read_named(const Field& rule, const std::string& name);

    [[nodiscard]] const std::vector<StandingRule>& rules() const noexcept { return rules_; }
    /// The rules compiled; null when there are none. Throws PolicyError at the rule that cannot be taken.
    [[nodiscard]] std::shared_ptr<const RuleSet> compile(StandingAnswer fallback) const;

  private:
    struct Origin {
        std::string file;
        std::string path;
        Place rule;
        Place name;
        Place because;
    };

    void read_rule(const Field& field, const std::string* name);
    void add(const Field& field, StandingRule rule, Origin origin);
    std::vector<Condition> read_together(const Field& map, std::size_t depth);
    std::vector<Condition> read_alternatives(const Field& list, std::size_t depth);
    void read_condition(const Field& key, const Field& value, std::size_t depth, std::vector<Condition>& conditions);

    std::vector<StandingRule> rules_;
    std::vector<Origin> origins_;
    std::map<std::string, std::size_t> names_;
    std::size_t conditions_ = 0;
};

}  // namespace consent::policy
