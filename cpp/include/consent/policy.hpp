// Policy files: what a host's operator and a guest's owner write in YAML, read into values.
//
// Reads text that it is given, and files through load_*; must not know libvirt, Nova, the machine.
// A file is taken whole or not at all: the first fault is one PolicyError with its place and its remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "consent/rules.hpp"
#include "consent/types.hpp"

namespace consent {

inline constexpr std::size_t max_policy_bytes = 64 * 1024;

/// A file that cannot be taken. what(): "FILE:LINE:COLUMN: FIELD: what is wrong; remedy".
class PolicyError : public std::runtime_error {
  public:
    PolicyError(std::string file, int line, int column, std::string field, std::string problem, std::string remedy);
    std::string file;
    int line = 0;       ///< from 1; 0 when the fault has no place (file missing, too large)
    int column = 0;     ///< from 1; 0 likewise
    std::string field;  ///< dotted path, empty for the file as a whole
    std::string problem;
    std::string remedy;
};

/// One side of a hypervisor's own voice.
struct Voice {
    Answer answer = Answer::consent;  ///< consent or refuse
    std::string because;              ///< at most wire::max_because characters
};

/// /etc/nova/consent.d/host.yaml. What is not set leaves nova.conf's word.
struct HostPolicy {
    std::optional<Mode> mode;
    std::optional<OnError> on_error;
    std::optional<Silence> silence;
    std::optional<bool> listed;              ///< voters: connected (false) | listed (true)
    std::vector<std::string> voters_listed;  ///< `listed:` UUIDs of guests that vote, besides what flavors say
    std::optional<Voice> accept_incoming;
    std::optional<Voice> accept_outgoing;
    std::optional<Silence> silence_mover;          ///< `silence: {neighbour: .., mover: ..}`; a plain word sets both
    std::shared_ptr<const RuleSet> rules;          ///< `rules:` of this file and its includes; null: none
    std::map<std::string, std::string> facts;      ///< `facts:` that the operator states: site.aggregates, ...
    std::optional<std::vector<std::string>> veto;  ///< `veto:` projects' ids and VMs' UUIDs whose own refusal counts
    std::optional<std::int32_t> utc_offset_min;    ///< `utc_offset: "+01:00"` of time.hour and time.weekday
    std::vector<std::filesystem::path> files;      ///< all that was read, includes too, in order
};

/// An application in the guest that is asked.
struct Application {
    std::string name;                  ///< for the log and for `because`
    std::vector<std::string> command;  ///< argv; command[0] an absolute path
    milliseconds timeout{2000};        ///< 1 ms to 30 s
};

/// The guest's policy: consent-agent's file and its drop-in folder.
struct AgentPolicy {
    Answer answer = Answer::consent;  ///< the default answer
    std::string because;
    std::vector<Application> applications;  ///< at most 32
    std::vector<StandingRule> rules;        ///< `rules:`, judged before applications and the default answer
};

/// One rule as a flavor, an image or server metadata holds it: a YAML flow mapping in one line, without its name:
/// {when: {guest.vcpus: ">= 8"}, answer: refuse, because: too big}. `text` of 255 bytes or more counts as cut: an error.
[[nodiscard]] StandingRule parse_rule(std::string_view text, std::string_view name, std::string_view origin);
inline constexpr std::size_t max_property_bytes = 254;

/// A list of rules as `rules:` of a file has it; JSON is YAML. For what an agent says of its own policy.
[[nodiscard]] std::vector<StandingRule> parse_rules(std::string_view text, std::string_view origin);
/// The same as JSON, in one line.
[[nodiscard]] std::string write_rules(const std::vector<StandingRule>& rules);

/// The JSON Schema (draft 2020-12) of a kind of file: "host", "agent", "application", "examples".
/// Throws std::invalid_argument for another word.
[[nodiscard]] std::string policy_schema(std::string_view kind);

[[nodiscard]] HostPolicy parse_host_policy(std::string_view yaml, std::string_view file);
[[nodiscard]] AgentPolicy parse_agent_policy(std::string_view yaml, std::string_view file);
[[nodiscard]] Application parse_application(std::string_view yaml, std::string_view file);

/// Throws PolicyError; file missing: for load_host_policy an empty policy.
[[nodiscard]] HostPolicy load_host_policy(const std::filesystem::path& file);
/// `drop_in` (missing: none) holds *.yaml, read in order of name.
[[nodiscard]] AgentPolicy load_agent_policy(const std::filesystem::path& file, const std::filesystem::path& drop_in);

}  // namespace consent
