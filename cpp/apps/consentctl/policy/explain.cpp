// consentctl policy explain: why a policy answers as it does, and what would turn a refusal.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "commands.hpp"
#include "examples.hpp"
#include "options.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson explain_lesson{
    R"(consentctl policy explain: why does a policy answer so?

Usage: consentctl policy explain --policy FILE [--policy FILE] [--facts FILE] [--fact FACT=VALUE ...]

Shows every rule and condition with the value that was seen, which rule decides, and for a refusal
the smallest change of one fact after which it is none. Nothing is asked and nothing moves.
)",
    R"(
Facts: `consentctl policy facts` lists them. One that is not given is unknown, and a rule that needs
it answers ask. A list is given as guest.tag=web,db. `operation` is live-migration unless it is
given; what the host's file states under facts: holds unless it is given otherwise.

Examples:
  Would this host's rules take a guest of 8 CPUs from project red?
    consentctl policy explain --policy /etc/nova/consent.d/host.yaml \
        --fact guest.vcpus=8 --fact guest.project=red
  What a neighbour says, by the host's file and then by the policy of the agent in it:
    consentctl policy explain --policy host.yaml --policy agent.yaml --fact me.kind=neighbour
  Facts from a file (YAML or JSON), one of them changed:
    consentctl policy explain --policy host.yaml --facts case.yaml --fact guest.vcpus=2

Results of a condition: yes, no, or ? for unknown, with the reason.

JSON (version 1): {"version": 1, "answer": ANSWER, "binding": BOOL, "source": "host"|"agent"|null,
  "rule": NAME or "", "because": TEXT, "why": TEXT,
  "policies": [{"file": NAME, "source": "host"|"agent", "rules": [{"name": NAME, "result": "yes"|"no"|"unknown",
    "decided": BOOL, "conditions": [{"depth": N, "kind": "fact"|"all"|"any"|"not", "fact": NAME,
    "expression": TEXT, "value": TEXT or null, "result": "yes"|"no"|"unknown", "fault": TEXT or ""}]}]}],
  "changes": [{"fact": NAME, "from": TEXT or null, "to": TEXT, "answer": ANSWER}]}

Exit codes:
  0  explained, whatever the answer is
  2  the command line, or a file, cannot be taken
)"};

struct Case {
    std::vector<std::shared_ptr<const PolicyFile>> files;
    consent::FactSet facts;
    consent::StandingPolicy policy;
    consent::StandingVote vote;
    std::vector<consent::Change> changes;
};

std::string_view result(consent::Truth truth) { return truth == consent::Truth::unknown ? "?" : to_string(truth); }

std::string seen(const consent::ConditionSeen& condition) {
    if (!condition.value) { return "unknown"; }
    std::string text = in_quotes(*condition.value);
    if (condition.fault != consent::Fault::none) { text += ": " + std::string(meaning(condition.fault)); }
    return text;
}

std::string headline(const consent::RuleSeen& rule, bool reached, const consent::Ruling& ruling) {
    std::string text;
    if (rule.truth == consent::Truth::no) {
        text = "does not hold";
    } else if (rule.truth == consent::Truth::unknown) {
        text = "is unknown";
    } else {
        text = "holds";
    }
    if (!reached) { return text + ", not reached"; }
    if (!rule.decided) { return text; }
    text += ruling.unknown ? ", so it answers ask" : " and decides: " + std::string(to_string(ruling.answer));
    if (!ruling.unknown && !ruling.because.empty()) { text += ", " + in_quotes(ruling.because); }
    return text;
}

void print_file(const PolicyFile& file, const consent::FactSet& facts, bool spoken, std::ostream& out) {
    const consent::Ruling ruling = file.rules->evaluate(facts);
    out << file.file << " (" << to_string(file.sourced().source) << "), " << number_of(file.rules->size(), "rule")
        << (spoken ? ", not reached: an earlier policy decides" : "") << '\n';
    bool reached = !spoken;
    std::size_t number = 0;
    for (const consent::RuleSeen& rule : file.rules->explain(facts)) {
        out << "  " << ++number << ". " << rule.name << ": " << headline(rule, reached, ruling) << '\n';
        reached = reached && !rule.decided;
        std::vector<std::vector<std::string>> rows;
        for (const consent::ConditionSeen& condition : rule.conditions) {
            const std::string space(2 * condition.depth, ' ');
            if (condition.kind == consent::ConditionKind::fact) {
                rows.push_back({std::string(result(condition.truth)), space + std::string(condition.fact),
                                std::string(condition.expression), seen(condition)});
            } else {
                rows.push_back(
                    {std::string(result(condition.truth)), space + std::string(to_string(condition.kind)) + ':'});
            }
        }
        out << table(rows, 5);
    }
    out << '\n';
}

void print(const Case& made, std::ostream& out) {
    bool spoken = false;
    for (const auto& file : made.files) {
        print_file(*file, made.facts, spoken, out);
        spoken = spoken || (made.vote.source && made.vote.origin == file->file) ||
                 file->rules->evaluate(made.facts).rule.has_value();
    }
    out << "Answer: " << to_string(made.vote.answer);
    if (made.vote.source) {
        out << ", by rule " << made.vote.rule << " of " << made.vote.origin;
        if (!made.vote.binding) { out << ", which binds only with a veto"; }
        out << (made.vote.why.empty() ? "" : "\nBecause " + made.vote.why);
        if (made.vote.why.empty() && !made.vote.because.empty()) {
            out << "\nBecause: " << in_quotes(made.vote.because);
        }
    } else {
        out << ": no rule decides; " << made.files.back()->otherwise();
    }
    out << '\n';
    if (made.vote.answer != consent::StandingAnswer::refuse) { return; }
    if (made.changes.empty()) {
        out << "No change of one fact of the VM or of the hosts alone would turn it; time is not tried.\n";
        return;
    }
    out << "It would be no refusal with one of these changed:\n";
    std::vector<std::vector<std::string>> rows;
    rows.reserve(made.changes.size());
    for (const consent::Change& change : made.changes) {
        rows.push_back({change.fact,
                        (change.from ? in_quotes(*change.from) : "unknown") + " -> " + in_quotes(change.to),
                        "then " + std::string(to_string(change.answer))});
    }
    out << table(rows, 2);
}

nlohmann::ordered_json conditions_of(const consent::RuleSeen& rule) {
    nlohmann::ordered_json conditions = nlohmann::ordered_json::array();
    for (const consent::ConditionSeen& condition : rule.conditions) {
        const bool faulty = condition.fault != consent::Fault::none;
        conditions.push_back({{"depth", condition.depth},
                              {"kind", to_string(condition.kind)},
                              {"fact", condition.fact},
                              {"expression", condition.expression},
                              {"value", nullptr},
                              {"result", to_string(condition.truth)},
                              {"fault", faulty ? meaning(condition.fault) : std::string_view{}}});
        if (condition.value) { conditions.back()["value"] = *condition.value; }
    }
    return conditions;
}

void print_json(const Case& made, std::ostream& out) {
    using json = nlohmann::ordered_json;
    json policies = json::array();
    for (const auto& file : made.files) {
        json rules = json::array();
        for (const consent::RuleSeen& rule : file->rules->explain(made.facts)) {
            rules.push_back({{"name", rule.name},
                             {"result", to_string(rule.truth)},
                             {"decided", rule.decided},
                             {"conditions", conditions_of(rule)}});
        }
        policies.push_back({{"file", file->file}, {"source", to_string(file->sourced().source)}, {"rules", rules}});
    }
    json changes = json::array();
    for (const consent::Change& change : made.changes) {
        changes.push_back(
            {{"fact", change.fact}, {"from", nullptr}, {"to", change.to}, {"answer", to_string(change.answer)}});
        if (change.from) { changes.back()["from"] = *change.from; }
    }
    json whole{{"version", 1},
               {"answer", to_string(made.vote.answer)},
               {"binding", made.vote.binding},
               {"source", nullptr},
               {"rule", made.vote.rule},
               {"because", made.vote.because},
               {"why", made.vote.why},
               {"policies", std::move(policies)},
               {"changes", std::move(changes)}};
    if (made.vote.source) { whole["source"] = to_string(*made.vote.source); }
    out << whole.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace

int policy_explain(const Arguments& arguments, Streams streams) {
    options::options_description known("Options");
    known.add_options()("policy,p", options::value<std::vector<std::string>>()->value_name("FILE"),
                        "a host's or an agent's file; may be repeated, a host's counts before an agent's")(
        "facts", options::value<std::string>()->value_name("FILE"), "a file of facts, FACT: VALUE")(
        "fact,f", options::value<std::vector<std::string>>()->value_name("FACT=VALUE"),
        "one fact, over those of --facts; may be repeated")(
        "no-veto", "the voter has no veto: a refusal of an agent's file is recorded only")(
        "json", "print JSON instead of text");
    const auto given = read_options(arguments, known, "", explain_lesson, streams.out);
    if (!given) { return 0; }
    const std::vector<std::string> names = all(*given, "policy");
    if (names.empty()) { throw UsageError("--policy is missing: name the file to explain"); }

    Facts facts;
    if (given->count("facts") != 0) { facts = read_facts(read_document((*given)["facts"].as<std::string>()).whole()); }
    for (const std::string& fact : all(*given, "fact")) { facts.push_back(read_fact(fact)); }

    Case made;
    made.policy.veto = given->count("no-veto") == 0;
    for (const std::string& name : names) { made.files.push_back(load_policy_file(name)); }
    std::stable_sort(made.files.begin(), made.files.end(),
                     [](const auto& a, const auto& b) { return a->host.has_value() > b->host.has_value(); });
    made.facts = facts_for(*made.files.front(), facts);
    for (const auto& file : made.files) { made.policy.sources.push_back(file->sourced()); }
    made.vote = consent::vote(made.policy, made.facts);
    if (made.vote.answer == consent::StandingAnswer::refuse) {
        made.changes = consent::changes(made.policy, made.facts);
    }
    if (given->count("json") != 0) {
        print_json(made, streams.out);
    } else {
        print(made, streams.out);
    }
    return 0;
}

}  // namespace consentctl
