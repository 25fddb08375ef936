"""Runner and the interpreter: the GIL, threads, signals, fork, exceptions in progress, the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from consent_core import (
    Answer,
    InquiryEvent,
    MemoryLedger,
    MemoryVoters,
    Runner,
    State,
    VotersIdentified,
)
from scripted import request, voters


class ToldError(Exception):
    """Raised by a progress of these tests."""


def silent_runner(max_rounds: int = 8) -> Runner:
    """A runner whose one voter never answers."""
    return Runner(MemoryVoters(voters(1), default=None), max_rounds=max_rounds)


def refuse_to_listen(event: InquiryEvent) -> None:
    """A progress that raises."""
    raise ToldError


@pytest.mark.parametrize("main_thread", [True, False])
def test_another_thread_runs_while_a_round_waits(main_thread: bool) -> None:
    runner = silent_runner()
    stop = threading.Event()
    ticks: list[float] = []

    def tick() -> None:
        while not stop.wait(0.001):
            ticks.append(time.monotonic())

    ticking = threading.Thread(target=tick)
    ticking.start()
    begun = time.monotonic()
    if main_thread:
        runner.run(request(voter_deadline_s=0.3))
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(runner.run, request(voter_deadline_s=0.3)).result()
    ended = time.monotonic()
    stop.set()
    ticking.join()
    # Were the GIL held, not one tick would fall between.
    assert len([each for each in ticks if begun + 0.05 < each < ended - 0.05]) > 20


def test_rounds_run_side_by_side() -> None:
    runner = silent_runner(max_rounds=16)
    begun = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        reports = list(pool.map(runner.run, [request(voter_deadline_s=0.3)] * 16))
    assert {report.verdict for report in reports} == {State.EXPIRED}
    assert len({report.round for report in reports}) == 16
    assert time.monotonic() - begun < 2.0  # one after another they take 4.8 s


def test_no_place_in_time_is_no_consent() -> None:
    memory = MemoryVoters(voters(1), default=None)
    runner = Runner(memory, max_rounds=1)
    placed = threading.Event()

    def place(event: InquiryEvent) -> None:
        placed.set()

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(runner.run, request(voter_deadline_s=1.0), place)
        assert placed.wait(5)
        second = runner.run(request(round_deadline_s=0.1))
        assert second.verdict is State.EXPIRED
        assert second.elapsed_ms < 600
        first.result()
    assert len(memory.asked) == 1


@pytest.mark.parametrize("main_thread", [True, False])
def test_progress_is_called_in_the_callers_thread(main_thread: bool) -> None:
    runner = Runner(MemoryVoters(voters(2)))
    callers: list[int] = []

    def note(event: InquiryEvent) -> None:
        callers.append(threading.get_ident())

    if main_thread:
        runner.run(request(), note)
        expected = threading.get_ident()
    else:
        thread = threading.Thread(target=runner.run, args=(request(), note))
        thread.start()
        expected = thread.ident or 0
        thread.join()
    assert callers == [expected] * 3


def test_an_exception_in_progress_ends_the_round_and_comes_out() -> None:
    runner = silent_runner()
    long = request(voter_deadline_s=20.0, round_deadline_s=20.0)
    begun = time.monotonic()
    with pytest.raises(ToldError):
        runner.run(long, refuse_to_listen)
    with ThreadPoolExecutor(1) as pool, pytest.raises(ToldError):
        pool.submit(runner.run, long, refuse_to_listen).result()
    assert time.monotonic() - begun < 2.0
    assert runner.run(request(voter_deadline_s=0.05)).verdict is State.EXPIRED


def test_keyboard_interrupt_ends_the_round() -> None:
    runner = silent_runner(max_rounds=1)
    raised: list[float] = []
    # As Python has it, unless whoever started it had it ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(event: InquiryEvent) -> None:
        raised.append(time.monotonic())
        os.kill(os.getpid(), signal.SIGINT)

    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            runner.run(request(voter_deadline_s=20.0, round_deadline_s=20.0), interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
    assert time.monotonic() - begun < 1.0
    # The place is free again.
    assert runner.run(request(voter_deadline_s=0.05)).verdict is State.EXPIRED


def test_an_interrupt_while_nothing_else_happens_ends_the_round() -> None:
    """No event of the round lets Python run: only the look-out for signals can."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        begun = time.monotonic()
        with pytest.raises(KeyboardInterrupt):
            silent_runner().run(request(voter_deadline_s=20.0, round_deadline_s=20.0))
        assert 0.2 <= time.monotonic() - begun < 0.7
    finally:
        signal.signal(signal.SIGALRM, before)


def test_a_handler_that_raises_nothing_lets_the_round_go_on() -> None:
    handled: list[float] = []
    before = signal.signal(signal.SIGALRM, lambda *_: handled.append(time.monotonic()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        begun = time.monotonic()
        report = silent_runner().run(request(voter_deadline_s=0.4))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert report.verdict is State.EXPIRED
    assert handled
    assert handled[0] - begun < 0.2  # while the round ran, not after it


def in_child(work: str) -> int:
    """Runs Python text in a process that forks within, so that pytest's own is left alone."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", work],
        cwd=os.path.dirname(__file__),
        timeout=30,
        check=False,
    )
    return done.returncode


def test_a_forked_child_runs_rounds_of_its_own() -> None:
    work = """
import os, threading
from scripted import request, voters
from consent_core import MemoryVoters, Runner, State
runner = Runner(MemoryVoters(voters(1), default=None), max_rounds=1)
placed = threading.Event()
thread = threading.Thread(
    target=runner.run, args=(request(1.0), lambda event: placed.set())
)
thread.start()
assert placed.wait(5)
# The one place is taken in the parent, by a thread that the child does not have.
child = os.fork()
if child == 0:
    report = runner.run(request(0.05, 2.0))
    os._exit(0 if report.verdict is State.EXPIRED and len(report.voters) == 1 else 1)
_, status = os.waitpid(child, 0)
thread.join()
assert status == 0, status
assert runner.run(request(0.05)).verdict is State.EXPIRED
"""
    assert in_child(work) == 0


def test_the_interpreter_can_end_under_a_daemon_threads_round() -> None:
    work = """
import threading
from scripted import request, voters
from consent_core import MemoryVoters, Runner
placed = threading.Event()
runner = Runner(MemoryVoters(voters(1), default=None))
threading.Thread(
    target=runner.run, args=(request(0.2), lambda event: placed.set()), daemon=True
).start()
assert placed.wait(5)
"""
    assert in_child(work) == 0


def test_many_threads_lose_no_answer() -> None:
    ledger = MemoryLedger()
    script = {"voter-003": (Answer.REFUSE, "no")}
    consenting = Runner(MemoryVoters(voters(3)), ledger, max_rounds=4)
    refusing = Runner(MemoryVoters(voters(5), script), ledger, max_rounds=4)

    def both(_: int) -> tuple[State, State, int | None]:
        yes, no = consenting.run(request()), refusing.run(request())
        return yes.verdict, no.verdict, no.decided_by

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(both, range(200))) == {(State.CONSENTED, State.REFUSED, 3)}


def test_the_first_event_names_the_voters() -> None:
    told: list[InquiryEvent] = []
    silent_runner().run(request(voter_deadline_s=0.05), told.append)
    assert isinstance(told[0], VotersIdentified)
