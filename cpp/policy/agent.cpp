// The guest's policy, its applications and its drop-ins: see policy.hpp.
#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "consent/policy.hpp"
#include "consent/wire.hpp"
#include "file.hpp"
#include "rules.hpp"
#include "schema.hpp"
#include "yaml.hpp"

namespace consent {
namespace {

using policy::Field;
using policy::Node;
using policy::RulesReader;

constexpr std::size_t max_applications = 32;
constexpr std::size_t max_drop_ins = 64;
constexpr std::size_t max_arguments = 64;
constexpr std::size_t max_argument = 4096;  // bytes
constexpr std::size_t max_name = 64;
constexpr milliseconds max_timeout{30000};

constexpr std::array<std::string_view, 3> answers{"consent", "refuse", "abstain"};  // in Answer's order

std::string read_name(const Field& field) {
    const std::string& text = policy::read_text(field, "name: database");
    const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' ||
               c == '.';
    });
    if (!plain || text.size() > max_name) {
        field.fail('"' + wire::clean(text, 40) + "\" is not a name",
                   "write 1 to " + std::to_string(max_name) + " letters, digits, hyphens, dots or underscores");
    }
    return text;
}

std::vector<std::string> read_command(const Field& field) {
    constexpr std::string_view example = "command: [/usr/bin/may-i, --migrate]";
    std::vector<std::string> command;
    policy::read_list(field, max_arguments, example, [&](const Field& item) {
        if (item.node.kind != Node::Kind::scalar) { item.fail("is not text", "put each argument in quotes"); }
        if (item.node.text.size() > max_argument || item.node.text.find('\0') != std::string::npos) {
            item.fail("is longer than " + std::to_string(max_argument) + " bytes or holds a NUL",
                      "move it into a script");
        }
        command.push_back(item.node.text);
        if (command.size() == 1 && !command[0].starts_with('/')) {
            item.fail('"' + wire::clean(command[0], 40) + "\" is not an absolute path",
                      "write the whole path, as in " + std::string(example));
        }
    });
    if (command.empty()) { field.fail("is empty", "write it as a list: " + std::string(example)); }
    return command;
}

/// `rules` takes the field of that name; null: there is none. A file of rules alone gives nothing else.
std::optional<Application> read_drop_in(const Field& field, RulesReader* rules) {
    constexpr std::array<std::string_view, 4> names{"name", "command", "timeout_s", "rules"};
    Application application;
    std::size_t of_rules = 0;
    const auto allowed = std::span(names).first(rules == nullptr ? 3 : 4);
    policy::read_map(field, allowed, [&](std::string_view name, const Field& value) {
        if (name == "name") {
            application.name = read_name(value);
        } else if (name == "command") {
            application.command = read_command(value);
        } else if (name == "timeout_s") {
            application.timeout = policy::read_seconds(value, max_timeout);
        } else {
            rules->read_rules(value);
            of_rules = 1;
        }
    });
    if (of_rules > 0 && field.node.entries.size() == of_rules) { return std::nullopt; }
    if (application.name.empty()) { field.fail("has no name", "add name: NAME"); }
    if (application.command.empty()) { field.fail("has no command", "add command: [/PATH/TO/PROGRAM]"); }
    return application;
}

Application read_application(const Field& field) {
    std::optional<Application> application = read_drop_in(field, nullptr);
    return application ? *std::move(application) : Application{};  // nothing only where rules are allowed
}

template <typename T>
bool registered(const T& applications, const std::string& name) {
    return std::any_of(applications.begin(), applications.end(),
                       [&](const Application& other) { return other.name == name; });
}

AgentPolicy read_agent_policy(std::string_view yaml, std::string_view file, RulesReader& rules) {
    constexpr std::array<std::string_view, 4> names{"answer", "because", "applications", "rules"};
    constexpr std::string_view example = "applications: [{name: database, command: [/usr/bin/may-i]}]";

    AgentPolicy agent;
    bool answered = false;
    const Node root = policy::read_yaml(yaml, file);
    const Field whole{root, "", file};
    policy::read_map(whole, names, [&](std::string_view name, const Field& value) {
        if (name == "answer") {
            agent.answer = static_cast<Answer>(policy::read_word(value, answers));
            answered = true;
        } else if (name == "because") {
            agent.because = policy::read_because(value);
        } else if (name == "rules") {
            rules.read_rules(value);
        } else {
            policy::read_list(value, max_applications, example, [&](const Field& item) {
                Application application = read_application(item);
                if (registered(agent.applications, application.name)) {
                    item.fail("the name " + application.name + " is given twice", "give each application its own name");
                }
                agent.applications.push_back(std::move(application));
            });
        }
    });
    if (!answered) {  // or an empty file would consent to everything
        whole.fail("has no answer", "add answer: consent, answer: refuse or answer: abstain");
    }
    return agent;
}

}  // namespace

AgentPolicy parse_agent_policy(std::string_view yaml, std::string_view file) {
    RulesReader rules;
    AgentPolicy agent = read_agent_policy(yaml, file, rules);
    (void)rules.compile(StandingAnswer::ask);
    agent.rules = rules.rules();
    return agent;
}

Application parse_application(std::string_view yaml, std::string_view file) {
    const Node root = policy::read_yaml(yaml, file);
    return read_application(Field{root, "", file});
}

AgentPolicy load_agent_policy(const std::filesystem::path& file, const std::filesystem::path& drop_in) {
    const auto text = policy::read_file(file);
    if (!text) {
        throw PolicyError(file.string(), 0, 0, "", "no such file",
                          "write one with the line answer: consent, refuse or abstain");
    }
    RulesReader rules;
    AgentPolicy agent = read_agent_policy(*text, file.string(), rules);
    for (const auto& path : policy::list_folder(drop_in, max_drop_ins)) {
        const auto part = policy::read_file(path);
        if (!part) {  // listed a moment ago: a link to nothing, or just removed
            throw PolicyError(path.string(), 0, 0, "", "no such file", "remove the link, or what it names is missing");
        }
        const std::string name = path.string();
        const Node root = policy::read_yaml(*part, name);
        std::optional<Application> application = read_drop_in(Field{root, "", name}, &rules);
        if (!application) { continue; }
        if (registered(agent.applications, application->name)) {
            throw PolicyError(name, 0, 0, "name", "the name " + application->name + " is given twice",
                              "give each application its own name");
        }
        if (agent.applications.size() == max_applications) {
            throw PolicyError(name, 0, 0, "", "more than " + std::to_string(max_applications) + " applications",
                              "remove some");
        }
        agent.applications.push_back(*std::move(application));
    }
    (void)rules.compile(StandingAnswer::ask);
    agent.rules = rules.rules();
    return agent;
}

}  // namespace consent
