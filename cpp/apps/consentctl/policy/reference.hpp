// The rules' reference, made of the tables that the engine itself uses: docs/operators/rules-reference.md is its output.
//
// Pure. Must not know files.
#pragma once

#include <string>

namespace consentctl {

/// Facts, operators, answers, sources and bounds as one page of Markdown.
[[nodiscard]] std::string reference_page();

}  // namespace consentctl
