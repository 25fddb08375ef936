// consentctl policy simulate: recorded decisions under a new policy, before it is switched on.
#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "consent/wire.hpp"
#include "options.hpp"
#include "simulation.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson simulate_lesson{
    R"(consentctl policy simulate: what would a new policy have made of what was decided?

Usage: consentctl policy simulate --policy FILE --records FILE [OPTIONS]

Judges each recorded decision under the rules of FILE, a host's file that is not switched on yet,
and shows which would come out otherwise. Nothing is asked and nothing moves.
)",
    R"(
Records: lines of nova-compute's log, or the output of `consentctl ask --json`, several after each
other. "-" reads standard input. Of a log, lines that are not whole records as nova-compute writes
them are passed over and counted.

A record tells who moved from where to where, and little else: rules on other facts are judged when
--inventory (see `consentctl policy matrix --help`) knows the mover by its UUID and the host by its
name, or --fact gives a fact for all records. What stays unknown is counted as not known, never
guessed. Where the rules leave a guest to be asked, what it said then stands.

Examples:
  Yesterday's decisions on this host under the new file:
    grep "consent round=" /var/log/nova/nova-compute.log |
        consentctl policy simulate --policy host.yaml.new --records -
  With what is known of the VMs, for the decisions on host2 alone:
    consentctl policy simulate --policy host.yaml.new --records nova-compute.log \
        --inventory cloud.json --host host2

JSON (version 1): {"version": 1, "records": N, "passed_over": N,
  "counts": {"same": N, "now refused": N, "now consented": N, "not known": N, "no decision": N},
  "decisions": [{"record": N, "round": UUID, "instance": UUID, "source": NAME, "site": NAME,
    "was": VERDICT, "effect": EFFECT, "voter": NAME, "rule": NAME, "because": TEXT, "why": TEXT}]}

Exit codes:
  0  no decision would change, and each could be judged
  1  one would change, or is not known
  2  the command line, or a file, cannot be taken, or there is no record in it
)"};

struct Row {
    const Record* record;
    Simulated simulated;
};

/// What a record tells, fit for a terminal: whoever could write the file may have written anything.
std::string cleaned(std::string_view text) { return consent::wire::clean(text, 300); }

std::string decision_words(const Decision& decision) {
    if (!decision.why.empty()) { return decision.why; }
    std::string words = cleaned(decision.voter);
    if (!decision.rule.empty()) { words += (words.empty() ? "" : ", ") + std::string("rule ") + decision.rule; }
    if (!decision.because.empty()) { words += ": " + in_quotes(decision.because); }
    return words.empty() ? "nobody objects" : words;
}

void print_table(const std::vector<Row>& rows, const std::array<std::size_t, effect_count>& counts,
                 const Records& records, bool all_rows, std::ostream& out) {
    std::vector<std::vector<std::string>> lines{{"RECORD", "INSTANCE", "SITE", "WAS", "EFFECT", "BY"}};
    for (const auto& [record, simulated] : rows) {
        const bool shown = simulated.effect != Effect::same && simulated.effect != Effect::no_decision;
        if (!shown && !all_rows) { continue; }
        lines.push_back({std::to_string(record->number), record->instance.empty() ? "-" : cleaned(record->instance),
                         record->site.empty() ? "-" : cleaned(record->site), record->verdict,
                         std::string(to_string(simulated.effect)), decision_words(simulated.decision)});
    }
    if (lines.size() > 1) { out << table(lines) << '\n'; }
    out << number_of(rows.size(), "record") << ":";
    for (std::size_t i = 0; i < counts.size(); ++i) {
        out << (i == 0 ? " " : ", ") << counts.at(i) << ' ' << to_string(static_cast<Effect>(i));
    }
    out << ".\n";
    if (records.passed_over > 0) { out << records.passed_over << " other lines passed over.\n"; }
    if (records.cut) { out << "Only the first " << max_records << " records were judged.\n"; }
}

void print_json(const std::vector<Row>& rows, const std::array<std::size_t, effect_count>& counts,
                const Records& records, std::ostream& out) {
    using json = nlohmann::ordered_json;
    json count = json::object();
    for (std::size_t i = 0; i < counts.size(); ++i) {
        count[std::string(to_string(static_cast<Effect>(i)))] = counts.at(i);
    }
    json decisions = json::array();
    for (const auto& [record, simulated] : rows) {
        decisions.push_back({{"record", record->number},
                             {"round", cleaned(record->round)},
                             {"instance", cleaned(record->instance)},
                             {"source", cleaned(record->source)},
                             {"site", cleaned(record->site)},
                             {"was", record->verdict},
                             {"effect", to_string(simulated.effect)},
                             {"voter", cleaned(simulated.decision.voter)},
                             {"rule", simulated.decision.rule},
                             {"because", simulated.decision.because},
                             {"why", simulated.decision.why}});
    }
    const json whole{{"version", 1},
                     {"records", rows.size()},
                     {"passed_over", records.passed_over},
                     {"counts", std::move(count)},
                     {"decisions", std::move(decisions)}};
    out << whole.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

std::string required(const options::variables_map& given, const char* name) {
    if (given.count(name) == 0) { throw UsageError(std::string("--") + name + " is missing"); }
    return given[name].as<std::string>();
}

}  // namespace

int policy_simulate(const Arguments& arguments, Streams streams) {
    const auto text = [] { return options::value<std::string>(); };
    options::options_description known("Options");
    known.add_options()("policy,p", text()->value_name("FILE"), "the host's file to try")(
        "records,r", text()->value_name("FILE"), "recorded decisions; - for standard input")(
        "inventory,i", text()->value_name("FILE"), "what is known of movers, hosts and the VMs there")(
        "host", text()->value_name("NAME"), "only decisions of this host's gate; default: of all")(
        "fact,f", options::value<std::vector<std::string>>()->value_name("FACT=VALUE"),
        "a fact in every case, over all others; may be repeated")("all", "show decisions that stay the same, too")(
        "json", "print JSON instead of a table");
    const auto given = read_options(arguments, known, "", simulate_lesson, streams.out);
    if (!given) { return 0; }
    const auto policy = load_policy_file(required(*given, "policy"), Kind::host);
    const std::string file = required(*given, "records");
    Inventory inventory;
    if (given->count("inventory") != 0) { inventory = load_inventory((*given)["inventory"].as<std::string>()); }
    Facts always;
    for (const std::string& fact : all(*given, "fact")) { always.push_back(read_fact(fact)); }
    const std::string host = given->count("host") != 0 ? (*given)["host"].as<std::string>() : std::string();

    const Records records = read_records(read_bytes(file));
    std::vector<Row> rows;
    std::array<std::size_t, effect_count> counts{};
    for (const Record& record : records.records) {
        if (!host.empty() && (record.at_source ? record.source : record.site) != host) { continue; }
        rows.push_back({&record, simulate(record, *policy, inventory, always)});
        ++counts.at(static_cast<std::size_t>(rows.back().simulated.effect));
    }
    if (rows.empty()) {
        throw consent::PolicyError(file == "-" ? "standard input" : file, 0, 0, "",
                                   host.empty() ? "holds no recorded decision" : "holds no decision of host " + host,
                                   "give lines with \"consent round=\", or the output of consentctl ask --json");
    }
    if (given->count("json") != 0) {
        print_json(rows, counts, records, streams.out);
    } else {
        print_table(rows, counts, records, given->count("all") != 0, streams.out);
    }
    const auto count = [&](Effect effect) { return counts.at(static_cast<std::size_t>(effect)); };
    return count(Effect::now_refused) + count(Effect::now_consented) + count(Effect::unknown) == 0 ? 0 : 1;
}

}  // namespace consentctl
