#!/usr/bin/env python3
"""Times a round over real guests: our worker against libvirt-python through the same channel, in
one run.

    bench_round.py [--guests 20] [--repeats 15]

A round finds out who votes (the host's domains, and in their XML whose channel is connected), asks
them all and hears them all. Three programs do that, taking turns so that each meets the same
weather:

- ours: Runner and consent-worker, with the channels closed before ("ours"), and at once again,
  while the worker still holds them ("warm");
- one after another: libvirt-python, a blocking stream a guest, in one loop;
- a thread a guest: the same, all at once.

Over two kinds of guests: those whose answer takes thought (an application that needs 20 ms, as any
that looks something up does), and those that answer from their policy at once. The latter measure
the host's processors more than the programs: under emulation each answer costs milliseconds of
them, whoever asks, and with two cores nothing can be more than about twice as fast as one after
another.

Prints medians and ratios, one line of JSON at the end, and ends 1 when ours, over guests that
think, is less than 3 times faster than one after another, or anywhere slower than a thread a guest.
Needs root and what tests/lab/kit needs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import libvirt

from consent_core import RoundRequest, Runner, State, Subject, WorkerVoters, program
from kit.guests import CHANNEL, Guest, GuestSpec, boot
from kit.hosts import Host, Network
from kit.image import build_guest_image

FOLDER = Path(os.environ.get("CONSENT_LAB", "/var/tmp/consent-lab")) / "bench"
LEAST_RATIO = 3.0
AIM_RATIO = 6.0
THOUGHT_MS = 20
# A bare consent request, as the worker sends it (docs/protocol).
REQUEST = (
    '{"v":1,"type":"request","id":"%s","operation":"live-migration","role":"neighbour",'
    '"mover":{"id":"0123456789abcdef0123456789abcdef","vcpus":1,"memory_mib":96},'
    f'"source":"{"0" * 56}","site":"{"1" * 56}","deadline_ms":5000}}\n'
)


def voter(domain: libvirt.virDomain) -> bool:
    """Whether an agent in the guest has the channel open."""
    targets = ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/channel/target")
    return any(t.get("name") == CHANNEL and t.get("state") == "connected" for t in targets)


def ask_one(domain: libvirt.virDomain, connection: libvirt.virConnect) -> int:
    """Opens the guest's channel if it votes, asks, waits for the answer to this request, closes.

    Returns the number of votes: 1 or 0.
    """
    if not voter(domain):
        return 0
    request_id = os.urandom(16).hex()
    stream = connection.newStream(0)
    domain.openChannel(CHANNEL, stream, 0)
    try:
        send(stream, (REQUEST % request_id).encode())
        heard = b""
        while request_id.encode() not in heard or not heard.endswith(b"\n"):
            part = stream.recv(65536)
            if not part:
                raise SystemExit(f"{domain.name()} closed its channel")
            heard += part
        if b'"consent"' not in heard:
            raise SystemExit(f"{domain.name()} said {heard!r}")
    finally:
        stream.abort()
    return 1


def domains_of(connection: libvirt.virConnect) -> list[libvirt.virDomain]:
    return list(connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE))


def send(stream: libvirt.virStream, data: bytes) -> None:
    while data:
        data = data[stream.send(data) :]


def await_free(connection: libvirt.virConnect, guests: Sequence[Guest]) -> None:
    """Waits until the worker has let go of every channel."""
    for guest in guests:
        end = time.monotonic() + 10
        while True:
            stream = connection.newStream(0)
            try:
                guest.domain.openChannel(CHANNEL, stream, 0)
            except libvirt.libvirtError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
            else:
                stream.abort()
                break


def timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1000


def measure(
    host: Host, connection: libvirt.virConnect, guests: Sequence[Guest], repeats: int
) -> dict[str, list[float]]:
    """Milliseconds of each way, in the order in which they were measured."""
    worker = os.environ.get("CONSENT_WORKER") or program("consent-worker")
    with WorkerVoters(worker, host.uri) as voters, ThreadPoolExecutor(len(guests)) as pool:
        runner = Runner(voters)
        request = RoundRequest(Subject(mover="0" * 8 + "-0000-4000-8000-" + "0" * 12, site="host1"))

        def ours() -> None:
            report = runner.run(request)
            if report.verdict is not State.CONSENTED or len(report.voters) != len(guests):
                raise SystemExit(f"a round failed: {report}")

        def heard(votes: Iterable[int]) -> None:
            if sum(votes) != len(guests):
                raise SystemExit("a guest was not heard")

        def one_after_another() -> None:
            heard(ask_one(domain, connection) for domain in domains_of(connection))

        def a_thread_a_guest() -> None:
            heard(pool.map(lambda domain: ask_one(domain, connection), domains_of(connection)))

        ways = {"one after another": one_after_another, "a thread a guest": a_thread_a_guest}
        times: dict[str, list[float]] = {name: [] for name in (*ways, "ours", "warm")}
        for way in (
            ours,
            *ways.values(),
        ):  # once untimed: caches, the worker's start, the pool's threads
            way()
            await_free(connection, guests)
        for repeat in range(repeats):
            # Each way comes first as often as any other.
            for name in sorted(("ours", *ways), key=lambda n: (len(n) + repeat) % 3):
                if name == "ours":
                    times["ours"].append(timed(ours))
                    times["warm"].append(timed(ours))
                    await_free(connection, guests)
                else:
                    times[name].append(timed(ways[name]))
    return times


def compare(kind: str, times: dict[str, list[float]]) -> tuple[float, float]:
    """Prints the medians. Returns how many times faster ours is than one after another, than a
    thread a guest.
    """
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{kind}: median (least - most), ms")
    for name, values in times.items():
        print(f"  {name:18} {medians[name]:7.1f} ({min(values):.1f} - {max(values):.1f})")
    faster = medians["one after another"] / medians["ours"]
    threads = medians["a thread a guest"] / medians["ours"]
    print(f"  ours: {faster:.1f} times faster than one after another,", end=" ")
    print(f"{threads:.2f} times as fast as a thread a guest")
    return faster, threads


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--guests", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    # The worker's line a guest goes to its log, not among the figures.
    os.environ.setdefault("CONSENT_WORKER_LOG", "warn")
    libvirt.registerErrorHandler(lambda _context, _error: None, None)
    agent = Path(os.environ.get("CONSENT_AGENT") or program("consent-agent"))
    results: dict[str, tuple[float, float]] = {}
    with Network("bench", "10.79.0") as network, Host(network, 1, FOLDER / "host1") as host:
        connection = libvirt.open(host.uri)
        specs = [GuestSpec(f"guest{n}", holder="quiet") for n in range(arguments.guests)]
        print(f"a round over {len(specs)} guests, {arguments.repeats} repeats", flush=True)
        image = build_guest_image(agent, FOLDER / "images")
        guests = boot(host, connection, image, specs)
        times = measure(host, connection, guests, arguments.repeats)
        results["at once"] = compare("guests that answer at once", times)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda guest: guest.hold(f"hostile late {THOUGHT_MS}"), guests))
        times = measure(host, connection, guests, arguments.repeats)
        results["thinking"] = compare(f"guests that think for {THOUGHT_MS} ms", times)
        connection.close()
    names = ("times_one_after_another", "times_a_thread_a_guest")
    print(json.dumps({k: dict(zip(names, v, strict=True)) for k, v in results.items()}))
    fast_enough = results["thinking"][0] >= LEAST_RATIO
    print(f"aim: {AIM_RATIO:g} times faster than one after another, at least {LEAST_RATIO:g}")
    return 0 if fast_enough and all(threads >= 1 for _, threads in results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
