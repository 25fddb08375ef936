"""Waiting without stopping nova-compute."""

from __future__ import annotations

import ctypes
import threading
import time
from unittest import mock

import testtools
from oslo_context import context as oslo_context

from nova_consent.offload import MAX_READS, TooSlowError, offload, within


class Blocking:
    def run(self, seconds: float) -> float:
        # Outside Python's own sleep, which eventlet patches, and without the GIL: as C++ does.
        ctypes.CDLL(None).usleep(int(seconds * 1e6))
        return seconds


class OffloadTest(testtools.TestCase):
    def test_others_go_on_while_it_blocks(self) -> None:
        ticks = []
        stop = threading.Event()

        def tick() -> None:
            while not stop.is_set():
                ticks.append(time.monotonic())
                time.sleep(0.01)

        thread = threading.Thread(target=tick)
        thread.start()
        before = len(ticks)
        self.assertEqual(0.3, offload(Blocking(), "run", 0.3))
        during = len(ticks) - before
        stop.set()
        thread.join()
        self.assertGreater(during, 5)

    def test_what_it_raises_comes_back(self) -> None:
        target = mock.Mock()
        target.run.side_effect = KeyError("x")
        self.assertRaises(KeyError, offload, target, "run")

    def test_within_returns_or_raises_what_the_call_does(self) -> None:
        self.assertEqual(3, within(5.0, lambda: 3))
        self.assertRaises(ZeroDivisionError, within, 5.0, lambda: 1 // 0)

    def test_within_takes_the_context_along(self) -> None:
        mine = oslo_context.RequestContext(request_id="req-of-mine")
        mine.update_store()
        self.assertEqual("req-of-mine", within(5.0, lambda: oslo_context.get_current().request_id))

    def test_an_exit_in_the_call_is_not_the_callers(self) -> None:
        def leave() -> None:
            raise SystemExit(1)

        self.assertRaises(RuntimeError, within, 5.0, leave)

    def test_calls_that_nobody_waits_for_do_not_add_up(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        for _ in range(MAX_READS):
            self.assertRaises(TooSlowError, within, 0.001, lambda: release.wait(30))
        error = self.assertRaises(TooSlowError, within, 0.05, lambda: 1)
        self.assertIn(f"{MAX_READS} reads", str(error))
        release.set()
        self.assertEqual(1, within(5.0, lambda: 1))

    def test_within_gives_up_in_time(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        began = time.monotonic()
        self.assertRaises(TooSlowError, within, 0.1, lambda: release.wait(30))
        self.assertLess(time.monotonic() - began, 2.0)
