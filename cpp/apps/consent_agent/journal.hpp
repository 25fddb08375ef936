// The agent's log: lines on standard error, for the guest's console or journal.
//
// Never waits: a console that takes nothing loses lines rather than stopping the answers.
#pragma once

#include <string_view>

namespace consent::agent {

/// Writes "consent-agent: LINE". `line` must be printable; a newline is added.
void log(std::string_view line);

}  // namespace consent::agent
