"""How often guests have refused lately: the budgets of their vetoes, and a count for the scheduler.

A tenant's refusal costs the operator a migration, so it counts only so often: past its budget it is
advice. Kept in memory, bounded, by the monotonic clock. Must not know Nova, policies or rounds.
"""

from __future__ import annotations

import collections
import threading
import time
from collections.abc import Callable, Hashable

DAY_S = 86400.0
_STEPS = 96
"""A count falls in steps, not one by one: a quarter of an hour of a day. What is kept for a key does
not grow with what is counted."""
_KEYS = 4096


class RecentCount:
    """How often each key was counted within the last `window_s` seconds.

    Exact but for the oldest step, a 96th of the window, which counts as a whole. Keeps the 4096 keys
    counted last. Safe for use by several threads at once.
    """

    def __init__(
        self, window_s: float = DAY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._step_s = window_s / _STEPS
        self._clock = clock
        self._lock = threading.Lock()
        self._steps: collections.OrderedDict[Hashable, dict[int, int]] = collections.OrderedDict()

    def add(self, key: Hashable) -> int:
        """Counts one more of `key`. Returns how many there are now."""
        with self._lock:
            steps = self._fresh(key)
            step = self._step()
            steps[step] = steps.get(step, 0) + 1
            self._steps[key] = steps
            self._steps.move_to_end(key)
            if len(self._steps) > _KEYS:
                self._steps.popitem(last=False)
            return sum(steps.values())

    def of(self, key: Hashable) -> int:
        """How many there are of `key` now."""
        with self._lock:
            return sum(self._fresh(key).values())

    def _step(self) -> int:
        return int(self._clock() // self._step_s)

    def _fresh(self, key: Hashable) -> dict[int, int]:
        oldest = self._step() - _STEPS
        return {step: n for step, n in self._steps.get(key, {}).items() if step >= oldest}


class VetoBudgets:
    """Whose refusals still count on this host. Safe for use by several threads at once."""

    def __init__(
        self, per_vm: int, per_project: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Refusals in 24 hours of one VM and of all VMs of one project; 0: no limit."""
        self._limits = {"vm": per_vm, "project": per_project}
        self._count = RecentCount(DAY_S, clock)

    @property
    def limited(self) -> bool:
        """Refusals count only so often."""
        return any(self._limits.values())

    def spent(self, vm: str, project: str) -> str:
        """Why a refusal of this VM is advice only: "veto_budget_vm = 100"; empty: it counts."""
        for kind, name in (("vm", vm), ("project", project)):
            limit = self._limits[kind]
            if limit and name and self._count.of((kind, name)) >= limit:
                return f"veto_budget_{kind} = {limit}"
        return ""

    def refused(self, vm: str, project: str) -> list[str]:
        """Counts a refusal that counted. Returns the budgets that it was the last of."""
        last = []
        for kind, name in (("vm", vm), ("project", project)):
            if name and self._count.add((kind, name)) == self._limits[kind]:
                last.append(f"veto_budget_{kind} = {self._limits[kind]}")
        return last
