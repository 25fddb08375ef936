// Runs one round: feeds the machine what the voters' port reports and does what the machine asks for.
//
// Must not know any adapter, libvirt, Nova, nor what an operator's mode makes of the verdict (decision.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consent/machine.hpp"
#include "consent/ports.hpp"

namespace consent {

/// A vote known before anyone is asked: a hypervisor's own voice, or what a standing policy comes to.
struct Spoken {
    Voter voter;
    Answer answer = Answer::abstain;
    std::string because;
};

struct RoundRequest {
    Inquiry inquiry;                    ///< inquiry.round: made up by the runner when empty
    std::vector<Spoken> spoken;         ///< a binding refusal here ends the round before any guest is asked
    bool ask_guests = true;             ///< false: only `spoken` is heard
    Silence silence = Silence::refuse;  ///< what a guest's silence counts as, whatever the adapter says
    /// Ids of guests whose word decides, at most max_selected; nothing: every guest's does. The others are asked too.
    std::optional<std::vector<std::string>> entitled;
    milliseconds round_deadline{20000};  ///< from the call, waiting for a free place included; 1 ms to 30 s
    milliseconds grant_lifetime{0};      ///< 0: record no grant; at most max_grant_lifetime
};

/// What one voter did.
struct VoterReport {
    Voter voter;
    Vote vote = Vote::awaited;     ///< awaited: the round ended before it had to answer
    std::string because;           ///< its words (cleaned) or ours when it fell silent or left
    std::int64_t elapsed_ms = -1;  ///< from request to answer; -1 when there is none
};

/// What came of a round.
struct RoundReport {
    std::string round;
    State verdict = State::failed;    ///< consented, refused, expired, failed or aborted
    std::int32_t decided_by = -1;     ///< index into voters; -1: nobody in particular
    std::string because;              ///< the decider's words, or ours; empty for a consent
    std::string failure_code;         ///< verdict failed: see InquiryFailed; empty otherwise
    std::vector<VoterReport> voters;  ///< `spoken` first, then the guests
    std::int64_t elapsed_ms = 0;
    std::uint64_t grant = 0;  ///< number of the grant recorded; 0: none
};

/// Bounds of a request; run() refuses what is beyond them.
inline constexpr milliseconds max_deadline{30000};
inline constexpr std::size_t max_spoken = 4096;
inline constexpr std::size_t max_name = 255;       ///< bytes of an id, a name, a project, a host
inline constexpr std::size_t max_selected = 4096;  ///< entries of Select::listed and exclude, of entitled
inline constexpr std::size_t max_words = 1024;     ///< bytes kept of what a voter or an adapter says

/// How long past the round's deadline an adapter may take to show that it is alive.
inline constexpr milliseconds sign_of_life{400};

/// How long after a voter missed a deadline it is asked but not waited for.
inline constexpr milliseconds patience{60000};

/// Runs rounds of one host. Safe for use by several threads at once; run() blocks the calling thread.
class Runner {
  public:
    /// `max_rounds` (1 to 1024): rounds that ask guests at once; others wait, first come first served, within their own
    /// deadline. `voters` may be null when no round asks guests, `ledger` when none records a grant.
    /// Throws std::invalid_argument for a max_rounds out of range or no clock.
    Runner(std::shared_ptr<Voters> voters, std::shared_ptr<Ledger> ledger, std::shared_ptr<Clock> clock,
           std::uint32_t max_rounds = 8);
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    using Progress = std::function<void(const InquiryEvent&)>;

    /// Runs a round to its end, at most round_deadline + sign_of_life later. A guest is given voter_deadline, or what
    /// is left of the round when that is less. No place among max_rounds within the deadline: expired, saying so.
    /// `progress`, when set, is called in this thread with each event that counts, after it was counted.
    /// `cancel`, when set and true, ends the round as aborted within 50 ms.
    /// Throws std::invalid_argument for a request out of range, before anyone is asked; else every failure, an
    /// exception of a port or of `progress` included, is a verdict.
    RoundReport run(const RoundRequest& request, const Progress& progress = {},
                    const std::atomic<bool>* cancel = nullptr);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// A fresh random UUID (version 4) in lower-case text form. Throws std::system_error when the kernel gives no bytes.
[[nodiscard]] std::string new_uuid();

/// The adapters that need nothing of the outside. The ledger holds at most `max_grants` (1 or more): one more takes the
/// place of the one that would expire first.
[[nodiscard]] std::shared_ptr<Clock> make_steady_clock();
[[nodiscard]] std::shared_ptr<Ledger> make_memory_ledger(std::size_t max_grants = 4096);

}  // namespace consent
