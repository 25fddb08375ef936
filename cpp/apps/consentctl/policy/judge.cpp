#include "judge.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "consent/policy.hpp"

namespace consentctl {
namespace {

using consent::StandingAnswer;

bool entitled(const InventoryVoter& voter, const InventoryHost& host) {
    if (voter.veto) { return *voter.veto; }
    const consent::HostPolicy* settings = host.settings();
    if (settings == nullptr || !settings->veto) { return true; }
    const auto& list = *settings->veto;
    const auto named = [&](const std::string* id) {
        return id && std::find(list.begin(), list.end(), *id) != list.end();
    };
    return named(find(voter.facts, "me.project")) || named(find(voter.facts, "me.id"));
}

/// Whether what a hypervisor's rules hang on is nothing but facts that it never has: me.project, me.flavor, ... Then they
/// answer ask at the gate too, and its own voice counts.
bool hangs_on_itself(const consent::StandingPolicy& policy, const consent::FactSet& facts) {
    for (const consent::SourcedRules& sourced : policy.sources) {
        for (const consent::RuleSeen& rule : sourced.rules->explain(facts)) {
            if (!rule.decided) { continue; }
            return std::none_of(rule.conditions.begin(), rule.conditions.end(), [](const consent::ConditionSeen& seen) {
                return seen.kind == consent::ConditionKind::fact && seen.truth == consent::Truth::unknown &&
                       !seen.fact.starts_with("me.");
            });
        }
    }
    return false;
}

}  // namespace

Facts facts_of(const InventoryHost& host) {
    Facts facts{{"site.host", host.name}, {"site.neighbours", std::to_string(host.voters.size())}};
    std::set<std::string> projects;
    bool all_known = true;
    for (const InventoryVoter& voter : host.voters) {
        const std::string* project = find(voter.facts, "me.project");
        all_known = all_known && project != nullptr;
        if (project != nullptr) { projects.insert(*project); }
    }
    if (all_known) { facts.emplace_back("site.projects", consent::list_literal({projects.begin(), projects.end()})); }
    if (host.policy) { facts.insert(facts.end(), host.policy->stated.begin(), host.policy->stated.end()); }
    facts.insert(facts.end(), host.facts.begin(), host.facts.end());
    return facts;
}

HostJudge::HostJudge(const InventoryHost& host, const Facts& always, Cache& cache) {
    if (const consent::HostPolicy* settings = host.settings()) { incoming_ = settings->accept_incoming; }
    const Facts own = facts_of(host);
    const auto known = [&](const Facts& of_voter) {
        consent::FactSet facts;
        put(facts, own);
        put(facts, of_voter);
        put(facts, always);
        return facts;
    };
    add("hypervisor", nullptr, host, known({{"me.id", host.name}, {"me.kind", "hypervisor"}}), cache);
    for (const InventoryVoter& voter : host.voters) {
        Facts of_voter{{"me.id", voter.name}, {"me.kind", "neighbour"}};
        of_voter.insert(of_voter.end(), voter.facts.begin(), voter.facts.end());
        add(voter.name, &voter, host, known(of_voter), cache);
    }
}

void HostJudge::add(const std::string& name, const InventoryVoter* voter, const InventoryHost& host,
                    const consent::FactSet& known, Cache& cache) {
    Group group{name, 1, voter == nullptr, voter != nullptr && voter->answers, {}};
    group.policy.veto = voter == nullptr || entitled(*voter, host);
    std::string key =
        std::string(group.hypervisor ? "h" : "n") + (group.answers ? "a" : "-") + (group.policy.veto ? "v" : "-");
    for (const PolicyFile* file : {host.policy.get(), voter != nullptr ? voter->policy.get() : nullptr}) {
        if (file == nullptr) { continue; }
        const std::vector<consent::StandingRule> rest = consent::reduce(*file->rules, known);
        const std::string text = consent::write_rules(rest);
        auto& rules = cache[text];
        if (!rules) { rules = compile(rest, file->file); }
        consent::SourcedRules sourced = file->sourced();
        sourced.rules = rules;
        key += '\n' + sourced.origin + '\n' + text;
        group.policy.sources.push_back(std::move(sourced));
    }
    const auto [at, fresh] = index_.emplace(std::move(key), groups_.size());
    if (fresh) {
        groups_.push_back(std::move(group));
    } else {
        ++groups_[at->second].voters;
    }
}

std::string HostJudge::name_of(const Group& group) {
    return group.voters == 1 ? group.first : group.first + " and " + std::to_string(group.voters - 1) + " more";
}

Decision HostJudge::judge(const consent::FactSet& mover) const {
    using consent::Outlook;
    Decision best;
    for (const Group& group : groups_) {
        consent::StandingVote vote = consent::vote(group.policy, mover);
        const auto decision = [&](Outlook outlook) {
            return Decision{outlook,
                            name_of(group),
                            vote.source ? std::string(to_string(*vote.source)) : std::string(),
                            std::move(vote.rule),
                            std::move(vote.because),
                            std::move(vote.why)};
        };
        const bool asked = vote.answer == StandingAnswer::ask;
        const bool unknown = asked && !vote.why.empty() && !(group.hypervisor && hangs_on_itself(group.policy, mover));
        if (vote.answer == StandingAnswer::refuse && vote.binding) { return decision(Outlook::refuse); }
        if (asked && !unknown && group.hypervisor && incoming_ && incoming_->answer == consent::Answer::refuse) {
            Decision made = decision(Outlook::refuse);
            made.source = "host";
            made.rule = "accept_incoming";
            made.because = incoming_->because;
            return made;
        }
        if (unknown || (asked && group.answers)) {
            if (best.outlook != Outlook::ask) { best = decision(Outlook::ask); }
            if (best.why.empty()) { best.why = "its agent is asked"; }
        } else if (vote.answer == StandingAnswer::consent && best.outlook == Outlook::consent && best.voter.empty()) {
            best = decision(Outlook::consent);
        }
    }
    return best;
}

}  // namespace consentctl
