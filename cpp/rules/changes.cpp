// What would turn a refusal: values worth trying for each fact, nearest first, each tried by voting again.
//
// An expression's truth changes only at what it names, so of numbers the bounds and their neighbours are enough.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "consent/standing.hpp"
#include "literal.hpp"
#include "number.hpp"

namespace consent {
namespace {

enum class Kind : std::uint8_t { number, list, word, another };

/// One value to try.
struct Trial {
    std::string fact;
    std::string to;
    Kind kind = Kind::word;
    double far = 0;  ///< of numbers in parts of what they are, of lists in elements

    friend bool operator<(const Trial& a, const Trial& b) {
        return std::tie(a.kind, a.far, a.fact, a.to) < std::tie(b.kind, b.far, b.fact, b.to);
    }
};

bool may_change(std::string_view fact) {
    return fact.starts_with("guest.") || fact.starts_with("source.") || fact.starts_with("site.");
}

/// The values worth trying for one fact.
class Trials {
  public:
    Trials(std::string_view fact, std::string_view from, std::set<Trial>& trials)
        : fact_(fact), from_(from), trials_(trials) {
        const auto name = find_fact(fact);
        type_ = name ? facts()[name->row].type : FactType::text;
        // What is given away may pass what there is; everything else is counted from 0.
        negative_ = type_ == FactType::text || fact.find("_free") != std::string_view::npos;
        list_ = elements();
    }

    void add(const Expression& expression) {
        const Operator op = expression.op();
        const std::vector<std::string>& words = expression.words();
        if (op == Operator::range_in) {
            numbers(words[1]);
            numbers(words[2]);
        } else if (op == Operator::all_in || (op == Operator::in && type_ == FactType::list)) {
            lists(words, op);
        } else {
            for (const std::string& word : words) { add_word(word, op); }
        }
    }

    /// A value that no expression names.
    void another() {
        if (type_ != FactType::text) { return; }
        std::string value = "another";
        while (named_.contains(value) || value == from_) { value += '_'; }
        put(std::move(value), Kind::another, 0);
    }

  private:
    void put(std::string to, Kind kind, double far) {
        if (to != from_) { trials_.insert({std::string(fact_), std::move(to), kind, far}); }
    }

    void add_word(const std::string& word, Operator op) {
        named_.insert(word);
        numbers(word);
        const bool numeric = op >= Operator::at_least_legacy && op <= Operator::at_least;
        if (type_ == FactType::text && !numeric) { put(word, Kind::word, 0); }
    }

    void numbers(const std::string& word) {
        if (type_ == FactType::list) { return; }
        const std::optional<double> bound = number_of(word);
        const std::optional<double> from = number_of(from_);
        constexpr double exact = 9007199254740992.0;  // above it not every whole number is a double
        if (!bound || !from || !(std::abs(*bound) < exact) || !(std::abs(*from) < exact)) { return; }
        for (const double to : {std::ceil(*bound) - 1, std::floor(*bound), std::ceil(*bound), std::floor(*bound) + 1}) {
            if (to == *from || (to < 0 && !negative_)) { continue; }
            put(std::to_string(static_cast<std::int64_t>(to)), Kind::number,
                std::abs(to - *from) / std::max(1.0, std::abs(*from)));
        }
    }

    /// All that is named comes in; or what is named goes, one word's elements at a time.
    void lists(const std::vector<std::string>& words, Operator op) {
        std::vector<std::string> more = list_;
        for (const std::string& word : words) {
            if (std::find(more.begin(), more.end(), word) == more.end()) { more.push_back(word); }
            std::vector<std::string> fewer = list_;
            std::erase_if(fewer, [&](const std::string& element) {
                return op == Operator::all_in ? element == word : element.find(word) != std::string::npos;
            });
            if (fewer.size() < list_.size()) {
                put(list_literal(fewer), Kind::list, static_cast<double>(list_.size() - fewer.size()));
            }
        }
        if (more.size() > list_.size()) {
            put(list_literal(more), Kind::list, static_cast<double>(more.size() - list_.size()));
        }
    }

    std::vector<std::string> elements() const {
        Literal literal;
        const bool list = read_literal(from_, literal) == Fault::none && literal.kind == LiteralKind::list;
        return list ? std::move(literal.strings) : std::vector<std::string>();
    }

    std::string_view fact_;
    std::string_view from_;
    std::set<Trial>& trials_;
    FactType type_ = FactType::text;
    bool negative_ = false;
    std::vector<std::string> list_;
    std::set<std::string> named_;
};

}  // namespace

std::vector<Change> changes(const StandingPolicy& policy, const FactSet& facts, std::size_t most) {
    std::vector<Change> found;
    if (vote(policy, facts).answer != StandingAnswer::refuse) { return found; }
    std::map<std::string, std::set<std::string>> asked;  // fact -> expressions. What is unknown cannot turn a refusal.
    for (const SourcedRules& sourced : policy.sources) {
        if (sourced.rules == nullptr) { continue; }
        for (const RuleSeen& rule : sourced.rules->explain(facts)) {
            for (const ConditionSeen& seen : rule.conditions) {
                if (seen.value && may_change(seen.fact)) { asked[std::string(seen.fact)].emplace(seen.expression); }
            }
        }
    }
    std::set<Trial> trials;
    for (const auto& [fact, expressions] : asked) {
        Trials of_fact(fact, *facts.value(fact), trials);
        for (const std::string& expression : expressions) { of_fact.add(Expression(expression)); }
        of_fact.another();
    }
    std::size_t tried = 0;
    std::set<std::string> turned;
    for (const Trial& trial : trials) {
        if (found.size() >= most || tried == max_changes_tried) { break; }
        if (turned.contains(trial.fact)) { continue; }
        FactSet changed = facts;
        if (!changed.set(trial.fact, trial.to)) { continue; }
        ++tried;
        const StandingAnswer answer = vote(policy, changed).answer;
        if (answer == StandingAnswer::refuse) { continue; }
        turned.insert(trial.fact);
        found.push_back({trial.fact, *facts.value(trial.fact), trial.to, answer});
    }
    return found;
}

}  // namespace consent
