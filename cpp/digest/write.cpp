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
    bool operators = false;
    bool refuses = false;
};

struct Group {
    VoterKind kind = VoterKind::neighbour;
    OwnRefusal own = OwnRefusal::binds;
    std::vector<std::size_t> sets;

    friend bool operator<(const Group& a, const Group& b) {
        return std::tie(a.kind, a.own, a.sets) < std::tie(b.kind, b.own, b.sets);
    }
};

struct Voters {
    std::uint32_t all = 0;
    std::uint32_t answering = 0;
};

Voters operator+(const Voters& a, const Voters& b) { return {a.all + b.all, a.answering + b.answering}; }
Voters operator-(const Voters& a, const Voters& b) { return {a.all - b.all, a.answering - b.answering}; }

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

/// What stands in the text, and the room that is left. Each set stands there once, numbered as it came.
class Page {
  public:
    Page(const std::vector<Set>& sets, std::size_t room) : sets_(&sets), room_(room) {}

    /// Whether voters of that group fit; if not, nothing is added.
    bool add(const Group& group, const Voters& voters) {
        std::vector<std::size_t> added;
        std::size_t bytes = 0;
        for (const std::size_t set : group.sets) {
            if (numbers_.emplace(set, numbers_.size()).second) {
                added.push_back(set);
                bytes += (*sets_)[set].text.size();
            }
        }
        const auto there = groups_.find(group);
        const Voters before = there != groups_.end() ? there->second : Voters{};
        const std::size_t line = line_of(group, before + voters).size();
        if (bytes + line > room_ + length(group, before)) {
            for (const std::size_t set : added) { numbers_.erase(set); }
            return false;
        }
        room_ = room_ + length(group, before) - bytes - line;
        order_.insert(order_.end(), added.begin(), added.end());
        groups_[group] = before + voters;
        return true;
    }

    /// Takes away voters that were added; the sets stay.
    void take(const Group& group, const Voters& voters) {
        const Voters before = groups_.at(group);
        const Voters after = before - voters;
        room_ += length(group, before) - length(group, after);
        if (after.all == 0) {
            groups_.erase(group);
        } else {
            groups_[group] = after;
        }
    }

    std::string text() const {
        std::string text;
        for (const std::size_t set : order_) { text += (*sets_)[set].text; }
        for (const auto& [group, voters] : groups_) { text += line_of(group, voters); }
        return text;
    }

  private:
    std::size_t length(const Group& group, const Voters& voters) const {
        return voters.all == 0 ? 0 : line_of(group, voters).size();
    }

    std::string line_of(const Group& group, const Voters& voters) const {
        std::string line = "G|";
        put(line, to_string(group.kind));
        put(line, std::to_string(voters.all));
        put(line, std::to_string(voters.answering));
        put(line, to_string(group.own));
        std::string rules;
        for (const std::size_t set : group.sets) {
            rules += rules.empty() ? "" : " ";
            rules += std::to_string(numbers_.at(set));
        }
        put(line, rules);
        return line;
    }

    const std::vector<Set>* sets_;
    std::size_t room_;
    std::map<std::size_t, std::size_t> numbers_;
    std::vector<std::size_t> order_;
    std::map<Group, Voters> groups_;
};

class Writer {
  public:
    void add(const DigestVoter& voter) {
        Group group{voter.kind, OwnRefusal::binds, {}};
        bool refuses = false;  // by a word of its own
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
                refuses = refuses || (!is_operators(sourced.source) && sets_[group.sets.back()].refuses);
            }
        }
        if (group.sets.empty() && !voter.answers) { return; }  // no vote, whoever moves
        if (refuses && !voter.policy.veto) { group.own = OwnRefusal::advice; }
        if (refuses && voter.policy.veto && voter.limited) { group.own = OwnRefusal::limited; }
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
        Page page(sets_, limit - head);

        // First the operators' rules of everybody, with whoever has rules of his own as one who is to be asked; then those
        // rules, as many as fit. So nobody's own rules, however long, are in the way of the operators'.
        std::uint32_t left_out = 0;
        std::vector<const Entry*> longer;
        for (const Entry* entry : by_worth()) {
            const auto [group, voters] = operators_part(*entry);
            if (!page.add(group, voters)) {
                left_out += voters.all;
            } else if (group.sets != entry->first.sets) {
                longer.push_back(entry);
            }
        }
        for (const Entry* entry : longer) {
            const auto [group, voters] = operators_part(*entry);
            page.take(group, voters);
            if (!page.add(entry->first, entry->second)) { page.add(group, voters); }
        }
        const std::string body = first + std::to_string(left_out) + "|" + page.text();
        return std::string(digest_format::head) + digest_format::hash_of(body) + " " + body;
    }

  private:
    static constexpr std::size_t max_number_digits = 10;
    using Entry = std::pair<const Group, Voters>;

    std::size_t number_of(const SourcedRules& sourced, const std::vector<StandingRule>& rules) {
        Set set{"S|", is_operators(sourced.source), false};
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

    /// The group by its operators' rules alone. Who has others is to be asked instead.
    std::pair<Group, Voters> operators_part(const Entry& entry) const {
        const auto& [group, voters] = entry;
        Group part{group.kind, OwnRefusal::binds, {}};
        for (const std::size_t set : group.sets) {
            if (sets_[set].operators) { part.sets.push_back(set); }
        }
        if (part.sets == group.sets) { return entry; }
        return {part, {voters.all, voters.all}};
    }

    /// The hypervisor first; then what can refuse, for that alone spares a request, operators before others; of those the
    /// most voters.
    std::vector<const Entry*> by_worth() const {
        std::vector<std::pair<int, const Entry*>> entries;
        for (const Entry& entry : groups_) {
            int worth = entry.first.kind == VoterKind::hypervisor ? 3 : 0;
            for (const std::size_t set : entry.first.sets) {
                if (sets_[set].refuses) { worth = std::max(worth, sets_[set].operators ? 2 : 1); }
            }
            entries.emplace_back(worth, &entry);
        }
        std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
            return std::tuple(a.first, a.second->second.all) > std::tuple(b.first, b.second->second.all);
        });
        std::vector<const Entry*> order;
        order.reserve(entries.size());
        for (const auto& [worth, entry] : entries) { order.push_back(entry); }
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
