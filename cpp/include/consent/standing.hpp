// Standing policy: what a voter has said beforehand, in rules from several sources, and the one order in which they count.
//
// Pure. Must not know: files, Nova, who gathers facts, what becomes of a vote.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "consent/facts.hpp"
#include "consent/rules.hpp"

namespace consent {

/// Where rules come from, in the order in which they count: the first source of which a rule decides speaks.
enum class Source : std::uint8_t {
    host,      ///< the operator's files on the host
    flavor,    ///< extra specs of the voter's flavor, as it was when the VM got it
    image,     ///< properties of the voter's image, as it was when the VM was created
    metadata,  ///< the voter's server metadata
    agent,     ///< the agent in the voter, as it last said
};
inline constexpr std::size_t source_count = 5;

[[nodiscard]] std::string_view to_string(Source source) noexcept;
/// The operator's words bind. The others are a tenant's: a refusal there counts only with a veto.
[[nodiscard]] constexpr bool is_operators(Source source) noexcept { return source <= Source::flavor; }

/// Rules of one source. What they answer when none of them decides (their fallback) is not looked at: the next source
/// speaks. A source that cannot be read is a rule that always answers ask.
struct SourcedRules {
    Source source = Source::host;
    std::string
        origin;  ///< for people: "/etc/nova/consent.d/host.yaml", "flavor m1.small", "image", "metadata", "agent"
    std::shared_ptr<const RuleSet> rules;  ///< null: none
};

/// Whether that answer from there decides: all do but a tenant's refusal without a veto.
[[nodiscard]] constexpr bool binds(Source source, StandingAnswer answer, bool veto) noexcept {
    return veto || answer != StandingAnswer::refuse || is_operators(source);
}

/// All that one voter has said beforehand.
struct StandingPolicy {
    std::vector<SourcedRules> sources;  ///< in any order; those of one source count in the order given
    bool veto = true;                   ///< its own refusal (image, metadata, agent) decides; else it is recorded only
};

/// What a voter's standing policy comes to in one case.
struct StandingVote {
    StandingAnswer answer = StandingAnswer::ask;  ///< ask also: nothing said, or it hangs on what is not known
    bool binding = true;           ///< false: a tenant's refusal without a veto; recorded, decides nothing
    std::optional<Source> source;  ///< of the rule that decided; nothing: none did
    std::string origin;
    std::string rule;     ///< its name
    std::string because;  ///< its words
    std::string why;      ///< of an answer that hangs on what is not known: on what
};

/// The first source, in the order of Source, of which a rule decides.
[[nodiscard]] StandingVote vote(const StandingPolicy& policy, const FactSet& facts);

/// The rules as written, without what `known` decides already: conditions that hold are left out, rules that cannot hold
/// are dropped, and so is all that stands behind one that holds whatever else is true. Conditions on facts that `known`
/// lacks, and those that fault, stay: evaluating the rest with the other facts alone gives the answer, and the name of
/// the rule, that evaluating the whole with all facts gives. Rules keep their order; groups left with one part go.
[[nodiscard]] std::vector<StandingRule> reduce(const RuleSet& rules, const FactSet& known);

/// One change of one fact after which the answer is no refusal any more.
struct Change {
    std::string fact;
    std::optional<std::string> from;
    std::string to;                               ///< a number, a list literal, a word that an expression names, or
                                                  ///< "another": any value that none names
    StandingAnswer answer = StandingAnswer::ask;  ///< what it would then be
};

/// The smallest single changes that would turn a refusal, one a fact, nearest first, at most `most`: of numbers the
/// nearest whole number, of lists the fewest elements, else a word that the expressions name. Empty: it is no refusal, or
/// no single change turns it. Only what is known of the mover and the sites changes, never the voter, the time or what is
/// to happen. Cost: at most max_changes_tried votes.
[[nodiscard]] std::vector<Change> changes(const StandingPolicy& policy, const FactSet& facts, std::size_t most = 3);
inline constexpr std::size_t max_changes_tried = 2000;

}  // namespace consent
