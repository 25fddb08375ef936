// A policy file as what it says beforehand: its rules as a standing policy, and what else of it counts in a decision.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>

#include "consent/policy.hpp"
#include "consent/standing.hpp"
#include "document.hpp"
#include "given.hpp"

namespace consentctl {

/// A host's or an agent's file. Exactly one of `host` and `agent` is there.
struct PolicyFile {
    std::string file;
    std::optional<consent::HostPolicy> host;
    std::optional<consent::AgentPolicy> agent;
    std::shared_ptr<const consent::RuleSet> rules;  ///< never null; may be empty
    Facts stated;                                   ///< that the host's file states

    [[nodiscard]] consent::SourcedRules sourced() const;
    /// What decides where no rule does, in a sentence.
    [[nodiscard]] std::string otherwise() const;
};

/// A file of `kind` (host or agent; nothing: told by what is in it). Throws PolicyError; also when there is no such file, or
/// it is of another kind.
[[nodiscard]] std::shared_ptr<const PolicyFile> load_policy_file(const std::filesystem::path& file,
                                                                 std::optional<Kind> kind = std::nullopt);

/// Compiles rules that a file was already checked to hold. Throws PolicyError all the same.
[[nodiscard]] std::shared_ptr<const consent::RuleSet> compile(const std::vector<consent::StandingRule>& rules,
                                                              const std::string& file);

}  // namespace consentctl
