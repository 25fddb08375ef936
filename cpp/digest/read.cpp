// Reading: a text is taken whole or not at all. Everything in it is checked, though the hash holds: a host may be of
// another release, and the rules in it come from tenants.
#include <array>
#include <optional>
#include <utility>

#include "consent/digest.hpp"
#include "format.hpp"

namespace consent {
namespace {

using digest_format::Fields;

constexpr std::array sources{Source::host, Source::flavor, Source::image, Source::metadata, Source::agent};
constexpr std::array modes{Mode::off, Mode::audit, Mode::enforce};
constexpr std::array kinds{VoterKind::neighbour, VoterKind::mover, VoterKind::hypervisor};
constexpr std::array answers{StandingAnswer::consent, StandingAnswer::refuse, StandingAnswer::ask,
                             StandingAnswer::abstain};
constexpr std::array own_refusals{OwnRefusal::binds, OwnRefusal::advice, OwnRefusal::limited};
constexpr std::array groups{ConditionKind::all, ConditionKind::any, ConditionKind::none};

constexpr std::uint64_t max_at = 99'999'999'999;  // the year 5138
constexpr std::uint64_t max_count = 4'294'967'295;

template <typename Word, std::size_t count>
bool take_word(Fields& fields, const std::array<Word, count>& words, Word& found) {
    for (const Word word : words) {
        if (fields.take_word(to_string(word))) {
            found = word;
            return true;
        }
    }
    return false;
}

bool take_count(Fields& fields, std::uint32_t& count) {
    const auto number = fields.take_number(max_count);
    count = static_cast<std::uint32_t>(number.value_or(0));
    return number.has_value();
}

bool take_text(Fields& fields, std::string& text) {
    std::optional<std::string> field = fields.take();
    if (!field) { return false; }
    text = *std::move(field);
    return true;
}

/// The conditions up to the end of their group; of a rule (depth 0) up to what is no condition.
bool take_conditions(Fields& fields, std::vector<Condition>& conditions, std::size_t depth) {
    while (true) {
        Condition condition;
        if (fields.take_word("?")) {
            if (!take_text(fields, condition.fact) || !take_text(fields, condition.expression)) { return false; }
        } else if (take_word(fields, groups, condition.kind)) {
            if (depth == max_condition_depth || !take_conditions(fields, condition.parts, depth + 1)) { return false; }
        } else {
            return depth == 0 || fields.take_word(")");
        }
        conditions.push_back(std::move(condition));
    }
}

}  // namespace

class Digest::Reader {
  public:
    Reader(std::string_view body, RulePool* pool) : fields_(body), pool_(pool) {}

    std::variant<Digest, Unusable> read() {
        const auto at = fields_.take_number(max_at);
        if (!at || !take_word(fields_, modes, digest_.mode_) || !take_count(fields_, digest_.refusals_) ||
            !take_count(fields_, digest_.left_out_)) {
            return Unusable{"its head cannot be read"};
        }
        digest_.at_ = static_cast<std::int64_t>(*at);
        while (fields_.take_word("S")) {
            if (!set()) { return Unusable{"rules in it cannot be read or taken"}; }
        }
        while (fields_.take_word("G")) {
            if (!group()) { return Unusable{"a group of voters in it cannot be read"}; }
        }
        if (!fields_.rest().empty()) { return Unusable{"something in it is neither rules nor voters"}; }
        return std::move(digest_);
    }

  private:
    bool set() {
        SourcedRules sourced;
        if (!take_word(fields_, sources, sourced.source) || !take_text(fields_, sourced.origin)) { return false; }
        const std::string_view from_here = fields_.rest();
        Fields ahead = fields_;
        std::vector<StandingRule> rules;
        while (ahead.take_word("R")) {
            StandingRule rule;
            if (!take_text(ahead, rule.name) || !take_word(ahead, answers, rule.answer) ||
                !take_text(ahead, rule.because) || !take_conditions(ahead, rule.when, 0)) {
                return false;
            }
            rules.push_back(std::move(rule));
        }
        fields_ = ahead;
        std::string text(from_here.substr(0, from_here.size() - ahead.rest().size()));
        if (pool_ != nullptr) { sourced.rules = pool_->find(text); }
        if (sourced.rules == nullptr) {
            auto compiled = RuleSet::compile(rules, StandingAnswer::ask);
            if (!std::holds_alternative<RuleSet>(compiled)) { return false; }
            sourced.rules = std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(compiled)));
            if (pool_ != nullptr) { pool_->keep(std::move(text), sourced.rules); }
        }
        digest_.sets_.push_back(std::move(sourced));
        return true;
    }

    bool group() {
        Group group;
        group.first = static_cast<std::uint32_t>(digest_.order_.size());
        if (!take_word(fields_, kinds, group.kind) || !take_count(fields_, group.voters) ||
            !take_count(fields_, group.answering) || group.voters == 0 || group.answering > group.voters) {
            return false;
        }
        if (!take_word(fields_, own_refusals, group.own)) { return false; }
        const std::string_view written = fields_.peek();
        std::string numbers;
        if (!take_text(fields_, numbers) || numbers != written) { return false; }
        for (char& c : numbers) { c = c == ' ' ? '|' : c; }
        numbers += numbers.empty() ? "" : "|";
        Fields sets(numbers);
        while (!sets.rest().empty()) {
            const auto number = sets.take_number(max_count);
            if (!number || *number >= digest_.sets_.size()) { return false; }
            // Out of order they would speak out of turn.
            if (digest_.order_.size() > group.first &&
                digest_.sets_[*number].source < digest_.sets_[digest_.order_.back()].source) {
                return false;
            }
            digest_.order_.push_back(static_cast<std::uint32_t>(*number));
        }
        group.end = static_cast<std::uint32_t>(digest_.order_.size());
        digest_.groups_.push_back(group);
        return true;
    }

    Fields fields_;
    RulePool* pool_;
    Digest digest_;
};

namespace {

/// The body of a text that is whole; nothing, and why in `wrong`, of any other.
std::optional<std::string_view> body_of(std::string_view text, std::string& wrong) {
    namespace format = digest_format;
    const std::size_t begins = format::head.size() + format::hash_digits + 1;
    if (text.size() > max_digest_bytes) {
        wrong = "it is longer than 16384 bytes";
    } else if (!text.starts_with(format::magic)) {
        wrong = "it does not begin as a digest does";
    } else if (!text.starts_with(format::head)) {
        wrong = "it is of another version than 1";
    } else if (text.size() < begins || text[begins - 1] != ' ' ||
               text.substr(format::head.size(), format::hash_digits) != format::hash_of(text.substr(begins))) {
        wrong = "it is damaged: its hash does not fit";
    } else {
        return text.substr(begins);
    }
    return std::nullopt;
}

}  // namespace

std::variant<Digest, Digest::Unusable> Digest::read(std::string_view text) {
    std::string wrong;
    const auto body = body_of(text, wrong);
    if (!body) { return Unusable{std::move(wrong)}; }
    return Reader(*body, nullptr).read();
}

std::variant<Digest, Digest::Unusable> Digest::read(std::string_view text, RulePool& pool) {
    std::string wrong;
    const auto body = body_of(text, wrong);
    if (!body) { return Unusable{std::move(wrong)}; }
    return Reader(*body, &pool).read();
}

std::shared_ptr<const RuleSet> RulePool::find(const std::string& text) const {
    const auto found = rules_.find(text);
    return found == rules_.end() ? nullptr : found->second.lock();
}

void RulePool::keep(std::string text, const std::shared_ptr<const RuleSet>& rules) {
    rules_.insert_or_assign(std::move(text), rules);
    if (rules_.size() < sweep_at_) { return; }
    std::erase_if(rules_, [](const auto& each) { return each.second.expired(); });
    sweep_at_ = rules_.size() * 2 + 1024;
}

}  // namespace consent
