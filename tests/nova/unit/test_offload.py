"""Waiting without stopping nova-compute."""

from __future__ import annotations

import threading
import time
from unittest import mock

import testtools
from nova import utils

from nova_consent.offload import TooSlowError, offload, within


class Blocking:
    def run(self, seconds: float) -> float:
        # Sleeps outside Python's own sleep, which eventlet patches: as a call into C++ does.
        import select

        poll = getattr(select, "poll", None)
        if hasattr(utils, "tpool_execute"):
            from eventlet.patcher import original

            original("time").sleep(seconds)
        else:
            assert poll
            time.sleep(seconds)
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

    def test_within_gives_up_in_time(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        began = time.monotonic()
        self.assertRaises(TooSlowError, within, 0.1, lambda: release.wait(30))
        self.assertLess(time.monotonic() - began, 2.0)
