// The policies that there are: see policy.hpp.
#include "consent/policy.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "consent/wire.hpp"
#include "file.hpp"
#include "schema.hpp"
#include "yaml.hpp"

namespace consent {
namespace {

using policy::Field;
using policy::Node;

constexpr std::size_t max_applications = 32;
constexpr std::size_t max_arguments = 64;
constexpr std::size_t max_argument = 4096;  // bytes
constexpr std::size_t max_name = 64;
constexpr milliseconds max_timeout{30000};

constexpr std::array<std::string_view, 3> answers{"consent", "refuse", "abstain"};  // in Answer's order

std::string describe(std::string_view file, int line, int column, std::string_view field, std::string_view problem,
                     std::string_view remedy) {
    std::string out(file);
    if (line > 0) { out += ":" + std::to_string(line) + ":" + std::to_string(column); }
    out += ": ";
    if (!field.empty()) { out += std::string(field) + ": "; }
    return out + std::string(problem) + "; " + std::string(remedy);
}

std::string read_uuid(const Field& field) {
    std::string text = policy::read_text(field, "- 4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a");
    bool fits = text.size() == 36;
    for (std::size_t i = 0; fits && i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        text[i] = c;
        fits = hyphen ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (!fits) {
        field.fail('"' + wire::clean(text, 40) + "\" is not a UUID",
                   "write the server's id, as `openstack server show` gives it");
    }
    return text;
}

Voice read_voice(const Field& field) {
    constexpr std::array<std::string_view, 2> words{"consent", "refuse"};
    constexpr std::array<std::string_view, 2> names{"answer", "because"};
    Voice voice;
    if (field.node.kind != Node::Kind::map) {
        voice.answer = static_cast<Answer>(policy::read_word(field, words));
        return voice;
    }
    bool answered = false;
    policy::read_map(field, names, [&](std::string_view name, const Field& value) {
        if (name == "answer") {
            voice.answer = static_cast<Answer>(policy::read_word(value, words));
            answered = true;
        } else {
            voice.because = policy::read_because(value);
        }
    });
    if (!answered) {
        field.fail("has no answer", "add answer: " + std::string(words[0]) + " or answer: " + std::string(words[1]));
    }
    return voice;
}

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

Application read_application(const Field& field) {
    constexpr std::array<std::string_view, 3> names{"name", "command", "timeout_s"};
    Application application;
    policy::read_map(field, names, [&](std::string_view name, const Field& value) {
        if (name == "name") {
            application.name = read_name(value);
        } else if (name == "command") {
            application.command = read_command(value);
        } else {
            application.timeout = policy::read_seconds(value, max_timeout);
        }
    });
    if (application.name.empty()) { field.fail("has no name", "add name: NAME"); }
    if (application.command.empty()) { field.fail("has no command", "add command: [/PATH/TO/PROGRAM]"); }
    return application;
}

template <typename T>
bool registered(const T& applications, const std::string& name) {
    return std::any_of(applications.begin(), applications.end(),
                       [&](const Application& other) { return other.name == name; });
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

HostPolicy parse_host_policy(std::string_view yaml, std::string_view file) {
    constexpr std::array<std::string_view, 7> names{"mode",   "on_error",        "silence",        "voters",
                                                    "listed", "accept_incoming", "accept_outgoing"};
    constexpr std::array<std::string_view, 3> modes{"off", "audit", "enforce"};  // in Mode's order
    constexpr std::array<std::string_view, 2> on_errors{"refuse", "allow"};      // in OnError's order
    constexpr std::array<std::string_view, 2> silences{"refuse", "abstain"};     // in Silence's order
    constexpr std::array<std::string_view, 2> voters{"connected", "listed"};
    constexpr std::string_view example = "listed: [4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a]";

    HostPolicy host;
    const Node root = policy::read_yaml(yaml, file);
    policy::read_map(Field{root, "", file}, names, [&](std::string_view name, const Field& value) {
        if (name == "mode") {
            host.mode = static_cast<Mode>(policy::read_word(value, modes));
        } else if (name == "on_error") {
            host.on_error = static_cast<OnError>(policy::read_word(value, on_errors));
        } else if (name == "silence") {
            host.silence = static_cast<Silence>(policy::read_word(value, silences));
        } else if (name == "voters") {
            host.listed = policy::read_word(value, voters) == 1;
        } else if (name == "listed") {
            policy::read_list(value, max_policy_bytes, example,
                              [&](const Field& item) { host.voters_listed.push_back(read_uuid(item)); });
        } else if (name == "accept_incoming") {
            host.accept_incoming = read_voice(value);
        } else {
            host.accept_outgoing = read_voice(value);
        }
    });
    return host;
}

AgentPolicy parse_agent_policy(std::string_view yaml, std::string_view file) {
    constexpr std::array<std::string_view, 3> names{"answer", "because", "applications"};
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

Application parse_application(std::string_view yaml, std::string_view file) {
    const Node root = policy::read_yaml(yaml, file);
    return read_application(Field{root, "", file});
}

HostPolicy load_host_policy(const std::filesystem::path& file) {
    const auto text = policy::read_file(file);
    return text ? parse_host_policy(*text, file.string()) : HostPolicy{};
}

AgentPolicy load_agent_policy(const std::filesystem::path& file, const std::filesystem::path& drop_in) {
    const auto text = policy::read_file(file);
    if (!text) {
        throw PolicyError(file.string(), 0, 0, "", "no such file",
                          "write one with the line answer: consent, refuse or abstain");
    }
    AgentPolicy agent = parse_agent_policy(*text, file.string());
    for (const auto& path : policy::list_folder(drop_in, max_applications)) {
        const auto part = policy::read_file(path);
        if (!part) {  // listed a moment ago: a link to nothing, or just removed
            throw PolicyError(path.string(), 0, 0, "", "no such file", "remove the link, or what it names is missing");
        }
        Application application = parse_application(*part, path.string());
        if (registered(agent.applications, application.name)) {
            throw PolicyError(path.string(), 0, 0, "name", "the name " + application.name + " is given twice",
                              "give each application its own name");
        }
        if (agent.applications.size() == max_applications) {
            throw PolicyError(path.string(), 0, 0, "",
                              "more than " + std::to_string(max_applications) + " applications", "remove some");
        }
        agent.applications.push_back(std::move(application));
    }
    return agent;
}

}  // namespace consent
