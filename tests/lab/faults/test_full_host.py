"""A host with 200 domains, ten of them with agents: a round is quick, and twenty at once lose no
answer.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from asking import MOVER

from consent_core import RoundReport, RoundRequest, Runner, State, Vote, WorkerVoters
from kit.guests import Guest, GuestSpec, qemu_pid, start_paused
from kit.hosts import Host

DOMAINS = 200
ROUNDS_AT_ONCE = 20


@pytest.fixture(scope="module")
def crowd(host: Host, residents: list[Guest]) -> Iterator[None]:
    """Fills the host up to 200 domains with guests that never run."""
    connection = libvirt.open(host.uri)
    fillers = [GuestSpec(f"filler{n}", memory_mib=16) for n in range(DOMAINS - len(residents))]
    start_paused(connection, fillers)
    assert connection.numOfDomains() == DOMAINS
    yield
    # libvirt takes half a second to end a domain; its QEMU gone, it sees that there is none.
    for filler in fillers:
        os.kill(qemu_pid(host, filler.name), signal.SIGKILL)
    end = time.monotonic() + 60
    while connection.numOfDomains() > len(residents):
        assert time.monotonic() < end, "libvirtd still counts guests that are gone"
        time.sleep(0.05)
    connection.close()


def run_round(runner: Runner) -> tuple[RoundReport, float]:
    start = time.monotonic()
    report = runner.run(RoundRequest(MOVER))
    return report, time.monotonic() - start


def assert_all_consented(report: RoundReport, residents: list[Guest]) -> None:
    assert report.verdict is State.CONSENTED, report
    assert {voter.voter.id for voter in report.voters} == {guest.uuid for guest in residents}
    assert {voter.vote for voter in report.voters} == {Vote.CONSENTED}


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("crowd")
def test_a_round_takes_at_most_a_second(
    voters: WorkerVoters, residents: list[Guest], record_property: Callable[[str, object], None]
) -> None:
    runner = Runner(voters)
    run_round(runner)  # starts the worker, should none run yet
    times = []
    for _ in range(5):
        report, took = run_round(runner)
        assert_all_consented(report, residents)
        times.append(took)
    record_property("round_s", [round(took, 3) for took in times])
    assert max(times) <= 1.0, times


@pytest.mark.usefixtures("crowd")
def test_twenty_rounds_at_once(
    voters: WorkerVoters, residents: list[Guest], record_property: Callable[[str, object], None]
) -> None:
    runner = Runner(voters)
    start = time.monotonic()
    with ThreadPoolExecutor(ROUNDS_AT_ONCE) as pool:
        outcomes = list(pool.map(lambda _: run_round(runner), range(ROUNDS_AT_ONCE)))
    took = time.monotonic() - start
    record_property("twenty_rounds_s", round(took, 3))
    for report, _ in outcomes:
        assert_all_consented(report, residents)
    assert took <= 20
