// The state machine of one migration: identify -> request -> consent -> migrate.
//
// Pure: step() reads no clock, file, socket or log, starts no thread, and gives the same result for the same arguments.
// Every transition stands in one table, cpp/core/transitions.cpp. Voters and sites are numbers here: the machine must
// not know names, texts, projects, policies or Nova.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "consent/types.hpp"

namespace consent {

/// Where a migration stands. refused, expired, migrated, failed and aborted are final.
enum class State : std::uint8_t {
    idle,        ///< nothing is known yet
    identified,  ///< candidate sites are known; the voters of the current one are being identified
    requesting,  ///< every voter of the current site has been asked
    consented,   ///< every binding voter of the current site consented or abstained
    refused,     ///< a binding voter of the last candidate site refused
    expired,     ///< the deadline passed before the last candidate site had answered
    migrating,   ///< the migrate component works
    migrated,    ///< the guest runs at the current site
    failed,      ///< our own machinery or the migration failed
    aborted,     ///< cancelled
};
inline constexpr std::size_t state_count = 10;

/// What happened. Names are in the past tense: an event is a fact, told once.
enum class EventKind : std::uint8_t {
    sites_identified,   ///< candidate sites are known            (sites, grant_lifetime)
    voters_identified,  ///< the current site's voters are known  (ballots, deadline)
    voter_answered,     ///< a voter said something               (voter, answer)
    voter_fell_silent,  ///< a voter's own deadline or channel is gone (voter)
    voter_left,         ///< a voter no longer runs at the site: it has no stake, whatever it said (voter)
    voter_withdrew,     ///< a voter took the consent that it gave back (voter)
    deadline_passed,    ///< the timer last set by set_timer went off; identified: no voters were found in time
    round_failed,       ///< our machinery failed: never a consent
    migration_started,
    migration_completed,
    migration_failed,
    cancelled,
};
inline constexpr std::size_t event_count = 12;

/// What the machine needs to know of a voter.
struct Ballot {
    bool binding = true;
    Silence silence = Silence::refuse;

    friend bool operator==(const Ballot&, const Ballot&) = default;
};

/// One event. Only the fields that its kind names above are read.
struct Event {
    EventKind kind = EventKind::cancelled;
    std::uint32_t voter = 0;  ///< index into the current site's ballots
    Answer answer = Answer::abstain;
    std::uint32_t sites = 0;                       ///< number of candidate sites, 1 to max_sites
    const std::vector<Ballot>* ballots = nullptr;  ///< not owned, not the migration's; at most max_voters
    TimePoint now{};                               ///< when it happened
    TimePoint deadline{};                          ///< voters_identified: when the round ends at the latest
    milliseconds grant_lifetime{0};  ///< sites_identified: how long a consent may wait for its migration; 0: for ever
};

/// What the caller must do, in this order: a record stands before the act that it records.
enum class EffectKind : std::uint8_t {
    identify_voters,    ///< find the voters of `site`
    send_requests,      ///< ask every voter of `site`
    withdraw_requests,  ///< tell the voters of `site` that still owe an answer that none is needed
    set_timer,          ///< feed deadline_passed at `at`; replaces an earlier timer
    clear_timer,
    record_verdict,   ///< write down `verdict` for `site`, decided by `voter` (no_voter: by nobody in particular)
    start_migration,  ///< the site consented: let the migration go
    abort_migration,  ///< take start_migration back: the migration must not start, or must stop when it is under way
};

inline constexpr std::uint32_t no_voter = 0xffffffffU;
inline constexpr std::uint32_t max_sites = 1024;
inline constexpr std::uint32_t max_voters = 4096;
inline constexpr milliseconds max_grant_lifetime = std::chrono::hours(24);

struct Effect {
    EffectKind kind = EffectKind::clear_timer;
    std::uint32_t site = 0;
    std::uint32_t voter = no_voter;
    State verdict = State::idle;
    TimePoint at{};

    friend bool operator==(const Effect&, const Effect&) = default;
};

/// Effects of one step; never more than max_effects.
class Effects {
  public:
    static constexpr std::size_t max_effects = 8;
    void clear() noexcept { size_ = 0; }
    void push(const Effect& effect) noexcept {
        items_[size_++] = effect;
    }  // NOLINT: bounded by the table, asserted in tests
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const Effect* begin() const noexcept { return items_.data(); }
    [[nodiscard]] const Effect* end() const noexcept { return items_.data() + size_; }
    [[nodiscard]] const Effect& operator[](std::size_t i) const noexcept { return items_[i]; }

  private:
    std::array<Effect, max_effects> items_{};
    std::size_t size_ = 0;
};

/// What became of a voter of the current site. Each speaks once; after a consent it may only withdraw or leave.
enum class Vote : std::uint8_t { awaited, consented, refused, abstained, silent, left, withdrawn };

/// The whole state of one migration. A plain value: copy it, compare it, keep it.
struct Migration {
    State state = State::idle;
    std::uint32_t site = 0;   ///< index of the current candidate site
    std::uint32_t sites = 0;  ///< number of candidate sites
    std::uint32_t owed = 0;   ///< voters of the current site still awaited
    std::uint32_t decided_by = no_voter;
    milliseconds grant_lifetime{0};
    std::vector<Ballot> ballots;  ///< of the current site
    std::vector<Vote> votes;      ///< of the current site, same length

    friend bool operator==(const Migration&, const Migration&) = default;
};

/// What a cell of the table does with an event. `illegal` refuses it and changes nothing.
enum class Rule : std::uint8_t {
    illegal,
    take_sites,
    open_round,
    count_answer,
    count_silence,
    count_departure,
    count_withdrawal,
    close_round,
    expire_site,
    fail_site,
    revoke_consent,
    expire_consent,
    start,
    complete,
    fail,
    abort,
};
inline constexpr std::size_t rule_count = 16;

/// The table: for each state and event the one rule that applies.
using Transitions = std::array<std::array<Rule, event_count>, state_count>;
extern const Transitions transitions;

/// Feeds one event to a migration.
///
/// Result: true when the table and the event's own fields allow it; `migration` is then the next state and `effects`
/// what to do. False when it is illegal here (wrong state, unknown voter or word, an answer given twice, no site or too
/// many): then `migration` is unchanged and `effects` is empty. Never throws except std::bad_alloc (voters_identified
/// alone, when there are more voters than ever before).
/// Threads: none of its own; two calls on one Migration must not overlap. Source: docs/adr (the machine).
[[nodiscard]] bool step(Migration& migration, const Event& event, Effects& effects);

/// The same with another table: what the tests use to show that each cell matters.
[[nodiscard]] bool step(const Transitions& table, Migration& migration, const Event& event, Effects& effects);

[[nodiscard]] std::string_view to_string(State state) noexcept;
[[nodiscard]] std::string_view to_string(EventKind kind) noexcept;
[[nodiscard]] std::string_view to_string(EffectKind kind) noexcept;
[[nodiscard]] std::string_view to_string(Rule rule) noexcept;
[[nodiscard]] std::string_view to_string(Vote vote) noexcept;
[[nodiscard]] bool is_final(State state) noexcept;

}  // namespace consent
