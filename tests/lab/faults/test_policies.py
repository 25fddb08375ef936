"""Agents tell their rules to a worker that asks for them: real guests, the real channel."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid

import pytest
from asking import ask, voice

from consent_core import ConsentError, Silence, State, Vote, WorkerVoters
from kit.guests import Guest

RULES = [
    {
        "name": "big",
        "when": {"guest.vcpus": ">= 8", "any": [{"me.kind": "mover"}, {"time.hour": "< 25"}]},
        "answer": "refuse",
        "because": "too big",
    }
]


def teach(guest: Guest, rules: list[dict[str, object]]) -> None:
    """Gives the guest's agent these rules and waits until it has read them."""
    before = guest.serial.size()
    guest.serial.tell("rules " + json.dumps(rules))
    guest.serial.wait_for("policy loaded", 20, before)


def told(voters: WorkerVoters, guests: list[Guest], deadline_s: float = 2.0) -> dict[str, object]:
    """The rules of these guests, by name; asserts that they came in time."""
    start = time.monotonic()
    policies = voters.policies([guest.uuid for guest in guests], deadline_s)
    assert time.monotonic() - start < 2 * deadline_s + 0.5
    names = {guest.uuid: guest.name for guest in guests}
    return {names[guest]: json.loads(text) for guest, text in policies.items()}


def test_policies_are_told_by_whoever_has_an_agent(
    voters: WorkerVoters, calm: Guest, stranger: Guest, crook: Guest, accomplice: Guest
) -> None:
    crook.hold("none")
    accomplice.hold("hostile flood")
    teach(calm, RULES)
    try:
        assert told(voters, [calm, stranger, crook, accomplice]) == {
            calm.name: RULES,
            stranger.name: [],
        }
        assert voters.policies([str(uuid.uuid4()), calm.uuid.upper()], 2.0).keys() == {calm.uuid}
        # A change is told the next time, and the channel is good for a round in between.
        assert ask(voters, [calm]).verdict is State.CONSENTED
        teach(calm, [])
        assert told(voters, [calm]) == {calm.name: []}
    finally:
        teach(calm, [])


def test_policies_and_a_round_share_a_channel(
    voters: WorkerVoters, calm: Guest, crook: Guest
) -> None:
    crook.hold("hostile silent")
    teach(calm, RULES)
    heard: list[dict[str, object]] = []
    try:
        thread = threading.Thread(target=lambda: heard.append(told(voters, [calm, crook], 1.5)))
        thread.start()
        report = ask(voters, [calm, crook], 2.0, 4.0, silence=Silence.ABSTAIN)
        thread.join(20)
    finally:
        teach(calm, [])
    assert heard == [{calm.name: RULES}]
    assert voice(report, calm).vote is Vote.CONSENTED
    assert voice(report, crook).vote is Vote.SILENT


def test_policies_of_a_stuck_worker_are_our_failure(voters: WorkerVoters, calm: Guest) -> None:
    assert ask(voters, [calm]).verdict is State.CONSENTED
    stuck = voters.pid
    assert stuck
    os.kill(stuck, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(ConsentError, match=r"^worker_timeout: "):
        voters.policies([calm.uuid], 0.5)
    assert time.monotonic() - start < 2.5
    assert told(voters, [calm]) == {calm.name: []}
    assert voters.pid not in (None, stuck)
