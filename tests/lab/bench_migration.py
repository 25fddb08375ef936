"""What consent adds to a live migration: pairs of migrations, with the plugin and of plain Nova, in one cloud.

Four hosts: between host1 and host2 the plugin asks, in enforce; host3 and host4 run Nova's own driver. On each host
live two neighbours, so a move with the plugin asks two guests, the mover and both hypervisors. In every pair the order
is drawn. The time of a move is from the request to the source's log line of its success; the figure is the median of
the pairs' differences with its 95 % bootstrap interval.

    bench_migration.py [PAIRS]     20 by default, about six minutes
"""

from __future__ import annotations

import random
import re
import statistics
import sys
import time
from datetime import datetime
from pathlib import Path

from cloud import guests
from cloud.guests import Guest
from cloud.hosts import STOCK_DRIVER
from cloud.lab import Cloud, come_down_when_told, with_plugin
from cloud.waiting import LabError
from consent_core import program
from rounds import record_in

AIM = 1.05
RESAMPLES = 10_000
SEED = 1
NEIGHBOURS = 2

ROUTES = {"consent": ("host1", "host2"), "plain": ("host3", "host4")}


def move_s(cloud: Cloud, mover: Guest, route: tuple[str, str]) -> float:
    """Seconds of one live migration to the other host of its route.

    :raises LabError: it did not complete, or a host that was to ask did not.
    """
    source = mover.host
    destination = cloud.hosts[route[1] if source.name == route[0] else route[0]]
    marks = source.log_size(), destination.log_size()
    began = time.time()
    migration = cloud.client.migrate(mover.uuid, destination.name)
    if not migration.completed:
        raise LabError(f"{mover.name} did not reach {destination.name}: {migration}")
    asked = [r for line in destination.log_since(marks[1]).splitlines() if (r := record_in(line))]
    wanted = NEIGHBOURS if destination.driver != STOCK_DRIVER else 0
    if sum(int(record["consented"]) for record in asked) < wanted:
        raise LabError(f"{destination.name} was to ask {wanted} guests: {asked}")
    done = re.search(
        rf"^(\S+ \S+) .*{mover.uuid}.* finished successfully",
        source.log_since(marks[0]),
        re.MULTILINE,
    )
    if done is None:
        raise LabError(f"{source.name} logged no success of {mover.name}")
    return datetime.fromisoformat(done[1]).timestamp() - began


def interval(values: list[float], drawn: random.Random) -> tuple[float, float]:
    """95 % bootstrap interval of the median."""
    medians = sorted(
        statistics.median(drawn.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )
    return medians[int(0.025 * RESAMPLES)], medians[int(0.975 * RESAMPLES) - 1]


def machine() -> str:
    """What it was measured on, for the plain line."""
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", text)
    return f"{model[1] if model else 'unknown CPU'}, {text.count('processor	:')} cores, QEMU under TCG"


def main(pairs: int) -> int:
    come_down_when_told()
    cloud = with_plugin(hosts=4)
    for name in ROUTES["plain"]:
        cloud.hosts[name].driver = STOCK_DRIVER
        del cloud.hosts[name].more["consent"]
    try:
        cloud.up()
        kind = guests.publish(cloud.client, cloud.place, program("consent-agent"))
        cast = [(f"mover-{how}", route[0]) for how, route in ROUTES.items()]
        cast += [(f"{host}-guest{n}", host) for host in cloud.hosts for n in range(NEIGHBOURS)]
        booted = {guest.name: guest for guest in guests.boot(cloud.client, cloud.hosts, kind, cast)}
        drawn = random.Random(SEED)
        times: dict[str, list[float]] = {how: [] for how in ROUTES}
        for pair in range(-1, pairs):
            # The first pair warms up (worker started, modules imported) and does not count.
            for how in drawn.sample(sorted(ROUTES), 2):
                seconds = move_s(cloud, booted[f"mover-{how}"], ROUTES[how])
                if pair >= 0:
                    times[how].append(seconds)
            if pair >= 0:
                cloud.tell.step(
                    f"pair {pair + 1:2}: with consent {times['consent'][-1]:.3f} s, plain {times['plain'][-1]:.3f} s"
                )
    finally:
        cloud.down()
    plain = statistics.median(times["plain"])
    added = [consent - bare for consent, bare in zip(times["consent"], times["plain"], strict=True)]
    low, high = interval(added, drawn)
    median = statistics.median(added)
    print(f"\nbench_migration: {pairs} alternating pairs; plain Nova {plain:.3f} s (median)")
    print(
        f"consent adds {median * 1000:.0f} ms, 95 % interval {low * 1000:.0f} to {high * 1000:.0f} ms"
    )
    ratio = 1 + median / plain
    print(
        f"ratio {ratio:.3f} ({1 + low / plain:.3f} to {1 + high / plain:.3f}); aim under {AIM}: "
        f"{'reached' if ratio < AIM else 'missed'}"
    )
    print(f"on {machine()}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
    except LabError as error:
        sys.exit(f"bench_migration: {error}")
