// Fuzzes the policy files and rules that stand in none: any text is taken or brings one PolicyError that says where, what and
// how to mend it. Rules that are taken are written and read again as the same, and are what the engine takes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "consent/policy.hpp"
#include "consent/wire.hpp"

namespace {

void require(bool holds) {
    if (!holds) { std::abort(); }
}

void check_rules(const std::vector<consent::StandingRule>& rules) {
    require(rules.size() <= consent::max_rules);
    require(std::holds_alternative<consent::RuleSet>(consent::RuleSet::compile(rules, consent::StandingAnswer::ask)));
    const std::string written = consent::write_rules(rules);
    if (written.size() > consent::max_policy_bytes) { return; }  // the same in quotes may be longer
    try {
        require(consent::write_rules(consent::parse_rules(written, "f")) == written);
    } catch (const consent::PolicyError&) { require(false); }
}

template <typename F>
void check(F&& parse) {
    try {
        parse();
    } catch (const consent::PolicyError& error) {
        require(!error.problem.empty() && !error.remedy.empty() && error.file == "f");
        require(error.line >= 0 && error.column >= 0 && (error.line == 0) == (error.column == 0));
        const std::string what = error.what();
        require(what.size() < 1200 && consent::wire::clean(what, 1200) == what);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    check([&] {
        const consent::HostPolicy host = consent::parse_host_policy(text, "f");
        for (const auto& voice : {host.accept_incoming, host.accept_outgoing}) {
            require(!voice || voice->answer != consent::Answer::abstain);
        }
        require(!host.rules || (host.rules->size() > 0 && host.rules->size() <= consent::max_rules));
        require(host.files.empty());  // includes are for files alone
        consent::FactSet facts;
        for (const auto& [name, value] : host.facts) { require(facts.set(name, value)); }
    });
    check([&] {
        const consent::AgentPolicy agent = consent::parse_agent_policy(text, "f");
        require(agent.applications.size() <= 32);
        require(consent::wire::clean(agent.because) == agent.because);
        check_rules(agent.rules);
    });
    check([&] { check_rules(consent::parse_rules(text, "f")); });
    check([&] { check_rules({consent::parse_rule(text, "a rule", "f")}); });
    check([&] {
        const consent::Application application = consent::parse_application(text, "f");
        require(!application.name.empty() && !application.command.empty() && application.command[0].starts_with('/'));
        require(application.timeout >= consent::milliseconds(1) && application.timeout <= consent::milliseconds(30000));
    });
    return 0;
}
