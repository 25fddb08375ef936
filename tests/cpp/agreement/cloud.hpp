// Random clouds: a mover, and hosts with voters whose policies come of every source.
//
// Facts are of three kinds: what both the scheduler and the gate know of the mover, what the gate alone knows, and what a
// host knows of itself and its voters.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "consent/digest.hpp"
#include "rules/random_rules.hpp"

namespace consent::testing {

inline const std::vector<Topic> known_to_both = {
    {"operation", {"live-migration"}, {"live-migration", "s!= live-migration"}},
    {"guest.id", {"m1", "m2"}, {"m1"}},
    {"guest.project", {"p1", "p2", "p3"}, {"p1", "s!= p2", "<or> p1 <or> p3"}},
    {"guest.flavor", {"m1.small", "m1.large"}, {"m1.small", "<in> large", "> 3"}},
    {"guest.vcpus", {"1", "4", "8"}, {">= 8", "< 4", "== 4", "<range-in> [ 2 8 )"}},
    {"guest.memory_mib", {"2048", "16384"}, {"<= 4096", "= 8192"}},
    {"guest.extra.hw:cpu_policy", {"dedicated", "shared"}, {"dedicated", "s!= shared"}},
    {"source.host", {"h1", "h2"}, {"h1", "<or> h2 h3"}},
};
inline const std::vector<Topic> known_to_gate = {
    {"guest.image.os_type", {"linux", "windows"}, {"linux"}},
    {"guest.tag", {"['quiet']", "['loud', 'quiet']", "[]"}, {"<all-in> quiet", "<in> loud"}},
    {"time.hour", {"3", "12", "22"}, {"< 8", ">= 20"}},
    {"time.weekday", {"1", "6"}, {">= 6"}},
};
inline const std::vector<Topic> known_to_host = {
    {"site.host", {"h3", "h4"}, {"h3"}},
    {"site.neighbours", {"0", "7"}, {"> 3", "== 0"}},
    {"site.memory_free_mib", {"-512", "8192"}, {"< 1024", ">= 0"}},
    {"site.projects", {"['p1']", "['p1', 'p2']", "[]"}, {"<all-in> p1", "<in> p2"}},
    {"site.aggregates", {"['licensed']"}, {"<all-in> licensed"}},  // stated in the host's file, or unknown
};
inline const std::vector<Topic> known_of_voter = {
    {"me.kind", {"neighbour"}, {"neighbour", "hypervisor"}},
    {"me.project", {"p1", "p2"}, {"p1", "s== p2"}},
    {"me.vcpus", {"2", "many"}, {"> 1", "== 2"}},
    {"me.tag", {"['quiet']", "[]"}, {"<all-in> quiet"}},
};

inline std::vector<Topic> joined(const std::vector<std::vector<Topic>>& parts) {
    std::vector<Topic> all;
    for (const auto& part : parts) { all.insert(all.end(), part.begin(), part.end()); }
    return all;
}

inline void add(FactSet& facts, const FactSet& more, const std::vector<Topic>& topics) {
    for (const Topic& topic : topics) {
        if (const std::string* value = more.value(topic.fact)) { facts.set(topic.fact, *value); }
    }
}

/// A neighbour, or the hypervisor.
struct Party {
    Voter voter;
    StandingPolicy policy;
    FactSet facts;
    bool connected = false;      ///< its agent is; of a hypervisor: it has an accept_incoming
    bool limited = false;        ///< its veto counts only so often
    std::optional<Answer> live;  ///< what it says when it is asked; nothing: silence
};

struct Host {
    Mode mode = Mode::enforce;
    FactSet facts;
    std::vector<Party> parties;
};

struct Cloud {
    FactSet mover;       ///< as the scheduler knows it
    FactSet mover_more;  ///< what the gate knows besides
    std::vector<Host> hosts;
};

class CloudMaker {
  public:
    explicit CloudMaker(std::uint64_t seed) : chance_(seed) {}

    Cloud cloud() {
        Cloud cloud;
        cloud.mover = random_facts(chance_, known_to_both, 3);
        cloud.mover_more = random_facts(chance_, known_to_gate, 10);
        for (std::size_t hosts = 1 + chance_.below(2); hosts > 0; --hosts) { cloud.hosts.push_back(host()); }
        return cloud;
    }
    Chance& chance() { return chance_; }

  private:
    std::shared_ptr<const RuleSet> rules(const std::vector<Topic>& topics) {
        auto compiled = RuleSet::compile(random_rules(chance_, topics, 3), StandingAnswer::ask);
        return std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(compiled)));
    }

    Host host() {
        Host host;
        const std::size_t mode = chance_.below(20);
        host.mode = mode == 0 ? Mode::off : mode < 3 ? Mode::audit : Mode::enforce;
        host.facts = random_facts(chance_, known_to_host, 10);
        const auto of_host = chance_.odds(60) ? rules(everything_) : nullptr;
        for (std::size_t neighbours = 1 + chance_.below(5); neighbours > 0; --neighbours) {
            host.parties.push_back(neighbour(neighbours, of_host));
        }
        host.parties.push_back(hypervisor(of_host));
        return host;
    }

    Party neighbour(std::size_t number, const std::shared_ptr<const RuleSet>& of_host) {
        Party party;
        party.voter.id = party.voter.name = "guest-" + std::to_string(number);
        party.policy.veto = chance_.odds(60);
        party.limited = chance_.odds(25);
        party.policy.sources.push_back({Source::host, "host.yaml", of_host});
        for (const Source source : {Source::agent, Source::metadata, Source::image, Source::flavor}) {
            if (chance_.odds(35)) {
                party.policy.sources.push_back({source, std::string(to_string(source)), rules(everything_)});
            }
        }
        party.facts = random_facts(chance_, known_of_voter, 8);
        party.connected = chance_.odds(45);
        static const std::vector<std::optional<Answer>> lives = {Answer::consent, Answer::consent, Answer::refuse,
                                                                 Answer::abstain, Answer::refuse,  std::nullopt};
        party.live = chance_.pick(lives);
        return party;
    }

    Party hypervisor(const std::shared_ptr<const RuleSet>& of_host) {
        Party party;
        party.voter.id = party.voter.name = "h3";
        party.voter.kind = VoterKind::hypervisor;
        party.policy.sources.push_back({Source::host, "host.yaml", of_host});
        party.facts.set("me.kind", "hypervisor");
        party.connected = chance_.odds(40);
        party.live = chance_.odds(10) ? Answer::refuse : Answer::consent;
        return party;
    }

    Chance chance_;
    const std::vector<Topic> everything_ =
        joined({known_to_both, known_to_both, known_to_gate, known_to_host, known_of_voter});
};

}  // namespace consent::testing
