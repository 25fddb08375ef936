// What is common to policy files, and rules that stand in no file: see policy.hpp.
#include "consent/policy.hpp"

#include <utility>

#include "consent/wire.hpp"
#include "rules.hpp"
#include "schema.hpp"
#include "yaml.hpp"

namespace consent {
namespace {

using policy::Field;
using policy::Node;
using policy::RulesReader;

std::string describe(std::string_view file, int line, int column, std::string_view field, std::string_view problem,
                     std::string_view remedy) {
    std::string out(file);
    if (line > 0) { out += ":" + std::to_string(line) + ":" + std::to_string(column); }
    out += ": ";
    if (!field.empty()) { out += std::string(field) + ": "; }
    return out + std::string(problem) + "; " + std::string(remedy);
}

}  // namespace

PolicyError::PolicyError(std::string file_, int line_, int column_, std::string field_, std::string problem_,
                         std::string remedy_)
    : std::runtime_error(describe(file_, line_, column_, field_, problem_, remedy_)),
      file(std::move(file_)),
      line(line_),
      column(column_),
      field(std::move(field_)),
      problem(std::move(problem_)),
      remedy(std::move(remedy_)) {}

StandingRule parse_rule(std::string_view text, std::string_view name, std::string_view origin) {
    const Node nothing;
    const std::string path = wire::clean(name, policy::max_quote);
    const Field whole{nothing, path, origin};
    if (text.size() > max_property_bytes) {
        whole.fail("is " + std::to_string(text.size()) + " bytes long, so it counts as cut",
                   "shorten it to " + std::to_string(max_property_bytes));
    }
    if (name.empty() || name.size() > max_rule_name_bytes || wire::clean(name, SIZE_MAX) != name) {
        whole.fail("is no name for a rule",
                   "write 1 to " + std::to_string(max_rule_name_bytes) + " printable characters");
    }
    if (text.find('\n') != std::string_view::npos) {
        whole.fail("is longer than a line", "write it in braces: {when: {guest.vcpus: \">= 8\"}, answer: refuse}");
    }
    const Node root = policy::read_yaml(text, origin);
    RulesReader reader;
    reader.read_named(Field{root, path, origin}, std::string(name));
    (void)reader.compile(StandingAnswer::ask);
    return reader.rules().front();
}

std::vector<StandingRule> parse_rules(std::string_view text, std::string_view origin) {
    const Node root = policy::read_yaml(text, origin);
    RulesReader reader;
    reader.read_rules(Field{root, "rules", origin});
    (void)reader.compile(StandingAnswer::ask);
    return reader.rules();
}

}  // namespace consent
