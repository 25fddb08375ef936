"""Guests whose life changes in the round: paused, destroyed, migrated away; and guests without an
agent.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import libvirt
import pytest
from asking import ask, voice
from channels import await_free, open_channel

from consent_core import InquiryEvent, Silence, State, Vote, VotersIdentified, WorkerVoters
from kit.guests import Guest, GuestSpec, channel_state, guest_on
from kit.hosts import Host


class OnceIdentified:
    """Does something in a thread of its own as soon as the round knows its voters, when requests go
    out.
    """

    def __init__(self, act: Callable[[], object]) -> None:
        self._thread = threading.Thread(target=self._run, args=(act,))
        self.error: BaseException | None = None

    def _run(self, act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  told to the test by finish()
            self.error = error

    def __call__(self, event: InquiryEvent) -> None:
        if isinstance(event, VotersIdentified):
            self._thread.start()

    def finish(self) -> None:
        self._thread.join(60)
        if self.error is not None:
            raise self.error


def test_a_paused_guest_is_silent(voters: WorkerVoters, calm: Guest, stranger: Guest) -> None:
    stranger.domain.suspend()
    try:
        report = ask(voters, [calm, stranger])
    finally:
        stranger.domain.resume()
    assert report.verdict is State.EXPIRED
    assert voice(report, calm).vote is Vote.CONSENTED
    assert voice(report, stranger).vote is Vote.SILENT
    assert "paused" in voice(report, stranger).because
    # It answers when it runs again: into a round that is over, and harms no later one.
    assert ask(voters, [calm, stranger]).verdict is State.CONSENTED


def test_a_paused_guest_abstains_where_silence_does(
    voters: WorkerVoters, calm: Guest, stranger: Guest
) -> None:
    stranger.domain.suspend()
    try:
        report = ask(voters, [calm, stranger], silence=Silence.ABSTAIN)
    finally:
        stranger.domain.resume()
    assert report.verdict is State.CONSENTED
    assert voice(report, stranger).vote is Vote.SILENT


def test_a_guest_destroyed_in_the_round_has_no_stake(
    voters: WorkerVoters, calm: Guest, new_guest: Callable[[GuestSpec], Guest]
) -> None:
    victim = new_guest(GuestSpec("victim", holder="silent"))
    destroy = OnceIdentified(victim.destroy)
    report = ask(voters, [calm, victim], 5, 6, progress=destroy)
    destroy.finish()
    assert report.elapsed_ms < 3000, "it waited for a guest that is gone"
    assert voice(report, victim).vote is Vote.LEFT
    assert "does not run here any more" in voice(report, victim).because
    assert report.verdict is State.CONSENTED
    assert voice(report, calm).vote is Vote.CONSENTED


def test_a_round_whose_only_voter_is_destroyed(
    voters: WorkerVoters, new_guest: Callable[[GuestSpec], Guest]
) -> None:
    victim = new_guest(GuestSpec("victim", holder="silent"))
    destroy = OnceIdentified(victim.destroy)
    report = ask(voters, [victim], 5, 6, progress=destroy)
    destroy.finish()
    assert report.elapsed_ms < 3000
    assert voice(report, victim).vote is Vote.LEFT


def test_a_guest_that_migrates_away_in_the_round_has_no_stake(
    voters: WorkerVoters,
    calm: Guest,
    other_host: Host,
    new_guest: Callable[[GuestSpec], Guest],
) -> None:
    traveller = new_guest(GuestSpec("traveller", holder="silent"))

    def move() -> None:
        flags = (
            libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER | libvirt.VIR_MIGRATE_UNSAFE
        )
        traveller.domain.migrateToURI3(other_host.tcp_uri, {}, flags)

    migrate = OnceIdentified(move)
    try:
        report = ask(voters, [calm, traveller], 18, 20, progress=migrate)
        migrate.finish()
        assert voice(report, traveller).vote is Vote.LEFT
        assert "does not run here any more" in voice(report, traveller).because
        assert report.verdict is State.CONSENTED
        assert report.elapsed_ms < 18000, "it waited for a guest that is gone"
    finally:
        there = libvirt.open(other_host.uri)
        # It arrived and runs: asking it did not stand in the way of its own migration.
        arrived = guest_on(other_host, there, traveller.spec)
        try:
            assert arrived.domain.isActive()
        finally:
            arrived.destroy()
            there.close()


def test_an_agent_outlives_its_own_migration(
    worker_program: object,
    other_host: Host,
    new_guest: Callable[[GuestSpec], Guest],
    voters: WorkerVoters,
) -> None:
    traveller = new_guest(GuestSpec("nomad"))
    assert ask(voters, [traveller]).verdict is State.CONSENTED
    traveller.domain.migrateToURI3(
        other_host.tcp_uri, {}, libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PEER2PEER
    )
    there = libvirt.open(other_host.uri)
    arrived = guest_on(other_host, there, traveller.spec)
    try:
        assert channel_state(arrived.domain) == "connected"
        with WorkerVoters(str(worker_program), other_host.uri) as voters_there:
            assert ask(voters_there, [arrived], 5, 6).verdict is State.CONSENTED
    finally:
        arrived.destroy()
        there.close()


def test_a_quick_refusal_is_not_the_others_silence(
    voters: WorkerVoters,
    connection: libvirt.virConnect,
    crook: Guest,
    new_guest: Callable[[GuestSpec], Guest],
) -> None:
    """A guest that had no time to answer in is not taken for one that answers nothing, whose
    channel is closed at once: it stays open for the rounds that follow.
    """
    refuser = new_guest(GuestSpec("refuser", answer="refuse", because="busy"))
    crook.hold("hostile late 700")
    await_free(connection, [crook])
    report = ask(voters, [refuser, crook], 5, 6)
    assert report.verdict is State.REFUSED
    assert voice(report, crook).vote is Vote.AWAITED
    with pytest.raises(libvirt.libvirtError, match="ctive channel stream"):
        open_channel(connection, crook, timeout_s=0.0).abort()


def test_a_guest_without_an_agent_costs_nothing_and_has_no_vote(
    voters: WorkerVoters, calm: Guest, crook: Guest
) -> None:
    crook.hold("none")
    start = time.monotonic()
    report = ask(voters, [calm, crook], 5, 6)
    assert time.monotonic() - start < 1
    assert report.verdict is State.CONSENTED
    assert [voter.voter.id for voter in report.voters] == [calm.uuid]


def test_only_guests_without_agents(voters: WorkerVoters, crook: Guest) -> None:
    crook.hold("none")
    report = ask(voters, [crook], 5, 6)
    assert report.verdict is State.CONSENTED
    assert report.voters == ()
