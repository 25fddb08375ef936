// consentctl policy: finds the subcommand, and shows what is wrong with a file. Must not know what any of them does.
#include <array>
#include <string_view>

#include "commands.hpp"
#include "consent/policy.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

struct Subcommand {
    std::string_view name;
    std::string_view summary;
    int (*run)(const Arguments&, Streams);
};

constexpr std::array subcommands{
    Subcommand{"check", "would these files be taken, and is what they say meant?", &policy_check},
    Subcommand{"test", "run the examples that stand beside a policy", &policy_test},
    Subcommand{"explain", "why a policy answers so, and what would turn a refusal", &policy_explain},
    Subcommand{"matrix", "every mover on every host: a table, JSON, or a page to look at", &policy_matrix},
    Subcommand{"simulate", "recorded decisions under a new policy, before it is switched on", &policy_simulate},
    Subcommand{"facts", "what rules may ask about", &policy_facts},
    Subcommand{"schema", "the JSON Schema of a kind of file, for editors", &policy_schema},
};

void help(std::ostream& out) {
    out << "consentctl policy: rules that answer for voters beforehand, checked and tried before they count.\n\n"
           "Usage: consentctl policy SUBCOMMAND [OPTIONS]\n"
           "       consentctl policy SUBCOMMAND --help\n\n"
           "Subcommands:\n";
    std::vector<std::vector<std::string>> rows;
    rows.reserve(std::size(subcommands));
    for (const Subcommand& each : subcommands) { rows.push_back({std::string(each.name), std::string(each.summary)}); }
    out << table(rows, 2)
        << "\nAll of them only read: no guest is asked, no service is told, no right is needed but to read the "
           "files.\n\n"
           "A first walk:\n"
           "  consentctl policy facts                      what can be asked about\n"
           "  consentctl policy check host.yaml            is it right?\n"
           "  consentctl policy test host.examples.yaml    does it do what I mean?\n"
           "  consentctl policy matrix cloud.yaml --html cloud.html     what does it come to, everywhere?\n\n"
           "Exit codes: 0 fine, 1 the answer is no, 2 the command line or a file cannot be taken, 3 our own failure.\n";
}

}  // namespace

int run_policy(const Arguments& arguments, Streams streams) {
    const auto misused = [&](const std::string& what, const std::string& where) {
        streams.err << "consentctl policy" << where << ": " << what << "; see consentctl policy" << where
                    << " --help\n";
        return usage;
    };
    if (arguments.empty()) { return misused("a subcommand is missing", ""); }
    const std::string& first = arguments.front();
    if (first == "--help" || first == "-h" || first == "help") {
        help(streams.out);
        return 0;
    }
    for (const Subcommand& each : subcommands) {
        if (each.name != first) { continue; }
        try {
            return each.run({arguments.begin() + 1, arguments.end()}, streams);
        } catch (const UsageError& error) {
            return misused(error.what(), " " + first);
        } catch (const consent::PolicyError& error) {
            streams.err << error.what() << '\n';
            return usage;
        }
    }
    return misused("no subcommand " + in_quotes(first), "");
}

}  // namespace consentctl
