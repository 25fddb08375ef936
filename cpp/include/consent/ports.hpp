// What the runner needs of the world: someone who can ask voters, a ledger, a clock.
//
// Interfaces only. Must not know which adapter stands behind them (a worker process, memory, SQLite).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "consent/types.hpp"

namespace consent {

/// Which guests of a host are asked.
struct Select {
    bool connected = true;             ///< true: every guest whose channel is connected; false: of those, only `listed`
    std::vector<std::string> listed;   ///< domain UUIDs
    std::vector<std::string> exclude;  ///< domain UUIDs never asked (the mover, at the destination)
    VoterKind role = VoterKind::neighbour;  ///< as what they are asked: neighbour or mover
};

/// What is to happen: the subject of a round.
struct Subject {
    std::string operation = "live-migration";
    std::string mover;          ///< domain UUID
    std::string mover_name;     ///< for logs; never told to another project's guest
    std::string mover_project;  ///< empty when unknown: then every voter counts as another project's
    std::uint32_t vcpus = 0;
    std::uint64_t memory_mib = 0;
    std::string source;  ///< host names; told to guests as hashes only
    std::string site;
    bool disclosed = false;  ///< every voter is told the mover's UUID, not only those of its own project
};

/// One round as the voters' adapter sees it.
struct Inquiry {
    std::string round;  ///< UUID text; names the round in logs on both sides
    Subject subject;
    Select select;
    milliseconds voter_deadline{5000};  ///< for each voter, from the moment it is asked
};

/// What comes back. `voter` indexes VotersIdentified::voters.
struct VotersIdentified {
    std::vector<Voter> voters;  ///< at most max_voters; sorted by id, none twice
};
struct VoterAnswered {
    std::uint32_t voter;
    Answer answer;
    std::string because;  ///< the guest's words, cleaned
};
struct VoterFellSilent {
    std::uint32_t voter;
    std::string why;  ///< ours, for the admin
};
struct VoterLeft {
    std::uint32_t voter;
    std::string why;  ///< ours, for the admin
};
struct VoterWithdrew {
    std::uint32_t voter;
};
/// Our failure.
struct InquiryFailed {
    std::string code;  ///< one of worker_lost, worker_timeout, worker_protocol, libvirt, limit, internal
    std::string why;
};
using InquiryEvent =
    std::variant<VotersIdentified, VoterAnswered, VoterFellSilent, VoterLeft, VoterWithdrew, InquiryFailed>;

/// A round under way at the voters. Ended by its destructor, which withdraws what is still open and never blocks.
/// Every voter is accounted for, as answered, silent or left, by Inquiry::voter_deadline after request(): an adapter of
/// which nothing is heard at the round's deadline while voters are owed is held for stuck (worker_timeout), since the
/// silence of our own machinery must not pass for the voters'.
/// Used by one thread.
class Voices {
  public:
    virtual ~Voices() = default;
    /// Sends the request to every voter identified. Called once, after VotersIdentified.
    virtual void request() = 0;
    /// The next event, waiting for it until `until` at the latest; nothing then. After InquiryFailed: nothing, at once.
    virtual std::optional<InquiryEvent> next(TimePoint until) = 0;
};

/// Who can ask the voters of one host. Safe for use by several threads at once.
class Voters {
  public:
    virtual ~Voters() = default;
    /// Begins to identify the voters. Does not block and does not throw: a failure comes as InquiryFailed.
    virtual std::unique_ptr<Voices> open(const Inquiry& inquiry) = 0;
};

/// A consent on record: this guest may come from that source to this site, once, until then.
struct Grant {
    std::uint64_t id = 0;  ///< numbered upwards on each host, from 1
    std::string round;
    std::string mover;  ///< domain UUID
    std::string source;
    std::string site;
    TimePoint expires{};
};

/// Where grants are kept. Safe for use by several threads at once. At most one live grant a mover and site: a later one
/// takes the earlier one's place.
class Ledger {
  public:
    virtual ~Ledger() = default;
    /// Records a grant. Returns it with its number.
    virtual Grant grant(Grant grant) = 0;
    /// Takes the live grant of this mover from this source to this site, if there is one at `now`; once a grant.
    virtual std::optional<Grant> claim(const std::string& mover, const std::string& source, const std::string& site,
                                       TimePoint now) = 0;
    /// Number of grants that are live at `now`.
    virtual std::size_t live(TimePoint now) = 0;
};

/// The monotonic clock.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual TimePoint now() const = 0;
};

}  // namespace consent
