"""Rounds through a child process: the real consent-worker, and a scripted one for its faults."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consent_core import (
    InquiryError,
    MemoryVoters,
    RequestError,
    RuleSet,
    Runner,
    State,
    Vote,
    WorkerVoters,
)
from scripted import request
from test_runner_threads import in_child

Make = Callable[[str], WorkerVoters]


def gone(pid: int) -> bool:
    """Whether no process has this id: reaped, not merely dead."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_the_real_worker_asks_libvirt() -> None:
    """libvirt's test driver runs one domain, which has no agent: nobody is asked."""
    with WorkerVoters(uri="test:///default") as voters:
        assert voters.pid is None
        report = Runner(voters).run(request(voter_deadline_s=5.0, round_deadline_s=10.0))
        assert (report.verdict, report.voters) == (State.CONSENTED, ()), report
        pid = voters.pid
        assert pid is not None
        assert Path(f"/proc/{pid}/exe").resolve().name == "consent-worker"
    assert gone(pid)
    assert voters.pid is None


def test_the_real_worker_reports_that_libvirt_cannot_be_reached() -> None:
    with WorkerVoters(uri="qemu+unix:///system?socket=/nonexistent/libvirt-sock") as voters:
        report = Runner(voters).run(request(voter_deadline_s=2.0, round_deadline_s=3.0))
    assert (report.verdict, report.failure_code) == (State.FAILED, "libvirt"), report


def test_one_worker_serves_all_rounds(fake_worker: Make) -> None:
    voters = fake_worker("consent")
    runner = Runner(voters)
    pids = set()
    for _ in range(3):
        report = runner.run(request())
        assert report.verdict is State.CONSENTED, report
        assert [each.vote for each in report.voters] == [Vote.CONSENTED] * 3
        pids.add(voters.pid)
    assert len(pids) == 1


def test_agents_say_their_rules(fake_worker: Make) -> None:
    voters = fake_worker("consent")
    said = voters.policies(["id-0", "id-1", "id-2"], 2.0)
    assert said == {"id-0": '[{"name": "é", "answer": "refuse"}]'}
    assert len(RuleSet.parse(said["id-0"], "agent")) == 1


def test_a_worker_that_dies_while_agents_say_their_rules_is_an_error(fake_worker: Make) -> None:
    with pytest.raises(InquiryError) as caught:
        fake_worker("die").policies(["id-0"], 2.0)
    assert caught.value.failure_code == "worker_lost"
    assert str(caught.value).startswith("worker_lost: ")
    assert caught.value.why


def test_agents_are_asked_within_bounds_alone(fake_worker: Make) -> None:
    voters = fake_worker("consent")
    for uuids, deadline_s in ((["x"] * 4097, 1.0), (["x" * 256], 1.0), ([], 0.0), ([], 61.0)):
        with pytest.raises(RequestError):
            voters.policies(uuids, deadline_s)
    assert voters.pid is None


def test_a_refusal_comes_through(fake_worker: Make) -> None:
    report = Runner(fake_worker("refuse")).run(request())
    assert (report.verdict, report.decided_by) == (State.REFUSED, 1), report
    assert report.because == "licensed to this host"


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        ("stuck", "worker_timeout"),
        ("deaf", "worker_timeout"),
        ("die", "worker_lost"),
        ("lie", "worker_protocol"),
    ],
)
def test_a_worker_that_fails_is_never_a_consent(
    fake_worker: Make, behaviour: str, code: str
) -> None:
    voters = fake_worker(behaviour)
    begun = time.monotonic()
    report = Runner(voters).run(request(voter_deadline_s=0.3, round_deadline_s=0.6))
    assert time.monotonic() - begun < 0.6 + 0.5
    assert (report.verdict, report.failure_code) == (State.FAILED, code), report


def test_the_round_after_a_loss_starts_another_worker(fake_worker: Make) -> None:
    voters = fake_worker("consent")
    runner = Runner(voters)
    runner.run(request())
    first = voters.pid
    assert first is not None
    os.kill(first, 9)
    deadline = time.monotonic() + 5
    while voters.pid == first and time.monotonic() < deadline:
        time.sleep(0.01)
    assert runner.run(request()).verdict is State.CONSENTED
    assert voters.pid not in (None, first)
    assert gone(first)


def test_a_program_that_is_not_there_is_our_failure(tmp_path: Path) -> None:
    with WorkerVoters(tmp_path / "none") as voters:
        report = Runner(voters).run(request())
    assert (report.verdict, report.failure_code) == (State.FAILED, "worker_lost"), report


def test_the_last_reference_ends_the_worker(fake_worker: Make, tmp_path: Path) -> None:
    voters = WorkerVoters(tmp_path / "fake-worker", "consent")
    runner = Runner(voters)
    runner.run(request())
    pid = voters.pid
    assert pid is not None
    del voters
    assert not gone(pid)  # the runner keeps it
    del runner
    gc.collect()
    assert gone(pid)


def test_a_forked_child_starts_its_own_worker(fake_worker: Make, tmp_path: Path) -> None:
    work = f"""
import os
from scripted import request
from consent_core import Runner, State, WorkerVoters
voters = WorkerVoters({str(tmp_path / "fake-worker")!r}, "consent")
runner = Runner(voters)
assert runner.run(request(2.0)).verdict is State.CONSENTED
mine = voters.pid
child = os.fork()
if child == 0:
    none = voters.pid is None
    verdict = runner.run(request(2.0)).verdict
    own = voters.pid
    voters.close()
    os._exit(0 if none and verdict is State.CONSENTED and own not in (None, mine) else 1)
_, status = os.waitpid(child, 0)
assert status == 0, status
assert voters.pid == mine
assert runner.run(request(2.0)).verdict is State.CONSENTED
assert voters.pid == mine
voters.close()
"""
    assert in_child(work) == 0


def counts() -> tuple[int, int]:
    """Descriptors and threads of this process."""
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))


def test_a_thousand_rounds_leave_nothing_behind(fake_worker: Make) -> None:
    """Through one worker, with consents, refusals and silence mixed in."""
    before = counts()
    consenting = fake_worker("consent")
    refusing = fake_worker("refuse")
    silent = MemoryVoters(default=None)
    runners = [Runner(each) for each in (consenting, refusing, silent)]
    runners[0].run(request(2.0))
    runners[1].run(request(2.0))
    during = counts()
    verdicts = [runners[number % 3].run(request(2.0)).verdict for number in range(1000)]
    assert counts() == during
    assert set(verdicts[0::3]) == {State.CONSENTED}
    assert set(verdicts[1::3]) == {State.REFUSED}
    consenting.close()
    refusing.close()
    assert counts() == before
