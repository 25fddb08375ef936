"""What guests' agents say beforehand: asked each time the host reports its resources, with measure.

A guest may be hostile, paused, or have an agent that knows no rules, and the report waits, and with
it whoever waits for the report: the end of a live migration does (nova/compute/manager.py,
_post_live_migration). So a guest that stayed silent is passed over for a while, what an agent said
holds for a while, and asking takes a tenth of the time at most. Must not know rules, nor what is
made of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping

from oslo_log import log as logging

from consent_core import Voters
from nova_consent.offload import offload

LOG = logging.getLogger(__name__)

DEADLINE_S = 5.0
"""For each agent. No less than rounds give their voters by default: a worker of which nothing is
heard by then counts as stuck, and is ended with all rounds that it serves."""
PASSED_OVER_S = 180.0
"""For so long a guest that did not say its rules in time is not asked for them."""
HOLDS_S = 300.0
"""For so long holds what an agent said, when it says nothing else, or nothing."""
_SHARE = 10


class Agents:
    """The agents of one host. Safe for use by several threads at once."""

    def __init__(self, voters: Voters, clock: Callable[[], float] = time.monotonic) -> None:
        """`voters`: who is asked; without a method `policies`, nobody is."""
        self._ask = voters if hasattr(voters, "policies") else None
        self._clock = clock
        self._lock = threading.Lock()
        self._said: dict[str, tuple[float, str]] = {}
        self._silent: dict[str, float] = {}
        self._next = 0.0

    def hear(self, guests: Collection[str]) -> Mapping[str, str]:
        """What the agents in these guests (UUIDs) say of their rules, by UUID: JSON, of any content.

        Takes DEADLINE_S and some seconds at most. Never raises: who cannot be asked has said
        nothing.
        """
        now = self._clock()
        with self._lock:
            self._forget(guests, now)
            due = now >= self._next
            asked = [guest for guest in guests if due and guest not in self._silent]
            if asked:
                self._next = now + DEADLINE_S  # nobody else asks meanwhile
        heard = self._policies(asked)
        with self._lock:
            ended = self._clock()
            if asked:
                self._next = ended + _SHARE * (ended - now)
            if heard is None:
                asked = []  # nobody's silence
            for guest in asked:
                if heard and guest in heard:
                    self._said[guest] = (ended, heard[guest])
                else:
                    self._silent[guest] = ended + PASSED_OVER_S
            return {guest: text for guest, (_, text) in self._said.items() if guest in guests}

    def _forget(self, guests: Collection[str], now: float) -> None:
        there = set(guests)
        self._said = {
            guest: said
            for guest, said in self._said.items()
            if guest in there and now - said[0] <= HOLDS_S
        }
        self._silent = {
            guest: until for guest, until in self._silent.items() if guest in there and now < until
        }

    def _policies(self, guests: list[str]) -> Mapping[str, str] | None:
        """None: they could not be asked."""
        if self._ask is None or not guests:
            return {}
        try:
            heard: Mapping[str, str] = offload(self._ask, "policies", guests, DEADLINE_S)
            return heard
        except Exception as error:  # noqa: BLE001  whatever it is, the digest can do without
            LOG.warning("consent: what agents say beforehand is not known: %s", error)
            return None
