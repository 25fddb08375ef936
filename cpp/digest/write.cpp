// Writing: each voter's rules without what the host knows already; the same once; as much as fits.
#include <algorithm>
#include <cstdint>
#include <map>
#include <tuple>
#include <utility>

#include "consent/digest.hpp"
#include "format.hpp"

namespace consent {
namespace {

using digest_format::put;

/// One source's rules as they will stand in the text.
struct Set {
    std::string text;
    bool refuses = false;
};

struct Group {
    VoterKind kind = VoterKind::neighbour;
    bool veto = true;
    std::vector<std::size_t> sets;

    friend bool operator<(const Group& a, const Group& b) {
        return std::tie(a.kind, a.veto, a.sets) < std::tie(b.kind, b.veto, b.sets);
    }
};

struct Voters {
    std::uint32_t all = 0;
    std::uint32_t answering = 0;
};

void put_conditions(std::string& text, const std::vector<Condition>& conditions) {
    for (const Condition& condition : conditions) {
        if (condition.kind == ConditionKind::fact) {
            text += "?|";
            put(text, condition.fact);
            put(text, condition.expression);
        } else {
            put(text, to_string(condition.kind));
            put_conditions(text, condition.parts);
            text += ")|";
        }
    }
}

class Writer {
  public:
    void add(const DigestVoter& voter) {
        Group group{voter.kind, voter.policy.veto, {}};
        bool vetoes = false;  // its own refusal is there to count or not
        bool decided = false;
        for (std::size_t order = 0; order < source_count && !decided; ++order) {
            for (const SourcedRules& sourced : voter.policy.sources) {
                if (static_cast<std::size_t>(sourced.source) != order || sourced.rules == nullptr || decided) {
                    continue;
                }
                const std::vector<StandingRule> rest = reduce(*sourced.rules, voter.facts);
                if (rest.empty()) { continue; }
                decided = rest.back().when.empty();
                group.sets.push_back(number_of(sourced, rest));
                vetoes = vetoes || (!is_operators(sourced.source) && sets_[group.sets.back()].refuses);
            }
        }
        if (group.sets.empty() && !voter.answers) { return; }  // no vote, whoever moves
        group.veto = group.veto || !vetoes;
        Voters& voters = groups_[std::move(group)];
        ++voters.all;
        voters.answering += voter.answers ? 1U : 0U;
    }

    std::string text(const DigestSource& source, std::size_t limit) const {
        const std::string first = std::to_string(source.at) + "|" + std::string(to_string(source.mode)) + "|" +
                                  std::to_string(source.refusals) + "|";
        // The number left out stands before what is left out is known: room for the longest.
        const std::size_t head =
            digest_format::head.size() + digest_format::hash_digits + 1 + first.size() + max_number_digits + 1;
        if (limit < head) { return {}; }
        std::size_t room = limit - head;

        std::map<std::size_t, std::size_t> numbers;  // of the sets that stand there
        std::string sets;
        std::string groups;
        std::uint32_t left_out = 0;
        for (const auto* entry : by_worth()) {
            const auto& [group, voters] = *entry;
            std::string more;
            std::map<std::size_t, std::size_t> new_numbers;
            for (const std::size_t set : group.sets) {
                if (!numbers.contains(set) && new_numbers.emplace(set, numbers.size() + new_numbers.size()).second) {
                    more += sets_[set].text;
                }
            }
            const std::string line = line_of(group, voters, numbers, new_numbers);
            if (more.size() + line.size() > room) {
                left_out += voters.all;
                continue;
            }
            room -= more.size() + line.size();
            sets += more;
            groups += line;
            numbers.merge(new_numbers);
        }
        const std::string body = first + std::to_string(left_out) + "|" + sets + groups;
        return std::string(digest_format::head) + digest_format::hash_of(body) + " " + body;
    }

  private:
    static constexpr std::size_t max_number_digits = 10;
    using Entry = std::pair<const Group, Voters>;

    std::size_t number_of(const SourcedRules& sourced, const std::vector<StandingRule>& rules) {
        Set set{"S|", false};
        put(set.text, to_string(sourced.source));
        put(set.text, sourced.origin);
        for (const StandingRule& rule : rules) {
            const bool refuses = rule.answer == StandingAnswer::refuse;
            set.refuses = set.refuses || refuses;
            set.text += "R|";
            put(set.text, rule.name);
            put(set.text, to_string(rule.answer));
            put(set.text, refuses ? std::string_view(rule.because) : std::string_view());  // nobody asks why of others
            put_conditions(set.text, rule.when);
        }
        const auto [known, is_new] = set_numbers_.emplace(set.text, sets_.size());
        if (is_new) { sets_.push_back(std::move(set)); }
        return known->second;
    }

    static std::string line_of(const Group& group, const Voters& voters,
                               const std::map<std::size_t, std::size_t>& numbers,
                               const std::map<std::size_t, std::size_t>& new_numbers) {
        std::string line = "G|";
        put(line, to_string(group.kind));
        put(line, std::to_string(voters.all));
        put(line, std::to_string(voters.answering));
        put(line, group.veto ? "+" : "-");
        std::string rules;
        for (const std::size_t set : group.sets) {
            const auto known = numbers.find(set);
            rules += rules.empty() ? "" : " ";
            rules += std::to_string(known != numbers.end() ? known->second : new_numbers.at(set));
        }
        put(line, rules);
        return line;
    }

    /// What can refuse first, for that alone spares a request; of those the most voters.
    std::vector<const Entry*> by_worth() const {
        std::vector<std::pair<bool, const Entry*>> entries;
        for (const Entry& entry : groups_) {
            const auto refuses = [this](std::size_t set) { return sets_[set].refuses; };
            entries.emplace_back(std::any_of(entry.first.sets.begin(), entry.first.sets.end(), refuses), &entry);
        }
        std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
            return std::tuple(a.first, a.second->second.all) > std::tuple(b.first, b.second->second.all);
        });
        std::vector<const Entry*> order;
        order.reserve(entries.size());
        for (const auto& [refuses, entry] : entries) { order.push_back(entry); }
        return order;
    }

    std::vector<Set> sets_;
    std::map<std::string, std::size_t> set_numbers_;
    std::map<Group, Voters> groups_;
};

}  // namespace

std::string write_digest(const DigestSource& source, std::size_t limit) {
    Writer writer;
    for (const DigestVoter& voter : source.voters) { writer.add(voter); }
    return writer.text(source, std::min(limit, max_digest_bytes));
}

}  // namespace consent
