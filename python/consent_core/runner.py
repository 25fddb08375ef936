"""Runs rounds: asks every voter at once and waits for the verdict. Must not know modes or Nova.

Source: cpp/include/consent/runner.hpp.
"""

from __future__ import annotations

from collections.abc import Callable

from consent_core import _native
from consent_core.events import InquiryEvent, event_from_native
from consent_core.ledger import MemoryLedger
from consent_core.reports import RoundReport, report_from_native
from consent_core.rounds import RoundRequest
from consent_core.voters import Voters

Progress = Callable[[InquiryEvent], None]
"""Told of each event as it comes, in the thread that called run(), with the GIL."""


class Runner:
    """Runs the rounds of one host.

    Threads: safe for use by several at once. Fork: the child's Runner works, and has none of its
    parent's rounds.
    """

    def __init__(
        self, voters: Voters, ledger: MemoryLedger | None = None, max_rounds: int = 8
    ) -> None:
        """Starts nothing yet.

        Args:
            voters: whom the rounds ask.
            ledger: where grants go; None: one of its own.
            max_rounds: rounds under way at once, 1 to 1024; others wait for a place within their
                own deadline.

        Raises:
            RequestError: `max_rounds` is out of range.
        """
        self._ledger = MemoryLedger() if ledger is None else ledger
        self._native = _native.Runner(voters._port, self._ledger._native, max_rounds)

    @property
    def ledger(self) -> MemoryLedger:
        """Where grants go."""
        return self._ledger

    def run(self, request: RoundRequest, progress: Progress | None = None) -> RoundReport:
        """Runs one round to its end: at most `round_deadline_s`, and half a second where the worker
        is stuck.

        Blocks the calling thread with the GIL released. In the main thread, where Python handles
        signals, one is handled within 50 ms; KeyboardInterrupt ends the round.

        Args:
            request: what is asked.
            progress: called with each event; None: nobody is told.

        Returns:
            The report. Every failure of the round itself is a verdict in it.

        Raises:
            RequestError: a value out of range; nobody was asked.
            ConsentError: a fault inside the core; no grant counts on it.
            BaseException: what `progress` or a signal's handler raised. The round has then ended,
                as aborted unless its verdict had come before; a grant of that verdict stays live
                for its time.
        """
        if progress is None:
            return report_from_native(self._native.run(request, None))

        def tell(raw: _native.EventDict) -> None:
            progress(event_from_native(raw))

        return report_from_native(self._native.run(request, tell))
