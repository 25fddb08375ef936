// A policy's examples: cases and what the policy must say of them, kept beside the rules and run as tests.
//
//     policy: host.yaml                  # relative to this file
//     examples:
//       - name: a big guest is kept out
//         facts: {guest.vcpus: 16}
//         expect: refuse                 # consent, refuse, ask, abstain
//         rule: no-big-guests            # may be left out: whichever rule says so
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "given.hpp"
#include "standing.hpp"

namespace consentctl {

inline constexpr std::size_t max_examples = 1024;

struct Example {
    std::string name;
    Facts facts;
    consent::StandingAnswer expect = consent::StandingAnswer::ask;
    std::string rule;  ///< empty: any
    int line = 0;      ///< 0: not known
};

struct Examples {
    std::string file;
    std::shared_ptr<const PolicyFile> policy;
    std::vector<Example> examples;
};

/// What the policy said of one example.
struct Outcome {
    bool passed = false;
    consent::StandingAnswer answer = consent::StandingAnswer::ask;
    std::string rule;     ///< that decided, or on whose unknown condition the answer hangs; empty: none did
    std::string because;  ///< its words
    std::string why;      ///< of ask: what is not known
};

/// Throws PolicyError: for the examples, and for the policy that they name.
[[nodiscard]] Examples load_examples(const std::filesystem::path& file);
[[nodiscard]] Examples read_examples(const Document& document, const std::filesystem::path& folder);

[[nodiscard]] Outcome run(const PolicyFile& policy, const Example& example);

/// What a rule is judged by: what the policy states, `operation` unless it is given, and what is given.
[[nodiscard]] consent::FactSet facts_for(const PolicyFile& policy, const Facts& given);

}  // namespace consentctl
