"""Asks some of the lab's guests for their consent, and holds every round to what holds for all.

Must not know which fault a test makes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from consent_core import (
    InquiryEvent,
    RoundReport,
    RoundRequest,
    Runner,
    Select,
    Silence,
    State,
    Subject,
    VoterReport,
    Voters,
)
from kit.guests import Guest

# What a round may take beyond its deadline: the time to give up on a stuck worker and to end it.
GRACE_S = 0.5

MOVER = Subject(
    mover="6b1f7c52-0d0e-4c55-9a3e-1f2f3c4d5e6f",
    mover_name="mover",
    mover_project="project-of-the-mover",
    site="host1",
    source="host2",
    vcpus=1,
    memory_mib=96,
)


def request_to(
    guests: Sequence[Guest],
    voter_deadline_s: float = 1.0,
    round_deadline_s: float = 3.0,
    silence: Silence = Silence.REFUSE,
) -> RoundRequest:
    """A round among these guests of the host alone, as `voters = listed` has it."""
    return RoundRequest(
        subject=MOVER,
        select=Select(connected=False, listed=[guest.uuid for guest in guests]),
        silence=silence,
        voter_deadline_s=voter_deadline_s,
        round_deadline_s=round_deadline_s,
    )


def ask(
    voters: Voters,
    guests: Sequence[Guest],
    voter_deadline_s: float = 1.0,
    round_deadline_s: float = 3.0,
    silence: Silence = Silence.REFUSE,
    progress: Callable[[InquiryEvent], None] | None = None,
) -> RoundReport:
    """Runs one round with a runner of its own, which has lost its patience with nobody yet.

    Asserts that it ended within its deadline and half a second, and that what it reports is whole:
    a round that did not consent says why.
    """
    request = request_to(guests, voter_deadline_s, round_deadline_s, silence)
    start = time.monotonic()
    report = Runner(voters).run(request, progress)
    took = time.monotonic() - start
    assert took <= round_deadline_s + GRACE_S, f"{took:.3f} s: {report}"
    assert report.verdict is State.CONSENTED or report.because, report
    return report


def voice(report: RoundReport, guest: Guest) -> VoterReport:
    """What became of this guest in the round."""
    found = [voter for voter in report.voters if voter.voter.id == guest.uuid]
    assert len(found) == 1, f"{guest.name} is {len(found)} times in {report}"
    return found[0]
