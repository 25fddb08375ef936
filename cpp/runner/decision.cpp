// The verdict in an operator's hands: may the migration go, and what is the admin told.
//
// Pure. Must not know who ran the round, nor Nova. A reason names who decided, quotes its words, counts the votes, and
// for a fault of our own says what to do.
#include "consent/decision.hpp"

#include <array>

#include "text.hpp"

namespace consent {
namespace {

// In characters. Words are cut before they come here (wire::max_because); the rest of a line fits beside them.
constexpr std::size_t max_reason = 500;
constexpr std::size_t max_shown_name = 64;
constexpr std::size_t max_shown_words = 220;

std::string name_of(const Voter& voter) {
    std::string name = one_line(voter.name.empty() ? voter.id : voter.name, max_shown_name);
    if (name.empty()) { name = "without a name"; }
    return (voter.kind == VoterKind::hypervisor ? "hypervisor " : "guest ") + name;
}

/// The voter as an admin finds it again: `guest instance-0000002a (UUID)`.
std::string full_name_of(const Voter& voter) {
    std::string text = name_of(voter);
    if (voter.kind != VoterKind::hypervisor && !voter.name.empty() && voter.name != voter.id) {
        text += " (" + one_line(voter.id, max_shown_name) + ")";
    }
    if (voter.kind == VoterKind::mover) { text += ", which is to move,"; }
    return text;
}

/// "; 5 asked: 2 consented, 1 refused, 2 silent"
std::string counts(const RoundReport& report) {
    static constexpr std::array words = {Vote::consented, Vote::refused, Vote::withdrawn, Vote::abstained,
                                         Vote::silent,    Vote::left,    Vote::awaited};
    std::string text = "; " + std::to_string(report.voters.size()) + " asked";
    const char* separator = ": ";
    for (const Vote word : words) {
        std::size_t n = 0;
        for (const VoterReport& voter : report.voters) { n += voter.vote == word ? 1U : 0U; }
        if (n > 0) {
            text += separator + std::to_string(n) + " ";
            text += word == Vote::awaited ? "no longer needed" : to_string(word);
            separator = ", ";
        }
    }
    return text;
}

const VoterReport* decider(const RoundReport& report) {
    if (report.decided_by < 0 || static_cast<std::size_t>(report.decided_by) >= report.voters.size()) {
        return nullptr;
    }
    return &report.voters[static_cast<std::size_t>(report.decided_by)];
}

std::string_view remedy(std::string_view code) {
    if (code == "worker_lost") {
        return "consent-worker ended; the next round starts another; see this host's log for why";
    }
    if (code == "worker_timeout") {
        return "consent-worker hung and is replaced; see whether libvirtd answers (virsh list)";
    }
    if (code == "worker_protocol") {
        return "consent-worker is not of this version; install nova-consent anew and restart nova-compute";
    }
    if (code == "libvirt") { return "see whether libvirtd answers nova-compute's user (virsh -c qemu:///system list)"; }
    if (code == "limit") { return "a bound was hit; it is named here"; }
    return "a fault in nova-consent; report it with this round's log lines";
}

struct Account {
    std::string decided_by;
    std::string why;
};

Account of_refusal(const RoundReport& report) {
    const VoterReport* voter = decider(report);
    if (voter == nullptr) { return {"a voter", "refused" + counts(report)}; }
    std::string why = full_name_of(voter->voter);
    if (voter->vote == Vote::withdrawn) {
        why += " took its consent back";
    } else {
        why += " refused";
        if (report.because.empty()) {
            why += " without a reason";
        } else {
            why += voter->voter.kind == VoterKind::hypervisor ? ": its operator says " : ": guest says ";
            why += quoted(report.because, max_shown_words);
        }
    }
    return {name_of(voter->voter), why + counts(report)};
}

Account of_expiry(const RoundReport& report) {
    const VoterReport* voter = decider(report);
    const std::string because = one_line(report.because, max_shown_words);
    if (voter == nullptr) { return {"deadline", "the deadline passed: " + (because.empty() ? "no answer" : because)}; }
    std::string why = full_name_of(voter->voter) + " did not answer";
    if (!because.empty()) { why += " (" + because + ")"; }
    return {name_of(voter->voter), why + ", and its silence counts as a refusal" + counts(report)};
}

Account of_failure(const RoundReport& report) {
    const std::string code = report.failure_code.empty() ? "internal" : one_line(report.failure_code, max_shown_name);
    std::string why = "consent could not be asked: " + code;
    if (!report.because.empty()) { why += ": " + one_line(report.because, max_shown_words); }
    why += "; ";
    why += remedy(code);
    return {"error " + code, why};
}

Account account(const RoundReport& report) {
    switch (report.verdict) {
        case State::consented: return {report.voters.empty() ? "nobody asked" : "all voters", ""};
        case State::refused: return of_refusal(report);
        case State::expired: return of_expiry(report);
        case State::aborted: return {"cancel", "the round was cancelled before it was decided" + counts(report)};
        default: return of_failure(report);  // a round ends in no other state: if it does, that is a fault of ours
    }
}

}  // namespace

Decision decide(const RoundReport& report, Mode mode, OnError on_error) {
    Account why = account(report);
    Decision decision;
    if (report.verdict == State::consented) {
        decision.decided_by = std::move(why.decided_by);
        return decision;
    }
    const bool voted_down = report.verdict == State::refused || report.verdict == State::expired;
    const bool called_off = report.verdict == State::aborted;
    const bool enforced = voted_down ? false : on_error == OnError::allow;  // what enforce makes of it
    decision.fault = !voted_down && !called_off;

    std::string reason;
    if (mode != Mode::enforce) {
        decision.allow = true;
        decision.decided_by = mode == Mode::audit ? "mode audit" : "mode off";
        reason = "mode " + std::string(to_string(mode)) + " lets it through, enforce would " +
                 (enforced ? "too" : "not") + ": ";
    } else {
        decision.allow = enforced;
        decision.decided_by = std::move(why.decided_by);
        if (!voted_down) {
            reason =
                "on_error=" + std::string(to_string(on_error)) + (enforced ? " lets it through: " : " refuses it: ");
        }
    }
    decision.reason = one_line(reason + why.why, max_reason);
    return decision;
}

}  // namespace consent
