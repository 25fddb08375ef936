// consentctl policy schema: the JSON Schema of a kind of file, for editors.
#include <stdexcept>

#include "commands.hpp"
#include "consent/policy.hpp"
#include "options.hpp"
#include "text.hpp"

namespace consentctl {
namespace {

constexpr Lesson schema_lesson{
    R"(consentctl policy schema: the JSON Schema of a kind of file, for editors that complete and check.

Usage: consentctl policy schema KIND

KIND is host, agent, application or examples. `consentctl policy check` knows more than a schema can
say: it is what decides.
)",
    R"(
Examples:
  consentctl policy schema host > consent-host.schema.json
  With yaml-language-server (VS Code, Neovim, ...), in the first line of the file:
    # yaml-language-server: $schema=consent-host.schema.json

Exit codes:
  0  printed     2  the command line cannot be meant
)"};

}  // namespace

int policy_schema(const Arguments& arguments, Streams streams) {
    const auto given =
        read_options(arguments, options::options_description("Options"), "kind", schema_lesson, streams.out);
    if (!given) { return 0; }
    const std::vector<std::string> kinds = all(*given, "kind");
    if (kinds.size() != 1) { throw UsageError("name one kind of file: host, agent, application or examples"); }
    try {
        streams.out << consent::policy_schema(kinds.front()) << '\n';
    } catch (const std::invalid_argument&) {
        throw UsageError("no kind of file is " + in_quotes(kinds.front()) +
                         "; there are host, agent, application, examples");
    }
    return 0;
}

}  // namespace consentctl
