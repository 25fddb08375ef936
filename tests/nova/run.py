#!/usr/bin/env python3
"""Runs the plugin's tests on one Nova release, and Nova's own suites with the plugin in place.

    tests/nova/run.py RELEASE VENV [--suite ours|upstream|plain] [--only TEXT] [--record]

RELEASE: 2025.1, 2025.2, 2026.1 (nova-compute on eventlet) or 2026.2 (on threads). VENV: where that
release's nova, its test requirements and this project's wheel are installed.

    ours       tests/nova/{unit,functional}
    upstream   Nova's own suites, with ConsentFilter enabled, and with ConsentLibvirtDriver in mode
               enforce in those on libvirt. Expected: every test that passes without the plugin
               passes with it. Which these are stands in upstream-RELEASE.txt
    plain      the same suites without the plugin; --record writes that file anew

Prints what it does and ends with a line "N passed, N failed"; exits 1 when a test failed, was lost
or when none ran. Must not import Nova: launch.py does, in a process for each test class, two at a
time.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
JOBS = 2
RELEASES = ("2025.1", "2025.2", "2026.1", "2026.2")
ON_THREADS = ("2026.2",)  # nova-compute's own choice where nobody tells it otherwise
STALL_S = 200  # longer than OS_TEST_TIMEOUT, at which a test fails by itself

# On threads, two of Nova's test fixtures wait for each other now and then, without the plugin too
# (measured: 1 in 8 runs of one class): nova/tests/fixtures/nova.py, CellDatabases, whose lock is
# fasteners'. Only where a process that is stuck shows a thread at that lock, as a writer or, the
# writer having gone, as a reader, are its lost tests run once more.
NOVAS_DEADLOCK = (
    ("in _acquire_write_lock", "in set_last_ctxt_mgr"),
    ("in _acquire_read_lock", "in _wrap_get_context_manager"),
)

# On libvirt, so that the driver can be in place; its voters are in memory, as libvirt is.
ON_LIBVIRT = (
    "nova.tests.functional.libvirt.test_live_migration",
    "nova.tests.functional.libvirt.test_numa_live_migration",
)
# These run drivers of their own that only pretend: only the filter can be in place.
ON_FAKE_DRIVERS = (
    "nova.tests.functional.compute.test_live_migration",
    "nova.tests.functional.test_server_group",
)


def environment(release: str) -> dict[str, str]:
    """The environment of Nova's tests, as Nova's tox.ini has it."""
    return {
        **os.environ,
        # As that release's nova-compute runs, which its tests would not always without being told.
        "OS_NOVA_DISABLE_EVENTLET_PATCHING": "true" if release in ON_THREADS else "false",
        "OS_STDOUT_CAPTURE": "1",
        "OS_STDERR_CAPTURE": "1",
        "OS_TEST_TIMEOUT": "160",
        "PYTHONDONTWRITEBYTECODE": "1",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(
            [str(HERE), *filter(None, [os.environ.get("PYTHONPATH", "")])]
        ),
    }


def link_etc(python: Path) -> None:
    """Puts etc/ beside the packages, where nova.tests looks for api-paste.ini."""
    code = "import nova, os; print(os.path.dirname(os.path.dirname(nova.__file__)))"
    packages = Path(subprocess.check_output([python, "-c", code], text=True).strip())
    if not (packages / "etc").exists():
        (packages / "etc").symlink_to(packages.parents[2] / "etc")


def list_tests(python: Path, release: str, modules: list[str]) -> list[str]:
    """The ids of all tests in the modules."""
    command = [python, HERE / "launch.py", "--list", *modules]
    listed = subprocess.run(
        command, env=environment(release), capture_output=True, text=True, timeout=120, check=False
    )
    if listed.returncode != 0:
        sys.exit(f"tests/nova: cannot import the tests\n{listed.stdout}{listed.stderr}")
    lines = listed.stdout.splitlines()
    return [line.removeprefix("TEST ") for line in lines if line.startswith("TEST ")]


def by_class(tests: list[str]) -> list[list[str]]:
    """The tests of each class together."""
    classes: dict[str, list[str]] = collections.defaultdict(list)
    for test in tests:
        classes[test.split("(")[0].rpartition(".")[0]].append(test)
    return list(classes.values())


def run_process(python: Path, release: str, tests: list[str], flags: list[str]) -> dict[str, dict]:
    """The outcome of each test by its id, of one process; a test that it lost is `lost`.

    A process in which no test ends for STALL_S is ended; its log holds then what each of its
    threads was at.
    """
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report"
        report.touch()
        command = [python, HERE / "launch.py", "--report", report, *flags, *tests]
        with (Path(folder) / "log").open("w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                command,
                env=environment(release),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
            why = "its process ended before it"
            size, heard = 0, time.monotonic()
            while True:
                try:
                    process.wait(timeout=2)
                    break
                except subprocess.TimeoutExpired:
                    now = time.monotonic()
                    if report.stat().st_size != size:
                        size, heard = report.stat().st_size, now
                    elif now - heard > STALL_S:
                        why = f"no test ended within {STALL_S} s"
                        process.send_signal(signal.SIGABRT)  # has faulthandler tell
                        process.wait(timeout=30)
                        break
            log.seek(0)
            details = f"{why}\n{log.read()[-200_000:]}"
        lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    outcomes: dict[str, dict] = {}
    for line in lines:
        # A second line for one test is a clean-up that failed.
        if line["id"] not in outcomes or line["outcome"] == "failed":
            outcomes[line["id"]] = line
    for test in tests:
        outcomes.setdefault(test, {"outcome": "lost", "details": details})
    return outcomes


def run_class(python: Path, release: str, tests: list[str], flags: list[str]) -> dict[str, dict]:
    """The outcome of each test of a class by its id; a test that its process lost has failed."""
    name = tests[0].rpartition(".")[0]
    began = time.monotonic()
    outcomes = run_process(python, release, tests, flags)
    lost = {test: o for test, o in outcomes.items() if o["outcome"] == "lost"}
    details = next(iter(lost.values()))["details"] if lost else ""
    if any(all(line in details for line in lines) for lines in NOVAS_DEADLOCK):
        print(f"  once more, after a deadlock in Nova's fixture of cells: {name}", flush=True)
        outcomes.update(run_process(python, release, list(lost), flags))
    for outcome in outcomes.values():
        if outcome["outcome"] == "lost":
            outcome.update(outcome="failed", details=outcome["details"][-8000:])
    passed = sum(outcome["outcome"] == "passed" for outcome in outcomes.values())
    print(f"  {passed:3}/{len(outcomes)} {time.monotonic() - began:5.1f} s  {name}", flush=True)
    return outcomes


def run_all(python: Path, release: str, jobs: list[tuple[list[str], list[str]]]) -> dict[str, dict]:
    """Runs jobs (tests of one class, flags of launch.py), the largest first, JOBS at a time."""
    outcomes: dict[str, dict] = {}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        futures = [
            pool.submit(run_class, python, release, tests, flags)
            for tests, flags in sorted(jobs, key=lambda job: -len(job[0]))
        ]
        for future in futures:
            outcomes.update(future.result())
    return outcomes


def our_modules() -> list[str]:
    """The modules of our own tests, as importable from this folder."""
    files = sorted([*HERE.glob("unit/test_*.py"), *HERE.glob("functional/test_*.py")])
    return [f"{file.parent.name}.{file.stem}" for file in files]


def main() -> int:
    """See the top of the file."""
    parser = argparse.ArgumentParser(description="Runs the plugin's tests on one Nova release.")
    parser.add_argument("release", choices=RELEASES)
    parser.add_argument("venv", type=Path)
    parser.add_argument("--suite", choices=["ours", "upstream", "plain"], default="ours")
    parser.add_argument("--only", default="", help="only tests whose id holds this text")
    parser.add_argument("--record", action="store_true", help="with --suite plain")
    arguments = parser.parse_args()
    python = (arguments.venv / "bin" / "python").absolute()
    if not python.exists():
        sys.exit(f"tests/nova: no Python in {arguments.venv}: give a venv with Nova installed")
    expected_file = HERE / f"upstream-{arguments.release}.txt"
    began = time.monotonic()
    link_etc(python)

    print(f"{arguments.suite} tests on Nova {arguments.release}", flush=True)
    jobs: list[tuple[list[str], list[str]]] = []
    if arguments.suite == "ours":
        groups = [(our_modules(), [])]
    else:
        on_libvirt, on_fakes = ["--filter", "--driver"], ["--filter"]
        if arguments.suite == "plain":
            on_libvirt, on_fakes = [], []
        groups = [(list(ON_LIBVIRT), on_libvirt), (list(ON_FAKE_DRIVERS), on_fakes)]
    for modules, flags in groups:
        tests = [t for t in list_tests(python, arguments.release, modules) if arguments.only in t]
        jobs += [(tests_of_class, flags) for tests_of_class in by_class(tests)]
    outcomes = run_all(python, arguments.release, jobs)

    if arguments.suite == "plain" and arguments.record:
        passing = sorted(t for t, outcome in outcomes.items() if outcome["outcome"] == "passed")
        expected_file.write_text(
            f"# Tests of Nova {arguments.release} that pass without the plugin. Made anew by\n"
            f"#   tests/nova/run.py {arguments.release} VENV --suite plain --record\n"
            + "".join(f"{test}\n" for test in passing),
            encoding="utf-8",
        )
    if arguments.suite == "upstream":
        lines = expected_file.read_text(encoding="utf-8").splitlines()
        expected = {line for line in lines if line and not line.startswith("#")}
        expected = {test for test in expected if arguments.only in test}
        for test in expected - outcomes.keys():
            outcomes[test] = {"outcome": "failed", "details": "expected to run; it did not"}
        # A test that does not pass without the plugin says nothing about the plugin.
        outcomes = {test: outcomes[test] for test in expected}

    failed = {t: o for t, o in outcomes.items() if o["outcome"] == "failed"}
    missed = {t: o for t, o in outcomes.items() if o["outcome"] == "skipped"}
    if arguments.suite == "upstream":
        failed |= missed
    for test, outcome in sorted(failed.items()):
        print(f"\nFAILED {test}\n{outcome['details']}")
    for test, outcome in sorted(missed.items()):
        print(f"skipped {test}: {outcome['details']}")
    passed = sum(outcome["outcome"] == "passed" for outcome in outcomes.values())
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {len(failed)} failed", flush=True)
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
