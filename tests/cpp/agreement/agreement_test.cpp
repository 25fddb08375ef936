// The digest against the gate: what a scheduler drops by a host's digest, that host's gate would have refused; what the gate
// lets through, the scheduler passes; and an explanation says the same. Over random clouds.
//
//     agreement_test [CLOUDS]      CONSENT_SEED=N repeats a run
//
// The gate is here what it is on a host: every voter's rules on all facts, and a round that asks the voters whose rules
// say ask. Ends with 1 at the first disagreement, and when one of the outcomes is too rare to have said much.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agreement/cloud.hpp"
#include "consent/decision.hpp"
#include "consent/outlooks.hpp"
#include "consent/runner.hpp"
#include "runner/doubles.hpp"

namespace {

using namespace consent;
using namespace consent::testing;

constexpr std::int64_t noon = 1'800'000'000;
constexpr std::int64_t max_age_s = 120;

std::uint64_t seed = 0;
std::size_t cloud_number = 0;

void require(bool holds, std::string_view what) {
    if (holds) { return; }
    std::cout << "DISAGREE in cloud " << cloud_number << " of CONSENT_SEED=" << seed << ": " << what << std::endl;
    std::exit(1);  // NOLINT(concurrency-mt-unsafe): one thread
}

/// All that the gate of that host knows when this voter is judged.
FactSet facts_at_gate(const Cloud& cloud, const Host& host, const Party& party) {
    FactSet facts = party.facts;
    add(facts, host.facts, known_to_host);
    add(facts, cloud.mover, known_to_both);
    add(facts, cloud.mover_more, known_to_gate);
    return facts;
}

struct Gate {
    RoundReport report;
    std::size_t asked = 0;                                        ///< guests; the hypervisor's word is at hand
    std::vector<std::pair<const Party*, StandingVote>> refusals;  ///< standing and binding
};

/// What an explanation says of a vote: the same rule decides, and each change that it names turns it.
void check_explanation(const Party& party, const FactSet& facts, const StandingVote& said) {
    for (const SourcedRules& sourced : party.policy.sources) {
        if (sourced.rules == nullptr || !said.source || sourced.source != *said.source) { continue; }
        for (const RuleSeen& rule : sourced.rules->explain(facts)) {
            require(rule.decided == (rule.name == said.rule), "explain names another rule than vote");
        }
    }
    for (const Change& change : changes(party.policy, facts)) {
        require(said.answer == StandingAnswer::refuse, "a change of what is no refusal");
        FactSet changed = facts;
        changed.set(change.fact, change.to);
        require(change.from == *facts.value(change.fact), "a change from another value");
        require(vote(party.policy, changed).answer == change.answer && change.answer != StandingAnswer::refuse,
                "a change that does not turn the refusal");
    }
}

Gate run_gate(const Cloud& cloud, const Host& host) {
    Gate gate;
    RoundRequest request;
    request.inquiry.subject.mover = "m";
    request.entitled.emplace();
    VotersIdentified identified;
    std::vector<std::optional<Answer>> lives;
    for (const Party& party : host.parties) {
        const FactSet facts = facts_at_gate(cloud, host, party);
        const StandingVote said = vote(party.policy, facts);
        check_explanation(party, facts, said);
        Spoken spoken{party.voter, Answer::abstain, said.because};
        spoken.voter.binding = said.binding;
        if (said.answer == StandingAnswer::ask) {
            if (!party.connected) { continue; }
            if (party.voter.kind == VoterKind::hypervisor) {
                spoken.answer = *party.live;
                request.spoken.push_back(spoken);
            } else {
                ++gate.asked;
                identified.voters.push_back(party.voter);
                lives.push_back(party.live);
                if (party.policy.veto) { request.entitled->push_back(party.voter.id); }
            }
            continue;
        }
        if (said.answer == StandingAnswer::refuse) {
            spoken.answer = Answer::refuse;
            if (said.binding) { gate.refusals.emplace_back(&party, said); }
        } else if (said.answer == StandingAnswer::consent) {
            spoken.answer = Answer::consent;
        }
        request.spoken.push_back(spoken);
    }
    std::vector<test::Line> script = {{milliseconds(1), identified}};
    for (std::uint32_t i = 0; i < lives.size(); ++i) {
        if (lives[i]) { script.push_back({milliseconds(2), VoterAnswered{i, *lives[i], ""}}); }
    }
    for (std::uint32_t i = 0; i < lives.size(); ++i) {
        if (!lives[i]) { script.push_back({milliseconds(5000), VoterFellSilent{i, ""}}); }
    }
    const auto clock = std::make_shared<test::FakeClock>();
    Runner runner(std::make_shared<test::ScriptedVoters>(clock, std::move(script)), nullptr, clock);
    gate.report = runner.run(request);
    require(gate.report.verdict != State::failed, "the round failed: " + gate.report.because);
    return gate;
}

DigestSource digest_of(const Host& host) {
    DigestSource source{host.mode, noon, {}, 2};
    for (const Party& party : host.parties) {
        DigestVoter voter{party.voter.kind, party.policy, party.facts, party.connected};
        add(voter.facts, host.facts, known_to_host);
        voter.limited = party.limited;
        voter.policy.veto = voter.policy.veto || party.limited;  // the gate may find the budget spent since
        if (party.voter.kind == VoterKind::hypervisor && party.connected) {
            const StandingAnswer answer =
                *party.live == Answer::refuse ? StandingAnswer::refuse : StandingAnswer::consent;
            static const auto voice = [](StandingAnswer says) {
                auto compiled = RuleSet::compile({{"accept_incoming", {}, says, ""}}, StandingAnswer::ask);
                return std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(compiled)));
            };
            voter.policy.sources.push_back({Source::host, "accept_incoming", voice(answer)});
        }
        source.voters.push_back(std::move(voter));
    }
    return source;
}

/// What the digest has to say: the same rules on what host and scheduler know, without a digest between.
Outlook outlook_without_digest(const Cloud& cloud, const DigestSource& source) {
    bool open = false;
    for (const DigestVoter& voter : source.voters) {
        FactSet facts = voter.facts;
        add(facts, cloud.mover, known_to_both);
        const StandingVote said = vote(voter.policy, facts);
        const bool counted = voter.limited && said.source && !is_operators(*said.source);
        if (said.answer == StandingAnswer::refuse && said.binding && !counted) { return Outlook::refuse; }
        open = open || (said.answer == StandingAnswer::refuse && counted);
        open = open || (said.answer == StandingAnswer::ask && (voter.answers || !said.why.empty()));
    }
    return open ? Outlook::ask : Outlook::consent;
}

struct Tally {
    std::size_t pairs = 0;
    std::size_t dropped = 0;
    std::size_t passed_consented = 0;
    std::size_t passed_refused = 0;
    std::size_t certain = 0;
    std::size_t unusable = 0;
    std::size_t cut = 0;
};

/// Now and then a digest is cut short, old, from the future or damaged: then it may know less, never something else.
enum class Spoilt : std::uint8_t { no, cut, old, damaged };

void check(const Cloud& cloud, Chance& chance, Outlooks& outlooks, Tally& tally) {
    std::vector<std::string> texts;
    std::vector<std::optional<std::string_view>> views;
    std::vector<Spoilt> spoilt;
    std::vector<DigestSource> sources;
    for (const Host& host : cloud.hosts) {
        sources.push_back(digest_of(host));
        spoilt.push_back(chance.odds(90) ? Spoilt::no : static_cast<Spoilt>(1 + chance.below(3)));
        if (spoilt.back() == Spoilt::old) { sources.back().at += chance.odds(50) ? -200 : 200; }
        texts.push_back(
            write_digest(sources.back(), spoilt.back() == Spoilt::cut ? 60 + chance.below(500) : max_digest_bytes));
        require(texts.back().size() <= max_digest_bytes, "a digest that is too long");
        if (spoilt.back() == Spoilt::damaged) {
            char& byte = texts.back()[chance.below(texts.back().size())];
            byte = static_cast<char>(byte ^ static_cast<char>(1U << chance.below(7)));
        }
    }
    views.assign(texts.begin(), texts.end());
    const std::vector<Judgement> judgements = outlooks.judge(views, cloud.mover, noon, max_age_s);

    for (std::size_t i = 0; i < cloud.hosts.size(); ++i) {
        const Host& host = cloud.hosts[i];
        const Judgement& judgement = judgements[i];
        const Gate gate = run_gate(cloud, host);
        const bool refused = gate.report.verdict == State::refused || gate.report.verdict == State::expired;
        const bool dropped = judgement.mode == Mode::enforce && judgement.outlook == Outlook::refuse;
        const bool allowed = decide(gate.report, host.mode, OnError::refuse).allow;

        require(!dropped || !allowed, "dropped what the gate lets through: " + judgement.reason);
        require(judgement.outlook != Outlook::refuse || gate.report.verdict == State::refused,
                "a refusal foreseen that does not come: " + judgement.reason);
        require(judgement.outlook != Outlook::consent || (!refused && gate.asked == 0),
                "a consent foreseen where somebody refuses or is asked");
        if (judgement.outlook == Outlook::refuse) {
            const auto told = [&](const auto& refusal) {
                return judgement.reason.find("rule \"" + refusal.second.rule + "\" of " + refusal.second.origin) !=
                       std::string::npos;
            };
            const bool by_voice = judgement.reason.find("of accept_incoming") != std::string::npos;
            require(by_voice || std::any_of(gate.refusals.begin(), gate.refusals.end(), told),
                    "a reason that is nobody's: " + judgement.reason);
        }
        if (spoilt[i] == Spoilt::no) {
            require(judgement.outlook == outlook_without_digest(cloud, sources[i]), "the digest says something else");
            require(judgement.mode == host.mode, "another mode");
        }
        if (spoilt[i] == Spoilt::old || spoilt[i] == Spoilt::damaged) {
            require(judgement.outlook == Outlook::ask && judgement.mode == Mode::off, "spoilt, and not ask");
        }
        ++tally.pairs;
        tally.dropped += dropped ? 1U : 0U;
        tally.passed_consented += !dropped && !refused ? 1U : 0U;
        tally.passed_refused += !dropped && refused ? 1U : 0U;
        tally.certain += judgement.outlook == Outlook::consent ? 1U : 0U;
        tally.unusable += spoilt[i] == Spoilt::old || spoilt[i] == Spoilt::damaged ? 1U : 0U;
        tally.cut += spoilt[i] == Spoilt::cut && judgement.outlook == Outlook::ask ? 1U : 0U;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::size_t clouds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 100'000;
    seed = seed_of_this_run();
    std::cout << "CONSENT_SEED=" << seed << std::endl;
    const auto began = std::chrono::steady_clock::now();
    CloudMaker maker(seed);
    Outlooks outlooks(1000);
    Tally tally;
    for (; cloud_number < clouds; ++cloud_number) {
        const Cloud cloud = maker.cloud();
        check(cloud, maker.chance(), outlooks, tally);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    const auto share = [&](std::size_t part) {
        return 100.0 * static_cast<double>(part) / static_cast<double>(tally.pairs);
    };
    std::cout << clouds << " clouds, " << tally.pairs << " pairs, " << took.count() << " s: dropped "
              << share(tally.dropped) << " %, passed and consented " << share(tally.passed_consented)
              << " %, passed and refused " << share(tally.passed_refused) << " %; consent foreseen "
              << share(tally.certain) << " %, digests old or damaged " << share(tally.unusable) << " %, cut short "
              << share(tally.cut) << " %; no disagreement" << std::endl;
    const bool thin = std::min({share(tally.dropped), share(tally.passed_consented), share(tally.passed_refused)}) < 20;
    if (thin) { std::cout << "too thin: each outcome must be 20 % of the pairs" << std::endl; }
    return thin ? 1U : 0U;
}
