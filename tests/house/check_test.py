"""The check runner tells the truth: it counts what ran, fails what failed, leaves nothing running.

Knows scripts/check.py as a module and as a process group; starts real shells, no fakes.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("check", ROOT / "scripts/check.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["check"] = module
    spec.loader.exec_module(module)
    return module


check = load()


@pytest.mark.parametrize(
    ("log", "counted"),
    [
        ("====== 12 passed, 2 skipped in 3.21s ======", (12, 0)),
        ("1 failed, 5 passed in 0.10s", (5, 1)),
        ("100% tests passed, 0 tests failed out of 31\n", (31, 0)),
        ("100% tests passed out of 31\n", (31, 0)),
        ("97% tests passed, 1 tests failed out of 31\n", (30, 1)),
        (" - Passed: 20\n - Failed: 2\n...\n - Passed: 2\n - Failed: 0\n", (22, 2)),
        ("5 passed in 1.0s\n7 passed, 1 failed\n", (7, 1)),
        ("compiled 12 files", None),
    ],
)
def test_it_reads_the_runners_closing_lines(log: str, counted: tuple[int, int] | None) -> None:
    assert check.count_tests(log) == counted


@pytest.mark.parametrize(
    ("log", "names"),
    [
        (
            "FAILED test_a.py::test_x - assert 1 == 2\nERROR test_b.py - OSError\n1 failed in 0.1s",
            ["test_a.py::test_x - assert 1 == 2", "test_b.py - OSError"],
        ),
        (
            "The following tests FAILED:\n\t  3 - grants expire (Failed)\n\t 12 - floods (Timeout)\n",
            ["grants expire (Failed)", "floods (Timeout)"],
        ),
        ("\nFAILED unit.test_gate.Deadline.test_x\nTraceback", ["unit.test_gate.Deadline.test_x"]),
        ("12 passed in 0.2s", []),
    ],
)
def test_it_finds_the_names_of_what_failed(log: str, names: list[str]) -> None:
    assert check.failed_tests(log) == names


PROGRAM = """
import sys, pathlib
sys.path.insert(0, {scripts!r})
import check
check.LOGS = pathlib.Path({logs!r})
check.ROOT = check.LOGS
check.STAGES = tuple(check.Stage(n, n, c, s, needs=d, alone=a) for n, c, s, d, a in {stages!r})
sys.argv = ["check.py", *{arguments!r}]
sys.exit(check.main())
"""

Row = tuple[str, str, int, tuple[str, ...], bool]


def start(logs: Path, stages: list[Row], *arguments: str) -> subprocess.Popen[str]:
    program = PROGRAM.format(
        scripts=str(ROOT / "scripts"), logs=str(logs), stages=stages, arguments=arguments
    )
    return subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)


def run(logs: Path, stages: list[Row], *arguments: str) -> tuple[int, str]:
    process = start(logs, stages, *arguments)
    out, _ = process.communicate(timeout=60)
    return process.returncode, out


def alive(pid_file: Path) -> bool:
    return Path(f"/proc/{pid_file.read_text().strip()}").exists()


def test_it_sums_the_stages_and_ends_with_the_plain_line(tmp_path: Path) -> None:
    status, out = run(
        tmp_path, [("a", "echo 3 passed, 0 failed", 9, (), False), ("b", "true", 9, ("a",), True)]
    )
    assert status == 0
    assert out.splitlines()[-1] == "4 passed, 0 failed"


def test_a_failure_stops_only_what_needs_it(tmp_path: Path) -> None:
    status, out = run(
        tmp_path,
        [
            ("a", "echo broken here; exit 3", 9, (), False),
            ("b", "true", 9, ("a",), False),
            ("c", "true", 9, (), True),
        ],
    )
    assert status == 1
    assert "broken here" in out
    assert "not run: needs a, which failed" in out
    assert out.splitlines()[-1] == "1 passed, 2 failed"


def test_the_last_lines_name_the_tests_that_failed(tmp_path: Path) -> None:
    log = "echo FAILED test_x.py::test_y - assert 8 == 9; echo 1 failed, 2 passed in 0.1s; exit 1"
    status, out = run(tmp_path, [("a", log, 9, (), False)])
    assert status == 1
    assert out.splitlines()[-2:] == [
        "FAILED in a: test_x.py::test_y - assert 8 == 9",
        "2 passed, 1 failed",
    ]


def test_a_good_exit_without_a_test_is_a_failure(tmp_path: Path) -> None:
    status, out = run(tmp_path, [("a", "echo 0 passed, 0 failed", 9, (), False)])
    assert status == 1
    assert "ran no test" in out


def test_only_brings_along_what_is_needed(tmp_path: Path) -> None:
    rows: list[Row] = [
        ("a", "true", 9, (), False),
        ("b", "true", 9, ("a",), False),
        ("c", "false", 9, (), False),
    ]
    status, out = run(tmp_path, rows, "--only", "b")
    assert status == 0
    assert out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_stage_over_its_limit_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    # A child that left the stage's session and does not listen to SIGTERM: as good as a daemon.
    loop = "trap '' TERM; echo $$ > stray; while :; do sleep 1; done"
    stray = f'setsid bash -c "{loop}" & disown; sleep 60'.replace("$$", "\\$\\$")
    status, out = run(tmp_path, [("a", stray, 2, (), True), ("b", "true", 9, (), True)])
    assert status == 1
    assert "ended at its limit of 2 s" in out
    assert "left running" in out
    assert out.splitlines()[-1] == "1 passed, 1 failed"
    assert not alive(tmp_path / "stray")


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path) -> None:
    ready = tmp_path / "pid"
    os.mkfifo(tmp_path / "up")
    stage = "setsid --wait bash -c 'echo $$ > pid; echo up > up; sleep 60'"
    process = start(tmp_path, [("a", stage, 50, (), True)])
    (tmp_path / "up").read_text()
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    process.communicate(timeout=40)
    assert process.returncode == 130
    assert time.monotonic() - began < 35
    assert not alive(ready)


def test_two_checks_in_one_checkout_do_not_meet(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "up")
    os.mkfifo(tmp_path / "go")
    process = start(tmp_path, [("a", "echo up > up; cat go", 50, (), True)])
    (tmp_path / "up").read_text()
    status, _ = run(tmp_path, [("b", "true", 9, (), True)])
    assert status == 2
    (tmp_path / "go").write_text("")
    process.communicate(timeout=30)
    assert process.returncode == 0
