"""1,000 rounds with 50 ms to answer, faults mixed: nothing is left behind, and no consent is false.

Real guests, real worker; four threads ask at once, as a host does that several movers want to come
to.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import libvirt
import pytest
from asking import GRACE_S, request_to
from channels import await_free
from footprint import footprint

from consent_core import RoundReport, Runner, State, Vote, WorkerVoters
from kit.guests import Guest

ROUNDS = 1000
THREADS = 4
DEADLINE_S = 0.05
SEED = 612855

# Who holds the channels of the crooks while a share of the rounds is asked. None of these ever
# answers in time.
ACTS = (
    ("silent", "late 200"),
    ("garbage", "wrong-id"),
    ("flood", "unknown-answer"),
    ("deep", "endless"),
    ("invalid-utf8", "dies-asked"),
)


@pytest.mark.timeout(240)
def test_nothing_is_left_behind(
    voters: WorkerVoters,
    calm: Guest,
    stranger: Guest,
    crook: Guest,
    accomplice: Guest,
    connection: libvirt.virConnect,
) -> None:
    guests = [calm, stranger, crook, accomplice]
    cast = Cast(voters, honest=[calm, stranger], crooks=[crook, accomplice])
    measured = []
    for half in range(2):
        for number, act in enumerate(ACTS):
            cast.take_places(act)
            cast.ask(ROUNDS // len(ACTS) // 2, random.Random(SEED + half * len(ACTS) + number))
        await_free(connection, guests)
        assert voters.pid
        measured.append((voters.pid, footprint(), footprint(voters.pid)))
    # The first half loads libraries, fills pools and meets each fault once: what the second one takes
    # must have been given back.
    (worker, *before), (still, *after) = measured
    print(dict(cast.verdicts), dict(cast.failures), *measured)

    assert sum(cast.verdicts.values()) == ROUNDS
    # On a busy machine libvirtd itself may need more than 50 ms: such a round fails, and says so.
    assert set(cast.failures) <= {"libvirt"}, cast.failures
    assert cast.verdicts[State.FAILED] <= ROUNDS // 20, cast.failures
    assert cast.verdicts[State.CONSENTED] > ROUNDS // 20, "too few of the honest were heard"
    assert cast.verdicts[State.EXPIRED] > ROUNDS // 4
    assert still == worker, "the worker did not live through it"
    for was, now in zip(before, after, strict=True):
        assert now.threads <= was.threads, (was, now)
        assert now.descriptors <= was.descriptors, (was, now)
        assert now.children <= was.children, (was, now)
        # The allocator may keep a little more at any one time; a leak of 1 KiB a round would be 800
        # KiB.
        assert now.rss_anon_kib <= was.rss_anon_kib + 512, (was, now)


class Cast:
    """The guests in their parts, and what came of the rounds."""

    def __init__(self, voters: WorkerVoters, honest: list[Guest], crooks: list[Guest]) -> None:
        self.verdicts: Counter[State] = Counter()
        self.failures: Counter[str] = Counter()
        self._voters = voters
        self._honest = honest
        self._crooks = crooks
        self._lock = threading.Lock()

    def take_places(self, modes: tuple[str, ...]) -> None:
        commands = [f"hostile {mode}" for mode in modes]
        with ThreadPoolExecutor(len(modes)) as pool:
            list(pool.map(Guest.hold, self._crooks, commands))

    def ask(self, rounds: int, chance: random.Random) -> None:
        """Asks so many rounds, each of a random part of the guests; in one of twenty a guest is
        paused.
        """
        draws = [self._draw(chance) for _ in range(rounds)]
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(self._round, draws):
                pass

    def _draw(self, chance: random.Random) -> tuple[list[Guest], bool]:
        everybody = self._honest + self._crooks
        asked = chance.sample(everybody, chance.randint(1, len(everybody)))
        return asked, chance.random() < 0.05

    def _round(self, draw: tuple[list[Guest], bool]) -> None:
        asked, pause = draw
        with paused(asked[0]) if pause else paused(None):
            start = time.monotonic()
            # A runner that knows nobody yet, or the crooks would not be waited for after their
            # first silence.
            report = Runner(self._voters).run(request_to(asked, DEADLINE_S, DEADLINE_S))
            took = time.monotonic() - start
        assert took <= DEADLINE_S + GRACE_S, f"{took:.3f} s: {report}"
        self._check(report)
        with self._lock:
            self.verdicts[report.verdict] += 1
            if report.verdict is State.FAILED:
                self.failures[report.failure_code] += 1

    def _check(self, report: RoundReport) -> None:
        crooks = {guest.uuid for guest in self._crooks}
        for voter in report.voters:
            assert voter.voter.id not in crooks or voter.vote is not Vote.CONSENTED, report
            if report.verdict is State.CONSENTED:
                assert voter.vote in (Vote.CONSENTED, Vote.LEFT), report
        assert report.verdict is State.CONSENTED or report.because, report


class paused:  # noqa: N801  reads as a phrase
    """The guest does not run meanwhile; several may want that of one guest at a time."""

    _wanted: Counter[str] = Counter()
    _lock = threading.Lock()

    def __init__(self, guest: Guest | None) -> None:
        self._guest = guest

    def __enter__(self) -> None:
        if self._guest is not None:
            with self._lock:
                self._wanted[self._guest.uuid] += 1
                if self._wanted[self._guest.uuid] == 1:
                    self._guest.domain.suspend()

    def __exit__(self, *_: object) -> None:
        if self._guest is not None:
            with self._lock:
                self._wanted[self._guest.uuid] -= 1
                if self._wanted[self._guest.uuid] == 0:
                    self._guest.domain.resume()
