// Fuzzes what judges tenants' words: expressions against values, literals, and the digest's reader behind a hash that holds.
//
// Besides not crashing: a match is unknown exactly when there is a fault, and the same twice; a set of rules explains what
// it decides; what is left of rules says what the whole says; a digest that is read judges in one short printable line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/digest.hpp"
#include "consent/standing.hpp"
#include "format.hpp"

namespace {

using namespace consent;

void require(bool holds) {
    if (!holds) { std::abort(); }
}

/// The text up to the next newline, and past it.
std::string_view line(std::string_view& text) {
    const std::size_t end = text.find('\n');
    const std::string_view first = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return first;
}

void check_match(std::string_view text, std::string_view value) {
    const Expression expression(text);
    const Match match = expression.match(value);
    require((match.truth == Truth::unknown) == (match.fault != Fault::none));
    require(match == expression.match(value));
    require(expression.fault() == Fault::none || match.fault == expression.fault());
    require(!meaning(match.fault).empty() || match.fault == Fault::none);
    (void)expression.remarks();
}

/// Lines are expressions about a fact that one byte picks; groups come of the bytes too.
void check_rules(std::string_view text) {
    static constexpr std::string_view names[] = {"guest.vcpus", "guest.project",        "guest.tag",
                                                 "me.project",  "site.memory_free_mib", "guest.extra.a"};
    FactSet known;
    FactSet all;
    std::vector<StandingRule> rules;
    while (!text.empty() && rules.size() < 16) {
        const std::string_view written = line(text);
        const unsigned pick = written.empty() ? 0 : static_cast<unsigned char>(written.front());
        const std::string name(names[pick % 6]);
        if ((pick & 0x40U) != 0) {
            const std::string value(written.substr(1));
            if (!all.set(name, value)) { continue; }
            known.forget(name);  // what is known is true: a fact that is told anew is not known as it was
            if ((pick & 0x80U) != 0) { (void)known.set(name, value); }
            continue;
        }
        Condition condition{ConditionKind::fact, name, std::string(written.empty() ? written : written.substr(1)), {}};
        if ((pick & 0x80U) != 0) {
            condition = {static_cast<ConditionKind>(1 + pick % 3), {}, {}, {std::move(condition)}};
        }
        if (!rules.empty() && (pick & 0x20U) != 0) {
            rules.back().when.push_back(std::move(condition));
        } else {
            rules.push_back({"r" + std::to_string(rules.size()),
                             {std::move(condition)},
                             static_cast<StandingAnswer>(pick / 4 % 4),
                             ""});
        }
    }
    auto compiled = RuleSet::compile(rules, StandingAnswer::ask);
    if (!std::holds_alternative<RuleSet>(compiled)) { return; }
    const auto set = std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(compiled)));
    const Ruling ruling = set->evaluate(all);
    const auto seen = set->explain(all);
    for (std::size_t i = 0; i < seen.size(); ++i) { require(seen[i].decided == (ruling.rule == i)); }
    auto rest = RuleSet::compile(reduce(*set, known), StandingAnswer::ask);
    require(std::holds_alternative<RuleSet>(rest));
    const Ruling left = std::get<RuleSet>(rest).evaluate(all);
    require(left.answer == ruling.answer && left.unknown == ruling.unknown);
    const StandingPolicy policy{{{Source::agent, "agent", set}}, true};
    for (const Change& change : changes(policy, all)) { require(change.answer != StandingAnswer::refuse); }
    // The same through a digest, which holds all of so few rules or says ask.
    const std::string digest =
        write_digest({Mode::enforce, 1, {{VoterKind::neighbour, policy, known, false}}, 0}, max_digest_bytes);
    auto read = Digest::read(digest);
    require(std::holds_alternative<Digest>(read));
    const Outlook outlook = std::get<Digest>(read).judge(all, 1, 0).outlook;
    require(outlook != Outlook::refuse || ruling.answer == StandingAnswer::refuse);
    require(outlook != Outlook::consent || (ruling.answer != StandingAnswer::refuse && !ruling.unknown));
}

void check_digest(std::string_view body) {
    const std::string text = std::string(digest_format::head) + digest_format::hash_of(body) + " " + std::string(body);
    const auto read = Digest::read(text);
    (void)Digest::read(body);
    if (!std::holds_alternative<Digest>(read)) {
        require(!std::get<Digest::Unusable>(read).why.empty());
        return;
    }
    FactSet mover;
    (void)mover.set("guest.vcpus", "4");
    (void)mover.set("guest.project", "p");
    (void)mover.set("guest.tag", "['a']");
    const Digest& digest = std::get<Digest>(read);
    const Judgement judgement =
        digest.judge(mover, std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::max());
    require(judgement.reason.size() <= 4 * 300);
    for (const char c : judgement.reason) { require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f); }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) { return 0; }
    std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    switch (data[0] % 3) {
        case 0: {
            const std::string_view expression = line(bytes);
            check_match(expression, bytes);
            break;
        }
        case 1: check_rules(bytes); break;
        default: check_digest(bytes);
    }
    return 0;
}
