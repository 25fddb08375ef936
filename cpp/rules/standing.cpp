// One voter's word out of several sources: the operator's before the tenant's.
#include "consent/standing.hpp"

#include <utility>

namespace consent {

std::string_view to_string(Source source) noexcept {
    switch (source) {
        case Source::host: return "host";
        case Source::flavor: return "flavor";
        case Source::image: return "image";
        case Source::metadata: return "metadata";
        case Source::agent: return "agent";
    }
    return "?";
}

StandingVote vote(const StandingPolicy& policy, const FactSet& facts) {
    for (std::size_t order = 0; order < source_count; ++order) {
        for (const SourcedRules& sourced : policy.sources) {
            if (static_cast<std::size_t>(sourced.source) != order || sourced.rules == nullptr) { continue; }
            Ruling ruling = sourced.rules->evaluate(facts);
            if (!ruling.rule) { continue; }
            return {
                ruling.answer,        binds(sourced.source, ruling.answer, policy.veto), sourced.source,
                sourced.origin,       std::string(sourced.rules->name(*ruling.rule)),    std::string(ruling.because),
                std::move(ruling.why)};
        }
    }
    return {};
}

}  // namespace consent
