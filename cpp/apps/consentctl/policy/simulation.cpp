#include "simulation.hpp"

#include <algorithm>
#include <utility>

#include "consent/policy.hpp"

namespace consentctl {
namespace {

using consent::Outlook;
using consent::StandingAnswer;

struct Voter {
    std::string name;
    Facts facts;
    bool hypervisor = false;
    std::shared_ptr<const PolicyFile> own;
};

const InventoryHost* host_named(const Inventory& inventory, const std::string& name) {
    const auto at = std::find_if(inventory.hosts.begin(), inventory.hosts.end(),
                                 [&](const InventoryHost& host) { return host.name == name; });
    return at == inventory.hosts.end() ? nullptr : &*at;
}

const InventoryMover* mover_of(const Inventory& inventory, const std::string& instance) {
    const auto is_it = [&](const InventoryMover& mover) {
        const std::string* id = find(mover.facts, "guest.id");
        return mover.name == instance || (id != nullptr && *id == instance);
    };
    const auto at = std::find_if(inventory.movers.begin(), inventory.movers.end(), is_it);
    return instance.empty() || at == inventory.movers.end() ? nullptr : &*at;
}

std::vector<Voter> voters_of(const Record& record, const InventoryHost* host) {
    const std::string& here = record.at_source ? record.source : record.site;
    std::vector<Voter> voters{{"hypervisor", {{"me.kind", "hypervisor"}}, true, nullptr}};
    if (!here.empty()) { voters.front().facts.emplace_back("me.id", here); }
    if (record.at_source) {
        voters.push_back({"the mover", {{"me.kind", "mover"}}, false, nullptr});
        if (!record.instance.empty()) { voters.back().facts.emplace_back("me.id", record.instance); }
    } else if (host != nullptr) {
        for (const InventoryVoter& voter : host->voters) {
            voters.push_back({voter.name, {{"me.kind", "neighbour"}, {"me.id", voter.name}}, false, voter.policy});
            voters.back().facts.insert(voters.back().facts.end(), voter.facts.begin(), voter.facts.end());
        }
    } else if (!record.voters.empty()) {
        for (const RecordedVoter& voter : record.voters) {
            voters.push_back({"guest " + voter.id, {{"me.kind", "neighbour"}, {"me.id", voter.id}}, false, nullptr});
            if (!voter.project.empty()) { voters.back().facts.emplace_back("me.project", voter.project); }
        }
    } else if (record.voters_counted > 0) {
        voters.push_back({"a guest", {{"me.kind", "neighbour"}}, false, nullptr});
    }
    return voters;
}

/// The source's gate knows of the site its name alone; what its file states of the host is true of it as a source.
void turn_to_source(consent::FactSet& facts, const PolicyFile& policy) {
    for (const auto& [name, value] : policy.stated) {
        const std::string_view site = "site.";
        if (!name.starts_with(site)) { continue; }
        facts.forget(name);
        facts.set("source." + name.substr(site.size()), value);
    }
}

/// What the voters' rules come to together, and whether the one that decided the record still has to be asked.
struct Standing {
    Decision decision;
    bool someone_is_asked = false;
    bool decider_is_asked = false;
};

Standing standing_of(const Record& record, const PolicyFile& policy, const InventoryHost* host, const Facts& facts,
                     const Facts& always) {
    Standing outcome;
    for (const Voter& voter : voters_of(record, host)) {
        consent::FactSet set = facts_for(policy, facts);
        if (record.at_source) { turn_to_source(set, policy); }
        put(set, voter.facts);
        put(set, always);
        consent::StandingPolicy standing{{policy.sourced()}, true};
        if (voter.own) { standing.sources.push_back(voter.own->sourced()); }
        consent::StandingVote vote = consent::vote(standing, set);
        Decision made{Outlook::consent,
                      voter.name,
                      vote.source ? std::string(to_string(*vote.source)) : "",
                      std::move(vote.rule),
                      std::move(vote.because),
                      std::move(vote.why)};
        const bool asked = vote.answer == StandingAnswer::ask && made.why.empty();
        const auto& voice = record.at_source ? policy.host->accept_outgoing : policy.host->accept_incoming;
        if (voter.hypervisor && asked && voice && voice->answer == consent::Answer::refuse) {
            made = {Outlook::refuse, voter.name, "host", record.at_source ? "accept_outgoing" : "accept_incoming",
                    voice->because,  ""};
            vote.answer = StandingAnswer::refuse;
        }
        if (vote.answer == StandingAnswer::refuse) {
            made.outlook = Outlook::refuse;
            outcome.decision = std::move(made);
            return outcome;
        }
        if (!made.why.empty()) {
            made.outlook = Outlook::ask;
            if (outcome.decision.outlook != Outlook::ask) { outcome.decision = std::move(made); }
        } else if (asked && !voter.hypervisor) {
            outcome.someone_is_asked = true;
            // A record without names speaks of some guest: the unnamed one.
            const bool decider = record.voters.empty() || voter.name == "guest " + record.decided_by;
            outcome.decider_is_asked = outcome.decider_is_asked || decider;
        } else if (vote.answer == StandingAnswer::consent && outcome.decision.voter.empty()) {
            outcome.decision = std::move(made);
        }
    }
    return outcome;
}

}  // namespace

std::string_view to_string(Effect effect) noexcept {
    switch (effect) {
        case Effect::same: return "same";
        case Effect::now_refused: return "now refused";
        case Effect::now_consented: return "now consented";
        case Effect::unknown: return "not known";
        case Effect::no_decision: return "no decision";
    }
    return "?";
}

Simulated simulate(const Record& record, const PolicyFile& policy, const Inventory& inventory, const Facts& always) {
    const bool was_consented = record.verdict == "consented";
    if (!was_consented && record.verdict != "refused" && record.verdict != "expired") {
        return {Effect::no_decision, {}};
    }
    const InventoryHost* site = host_named(inventory, record.site);
    Facts facts = inventory.facts;
    if (site != nullptr && !record.at_source) {
        const Facts of_site = facts_of(*site);
        facts.insert(facts.end(), of_site.begin(), of_site.end());
    }
    if (const InventoryMover* mover = mover_of(inventory, record.instance)) {
        facts.insert(facts.end(), mover->facts.begin(), mover->facts.end());
    }
    facts.insert(facts.end(), record.facts.begin(), record.facts.end());

    Standing outcome = standing_of(record, policy, site, facts, always);
    Simulated simulated{Effect::same, std::move(outcome.decision)};
    if (simulated.decision.outlook == Outlook::refuse) {
        simulated.effect = was_consented ? Effect::now_refused : Effect::same;
    } else if (simulated.decision.outlook == Outlook::ask) {
        simulated.effect = Effect::unknown;
    } else if (!was_consented && !outcome.someone_is_asked) {
        simulated.effect = Effect::now_consented;
    } else if (!was_consented && !(record.by_guest && outcome.decider_is_asked)) {
        simulated.effect = Effect::unknown;
        simulated.decision.outlook = Outlook::ask;
        simulated.decision.why = "guests would be asked that the record did not wait for";
    }
    return simulated;
}

}  // namespace consentctl
