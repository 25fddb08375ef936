"""Runs Nova tests in this process and reports each outcome; run.py starts one such process a class.

Nova's functional tests leave threads behind, hundreds on 2026.2, so a process that ran them all
would end slower and slower, and at last not at all. This one ends without waiting for them.

    launch.py --list MODULE...                 the tests of modules, one line "TEST id" each
    launch.py --report FILE [--filter] [--driver] TEST...

--filter and --driver put the plugin under tests that know nothing of it: ConsentFilter among the
enabled filters, ConsentLibvirtDriver (mode enforce, voters in memory, all of whom consent) where a
test asks for libvirt's driver. Must not know which tests there are.
"""

from __future__ import annotations

import argparse
import faulthandler
import importlib
import json
import os
import sys
import time
import unittest
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Outcomes(unittest.TestResult):
    """Writes one JSON line a test: id, outcome (passed, failed, skipped), seconds, details."""

    def __init__(self, report: Path) -> None:
        super().__init__()
        self._report = report
        self._began: dict[str, float] = {}

    def startTest(self, test: unittest.TestCase) -> None:  # noqa: N802  unittest's name
        self._began[test.id()] = time.monotonic()
        super().startTest(test)

    def addSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._write(test, "passed", "")

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self._write(test, "skipped", reason)

    def addError(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self._write(test, "failed", self._exc_info_to_string(err, test))  # type: ignore[attr-defined]

    addFailure = addError  # noqa: N815

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self._write(test, "passed", "")

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self._write(test, "failed", "passed, where it is expected to fail")

    def _write(self, test: unittest.TestCase, outcome: str, details: str) -> None:
        # Nova's captured log comes before the traceback and is longer by far.
        details = details.rpartition("\n}}}\n")[2]
        taken_s = time.monotonic() - self._began.get(test.id(), time.monotonic())
        line = {
            "id": test.id(),
            "outcome": outcome,
            "s": round(taken_s, 1),
            "details": details[-6000:],
        }
        with self._report.open("a", encoding="utf-8") as report:
            report.write(json.dumps(line) + "\n")


def each_test(suite: unittest.TestSuite) -> Iterator[unittest.TestCase]:
    """The single tests of a suite, in order."""
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from each_test(item)
        else:
            yield item


def put_plugin(with_filter: bool, with_driver: bool) -> None:
    """Puts the plugin under tests that know nothing of it, by way of Nova's own test bases."""
    import nova.conf
    from nova import test
    from nova.tests.functional.libvirt import base

    import nova_consent.driver
    from consent_core import MemoryVoters, Voter
    from nova_consent.cmd import make_driver_known
    from nova_consent.conf import OPTIONS

    if with_filter:
        original = test.TestCase.start_service

        def start_service(self: Any, name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "scheduler":
                group = nova.conf.CONF.filter_scheduler
                if "ConsentFilter" not in group.enabled_filters:
                    self.flags(
                        available_filters=[
                            *group.available_filters,
                            "nova_consent.filters.ConsentFilter",
                        ],
                        enabled_filters=[*group.enabled_filters, "ConsentFilter"],
                        group="filter_scheduler",
                    )
            return original(self, name, *args, **kwargs)

        test.TestCase.start_service = start_service

    if with_driver:
        make_driver_known()
        nova.conf.CONF.register_opts(OPTIONS, "consent")
        neighbours = [Voter(f"00000000-0000-4000-8000-00000000000{n}", f"n{n}") for n in range(3)]
        nova_consent.driver.open_voters = lambda *_: MemoryVoters(neighbours)

        def setup_compute_service(self: Any) -> None:
            self.flags(compute_driver="consent.ConsentLibvirtDriver")
            self.flags(mode="enforce", host_file="/nonexistent/host.yaml", group="consent")

        base.ServersTestBase._setup_compute_service = setup_compute_service


def main() -> None:
    """See the top of the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", type=Path)
    parser.add_argument("--filter", action="store_true")
    parser.add_argument("--driver", action="store_true")
    parser.add_argument("names", nargs="+")
    arguments = parser.parse_args()
    faulthandler.enable()  # run.py ends a process that is stuck by SIGABRT
    # Nova reads the command line for its own options when its tests are imported.
    sys.argv[1:] = []

    # Before all else, where eventlet is used: the import does in 2025.1, the call from 2025.2 on.
    monkey_patch = importlib.import_module("nova.monkey_patch")
    getattr(monkey_patch, "patch", lambda: None)()
    loader = unittest.defaultTestLoader
    if arguments.filter or arguments.driver:
        put_plugin(arguments.filter, arguments.driver)
    suite = unittest.TestSuite(loader.loadTestsFromName(name) for name in arguments.names)
    if arguments.list:
        ids = [test.id() for test in each_test(suite)]
        # Importing Nova's tests may print as well.
        print("\n".join(f"TEST {each}" for each in ids), flush=True)
        os._exit(1 if loader.errors else 0)
    suite.run(Outcomes(arguments.report))
    os._exit(0)


if __name__ == "__main__":
    main()
