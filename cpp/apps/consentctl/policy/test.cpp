// consentctl policy test: a policy's examples, run as tests.
#include <nlohmann/json.hpp>
#include <set>

#include "commands.hpp"
#include "examples.hpp"
#include "options.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson test_lesson{
    R"(consentctl policy test: does a policy say what its examples expect?

Usage: consentctl policy test [OPTIONS] FILE...

Each FILE holds examples and names the policy that they are of. Nothing is asked and nothing moves.
)",
    R"(
An examples file:
  policy: host.yaml                # relative to this file; a host's or an agent's
  examples:
    - name: a big guest is kept out
      facts: {guest.vcpus: 16, site.memory_free_mib: 8192}
      expect: refuse               # consent, refuse, ask or abstain
      rule: no-big-guests          # may be left out
  A fact that is left out is unknown; a rule that needs it answers ask. `operation` is live-migration
  unless it is given, and what the policy states under facts: holds. Where no rule decides: ask.

Examples:
  consentctl policy test host.examples.yaml
  consentctl policy test --quiet policies/*.examples.yaml      prints only what fails

JSON (version 1): {"version": 1, "passed": N, "failed": N, "files": [{"file": NAME, "policy": NAME,
  "examples": [{"name": TEXT, "passed": BOOL, "expect": ANSWER, "answer": ANSWER,
                "rule": NAME or "", "because": TEXT, "why": TEXT}], "untested": [NAME, ...]}]}
  "untested": rules that decide none of the examples

Exit codes:
  0  every example holds     1  one does not
  2  the command line, an examples file or a policy cannot be taken
)"};

struct Run {
    Examples examples;
    std::vector<Outcome> outcomes;
    std::vector<std::string> untested;
};

Run run_all(Examples examples) {
    Run done{std::move(examples), {}, {}};
    std::set<std::string> seen;
    for (const Example& example : done.examples.examples) {
        done.outcomes.push_back(run(*done.examples.policy, example));
        seen.insert(done.outcomes.back().rule);
    }
    const consent::RuleSet& rules = *done.examples.policy->rules;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        if (!seen.contains(std::string(rules.name(i)))) { done.untested.emplace_back(rules.name(i)); }
    }
    return done;
}

std::string answer_by(consent::StandingAnswer answer, const std::string& rule) {
    return std::string(to_string(answer)) + (rule.empty() ? "" : " by " + rule);
}

void print(const Run& done, bool quiet, std::ostream& out) {
    const std::string& file = done.examples.file;
    if (!quiet) {
        out << file << ": " << done.examples.policy->file << ", "
            << number_of(done.examples.policy->rules->size(), "rule") << '\n';
    }
    std::vector<std::vector<std::string>> rows;
    const auto flush = [&] {
        out << table(rows, 2);
        rows.clear();
    };
    for (std::size_t i = 0; i < done.outcomes.size(); ++i) {
        const Example& example = done.examples.examples[i];
        const Outcome& seen = done.outcomes[i];
        if (seen.passed) {
            if (!quiet) { rows.push_back({"pass", example.name, answer_by(seen.answer, seen.rule)}); }
            continue;
        }
        flush();
        out << "  FAIL  " << example.name;
        if (example.line > 0) { out << " (" << file << ':' << example.line << ')'; }
        const std::string none = seen.rule.empty() ? ": no rule decides" : "";
        out << "\n        expected " << answer_by(example.expect, example.rule) << "\n        got      "
            << answer_by(seen.answer, seen.rule) << none;
        if (!seen.why.empty()) { out << ": " << seen.why; }
        if (seen.why.empty() && !seen.because.empty()) { out << ": " << in_quotes(seen.because); }
        out << '\n';
    }
    flush();
    if (!quiet && !done.untested.empty()) {
        out << "  note: no example is decided by";
        for (const std::string& name : done.untested) { out << (&name == done.untested.data() ? " " : ", ") << name; }
        out << '\n';
    }
}

void print_json(const std::vector<Run>& runs, std::size_t passed, std::size_t failed, std::ostream& out) {
    using json = nlohmann::ordered_json;
    json files = json::array();
    for (const Run& done : runs) {
        json examples = json::array();
        for (std::size_t i = 0; i < done.outcomes.size(); ++i) {
            const Outcome& seen = done.outcomes[i];
            examples.push_back({{"name", done.examples.examples[i].name},
                                {"passed", seen.passed},
                                {"expect", to_string(done.examples.examples[i].expect)},
                                {"answer", to_string(seen.answer)},
                                {"rule", seen.rule},
                                {"because", seen.because},
                                {"why", seen.why}});
        }
        files.push_back({{"file", done.examples.file},
                         {"policy", done.examples.policy->file},
                         {"examples", std::move(examples)},
                         {"untested", done.untested}});
    }
    const json whole{{"version", 1}, {"passed", passed}, {"failed", failed}, {"files", std::move(files)}};
    out << whole.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace

int policy_test(const Arguments& arguments, Streams streams) {
    options::options_description known("Options");
    known.add_options()("quiet,q", "print only examples that fail, and the count")("json",
                                                                                   "print JSON instead of a table");
    const auto given = read_options(arguments, known, "file", test_lesson, streams.out);
    if (!given) { return 0; }
    const std::vector<std::string> names = all(*given, "file");
    if (names.empty()) { throw UsageError("name at least one examples file"); }

    std::vector<Run> runs;
    std::size_t passed = 0;
    std::size_t failed = 0;
    for (const std::string& name : names) {
        runs.push_back(run_all(load_examples(name)));
        for (const Outcome& outcome : runs.back().outcomes) { ++(outcome.passed ? passed : failed); }
    }
    if (given->count("json") != 0) {
        print_json(runs, passed, failed, streams.out);
    } else {
        for (const Run& done : runs) { print(done, given->count("quiet") != 0, streams.out); }
        streams.out << passed << " passed, " << failed << " failed\n";
    }
    return failed == 0 ? 0 : 1;
}

}  // namespace consentctl
