"""Times contenders against each other in one run: turns in drawn order, medians with intervals.

Must not know what is timed.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A median in seconds, with the interval that holds it in 95 of 100 such runs."""

    median: float
    low: float
    high: float

    def ms(self) -> str:
        return f"{self.median * 1e3:9.3f} ms ({self.low * 1e3:.3f} - {self.high * 1e3:.3f})"


def figure(times: list[float]) -> Figure:
    """The median; its interval by ranks, so nothing is supposed of how times are spread."""
    ordered = sorted(times)
    # Half of the times lie below the median, each by the toss of a coin: n/2 give or take 1.96 * sqrt(n)/2.
    reach = 0.98 * len(ordered) ** 0.5
    low = max(0, int(len(ordered) / 2 - reach))
    return Figure(statistics.median(ordered), ordered[low], ordered[-1 - low])


def in_turns(
    contenders: Mapping[str, Callable[[int], object]], turns: int, seed: int = 1
) -> dict[str, Figure]:
    """Times each contender once a turn; all meet the same weather, and none always comes first.

    :param contenders: called with the number of the turn; the first two turns (-2, -1) are not timed.
    """
    draw = random.Random(seed)
    times: dict[str, list[float]] = {name: [] for name in contenders}
    # What stands before the first turn is not searched for garbage again and again during them.
    gc.collect()
    gc.freeze()
    try:
        for turn in range(-2, turns):
            for name in draw.sample(list(contenders), len(contenders)):
                contender = contenders[name]
                began = time.perf_counter()
                contender(turn)
                if turn >= 0:
                    times[name].append(time.perf_counter() - began)
    finally:
        gc.unfreeze()
    return {name: figure(values) for name, values in times.items()}
