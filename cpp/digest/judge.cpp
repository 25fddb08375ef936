// Judging: what each group's rules say of a mover, and what that comes to for the host.
#include <algorithm>
#include <limits>
#include <utility>

#include "consent/digest.hpp"
#include "consent/wire.hpp"

namespace consent {
namespace {

constexpr std::size_t max_reason = 300;

void count(std::uint32_t& sum, std::uint32_t more) noexcept {
    sum =
        more > std::numeric_limits<std::uint32_t>::max() - sum ? std::numeric_limits<std::uint32_t>::max() : sum + more;
}

std::string printable(std::string text) {
    const bool plain =
        text.size() <= max_reason && std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return plain ? std::move(text) : wire::clean(text, max_reason);
}

/// "neighbour (12 of them): rule "large" of flavor m1.small: too large for us"
std::string reason_of(VoterKind kind, std::uint32_t voters, const SourcedRules& sourced, const Ruling& ruling) {
    std::string text(to_string(kind));
    if (voters > 1) { text += " (" + std::to_string(voters) + " of them)"; }
    if (ruling.rule) { text.append(": rule \"").append(sourced.rules->name(*ruling.rule)).append("\" of "); }
    text += sourced.origin.empty() ? std::string(to_string(sourced.source)) : sourced.origin;
    if (!ruling.because.empty()) { text.append(": ").append(ruling.because); }
    return printable(std::move(text));
}

/// How many seconds lie between them.
std::uint64_t between(std::int64_t earlier, std::int64_t later) noexcept {
    return static_cast<std::uint64_t>(later) - static_cast<std::uint64_t>(earlier);
}

std::uint64_t allowed(std::int64_t max_age_s) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(max_age_s, 0));
}

}  // namespace

std::string_view to_string(Outlook outlook) noexcept {
    switch (outlook) {
        case Outlook::consent: return "consent";
        case Outlook::ask: return "ask";
        case Outlook::refuse: return "refuse";
    }
    return "?";
}

const Ruling& Mover::before(const std::shared_ptr<const RuleSet>& rules) {
    const auto [said, is_new] = said_.try_emplace(rules.get());
    if (is_new) {
        said->second.rules = rules;
        said->second.ruling = rules->decide(facts_);
    }
    return said->second.ruling;
}

const SourcedRules* Digest::judge_group(const Group& group, Mover& mover, Judgement& judgement) const {
    for (std::uint32_t place = group.first; place < group.end; ++place) {
        const SourcedRules& sourced = sets_[order_[place]];
        const Ruling& ruling = mover.before(sourced.rules);
        if (!ruling.rule) { continue; }
        if (ruling.unknown) {  // the gate may know more, and hear a refusal
            count(judgement.to_ask, group.voters);
            return nullptr;
        }
        if (ruling.answer == StandingAnswer::ask) { break; }
        if (ruling.answer != StandingAnswer::refuse) { return nullptr; }
        if (is_operators(sourced.source) || group.own == OwnRefusal::binds) { return &sourced; }
        if (group.own == OwnRefusal::limited) { count(judgement.to_ask, group.voters); }
        return nullptr;
    }
    count(judgement.to_ask, group.answering);
    return nullptr;
}

bool Digest::is_too_old(std::int64_t now, std::int64_t max_age_s) const noexcept {
    return now > at_ && between(at_, now) > allowed(max_age_s);
}

Judgement Digest::judge(Mover& mover, std::int64_t now, std::int64_t max_age_s) const {
    Judgement judgement;
    const std::uint64_t far = now >= at_ ? between(at_, now) : between(now, at_);
    if (far > allowed(max_age_s)) {
        judgement.reason = "its digest is " + std::to_string(far) + (now >= at_ ? " s old" : " s from the future");
        return judgement;
    }
    judgement.mode = mode_;
    judgement.refusals = refusals_;
    judgement.to_ask = left_out_;
    for (const Group& group : groups_) {
        const SourcedRules* refuses = judge_group(group, mover, judgement);
        if (refuses != nullptr && judgement.outlook != Outlook::refuse) {
            judgement.outlook = Outlook::refuse;
            judgement.reason = reason_of(group.kind, group.voters, *refuses, mover.before(refuses->rules));
        }
    }
    if (judgement.outlook != Outlook::refuse && judgement.to_ask == 0) { judgement.outlook = Outlook::consent; }
    return judgement;
}

Judgement Digest::judge(const FactSet& mover, std::int64_t now, std::int64_t max_age_s) const {
    Mover once(mover);
    return judge(once, now, max_age_s);
}

}  // namespace consent
