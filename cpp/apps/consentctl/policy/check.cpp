// consentctl policy check: whether files would be taken, and what in them is hardly meant.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "examples.hpp"
#include "inventory.hpp"
#include "options.hpp"
#include "text.hpp"
#include "warnings.hpp"

namespace consentctl {
namespace {

constexpr Lesson check_lesson{
    R"(consentctl policy check: would these files be taken?

Usage: consentctl policy check [OPTIONS] FILE...

Reads each file as the services do: whole or not at all. One that cannot be taken is told with its
first fault: file, line, column, field, what is wrong and what to write instead. What can be taken
and is hardly meant is a warning: = where == is meant, words that are ignored, a number compared as
text, a fact that no host knows, a rule that is never reached.
)",
    R"(
Kinds, told by what is in the file:
  host         /etc/nova/consent.d/host.yaml and what it includes
  agent        the policy of consent-agent in a guest (it has answer:)
  application  a drop-in file of the agent (it has command:)
  examples     a policy's examples, for `consentctl policy test`
  inventory    hosts and movers, for `consentctl policy matrix`

Examples:
  Before a new file takes the old one's place:
    consentctl policy check host.yaml.new && mv host.yaml.new host.yaml
  All that a repository holds, warnings counting as faults:
    consentctl policy check --strict policies/*.yaml

JSON (version 1): {"version": 1, "files": [{"file": NAME, "kind": KIND or null, "ok": BOOL,
  "rules": N, "error": null or {"line": N, "column": N, "field": PATH, "problem": TEXT, "remedy": TEXT},
  "warnings": [{"rule": NAME, "fact": NAME or "", "text": TEXT}]}]}
  An error's "file" names the file that holds the fault, where that is an included one.

Exit codes:
  0  all would be taken      1  one has a fault (with --strict: or a warning)
  2  the command line cannot be meant
)"};

constexpr std::array kinds{Kind::host, Kind::agent, Kind::application, Kind::examples, Kind::inventory};

struct Checked {
    std::string file;
    std::optional<Kind> kind;
    std::size_t rules = 0;
    std::optional<consent::PolicyError> error;
    std::vector<Warning> warnings;
};

Kind kind_named(const std::string& word) {
    const auto at = std::find_if(kinds.begin(), kinds.end(), [&](Kind kind) { return to_string(kind) == word; });
    if (at == kinds.end()) {
        throw UsageError("--kind must be host, agent, application, examples or inventory, not " + in_quotes(word));
    }
    return *at;
}

Checked check(const std::string& file, std::optional<Kind> kind) {
    Checked checked{file, kind, 0, std::nullopt, {}};
    const std::filesystem::path path(file);
    try {
        const std::string text = read_bytes(path);
        const Document document = parse_document(text, file);
        if (!checked.kind) { checked.kind = file_kind(document.root); }
        if (*checked.kind == Kind::application) {
            (void)consent::parse_application(text, file);
        } else if (*checked.kind == Kind::examples) {
            (void)read_examples(document, path.parent_path());
        } else if (*checked.kind == Kind::inventory) {
            (void)read_inventory(document, path.parent_path());
        } else {
            const auto policy = load_policy_file(path, *checked.kind);
            checked.rules = policy->rules->size();
            checked.warnings = warnings(*policy->rules, policy->stated, policy->host.has_value());
        }
    } catch (const consent::PolicyError& error) { checked.error = error; }
    return checked;
}

void print_table(const std::vector<Checked>& files, Streams streams) {
    for (const Checked& file : files) {
        if (file.error) {
            streams.err << file.error->what() << '\n';
            continue;
        }
        if (!file.kind) { continue; }  // only with an error
        const bool has_rules = *file.kind == Kind::host || *file.kind == Kind::agent;
        streams.out << file.file << ": OK, kind " << to_string(*file.kind)
                    << (has_rules ? ", " + number_of(file.rules, "rule") : std::string()) << '\n';
        for (const Warning& warning : file.warnings) {
            streams.out << file.file << ": warning: rule " << in_quotes(warning.rule) << ": " << warning.fact
                        << (warning.fact.empty() ? "" : " ") << warning.text << '\n';
        }
    }
}

void print_json(const std::vector<Checked>& files, std::ostream& out) {
    using json = nlohmann::ordered_json;
    json list = json::array();
    for (const Checked& file : files) {
        json one{
            {"file", file.file}, {"kind", nullptr}, {"ok", !file.error}, {"rules", file.rules}, {"error", nullptr}};
        if (file.kind) { one["kind"] = to_string(*file.kind); }
        if (file.error) {
            one["error"] =
                json{{"file", file.error->file},   {"line", file.error->line},       {"column", file.error->column},
                     {"field", file.error->field}, {"problem", file.error->problem}, {"remedy", file.error->remedy}};
        }
        one["warnings"] = json::array();
        for (const Warning& warning : file.warnings) {
            one["warnings"].push_back({{"rule", warning.rule}, {"fact", warning.fact}, {"text", warning.text}});
        }
        list.push_back(std::move(one));
    }
    out << json{{"version", 1}, {"files", list}}.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace

int policy_check(const Arguments& arguments, Streams streams) {
    options::options_description known("Options");
    known.add_options()("kind", options::value<std::string>()->value_name("KIND"),
                        "what the files are; default: told by what is in them")(
        "strict", "a warning counts as a fault")("json", "print JSON instead of lines");
    const auto given = read_options(arguments, known, "file", check_lesson, streams.out);
    if (!given) { return 0; }
    const std::vector<std::string> names = all(*given, "file");
    if (names.empty()) { throw UsageError("name at least one file to check"); }
    std::optional<Kind> kind;
    if (given->count("kind") != 0) { kind = kind_named((*given)["kind"].as<std::string>()); }

    std::vector<Checked> files;
    files.reserve(names.size());
    for (const std::string& name : names) { files.push_back(check(name, kind)); }
    if (given->count("json") != 0) {
        print_json(files, streams.out);
    } else {
        print_table(files, streams);
    }
    const bool strict = given->count("strict") != 0;
    return std::any_of(files.begin(), files.end(),
                       [&](const Checked& file) { return file.error || (strict && !file.warnings.empty()); })
               ? 1
               : 0;
}

}  // namespace consentctl
