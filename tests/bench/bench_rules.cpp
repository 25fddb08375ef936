// How fast rules are: one set on one mover's facts; and a mover before N hosts of 40 voters each, digests kept and digests
// read for the first time. Every outcome is asserted, so that less work would not pass for speed.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "consent/outlooks.hpp"

namespace {

using namespace consent;

constexpr std::int64_t noon = 1'800'000'000;
constexpr int voters_a_host = 40;

Condition fact(std::string name, std::string expression) {
    return {ConditionKind::fact, std::move(name), std::move(expression), {}};
}

std::shared_ptr<const RuleSet> compiled(const std::vector<StandingRule>& rules) {
    auto result = RuleSet::compile(rules, StandingAnswer::ask);
    return std::make_shared<const RuleSet>(std::get<RuleSet>(std::move(result)));
}

FactSet mover(const std::string& vcpus) {
    FactSet facts;
    for (const auto& [name, value] :
         std::vector<std::pair<std::string, std::string>>{{"operation", "live-migration"},
                                                          {"guest.id", "6f1c1bb2-0000-4000-8000-000000000001"},
                                                          {"guest.project", "0123456789abcdef0123456789abcdef"},
                                                          {"guest.flavor", "m1.large"},
                                                          {"guest.vcpus", vcpus},
                                                          {"guest.memory_mib", "16384"},
                                                          {"guest.extra.hw:cpu_policy", "shared"},
                                                          {"source.host", "compute-0042"}}) {
        (void)facts.set(name, value);
    }
    return facts;
}

/// What an operator might write: five conditions, of which the mover meets none until the last rule.
std::vector<StandingRule> rules_of_flavor(int flavor) {
    return {
        {"no giants", {fact("guest.vcpus", ">= " + std::to_string(32 + flavor))}, StandingAnswer::refuse, "too large"},
        {"rival",
         {fact("guest.project", "<or> rival" + std::to_string(flavor) + " <or> foe")},
         StandingAnswer::refuse,
         ""},
        {"pinned",
         {fact("guest.extra.hw:cpu_policy", "dedicated"), fact("guest.memory_mib", "> 262144")},
         StandingAnswer::refuse,
         ""},
        {"rest", {fact("operation", "live-migration")}, StandingAnswer::consent, ""}};
}

void evaluate(benchmark::State& state) {
    const auto rules = compiled(rules_of_flavor(0));
    const FactSet facts = mover("8");
    for (auto _ : state) {
        const Ruling ruling = rules->decide(facts);
        if (ruling.answer != StandingAnswer::consent || ruling.rule != 3) { state.SkipWithError("another ruling"); }
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(evaluate);

/// The digests of hosts of 40 voters, no two alike: eight flavors, the host's own rules about free memory and the voters' projects.
std::vector<std::string> digests(std::int64_t hosts) {
    const auto host_rules = compiled(
        {{"headroom",
          {fact("site.memory_free_mib", "< 4096"), fact("guest.memory_mib", "> 1024")},
          StandingAnswer::refuse,
          ""},
         {"apart", {fact("me.project", "rival"), fact("guest.project", "foe")}, StandingAnswer::refuse, "kept apart"}});
    std::vector<std::shared_ptr<const RuleSet>> flavors;
    for (int flavor = 0; flavor < 8; ++flavor) { flavors.push_back(compiled(rules_of_flavor(flavor))); }
    std::vector<std::string> texts;
    for (std::int64_t host = 0; host < hosts; ++host) {
        DigestSource source{Mode::enforce, noon, {}, static_cast<std::uint32_t>(host)};
        for (int i = 0; i < voters_a_host; ++i) {
            const auto flavor = static_cast<std::size_t>(i % 8);
            DigestVoter voter{VoterKind::neighbour,
                              {{{Source::host, "host.yaml", host_rules},
                                {Source::flavor, "flavor " + std::to_string(flavor), flavors[flavor]}},
                               true},
                              {},
                              false};
            (void)voter.facts.set("me.project", i % 10 == 0 ? "rival" : "p" + std::to_string(i));
            (void)voter.facts.set("site.memory_free_mib", host % 3 == 0 ? "2048" : "65536");
            source.voters.push_back(std::move(voter));
        }
        texts.push_back(write_digest(source));
    }
    return texts;
}

void judge(benchmark::State& state, std::size_t kept) {
    const std::vector<std::string> texts = digests(state.range(0));
    const std::vector<std::optional<std::string_view>> views(texts.begin(), texts.end());
    Outlooks outlooks(20000);
    std::int64_t bytes = 0;
    for (const std::string& text : texts) { bytes += static_cast<std::int64_t>(text.size()); }
    (void)outlooks.judge(views, mover("8"), noon, 120);
    int turn = 0;
    for (auto _ : state) {
        if (kept == 0) { outlooks = Outlooks(20000); }
        const auto judgements = outlooks.judge(views, mover(std::to_string(++turn % 16)), noon, 120);
        for (std::size_t i = 0; i < judgements.size(); ++i) {
            const Outlook expected = i % 3 == 0 ? Outlook::refuse : Outlook::consent;
            if (judgements[i].outlook != expected) { state.SkipWithError("another outlook"); }
        }
    }
    state.SetItemsProcessed(state.iterations() * state.range(0));
    state.counters["bytes_a_digest"] = static_cast<double>(bytes) / static_cast<double>(state.range(0));
}
void judge_warm(benchmark::State& state) { judge(state, 20000); }
void judge_cold(benchmark::State& state) { judge(state, 0); }
BENCHMARK(judge_warm)->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);
BENCHMARK(judge_cold)->Arg(100)->Arg(1000)->Arg(10000)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
