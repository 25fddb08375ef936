// What an operator's mode makes of a round's verdict: let the migration through or refuse it, and in which words.
//
// Pure. Must not know who ran the round, nor Nova.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "consent/runner.hpp"

namespace consent {

struct Decision {
    bool allow = true;
    bool fault = false;  ///< the verdict came of our own failure, not of a voter
    /// Who made it so, for the log line: "guest NAME", "hypervisor NAME", "deadline", "error CODE", "cancel"; "mode
    /// audit" or "mode off" for what the mode lets through; "all voters" or "nobody asked" for a consent.
    std::string decided_by;
    /// One printable line for the admin: who, what, why. At most 500 characters; empty for a consent.
    std::string reason;
};

/// enforce: consented is let through, refused and expired are not, failed and aborted as on_error says.
/// audit and off: everything is let through; reason says what enforce would have refused.
/// A guest's words stand in quotes after "guest says". Never throws but std::bad_alloc.
[[nodiscard]] Decision decide(const RoundReport& report, Mode mode, OnError on_error);

}  // namespace consent
