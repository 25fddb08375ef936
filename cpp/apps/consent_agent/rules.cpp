// Judges and tells the guest's rules: see rules.hpp.
#include "rules.hpp"

#include <chrono>
#include <utility>
#include <variant>

#include "consent/policy.hpp"

namespace consent::agent {
namespace {

constexpr std::size_t uuid_length = 36;  // a pseudonym has 32 digits

}  // namespace

Rules::Rules(const std::vector<StandingRule>& rules) {
    if (rules.empty()) { return; }
    auto compiled = RuleSet::compile(rules, StandingAnswer::ask);
    if (auto* set = std::get_if<RuleSet>(&compiled)) { set_.emplace(std::move(*set)); }  // a loaded policy's always do
    told_ = write_rules(rules);
    if (told_.size() > wire::max_rules) {
        untold_ = "longer than " + std::to_string(wire::max_rules) + " bytes";
    } else {
        std::string line = wire::serialise(wire::Hello{{wire::version}, {}, {}, told_});
        line.pop_back();
        const wire::Message read = wire::parse(line);
        if (const auto* malformed = std::get_if<wire::Malformed>(&read)) { untold_ = malformed->detail; }
    }
    if (!untold_.empty()) { told_ = "[]"; }
}

Ruling Rules::judge(const wire::Request& request) const {
    if (!set_) { return {}; }
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return set_->evaluate(facts_of(request, std::chrono::duration_cast<std::chrono::seconds>(now).count()));
}

std::string_view Rules::name(const Ruling& ruling) const {
    return set_ && ruling.rule ? set_->name(*ruling.rule) : std::string_view();
}

FactSet facts_of(const wire::Request& request, std::int64_t seconds_since_epoch) {
    constexpr std::int64_t day = 24 * 60 * 60;
    constexpr std::int64_t first_weekday = 3;  // 1 January 1970 was a Thursday, counted from Monday
    FactSet facts;
    facts.set("operation", request.operation);
    facts.set("me.kind", std::string(to_string(request.role)));
    if (request.mover.size() == uuid_length) { facts.set("guest.id", request.mover); }
    if (request.vcpus > 0) { facts.set("guest.vcpus", std::to_string(request.vcpus)); }
    if (request.memory_mib > 0) { facts.set("guest.memory_mib", std::to_string(request.memory_mib)); }
    facts.set("source.host", request.source);
    facts.set("site.host", request.site);
    if (seconds_since_epoch >= 0) {  // a clock before 1970 is none
        facts.set("time.hour", std::to_string(seconds_since_epoch % day / 3600));
        facts.set("time.weekday", std::to_string((seconds_since_epoch / day + first_weekday) % 7 + 1));
    }
    return facts;
}

}  // namespace consent::agent
