"""Guests that break the protocol, each in a real guest, next to a neighbour that consents.

In each: the round ends in time (`ask` sees to that), no consent comes of it, and the reason says
what happened.
"""

from __future__ import annotations

import re
import threading

import pytest
from asking import ask, voice

from consent_core import Silence, State, Vote, VoterAnswered, VotersIdentified, WorkerVoters
from kit.guests import Guest

# mode of the hostile program -> what the reason must say
MODES = {
    "silent": r"no answer",
    "late 1300": r"no answer",
    "drip": r"no answer",
    "flood": r"more than \d+ lines",
    "endless": r"more than 256 KiB",
    "garbage": r"not_utf8|not_json",
    "wrong-id": r"request that is not open",
    "deep": r"too_deep",
    "invalid-utf8": r"not_utf8",
    "unknown-version": r"version",
    "unknown-answer": r"answer",
    "dies": r"no agent has its channel open",
    "dies-asked": r"no agent has its channel open",
}


@pytest.mark.parametrize("mode", MODES)
def test_no_consent_comes_of(mode: str, voters: WorkerVoters, calm: Guest, crook: Guest) -> None:
    crook.hold(f"hostile {mode}")
    # QEMU tells libvirt of a channel's changes once a second: a death is known to it only then.
    deadline_s = 2.5 if mode.startswith("dies") else 1.0
    report = ask(voters, [calm, crook], deadline_s, deadline_s + 1)
    assert report.verdict is State.EXPIRED
    assert voice(report, calm).vote is Vote.CONSENTED
    assert voice(report, crook).vote is Vote.SILENT
    assert re.search(MODES[mode], voice(report, crook).because), report
    assert report.voters[report.decided_by or 0].voter.id == crook.uuid
    # The reason of the round is the crook's, in our words: an admin need not look further.
    assert voice(report, crook).because in report.because


def test_an_answer_to_an_earlier_request_is_none_to_a_later(
    voters: WorkerVoters, crook: Guest
) -> None:
    crook.hold("hostile late 700")
    for _ in range(3):
        # From the second round on, the consent of the round before arrives in time to be mistaken
        # for this one's.
        report = ask(voters, [crook], voter_deadline_s=0.5, round_deadline_s=1.0)
        assert report.verdict is State.EXPIRED
        assert voice(report, crook).vote is Vote.SILENT


def test_a_request_id_is_good_for_one_consent(voters: WorkerVoters, crook: Guest) -> None:
    crook.hold("hostile reused-id")
    assert ask(voters, [crook]).verdict is State.CONSENTED
    report = ask(voters, [crook])
    assert report.verdict is State.EXPIRED
    assert re.search("request that is not open", voice(report, crook).because), report


def test_a_guest_cannot_consent_for_another(
    voters: WorkerVoters, crook: Guest, accomplice: Guest
) -> None:
    crook.hold("hostile relay")
    accomplice.hold("hostile silent")
    since = accomplice.serial.size()
    told: list[str] = []

    def pass_on() -> None:
        found = accomplice.serial.wait_for("^request ([0-9a-f]{32})$", 10, since)
        line = f'{{"v":1,"type":"answer","id":"{found[1]}","answer":"consent"}}'
        crook.serial.tell(f"say {line}")
        told.append(found[1])

    helper = threading.Thread(target=pass_on)
    helper.start()
    report = ask(voters, [crook, accomplice], voter_deadline_s=5, round_deadline_s=6)
    helper.join(20)
    assert told, "the foreign id never reached the crook"
    assert report.verdict is State.EXPIRED
    assert {voter.vote for voter in report.voters} <= {Vote.SILENT, Vote.AWAITED}
    assert Vote.CONSENTED not in {voter.vote for voter in report.voters}


def test_consents_that_nobody_asked_for_count_once(
    voters: WorkerVoters, calm: Guest, crook: Guest
) -> None:
    crook.hold("hostile eager")
    heard: list[object] = []
    report = ask(voters, [calm, crook], progress=heard.append)
    # Its one consent to the request that was made is as good as anybody's; the others are nothing.
    assert report.verdict is State.CONSENTED
    assert len(report.voters) == 2
    assert sum(isinstance(event, VoterAnswered) for event in heard) == 2
    assert sum(isinstance(event, VotersIdentified) for event in heard) == 1


def test_the_neighbour_of_a_flood_is_heard(
    voters: WorkerVoters, calm: Guest, crook: Guest, accomplice: Guest
) -> None:
    crook.hold("hostile flood")
    accomplice.hold("hostile endless")
    calm.serial.tell("policy refuse because it is loud here")
    try:
        report = ask(voters, [calm, crook, accomplice], 2, 4, silence=Silence.ABSTAIN)
    finally:
        calm.serial.tell("policy consent")
    assert report.verdict is State.REFUSED
    assert voice(report, calm).because == "it is loud here"
    assert report.elapsed_ms < 1000
