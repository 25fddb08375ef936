// consentctl policy facts: what rules may ask about.
#include "consent/facts.hpp"

#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "options.hpp"
#include "reference.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson facts_lesson{
    R"(consentctl policy facts: what rules may ask about.

Usage: consentctl policy facts [OPTIONS] [TEXT]

Lists the facts, with TEXT only those whose name or meaning contains it.
)",
    R"(
Examples:
  consentctl policy facts memory
  consentctl policy facts --json | jq -r '.facts[].name'

JSON (version 1): {"version": 1, "facts": [{"name": NAME, "type": "text"|"number"|"list", "unit": TEXT,
  "known": "everywhere"|"gate"|"scheduler", "meaning": TEXT}]}
  "known": the gate is the host that judges; what only the scheduler knows, a host knows where its
  file states it under facts:.

Exit codes:
  0  printed     1  no fact contains TEXT     2  the command line cannot be meant
)"};

}  // namespace

int policy_facts(const Arguments& arguments, Streams streams) {
    options::options_description known("Options");
    known.add_options()("json", "print JSON instead of a table")(
        "markdown",
        "print the reference of facts, expressions, answers, sources and bounds, as the documentation has it");
    const auto given = read_options(arguments, known, "text", facts_lesson, streams.out);
    if (!given) { return 0; }
    if (given->count("markdown") != 0) {
        streams.out << reference_page();
        return 0;
    }
    const std::vector<std::string> texts = all(*given, "text");
    if (texts.size() > 1) { throw UsageError("one TEXT to look for will do"); }
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    std::vector<std::vector<std::string>> rows{{"FACT", "TYPE", "UNIT", "KNOWN", "WHAT IT IS"}};
    for (const consent::Fact& fact : consent::facts()) {
        const bool wanted = texts.empty() || fact.name.find(texts.front()) != std::string_view::npos ||
                            fact.meaning.find(texts.front()) != std::string_view::npos;
        if (!wanted) { continue; }
        rows.push_back({std::string(fact.name), std::string(to_string(fact.type)), std::string(fact.unit),
                        std::string(to_string(fact.known)), std::string(fact.meaning)});
        list.push_back({{"name", fact.name},
                        {"type", to_string(fact.type)},
                        {"unit", fact.unit},
                        {"known", to_string(fact.known)},
                        {"meaning", fact.meaning}});
    }
    if (given->count("json") != 0) {
        streams.out << nlohmann::ordered_json{{"version", 1}, {"facts", list}}.dump(2) << '\n';
    } else if (!list.empty()) {
        streams.out << table(rows);
    }
    if (list.empty()) { streams.err << "no fact contains " << in_quotes(texts.front()) << '\n'; }
    return list.empty() ? 1 : 0;
}

}  // namespace consentctl
