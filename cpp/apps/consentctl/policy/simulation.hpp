// Recorded decisions under another policy: which of them would come out otherwise.
//
// Pure. Must not know files. A record names few facts: what it does not tell is unknown, unless an inventory knows it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "examples.hpp"
#include "inventory.hpp"
#include "judge.hpp"
#include "records.hpp"

namespace consentctl {

enum class Effect : std::uint8_t {
    same,
    now_refused,    ///< was consented to
    now_consented,  ///< was refused
    unknown,        ///< it hangs on what the record does not tell
    no_decision,    ///< the record is of a failure of our own, which says nothing
};
inline constexpr std::size_t effect_count = 5;
[[nodiscard]] std::string_view to_string(Effect effect) noexcept;

struct Simulated {
    Effect effect = Effect::same;
    Decision decision;  ///< what the rules come to, whoever would still be asked
};

/// `policy`: a host's file, judged for the hypervisor and every guest that the record or the inventory names; a guest that
/// was asked and is not named is one of whom nothing is known. `always`: facts that hold in every case. Where the rules leave
/// a guest to be asked, what it said then stands.
[[nodiscard]] Simulated simulate(const Record& record, const PolicyFile& policy, const Inventory& inventory,
                                 const Facts& always);

}  // namespace consentctl
