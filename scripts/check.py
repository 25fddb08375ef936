#!/usr/bin/python3
"""Runs the checks: the stages of STAGES, each with a time limit and a log, then a table and one closing line.

    check.py                    everything
    check.py --only cpp,python  these stages, and those that they need
    check.py --list             the stages

A stage that fails does not stop the others, only those that need it (they are then failed too, as
not run). Light stages run two side by side; one that measures time, or brings up hosts, runs alone.
Each runs in a process group of its own; whatever it leaves behind is ended by its id and named.
Logs: build/check/<stage>.log.

Standard library only: this runs before anything is installed. Linux only (/proc, PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import argparse
import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / "build/check"
PLACES = 2  # light stages side by side; the smallest machine we care for has two cores
TOTAL_LIMIT_S = 86 * 60
PR_SET_CHILD_SUBREAPER = 36

DEV = "build/env/dev/bin/python"
NOVA_OLDER = ("2025.1", "2025.2", "2026.1")
NOVA_NEW = "build/env/nova-2026.2/bin/python"
USED = ("nova-2026.2", "dev", *(f"nova-{release}" for release in NOVA_OLDER))  # environments
ENVIRONMENTS = "/usr/bin/python3 scripts/environments.py"


@dataclass(frozen=True)
class Stage:
    """One stage: a shell command whose exit status says whether it passed."""

    name: str
    what: str
    command: str
    limit_s: int
    needs: tuple[str, ...] = ("bootstrap",)
    alone: bool = False  # for what measures time or takes both cores
    quick: bool = False  # a part of check-quick


def preset(name: str, *targets: str) -> str:
    """Configures and builds a CMake preset, which leaves its programs in build/NAME."""
    only = f" --target {' '.join(targets)}" if targets else ""
    return f"cmake --preset {name} && cmake --build --preset {name}{only}"


STAGES = (
    Stage(
        "bootstrap",
        "packages and environments",
        f"scripts/bootstrap.sh {' '.join(USED)}",
        1500,
        needs=(),
        alone=True,
        quick=True,
    ),
    Stage("format", "clang-format", "scripts/lint.sh format", 120, quick=True),
    Stage("shell", "shellcheck", "scripts/lint.sh shell", 120, quick=True),
    Stage("ruff", "ruff check and format", "scripts/lint.sh ruff", 120, quick=True),
    Stage("graph", "arrows between the parts", "scripts/graph.py", 120, quick=True),
    Stage("house", "tests of the scripts", "tests/house/run.sh", 300, quick=True),
    Stage(
        "cpp", "C++ tests", f"{preset('dev')} && ctest --preset dev", 900, alone=True, quick=True
    ),
    Stage(
        "asan-ubsan",
        "C++ tests, address and undefined",
        f"{preset('asan-ubsan')} && ctest --preset asan-ubsan",
        1200,
        alone=True,
    ),
    Stage(
        "tsan", "C++ tests, threads", f"{preset('tsan')} && ctest --preset tsan", 900, alone=True
    ),
    Stage(
        "fuzz",
        "each fuzz target for 15 s",
        f"{preset('fuzz')} && scripts/fuzz.sh 15",
        900,
        alone=True,
    ),
    Stage("tidy", "clang-tidy", "scripts/lint.sh tidy", 900, alone=True),
    Stage(
        "wheel",
        "the wheel, and this checkout's environments",
        " && ".join(f"{ENVIRONMENTS} checkout {name}" for name in USED),
        900,
        alone=True,
        quick=True,
    ),
    Stage(
        "corpus",
        "expressions against oslo.utils",
        f"{NOVA_NEW} tests/cpp/rules/corpus.py build/dev/tests/cpp/rules/expression_answers",
        600,
        needs=("wheel", "cpp"),
    ),
    Stage("mypy", "mypy --strict", "scripts/lint.sh mypy", 300, needs=("wheel",), quick=True),
    Stage(
        "python", "Python tests", f"{DEV} -m pytest tests/python", 600, needs=("wheel",), quick=True
    ),
    Stage("docs", "documentation, warnings as errors", "scripts/docs.sh", 300, needs=("wheel",)),
    *(
        # Unit tests run on the oldest and the newest: what they test, eventlet and threads apart, is ours.
        Stage(
            f"nova-{release}",
            f"our {'' if release == '2025.1' else 'functional '}tests on Nova {release}",
            f"build/env/nova-{release}/bin/python tests/nova/run.py {release} "
            f"build/env/nova-{release} --suite ours"
            f"{'' if release == '2025.1' else ' --only functional.'}",
            900,
            needs=("wheel",),
            alone=True,
        )
        for release in NOVA_OLDER
    ),
    Stage(
        "nova-2026.2",
        "our tests on Nova 2026.2",
        f"{NOVA_NEW} tests/nova/run.py 2026.2 build/env/nova-2026.2 --suite ours",
        900,
        needs=("wheel",),
        alone=True,
    ),
    Stage(
        "nova-upstream",
        "Nova's own tests, with us on",
        f"{NOVA_NEW} tests/nova/run.py 2026.2 build/env/nova-2026.2 --suite upstream",
        1500,
        needs=("wheel",),
        alone=True,
    ),
    Stage(
        "faults",
        "libvirt faults, real guests",
        f"{NOVA_NEW} tests/lab/faults/run.py",
        1200,
        needs=("wheel",),
        alone=True,
    ),
    Stage(
        "stories",
        "the cloud's stories",
        f"{NOVA_NEW} tests/lab/stories/run.py",
        1500,
        needs=("wheel",),
        alone=True,
    ),
    Stage(
        "readme-host",
        "README's commands for a host",
        f'PATH="$PWD/build/env/nova-2026.2/bin:$PATH" {DEV} tests/house/readme.py host',
        300,
        needs=("wheel",),
    ),
    Stage(
        "readme-cloud",
        "README's commands: the demo and what follows",
        f'PATH="$PWD/build/env/nova-2026.2/bin:$PATH" {DEV} tests/house/readme.py cloud',
        1400,
        needs=("wheel",),
        alone=True,
    ),
)

# Closing lines of the runners that stages use. Where ours stands, it alone counts: it may sum up others'.
OURS = re.compile(
    r"^(?:\w+: )?(?P<passed>\d+) passed, (?P<failed>\d+) failed(?:, \d+ skipped)?$", re.M
)
PYTEST = re.compile(
    r"^(?:=+ )?(?:(?P<failed>\d+) failed, )?(?P<passed>\d+) passed\b.* in [\d.]+s", re.M
)
CTEST = re.compile(
    r"^\d+% tests passed(?:, (?P<failed>\d+) tests failed)? out of (?P<total>\d+)$", re.M
)
STESTR = re.compile(r"^ - (?P<word>Passed|Failed): (?P<count>\d+)$", re.M)

# How the same runners name a test that failed: pytest's short summary and ours; ctest's list.
NAMED = re.compile(r"^(?:(?:FAILED|ERROR) (?P<line>\S.*)|\s+\d+ - (?P<ctest>\S.*\)))$", re.M)
NAMED_AT_MOST = 10


def count_tests(log: str) -> tuple[int, int] | None:
    """(passed, failed) as the runners' closing lines in a log say; None when it has no such line."""
    if ours := list(OURS.finditer(log)):
        return int(ours[-1]["passed"]), int(ours[-1]["failed"])
    if found := list(PYTEST.finditer(log)):
        return sum(int(m["passed"]) for m in found), sum(int(m["failed"] or 0) for m in found)
    if found := list(CTEST.finditer(log)):
        failed = sum(int(m["failed"] or 0) for m in found)
        return sum(int(m["total"]) for m in found) - failed, failed
    if found := list(STESTR.finditer(log)):
        words = {
            word: sum(int(m["count"]) for m in found if m["word"] == word)
            for word in ("Passed", "Failed")
        }
        return words["Passed"], words["Failed"]
    return None


def failed_tests(log: str) -> list[str]:
    """The tests that a log names as failed, with what it says of each; at most NAMED_AT_MOST."""
    found = dict.fromkeys((m["line"] or m["ctest"])[:300] for m in NAMED.finditer(log))
    return list(found)[:NAMED_AT_MOST]


@dataclass
class Run:
    """A stage under way or done."""

    stage: Stage
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    note: str = ""
    notes: list[str] = field(default_factory=list)
    names: list[str] = field(
        default_factory=list
    )  # of the tests that failed, where the log has them

    @property
    def log(self) -> Path:
        return LOGS / f"{self.stage.name}.log"

    @property
    def ok(self) -> bool:
        return self.failed == 0


def stage_environment() -> dict[str, str]:
    """What a stage sees: the system's tools first, no settings of somebody's shell, the same locale everywhere."""
    dropped = (
        "PYTHONPATH",
        "PYTHONHOME",
        "VIRTUAL_ENV",
        "MAKEFLAGS",
        "MAKELEVEL",
        "MFLAGS",
        "ONLY",
    )
    environment = {k: v for k, v in os.environ.items() if k not in dropped}
    environment["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + environment.get("PATH", "")
    environment.update(LC_ALL="C.UTF-8", PYTHONUNBUFFERED="1", CTEST_OUTPUT_ON_FAILURE="1")
    environment.update(
        COLUMNS="300"
    )  # pytest cuts the reasons of its summary to the screen's width
    return environment


def descendants(root: int) -> dict[int, str]:
    """Every living process below `root`: id -> name. As a subreaper we see also those that daemonised."""
    parents: dict[int, list[int]] = {}
    names: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text()
            except OSError:
                continue  # gone meanwhile
            name, rest = (
                text[text.index("(") + 1 : text.rindex(")")],
                text[text.rindex(")") + 2 :].split(),
            )
            if rest[0] != "Z":
                parents.setdefault(int(rest[1]), []).append(int(entry.name))
                names[int(entry.name)] = name
    found: dict[int, str] = {}
    queue = [root]
    while queue:
        for pid in parents.get(queue.pop(), []):
            found[pid] = names[pid]
            queue.append(pid)
    return found


def signal_all(pids: dict[int, str], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def end_descendants(grace_s: float = 10.0) -> dict[int, str]:
    """Ends everything below this process: SIGTERM, then SIGKILL. Returns what was there at first."""
    first = descendants(os.getpid())
    signal_all(first, signal.SIGTERM)
    until = time.monotonic() + grace_s
    while (left := descendants(os.getpid())) and time.monotonic() < until:
        reap_orphans()
        time.sleep(0.1)
    while left := descendants(os.getpid()):  # a killed parent's children appear one round later
        signal_all(left, signal.SIGKILL)
        reap_orphans()
        time.sleep(0.05)
    reap_orphans()
    return first


def reap_orphans(known: set[int] | None = None) -> None:
    """Collects dead children that are not a stage's own process (those are Popen's to wait for)."""
    for entry in Path(f"/proc/self/task/{os.getpid()}").glob("children"):
        for pid in map(int, entry.read_text().split()):
            if pid not in (known or set()):
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def end_group(run: Run, grace_s: float = 20.0) -> None:
    """Ends a stage's process group: SIGTERM (a cloud wants to come down), then SIGKILL."""
    assert run.process is not None
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        try:
            os.killpg(run.process.pid, number)
        except ProcessLookupError:
            return
        try:
            run.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            continue


class Checks:
    """Starts stages as their needs are met, waits for them, tells what came out."""

    def __init__(self, stages: list[Stage], total_limit_s: float = TOTAL_LIMIT_S) -> None:
        self.waiting = list(stages)
        self.running: list[Run] = []
        self.done: dict[str, Run] = {}
        self.started = time.monotonic()
        self.ends = self.started + total_limit_s
        self.total_limit_s = total_limit_s

    def run(self) -> bool:
        while self.waiting or self.running:
            self.fail_unmet()
            while stage := self.startable():
                self.start(stage)
            self.look()
            if self.running:
                time.sleep(0.1)
        return all(run.ok for run in self.done.values())

    def fail_unmet(self) -> None:
        for stage in list(self.waiting):
            broken = [n for n in stage.needs if n in self.done and not self.done[n].ok]
            if broken or time.monotonic() > self.ends:
                self.waiting.remove(stage)
                why = (
                    f"needs {broken[0]}, which failed"
                    if broken
                    else f"no time left of {self.total_limit_s:.0f} s"
                )
                self.finish(Run(stage, failed=1, note=f"not run: {why}"))

    def startable(self) -> Stage | None:
        """The next stage in order that may start now. One that runs alone waits until nothing else does."""
        for stage in self.waiting:
            if all(n in self.done or n not in {s.name for s in STAGES} for n in stage.needs):
                free = (
                    not self.running
                    if stage.alone
                    else (
                        len(self.running) < PLACES and not any(r.stage.alone for r in self.running)
                    )
                )
                if free:
                    self.waiting.remove(stage)
                    return stage
        return None

    def start(self, stage: Stage) -> None:
        run = Run(stage, started=time.monotonic())
        print(f"{self.clock()} {stage.name}: {stage.what} (at most {stage.limit_s} s)", flush=True)
        with run.log.open("wb") as log:
            run.process = subprocess.Popen(
                ["bash", "-o", "pipefail", "-c", stage.command],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env=stage_environment(),
            )
        self.running.append(run)

    def look(self) -> None:
        """Takes in the stages that ended or must end. With none left, whatever they started ends too."""
        for run in list(self.running):
            assert run.process is not None
            if run.process.poll() is None:
                limit = self.limit_passed(run)
                if not limit:
                    continue
                run.notes.append(f"ended at {limit}")
                end_group(run)
            self.running.remove(run)
            run.seconds = time.monotonic() - run.started
            self.judge(run, timed_out=bool(run.notes))
            self.finish(run)
        if not self.running:
            left = end_descendants()
            if left:
                names = ", ".join(f"{name} ({pid})" for pid, name in sorted(left.items())[:8])
                print(
                    f"{self.clock()} ended {len(left)} processes that were left running: {names}",
                    flush=True,
                )
        else:
            reap_orphans({run.process.pid for run in self.running if run.process})

    def limit_passed(self, run: Run) -> str:
        now = time.monotonic()
        if now > self.ends:
            return f"the limit of {self.total_limit_s:.0f} s for all"
        if now > run.started + run.stage.limit_s:
            return f"its limit of {run.stage.limit_s} s"
        return ""

    def judge(self, run: Run, timed_out: bool) -> None:
        """Counts a stage: one without a runner's closing line as one test; one that ran none failed."""
        assert run.process is not None
        good = run.process.returncode == 0 and not timed_out
        counted = count_tests(run.log.read_text(errors="replace"))
        run.passed, run.failed = counted or ((1, 0) if good else (0, 1))
        if not good and run.failed == 0:
            run.failed = 1
            if not timed_out:
                run.notes.append(f"exit status {run.process.returncode}")
        if good and run.passed == 0:
            run.failed = max(run.failed, 1)
            run.notes.append("ran no test")
        run.note = ", ".join(run.notes)
        if not run.ok:
            run.names = failed_tests(run.log.read_text(errors="replace"))

    def finish(self, run: Run) -> None:
        self.done[run.stage.name] = run
        word = "passed" if run.ok else "FAILED"
        counts = f"{run.passed} passed, {run.failed} failed"
        detail = f": {run.note}" if run.note else ""
        print(
            f"{self.clock()} {run.stage.name}: {word} in {run.seconds:.0f} s, {counts}{detail}",
            flush=True,
        )
        if not run.ok and run.process is not None:
            lines = run.log.read_text(errors="replace").splitlines()[-40:]
            print("\n".join(f"    | {line[:300]}" for line in lines))
            print(f"    whole log: {run.log.relative_to(ROOT)}", flush=True)

    def stop(self) -> None:
        """On Ctrl-C or SIGTERM: nothing of ours stays behind."""
        for run in self.running:
            end_group(run)
        end_descendants()

    def clock(self) -> str:
        seconds = int(time.monotonic() - self.started)
        return f"[{seconds // 60:3d}:{seconds % 60:02d}]"

    def summary(self) -> None:
        print(f"\n{'stage':<16}{'seconds':>8}{'passed':>8}{'failed':>8}")
        for run in self.done.values():
            print(
                f"{run.stage.name:<16}{run.seconds:>8.0f}{run.passed:>8}{run.failed:>8}  {run.note}".rstrip()
            )
        seconds = time.monotonic() - self.started
        print(
            f"{len(self.done)} stages in {seconds / 60:.1f} minutes; logs in {LOGS.relative_to(ROOT)}\n"
        )
        # Once more at the very end: often the last lines are all that somebody gets to see.
        for run in self.done.values():
            for name in run.names:
                print(f"FAILED in {run.stage.name}: {name}")
        passed, failed = (
            sum(r.passed for r in self.done.values()),
            sum(r.failed for r in self.done.values()),
        )
        print(f"{passed} passed, {failed} failed", flush=True)


def chosen(names: list[str]) -> list[Stage]:
    """The named stages and all that they need, in order. Raises KeyError for a name that is none."""
    by_name = {stage.name: stage for stage in STAGES}
    wanted: set[str] = set()
    queue = list(names)
    while queue:
        stage = by_name[queue.pop()]
        if stage.name not in wanted:
            wanted.add(stage.name)
            queue.extend(stage.needs)
    return [stage for stage in STAGES if stage.name in wanted]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", default="", metavar="STAGE,...", help="these stages and what they need"
    )
    parser.add_argument("--quick", action="store_true", help="the stages of check-quick")
    parser.add_argument("--list", action="store_true", help="name the stages and stop")
    arguments = parser.parse_args()
    if arguments.list:
        for stage in STAGES:
            print(f"{stage.name:<16}{'quick ' if stage.quick else '':<6}{stage.what}")
        return 0
    try:
        names = [name for name in arguments.only.split(",") if name]
        stages = chosen(names) if names else [s for s in STAGES if s.quick or not arguments.quick]
    except KeyError as error:
        parser.error(f"no stage {error}; --list names them")
    if shutil.which("bash") is None:
        parser.error("bash is needed")
    LOGS.mkdir(parents=True, exist_ok=True)
    alone = (LOGS / "lock").open("w")  # held until this process ends
    try:
        fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("check: another check runs in this checkout", file=sys.stderr)
        return 2
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    checks = Checks(stages)

    def stop(number: int, _frame: object) -> None:
        raise KeyboardInterrupt(signal.Signals(number).name)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)
    # A shell starts what it runs in the background deaf to SIGINT, and stages would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        good = checks.run()
    except KeyboardInterrupt:
        print("\ncheck: interrupted; ending what runs", flush=True)
        checks.stop()
        return 130
    checks.summary()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
