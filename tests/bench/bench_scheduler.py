#!/usr/bin/env python3
"""Times ConsentFilter and ConsentWeigher against Nova's own filters, on the same hosts in one run.

    bench_scheduler.py [HOSTS ...]     100, 1000 and 10000 by default; some minutes

HostStates with 40 guests each and their hosts' digests (scheduler_hosts.py), and live migrations,
no two the same. Everything runs as nova-scheduler runs it, through Nova's own handlers, and ours is
filter and weigher together: all hosts filtered, then those that passed weighed and sorted. The
contenders take turns in drawn order; figures are medians with their 95 % intervals. The one
database read of a request is not in them (a constant stands in for it): it costs what the database
costs. Log lines of level INFO are formatted, and go to the null device.

Digests are warm: each was read at an earlier request, as are all but those written anew since.
Cold, where every host's is read for the first time, is a figure of its own.

Ends 1 when, at 1,000 hosts, ours is not faster than each of Nova's filters (the aim) or takes 10 ms
or more (the bound), or when ten times the hosts take longer than ten times as long and grow more
than any of Nova's filters.
"""

from __future__ import annotations

import collections
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any
from unittest import mock

import nova.conf
import scheduler_hosts
from figures import Figure, in_turns
from nova import objects
from nova.scheduler.filters import HostFilterHandler
from nova.scheduler.filters.affinity_filter import ServerGroupAntiAffinityFilter
from nova.scheduler.filters.aggregate_instance_extra_specs import AggregateInstanceExtraSpecsFilter
from nova.scheduler.filters.compute_capabilities_filter import ComputeCapabilitiesFilter
from nova.scheduler.host_manager import HostState
from nova.scheduler.weights import HostWeightHandler

from consent_core import Outlook
from nova_consent.conf import read_scheduler_options
from nova_consent.filters import ConsentFilter
from nova_consent.forecast import FORECASTER
from nova_consent.weighers import ConsentWeigher

SIZES = [100, 1000, 10000]
JUDGED = 1000
BOUND_S = 0.010
TURNS = {100: 101, 1000: 61, 10000: 21}
COLD_TURNS = 7
OURS = "ConsentFilter + ConsentWeigher"
NOVAS = (
    ServerGroupAntiAffinityFilter,
    ComputeCapabilitiesFilter,
    AggregateInstanceExtraSpecsFilter,
)


class Read:
    """Stands in for the one database read: which operation is under way."""

    def __init__(self) -> None:
        self.count = 0
        self._action = SimpleNamespace(action=scheduler_hosts.ACTION)

    def __call__(self, *_: object) -> SimpleNamespace:
        self.count += 1
        return self._action


def no_cell(*_: object) -> AbstractContextManager[None]:
    """Stands in for the connection to a cell's database."""
    return nullcontext()


class Scheduler:
    """Nova's handlers over one list of hosts, and a request a turn."""

    def __init__(self, hosts: list[HostState]) -> None:
        self.hosts = hosts
        self._filters, self._weights = HostFilterHandler(), HostWeightHandler()
        self._ours, self._weigher = ConsentFilter(), ConsentWeigher()
        self._movers = scheduler_hosts.movers(hosts)
        self._turn, self._mover = None, next(self._movers)

    def mover(self, turn: int) -> objects.RequestSpec:
        """The request of that turn, the same for each contender."""
        if turn != self._turn:
            self._turn, self._mover = turn, next(self._movers)
        return self._mover

    def filtered(self, by: Any, turn: int) -> list[HostState]:
        return self._filters.get_filtered_objects([by], self.hosts, self.mover(turn))

    def ours(self, turn: int) -> int:
        """Filter and weigher; how many hosts are left."""
        passing = self.filtered(self._ours, turn)
        return len(self._weights.get_weighed_objects([self._weigher], passing, self.mover(turn)))

    def cold(self, turn: int) -> int:
        """As ours, with no digest read before."""
        FORECASTER._outlooks = None
        return self.ours(turn)

    def weighed_by_none(self, turn: int) -> object:
        """What of `ours` is Nova's own part in weighing."""
        return self._weights.get_weighed_objects([], self.hosts, self.mover(turn))

    def contenders(self) -> dict[str, Callable[[int], object]]:
        novas = {kind.__name__: kind() for kind in NOVAS}
        return {
            OURS: self.ours,
            **{name: lambda turn, by=by: self.filtered(by, turn) for name, by in novas.items()},
            "of ours, Nova's own part in weighing": self.weighed_by_none,
        }


def describe(scheduler: Scheduler, requests: int) -> None:
    """Prints what comes out, so that everybody sees that there was something to find out."""
    said: collections.Counter[str] = collections.Counter()
    left, to_ask = 0, []
    for turn in range(requests):
        left += scheduler.ours(turn)
        forecast = FORECASTER.latest(scheduler.mover(turn))
        if forecast is None or len(forecast.judgements) != len(scheduler.hosts):
            raise SystemExit("not every host was judged")
        for judgement in forecast.judgements.values():
            said[judgement.outlook.value] += 1
            if judgement.outlook is Outlook.ASK:
                to_ask.append(judgement.to_ask)
        for name in forecast.refusing:
            said["dropped"] += 1
            if not forecast.reason(name):
                raise SystemExit(f"{name} is dropped for no reason")
    pairs = requests * len(scheduler.hosts)
    if (
        pairs - said["dropped"] != left
        or min(said[outlook.value] for outlook in Outlook) < pairs / 10
    ):
        raise SystemExit(f"of {pairs} pairs {left} are left: {said}")
    sizes = [len(host.stats["consent_digest"]) for host in scheduler.hosts]
    print(
        f"  {requests} requests: {100 * said['consent'] / pairs:.0f} % of hosts would consent, "
        f"{100 * said['ask'] / pairs:.0f} % ask {statistics.mean(to_ask):.1f} voters, "
        f"{100 * said['refuse'] / pairs:.0f} % refuse ({100 * said['dropped'] / pairs:.0f} % in "
        f"enforce: dropped); digests of {statistics.mean(sizes):.0f} bytes ({max(sizes)} at most)"
    )


def compare(hosts: list[HostState], read: Read) -> dict[str, Figure]:
    """Prints and returns the figures for these hosts."""
    number = len(hosts)
    scheduler = Scheduler(hosts)
    print(f"{number} hosts of {scheduler_hosts.GUESTS} guests", flush=True)
    describe(scheduler, 15)
    reads = read.count
    turns = TURNS.get(number, 21)
    figures = in_turns(scheduler.contenders(), turns)
    if read.count - reads != turns + 2:
        raise SystemExit(f"{read.count - reads} database reads in {turns + 2} requests")
    figures |= in_turns({"ours, digests cold": scheduler.cold}, COLD_TURNS)
    for name, each in figures.items():
        print(f"  {name:38} {each.ms()}  {each.median / figures[OURS].median:6.2f}")
    return figures


def judge(figures: dict[int, dict[str, Figure]]) -> list[str]:
    """What misses the aim, the bound, or linear growth."""
    missed = []
    if JUDGED in figures:
        ours = figures[JUDGED][OURS].median
        name, cheapest = min(
            ((kind.__name__, figures[JUDGED][kind.__name__].median) for kind in NOVAS),
            key=lambda each: each[1],
        )
        print(
            f"at {JUDGED} hosts: {ours * 1e3:.2f} ms, {cheapest / ours:.2f} times as fast as the "
            f"cheapest of Nova's, {name} (aim: faster; bound: {BOUND_S * 1e3:g} ms)"
        )
        missed += ["the aim"] * (ours >= cheapest) + ["the bound"] * (ours >= BOUND_S)
    for fewer, more in zip(list(figures), list(figures)[1:], strict=False):
        hosts, ours, novas = more / fewer, 0.0, []
        for name in (OURS, *(kind.__name__ for kind in NOVAS)):
            growth = figures[more][name].median / figures[fewer][name].median
            print(f"{fewer} -> {more} hosts ({hosts:g} times): {name} {growth:.1f} times as long")
            if name == OURS:
                ours = growth
            else:
                novas.append(growth)
        # Where hosts outgrow the processor's caches everything takes longer a host, Nova's filters too.
        if ours > max(hosts, *novas):
            missed.append(f"linear growth from {fewer} to {more} hosts")
    return missed


def main() -> int:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    logging.basicConfig(level=logging.INFO, stream=open(os.devnull, "w"))  # noqa: SIM115  till the end
    objects.register_all()
    nova.conf.CONF([], project="nova", default_config_files=[])
    read_scheduler_options(nova.conf.CONF)
    # The digests are written once for all turns, and those of 10,000 hosts take a while.
    nova.conf.CONF.set_override("digest_max_age_s", 86400, "consent")
    began = time.monotonic()
    every = scheduler_hosts.hosts(max(sizes))
    print(
        f"made {len(every)} hosts and their digests in {time.monotonic() - began:.0f} s", flush=True
    )
    read = Read()
    with (
        mock.patch("nova_consent.forecast.nova_context.target_cell", no_cell),
        mock.patch.object(objects.InstanceAction, "get_by_request_id", read),
    ):
        missed = judge({size: compare(every[:size], read) for size in sorted(sizes)})
    if missed:
        print(f"missed: {', '.join(missed)}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
