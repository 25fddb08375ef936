// What each rule of the table does: one short function a rule, and step(), which looks the rule up.
//
// Must not decide what may follow what (transitions.cpp does), nor know clocks, threads, names, texts or Nova.
//
// Every rule checks all that it needs before it changes anything, so that a refused event leaves the migration as it
// was. `owed` is the number of votes that are `awaited`; it makes each answer O(1). Only opening and closing a round
// walk all voters. Effects come in the order in which they are to be done: the record before the acts that it records.
#include "consent/machine.hpp"

namespace consent {
namespace {

bool is_voter(const Migration& m, std::uint32_t voter) noexcept {
    return voter < m.votes.size() && voter < m.ballots.size();
}

bool vetoes_by_silence(const Ballot& ballot) noexcept { return ballot.binding && ballot.silence != Silence::abstain; }

/// The current site is out: on to the next candidate, or the end.
void leave_site(Migration& m, State verdict, std::uint32_t decided_by, Effects& effects) noexcept {
    if (m.site + 1 >= m.sites) {
        m.state = verdict;
        m.decided_by = decided_by;
        return;
    }
    ++m.site;
    m.state = State::identified;
    m.owed = 0;
    m.decided_by = no_voter;
    m.ballots.clear();  // keeps the capacity: the next round allocates only when it is larger than all before
    m.votes.clear();
    effects.push({.kind = EffectKind::identify_voters, .site = m.site});
}

/// The round at the current site ends without its consent.
void end_round(Migration& m, State verdict, std::uint32_t decided_by, Effects& effects) noexcept {
    effects.push({.kind = EffectKind::record_verdict, .site = m.site, .voter = decided_by, .verdict = verdict});
    if (m.owed > 0) { effects.push({.kind = EffectKind::withdraw_requests, .site = m.site}); }
    effects.push({.kind = EffectKind::clear_timer});
    leave_site(m, verdict, decided_by, effects);
}

/// No binding voter is against it: the migration may go, for as long as the grant lives.
void consent_site(Migration& m, TimePoint now, Effects& effects) noexcept {
    m.state = State::consented;
    m.decided_by = no_voter;
    effects.push({.kind = EffectKind::record_verdict, .site = m.site, .verdict = State::consented});
    if (m.owed > 0) {
        effects.push({.kind = EffectKind::withdraw_requests, .site = m.site});
        m.owed = 0;
    }
    if (m.grant_lifetime > milliseconds::zero()) {
        effects.push({.kind = EffectKind::set_timer, .site = m.site, .at = now + m.grant_lifetime});
    } else {
        effects.push({.kind = EffectKind::clear_timer});
    }
    effects.push({.kind = EffectKind::start_migration, .site = m.site});
}

/// A voter that was awaited is done, in a way that does not end the round by itself.
void settle(Migration& m, std::uint32_t voter, Vote vote, TimePoint now, Effects& effects) noexcept {
    m.votes[voter] = vote;
    --m.owed;
    if (m.owed == 0) { consent_site(m, now, effects); }
}

/// A consent that may already have been acted upon is void.
void take_back(Migration& m, State verdict, std::uint32_t decided_by, Effects& effects) noexcept {
    effects.push({.kind = EffectKind::record_verdict, .site = m.site, .voter = decided_by, .verdict = verdict});
    effects.push({.kind = EffectKind::abort_migration, .site = m.site});
    effects.push({.kind = EffectKind::clear_timer});  // the grant's, if it has one, must not go off at the next site
    leave_site(m, verdict, decided_by, effects);
}

void finish(Migration& m, State verdict, Effects& effects) noexcept {
    m.state = verdict;
    effects.push({.kind = EffectKind::record_verdict, .site = m.site, .verdict = verdict});
}

// ---- the rules ----

bool take_sites(Migration& m, const Event& event, Effects& effects) noexcept {
    const bool lifetime_ok = event.grant_lifetime >= milliseconds::zero() && event.grant_lifetime <= max_grant_lifetime;
    if (event.sites == 0 || event.sites > max_sites || !lifetime_ok) { return false; }
    m.state = State::identified;
    m.site = 0;
    m.sites = event.sites;
    m.grant_lifetime = event.grant_lifetime;
    effects.push({.kind = EffectKind::identify_voters, .site = 0});
    return true;
}

bool open_round(Migration& m, const Event& event, Effects& effects) {
    if (event.ballots == nullptr || event.ballots->size() > max_voters) { return false; }
    // Room first: when there is none the migration is left as it was.
    m.ballots.reserve(event.ballots->size());
    m.votes.reserve(event.ballots->size());
    m.ballots.assign(event.ballots->begin(), event.ballots->end());
    m.votes.assign(event.ballots->size(), Vote::awaited);
    m.owed = static_cast<std::uint32_t>(event.ballots->size());
    if (m.owed == 0) {
        consent_site(m, event.now, effects);  // nobody has a stake
        return true;
    }
    m.state = State::requesting;
    effects.push({.kind = EffectKind::set_timer, .site = m.site, .at = event.deadline});
    effects.push({.kind = EffectKind::send_requests, .site = m.site});
    return true;
}

bool count_answer(Migration& m, const Event& event, Effects& effects) noexcept {
    if (!is_voter(m, event.voter) || m.votes[event.voter] != Vote::awaited) { return false; }
    switch (event.answer) {
        case Answer::consent: settle(m, event.voter, Vote::consented, event.now, effects); return true;
        case Answer::abstain: settle(m, event.voter, Vote::abstained, event.now, effects); return true;
        case Answer::refuse:
            if (!m.ballots[event.voter].binding) {
                settle(m, event.voter, Vote::refused, event.now, effects);
                return true;
            }
            m.votes[event.voter] = Vote::refused;
            --m.owed;
            end_round(m, State::refused, event.voter, effects);
            return true;
    }
    return false;  // a word that is not known is no answer
}

bool count_silence(Migration& m, const Event& event, Effects& effects) noexcept {
    if (!is_voter(m, event.voter) || m.votes[event.voter] != Vote::awaited) { return false; }
    if (!vetoes_by_silence(m.ballots[event.voter])) {
        settle(m, event.voter, Vote::silent, event.now, effects);
        return true;
    }
    m.votes[event.voter] = Vote::silent;
    --m.owed;
    end_round(m, State::expired, event.voter, effects);
    return true;
}

bool count_departure(Migration& m, const Event& event, Effects& effects) noexcept {
    if (!is_voter(m, event.voter) || m.votes[event.voter] == Vote::left) { return false; }
    if (m.votes[event.voter] == Vote::awaited) {
        settle(m, event.voter, Vote::left, event.now, effects);
    } else {
        m.votes[event.voter] = Vote::left;
    }
    return true;
}

bool count_withdrawal(Migration& m, const Event& event, Effects& effects) noexcept {
    if (!is_voter(m, event.voter) || m.votes[event.voter] != Vote::consented) { return false; }
    m.votes[event.voter] = Vote::withdrawn;
    if (m.ballots[event.voter].binding) { end_round(m, State::refused, event.voter, effects); }
    return true;
}

bool close_round(Migration& m, const Event& event, Effects& effects) noexcept {
    std::uint32_t decided_by = no_voter;
    for (std::uint32_t voter = 0; is_voter(m, voter); ++voter) {
        if (m.votes[voter] != Vote::awaited) { continue; }
        m.votes[voter] = Vote::silent;
        if (decided_by == no_voter && vetoes_by_silence(m.ballots[voter])) { decided_by = voter; }
    }
    if (decided_by == no_voter) {
        consent_site(m, event.now, effects);
    } else {
        end_round(m, State::expired, decided_by, effects);
        m.owed = 0;
    }
    return true;
}

bool expire_site(Migration& m, Effects& effects) noexcept {
    effects.push({.kind = EffectKind::record_verdict, .site = m.site, .verdict = State::expired});
    leave_site(m, State::expired, no_voter, effects);
    return true;
}

bool fail_site(Migration& m, Effects& effects) noexcept {
    end_round(m, State::failed, no_voter, effects);
    return true;
}

bool revoke_consent(Migration& m, const Event& event, Effects& effects) noexcept {
    if (!is_voter(m, event.voter) || m.votes[event.voter] != Vote::consented) { return false; }
    m.votes[event.voter] = Vote::withdrawn;
    if (m.ballots[event.voter].binding) { take_back(m, State::refused, event.voter, effects); }
    return true;
}

bool expire_consent(Migration& m, Effects& effects) noexcept {
    take_back(m, State::expired, no_voter, effects);
    return true;
}

bool start(Migration& m, Effects& effects) noexcept {
    m.state = State::migrating;
    effects.push({.kind = EffectKind::clear_timer});  // the grant is used: it can no longer expire
    return true;
}

bool complete(Migration& m, Effects& effects) noexcept {
    finish(m, State::migrated, effects);
    return true;
}

bool fail(Migration& m, Effects& effects) noexcept {
    finish(m, State::failed, effects);
    return true;
}

bool abort(Migration& m, Effects& effects) noexcept {
    const bool let_go = m.state == State::consented || m.state == State::migrating;
    finish(m, State::aborted, effects);
    if (m.owed > 0) { effects.push({.kind = EffectKind::withdraw_requests, .site = m.site}); }
    if (let_go) { effects.push({.kind = EffectKind::abort_migration, .site = m.site}); }
    effects.push({.kind = EffectKind::clear_timer});
    return true;
}

}  // namespace

bool step(Migration& migration, const Event& event, Effects& effects) {
    return step(transitions, migration, event, effects);
}

bool step(const Transitions& table, Migration& migration, const Event& event, Effects& effects) {
    effects.clear();
    const auto state = static_cast<std::size_t>(migration.state);
    const auto kind = static_cast<std::size_t>(event.kind);
    if (state >= state_count || kind >= event_count) { return false; }
    switch (table[state][kind]) {
        case Rule::illegal: return false;
        case Rule::take_sites: return take_sites(migration, event, effects);
        case Rule::open_round: return open_round(migration, event, effects);
        case Rule::count_answer: return count_answer(migration, event, effects);
        case Rule::count_silence: return count_silence(migration, event, effects);
        case Rule::count_departure: return count_departure(migration, event, effects);
        case Rule::count_withdrawal: return count_withdrawal(migration, event, effects);
        case Rule::close_round: return close_round(migration, event, effects);
        case Rule::expire_site: return expire_site(migration, effects);
        case Rule::fail_site: return fail_site(migration, effects);
        case Rule::revoke_consent: return revoke_consent(migration, event, effects);
        case Rule::expire_consent: return expire_consent(migration, effects);
        case Rule::start: return start(migration, effects);
        case Rule::complete: return complete(migration, effects);
        case Rule::fail: return fail(migration, effects);
        case Rule::abort: return abort(migration, effects);
    }
    return false;
}

}  // namespace consent
