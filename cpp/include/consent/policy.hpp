// Policy files: what a host's operator and a guest's owner write in YAML, read into values.
//
// Reads text that it is given, and files through load_*; must not know libvirt, Nova, the machine.
// A file is taken whole or not at all: the first fault is one PolicyError with its place and its remedy.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

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
};

[[nodiscard]] HostPolicy parse_host_policy(std::string_view yaml, std::string_view file);
[[nodiscard]] AgentPolicy parse_agent_policy(std::string_view yaml, std::string_view file);
[[nodiscard]] Application parse_application(std::string_view yaml, std::string_view file);

/// Throws PolicyError; file missing: for load_host_policy an empty policy.
[[nodiscard]] HostPolicy load_host_policy(const std::filesystem::path& file);
/// `drop_in` (missing: none) holds *.yaml, read in order of name.
[[nodiscard]] AgentPolicy load_agent_policy(const std::filesystem::path& file, const std::filesystem::path& drop_in);

}  // namespace consent
