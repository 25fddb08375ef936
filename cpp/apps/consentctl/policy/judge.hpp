// What the gate of a host would say of a mover, by what is stated beforehand alone: the hypervisor and every guest there,
// each by its standing policy. Nobody is asked.
//
// Pure. Must not know files.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "consent/digest.hpp"
#include "consent/standing.hpp"
#include "inventory.hpp"

namespace consentctl {

/// Who decides, and by which words. Of a consent: whoever consents by a rule, if anybody does.
struct Decision {
    consent::Outlook outlook = consent::Outlook::consent;
    std::string voter;   ///< "hypervisor", "billing", "billing and 3 more"; empty: nobody objects
    std::string source;  ///< where the rule stands: "host", "agent"; empty: no rule decided
    std::string rule;
    std::string because;  ///< the rule's words
    std::string why;      ///< of ask: what is not known, or who is asked

    friend auto operator<=>(const Decision&, const Decision&) = default;
};

/// One host, compiled: voters whose rules come to the same, with what is known of them and of the host, are judged once.
class HostJudge {
  public:
    /// Rules that many hosts share are compiled once.
    using Cache = std::map<std::string, std::shared_ptr<const consent::RuleSet>>;

    /// `always`: facts that hold in every case, over all others. Throws PolicyError when a host's rules pass a bound.
    HostJudge(const InventoryHost& host, const Facts& always, Cache& cache);

    /// `mover`: guest.*, source.*, operation.
    [[nodiscard]] Decision judge(const consent::FactSet& mover) const;

  private:
    struct Group {
        std::string first;
        std::uint32_t voters = 0;
        bool hypervisor = false;
        bool answers = false;
        consent::StandingPolicy policy;
    };
    [[nodiscard]] static std::string name_of(const Group& group);
    void add(const std::string& name, const InventoryVoter* voter, const InventoryHost& host,
             const consent::FactSet& known, Cache& cache);

    std::vector<Group> groups_;
    std::map<std::string, std::size_t> index_;
    std::optional<consent::Voice> incoming_;
};

/// The facts of a host's own: those stated, those of its file, site.host, and site.neighbours and site.projects as its
/// voters have them. What is stated counts over what is concluded.
[[nodiscard]] Facts facts_of(const InventoryHost& host);

}  // namespace consentctl
