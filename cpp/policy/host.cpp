// The host's policy and the files that it includes: see policy.hpp.
#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "consent/expression.hpp"
#include "consent/facts.hpp"
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
namespace fs = std::filesystem;

constexpr std::size_t max_includes = 16;      // files, the host's own not counted
constexpr std::size_t max_include_depth = 4;  // files within files
constexpr std::size_t max_include_bytes = 255;
constexpr std::size_t max_vetoes = 4096;
constexpr std::size_t max_fact_elements = 1024;

// In the order of the enumerators that they stand for.
constexpr std::array<std::string_view, 3> modes{"off", "audit", "enforce"};
constexpr std::array<std::string_view, 2> on_errors{"refuse", "allow"};
constexpr std::array<std::string_view, 2> silences{"refuse", "abstain"};
constexpr std::array<std::string_view, 2> voters{"connected", "listed"};

// What an included file may say comes last: the rest is one word for the host, so it stands in the host's own file.
constexpr std::array<std::string_view, 12> fields{"mode",   "on_error",        "silence",         "voters",
                                                  "listed", "accept_incoming", "accept_outgoing", "utc_offset",
                                                  "rules",  "include",         "facts",           "veto"};
constexpr std::size_t own_fields = 8;

/// Lower-cased; nothing when it is no UUID.
std::optional<std::string> uuid_of(std::string text) {
    bool fits = text.size() == 36;
    for (std::size_t i = 0; fits && i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        const char c = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] - 'A' + 'a') : text[i];
        text[i] = c;
        fits = hyphen ? c == '-' : (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
    }
    if (!fits) { return std::nullopt; }
    return text;
}

std::string read_uuid(const Field& field) {
    const std::string& text = policy::read_text(field, "- 4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a");
    if (auto uuid = uuid_of(text)) { return *std::move(uuid); }
    field.fail(policy::in_quotes(text) + " is not a UUID",
               "write the server's id, as `openstack server show` gives it");
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

/// Who may veto: a project's id as Keystone gives it, or a VM's UUID.
std::string read_vetoer(const Field& field) {
    const std::string& text = policy::read_text(field, "- 4f5c1b526c0f4a7e9a440d2d1f1c2b3a");
    if (auto uuid = uuid_of(text)) { return *std::move(uuid); }
    const bool plain =
        text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
            return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
        });
    if (!plain) {
        field.fail(policy::in_quotes(text) + " is no id of a project or a VM",
                   "write one as `openstack project list` or `openstack server list` gives it");
    }
    return text;
}

/// Minutes east of UTC.
std::int32_t read_utc_offset(const Field& field) {
    constexpr std::int32_t west = -12 * 60;
    constexpr std::int32_t east = 14 * 60;
    const std::string& text = policy::read_text(field, "utc_offset: \"+01:00\"");
    const auto digit = [&](std::size_t at) { return text[at] >= '0' && text[at] <= '9' ? text[at] - '0' : 100; };
    if (text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':') {
        const std::int32_t hours = digit(1) * 10 + digit(2);
        const std::int32_t minutes = digit(4) * 10 + digit(5);
        const std::int32_t offset = (hours * 60 + minutes) * (text[0] == '-' ? -1 : 1);
        if (hours < 15 && minutes < 60 && offset >= west && offset <= east) { return offset; }
    }
    field.fail(policy::in_quotes(text) + " is no offset from UTC",
               "write hours and minutes from \"-12:00\" to \"+14:00\", as in \"+01:00\"");
}

void read_silence(const Field& field, HostPolicy& host) {
    constexpr std::array<std::string_view, 2> classes{"neighbour", "mover"};
    if (field.node.kind != Node::Kind::map) {
        host.silence = host.silence_mover = static_cast<Silence>(policy::read_word(field, silences));
        return;
    }
    policy::read_map(field, classes, [&](std::string_view name, const Field& value) {
        (name == "mover" ? host.silence_mover : host.silence) =
            static_cast<Silence>(policy::read_word(value, silences));
    });
    if (field.node.entries.empty()) { field.fail("is empty", "write silence: refuse, or neighbour: and mover: in it"); }
}

/// The facts that a host's file may state: those that only the scheduler knows otherwise.
std::vector<std::string_view> facts_to_state() {
    std::vector<std::string_view> names;
    for (const Fact& fact : facts()) {
        if (fact.known == FactKnown::scheduler) { names.push_back(fact.name); }
    }
    return names;
}

/// A fact's value as rules read it.
std::string read_value(const Field& field, const Fact& fact) {
    const std::string example = std::string(fact.name) + (fact.type == FactType::list ? ": [a, b]" : ": a");
    if (fact.type == FactType::list) {
        std::vector<std::string> elements;
        policy::read_list(field, max_fact_elements, example,
                          [&](const Field& item) { elements.push_back(policy::read_text(item, example)); });
        return list_literal(elements);
    }
    return policy::read_text(field, example);
}

/// Reads the host's file and those it includes, each once, into one policy.
class HostReader {
  public:
    /// `text` of `file`. Includes are read when `folder` says where they stand, else refused.
    HostPolicy read(std::string_view text, const fs::path& file, bool from_disk) {
        from_disk_ = from_disk;
        if (from_disk) { enter(file); }
        read_file(text, file, 0);
        host_.rules = rules_.compile(StandingAnswer::ask);
        return std::move(host_);
    }

  private:
    void enter(const fs::path& file) {
        open_.insert(canonical(file));
        host_.files.push_back(file);
    }

    static fs::path canonical(const fs::path& file) {
        std::error_code error;
        fs::path path = fs::weakly_canonical(file, error);
        return error ? file : path;
    }

    /// The file's own rules come first, those of its includes behind them: what stands nearer counts first.
    void read_file(std::string_view text, const fs::path& file, std::size_t depth) {
        const std::string name = file.string();
        const Node root = policy::read_yaml(text, name);
        const Field whole{root, "", name};
        if (depth > 0) { check_included(whole); }
        std::optional<Field> include;
        policy::read_map(whole, fields, [&](std::string_view field, const Field& value) {
            if (field == "include") {
                include.emplace(value);
            } else {
                take(field, value);
            }
        });
        if (include) {
            policy::read_list(*include, max_includes, "include: [rules/licences.yaml]",
                              [&](const Field& item) { read_included(item, file, depth + 1); });
        }
    }

    static void check_included(const Field& whole) {
        const auto own = std::span(fields).first(own_fields);
        for (const auto& [key, value] : whole.node.entries) {
            if (std::find(own.begin(), own.end(), key.text) != own.end()) {
                Field{key, key.text, whole.file}.fail("stands in an included file",
                                                      "move it to the host's own file; an included one holds " +
                                                          policy::one_of(std::span(fields).subspan(own_fields)));
            }
        }
    }

    void read_included(const Field& item, const fs::path& from, std::size_t depth) {
        const std::string& written = policy::read_text(item, "include: [rules/licences.yaml]");
        if (written.size() > max_include_bytes || wire::clean(written, SIZE_MAX) != written) {
            item.fail("is no path of a file", "write 1 to 255 bytes of printable characters");
        }
        if (!from_disk_) { item.fail("a policy that is no file includes none", "write the rules out"); }
        if (depth > max_include_depth) {
            item.fail("files include each other deeper than " + std::to_string(max_include_depth),
                      "include it from the host's own file");
        }
        if (host_.files.size() > max_includes) {
            item.fail("more than " + std::to_string(max_includes) + " included files", "join some");
        }
        const fs::path file = from.parent_path() / written;
        if (const fs::path path = canonical(file); open_.contains(path)) {
            item.fail(policy::in_quotes(written) + " includes itself, or this file",
                      "remove the line: files must not include each other in a circle");
        } else if (done_.contains(path)) {
            item.fail(policy::in_quotes(written) + " is included twice", "remove one of the two");
        }
        const std::string text = read_bytes(item, file);
        enter(file);
        read_file(text, file, depth);
        open_.erase(canonical(file));
        done_.insert(canonical(file));
    }

    /// What cannot be read is said where it is included.
    static std::string read_bytes(const Field& item, const fs::path& file) {
        std::optional<std::string> text;
        try {
            text = policy::read_file(file);
        } catch (const PolicyError& error) {
            item.fail('"' + wire::clean(file.string()) + "\": " + error.problem, error.remedy);
        }
        if (!text) {
            item.fail('"' + wire::clean(file.string()) + "\": no such file",
                      "write it, or correct the path, which is relative to this file");
        }
        return *std::move(text);
    }

    void take(std::string_view name, const Field& value) {
        if (name == "rules") {
            rules_.read_rules(value);
        } else if (name == "facts") {
            read_facts(value);
        } else if (name == "veto") {
            auto& veto = host_.veto ? *host_.veto : host_.veto.emplace();
            policy::read_list(value, max_vetoes, "veto: [4f5c1b526c0f4a7e9a440d2d1f1c2b3a]",
                              [&](const Field& item) { veto.push_back(read_vetoer(item)); });
        } else if (name == "mode") {
            host_.mode = static_cast<Mode>(policy::read_word(value, modes));
        } else if (name == "on_error") {
            host_.on_error = static_cast<OnError>(policy::read_word(value, on_errors));
        } else if (name == "silence") {
            read_silence(value, host_);
        } else if (name == "voters") {
            host_.listed = policy::read_word(value, voters) == 1;
        } else if (name == "listed") {
            policy::read_list(value, max_policy_bytes, "listed: [4f5c1b52-6c0f-4a7e-9a44-0d2d1f1c2b3a]",
                              [&](const Field& item) { host_.voters_listed.push_back(read_uuid(item)); });
        } else if (name == "utc_offset") {
            host_.utc_offset_min = read_utc_offset(value);
        } else if (name == "accept_incoming") {
            host_.accept_incoming = read_voice(value);
        } else {
            host_.accept_outgoing = read_voice(value);
        }
    }

    void read_facts(const Field& field) {
        const std::vector<std::string_view> names = facts_to_state();
        if (field.node.kind == Node::Kind::map) {
            for (const auto& [key, value] : field.node.entries) {
                if (find_fact(key.text) && std::find(names.begin(), names.end(), key.text) == names.end()) {
                    Field{key, field.path + '.' + wire::clean(key.text, policy::max_quote), field.file}.fail(
                        "is known without being stated", "remove it; state " + policy::one_of(names));
                }
            }
        }
        policy::read_map(field, names, [&](std::string_view name, const Field& value) {
            const std::string key(name);
            if (host_.facts.contains(key)) { value.fail("is stated in two files", "keep one of the two"); }
            host_.facts.emplace(key, read_value(value, facts()[find_fact(name)->row]));
        });
    }

    HostPolicy host_;
    policy::RulesReader rules_;
    bool from_disk_ = false;
    std::set<fs::path> open_;  // from the host's own file to the one that is read
    std::set<fs::path> done_;
};

}  // namespace

HostPolicy parse_host_policy(std::string_view yaml, std::string_view file) {
    return HostReader().read(yaml, fs::path(file), false);
}

HostPolicy load_host_policy(const fs::path& file) {
    const auto text = policy::read_file(file);
    return text ? HostReader().read(*text, file, true) : HostPolicy{};
}

}  // namespace consent
