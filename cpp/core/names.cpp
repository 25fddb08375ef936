// The names of states, events, effects and rules, as traces, logs and the diagram show them: those of the enumerators.
#include "consent/machine.hpp"

namespace consent {

std::string_view to_string(State state) noexcept {
    switch (state) {
        case State::idle: return "idle";
        case State::identified: return "identified";
        case State::requesting: return "requesting";
        case State::consented: return "consented";
        case State::refused: return "refused";
        case State::expired: return "expired";
        case State::migrating: return "migrating";
        case State::migrated: return "migrated";
        case State::failed: return "failed";
        case State::aborted: return "aborted";
    }
    return "?";
}

std::string_view to_string(EventKind kind) noexcept {
    switch (kind) {
        case EventKind::sites_identified: return "sites_identified";
        case EventKind::voters_identified: return "voters_identified";
        case EventKind::voter_answered: return "voter_answered";
        case EventKind::voter_fell_silent: return "voter_fell_silent";
        case EventKind::voter_left: return "voter_left";
        case EventKind::voter_withdrew: return "voter_withdrew";
        case EventKind::deadline_passed: return "deadline_passed";
        case EventKind::round_failed: return "round_failed";
        case EventKind::migration_started: return "migration_started";
        case EventKind::migration_completed: return "migration_completed";
        case EventKind::migration_failed: return "migration_failed";
        case EventKind::cancelled: return "cancelled";
    }
    return "?";
}

std::string_view to_string(EffectKind kind) noexcept {
    switch (kind) {
        case EffectKind::identify_voters: return "identify_voters";
        case EffectKind::send_requests: return "send_requests";
        case EffectKind::withdraw_requests: return "withdraw_requests";
        case EffectKind::set_timer: return "set_timer";
        case EffectKind::clear_timer: return "clear_timer";
        case EffectKind::record_verdict: return "record_verdict";
        case EffectKind::start_migration: return "start_migration";
        case EffectKind::abort_migration: return "abort_migration";
    }
    return "?";
}

std::string_view to_string(Rule rule) noexcept {
    switch (rule) {
        case Rule::illegal: return "illegal";
        case Rule::take_sites: return "take_sites";
        case Rule::open_round: return "open_round";
        case Rule::count_answer: return "count_answer";
        case Rule::count_silence: return "count_silence";
        case Rule::count_departure: return "count_departure";
        case Rule::count_withdrawal: return "count_withdrawal";
        case Rule::close_round: return "close_round";
        case Rule::expire_site: return "expire_site";
        case Rule::fail_site: return "fail_site";
        case Rule::revoke_consent: return "revoke_consent";
        case Rule::expire_consent: return "expire_consent";
        case Rule::start: return "start";
        case Rule::complete: return "complete";
        case Rule::fail: return "fail";
        case Rule::abort: return "abort";
    }
    return "?";
}

std::string_view to_string(Vote vote) noexcept {
    switch (vote) {
        case Vote::awaited: return "awaited";
        case Vote::consented: return "consented";
        case Vote::refused: return "refused";
        case Vote::abstained: return "abstained";
        case Vote::silent: return "silent";
        case Vote::left: return "left";
        case Vote::withdrawn: return "withdrawn";
    }
    return "?";
}

bool is_final(State state) noexcept {
    switch (state) {
        case State::refused:
        case State::expired:
        case State::migrated:
        case State::failed:
        case State::aborted: return true;
        case State::idle:
        case State::identified:
        case State::requesting:
        case State::consented:
        case State::migrating: return false;
    }
    return false;
}

}  // namespace consent
