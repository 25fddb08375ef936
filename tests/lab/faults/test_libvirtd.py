"""libvirtd stopped or restarted, the worker killed, the channel in other hands: our own side fails.

None of it is a consent; each says what it was; the round after it is as if nothing had been.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import libvirt
from asking import ask, voice
from channels import open_channel

from consent_core import (
    InquiryEvent,
    RoundReport,
    State,
    Vote,
    VotersIdentified,
    WorkerVoters,
)
from kit.guests import Guest
from kit.hosts import Host


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process is stopped (SIGSTOP) meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def assert_our_failure(report: RoundReport, *codes: str) -> None:
    assert report.verdict is State.FAILED
    assert report.failure_code in codes, report
    assert report.because


def test_libvirtd_stopped_before_the_round(voters: WorkerVoters, host: Host, calm: Guest) -> None:
    ask(voters, [calm])
    with stopped(host.pid):
        assert_our_failure(ask(voters, [calm], 1, 2), "worker_timeout", "libvirt")
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_libvirtd_stopped_before_the_worker_starts(
    worker_program: Path, host: Host, calm: Guest
) -> None:
    with WorkerVoters(worker_program, host.uri) as voters:
        with stopped(host.pid):
            assert_our_failure(ask(voters, [calm], 1, 2), "worker_timeout", "libvirt")
        assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_libvirtd_stopped_in_the_round(
    voters: WorkerVoters, host: Host, calm: Guest, crook: Guest
) -> None:
    crook.hold("hostile late 300")
    stopping = contextlib.ExitStack()

    def stop(event: InquiryEvent) -> None:
        if isinstance(event, VotersIdentified):
            stopping.enter_context(stopped(host.pid))

    with stopping:
        report = ask(voters, [calm, crook], 1, 2, progress=stop)
    # Whatever had come before libvirtd stopped is true, and the crook's 300 ms had not passed.
    assert report.verdict in (State.EXPIRED, State.FAILED)
    assert Vote.CONSENTED is not voice(report, crook).vote
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_libvirtd_restarted_in_the_round(
    voters: WorkerVoters, host: Host, calm: Guest, crook: Guest
) -> None:
    crook.hold("hostile silent")

    def restart(event: InquiryEvent) -> None:
        if isinstance(event, VotersIdentified):
            host.stop_daemon()
            host.start_daemon()

    report = ask(voters, [calm, crook], 4, 5, progress=restart)
    # The worker asks again on a new connection: the restart is an operator's daily business.
    assert voice(report, calm).vote is Vote.CONSENTED
    assert voice(report, crook).vote is Vote.SILENT
    assert report.verdict is State.EXPIRED
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_libvirtd_down(voters: WorkerVoters, host: Host, calm: Guest) -> None:
    host.stop_daemon()
    try:
        report = ask(voters, [calm], 1, 2)
    finally:
        host.start_daemon()
    assert_our_failure(report, "libvirt")
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_worker_killed_in_the_round(voters: WorkerVoters, calm: Guest, crook: Guest) -> None:
    crook.hold("hostile silent")
    killed: list[int] = []

    def kill(event: InquiryEvent) -> None:
        if isinstance(event, VotersIdentified) and voters.pid is not None:
            killed.append(voters.pid)
            os.kill(voters.pid, signal.SIGKILL)

    report = ask(voters, [calm, crook], 4, 5, progress=kill)
    assert killed
    assert_our_failure(report, "worker_lost")
    assert report.elapsed_ms < 1000, "it waited for a worker that was gone"
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED
    assert voters.pid not in (None, killed[0])


def test_worker_stopped_in_the_round(voters: WorkerVoters, calm: Guest, crook: Guest) -> None:
    crook.hold("hostile silent")
    first = []

    def stop(event: InquiryEvent) -> None:
        if isinstance(event, VotersIdentified) and voters.pid is not None:
            first.append(voters.pid)
            os.kill(voters.pid, signal.SIGSTOP)

    report = ask(voters, [calm, crook], 1, 2, progress=stop)
    assert first
    # The round's own deadline may come before the worker is given up: either way it is no consent,
    # and in time.
    assert report.verdict in (State.FAILED, State.EXPIRED)
    assert ask(voters, [calm], 5, 6).verdict is State.CONSENTED


def test_a_channel_in_foreign_hands_is_reported(
    voters: WorkerVoters, calm: Guest, connection: libvirt.virConnect
) -> None:
    stream = open_channel(connection, calm)
    try:
        report = ask(voters, [calm])
    finally:
        stream.abort()
    assert report.verdict is State.EXPIRED
    assert "held by another" in voice(report, calm).because
    assert ask(voters, [calm]).verdict is State.CONSENTED


def test_the_holder_of_a_channel_is_named(
    voters: WorkerVoters, worker_program: Path, host: Host, crook: Guest
) -> None:
    crook.hold("hostile silent")
    since = crook.serial.size()
    with WorkerVoters(worker_program, host.uri) as rivals:
        rival = threading.Thread(target=ask, args=(rivals, [crook], 4, 5))
        rival.start()
        crook.serial.wait_for("^request ", 4, since)  # the rivals' worker has the channel now
        report = ask(voters, [crook])
        assert report.verdict is State.EXPIRED
        # Named is the program that asks, whose child the worker is: here this one is both sides.
        assert f"held by pid {os.getpid()} (" in voice(report, crook).because, report
        rival.join(10)


def test_a_channel_that_becomes_free_in_time_is_taken(
    voters: WorkerVoters, calm: Guest, connection: libvirt.virConnect
) -> None:
    stream = open_channel(connection, calm)
    freeing = threading.Timer(0.5, stream.abort)
    freeing.start()
    report = ask(voters, [calm], 4, 5)
    freeing.join()
    assert report.verdict is State.CONSENTED
    assert report.elapsed_ms >= 400
