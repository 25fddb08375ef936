#include "standing.hpp"

#include <utility>

#include "text.hpp"

namespace consentctl {

consent::SourcedRules PolicyFile::sourced() const {
    return {host ? consent::Source::host : consent::Source::agent, file, rules};
}

std::string PolicyFile::otherwise() const {
    if (host) {
        return "the voter's flavor, image, metadata and agent speak; where they say nothing either, a guest whose "
               "agent is "
               "connected is asked, and of the hypervisor accept_incoming counts";
    }
    if (!agent) { return {}; }
    std::string says = "the agent answers " + std::string(to_string(agent->answer));
    if (!agent->applications.empty()) {
        says += ", unless one of " + number_of(agent->applications.size(), "application") + " that it asks refuses";
    }
    return says;
}

std::shared_ptr<const consent::RuleSet> compile(const std::vector<consent::StandingRule>& rules,
                                                const std::string& file) {
    auto compiled = consent::RuleSet::compile(rules, consent::StandingAnswer::ask);
    if (auto* error = std::get_if<consent::RuleError>(&compiled)) {
        const std::string rule = error->rule < rules.size() ? "rules[" + std::to_string(error->rule) + "]" : "rules";
        throw consent::PolicyError(file, 0, 0, error->where.empty() ? rule : rule + "." + error->where, error->problem,
                                   error->remedy);
    }
    return std::make_shared<const consent::RuleSet>(std::get<consent::RuleSet>(std::move(compiled)));
}

std::shared_ptr<const PolicyFile> load_policy_file(const std::filesystem::path& file, std::optional<Kind> kind) {
    const std::string text = read_bytes(file);
    if (!kind) { kind = file_kind(parse_document(text, file.string()).root); }
    auto made = std::make_shared<PolicyFile>();
    made->file = file.string();
    if (kind == Kind::host) {
        const consent::HostPolicy& host = made->host.emplace(consent::load_host_policy(file));
        made->rules = host.rules ? host.rules : compile({}, made->file);
        made->stated.assign(host.facts.begin(), host.facts.end());
    } else if (kind == Kind::agent) {
        const consent::AgentPolicy& agent = made->agent.emplace(consent::parse_agent_policy(text, made->file));
        made->rules = compile(agent.rules, made->file);
    } else {
        throw consent::PolicyError(made->file, 0, 0, "",
                                   "is a file of kind " + std::string(to_string(*kind)) + ", not a policy",
                                   "name a host's or an agent's file");
    }
    return made;
}

}  // namespace consentctl
