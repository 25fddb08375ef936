"""One cloud for all stories, and a stage that each story finds as it is: a mover on host1, two neighbours on host2, two
on host3, all consenting, all hosts in enforce. A story that fails leaves its logs in build/stories/<story>."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pytest
from stage import Stage

from cloud import guests
from cloud.lab import Cloud, come_down_when_told, with_plugin
from consent_core import program

KEPT = Path(__file__).resolve().parents[3] / "build" / "stories"
CAST = [
    ("mover", "host1"),
    ("billing", "host2"),
    ("search", "host2"),
    ("mail", "host3"),
    ("wiki", "host3"),
]


@pytest.fixture(scope="session")
def cloud() -> Iterator[Cloud]:
    come_down_when_told()
    cloud = with_plugin()
    # host2 is to weigh best, so that where no host is named Nova asks there first.
    cloud.hosts["host3"].more["DEFAULT"] = {"reserved_host_memory_mb": 2048}
    try:
        cloud.up()
    except BaseException:
        cloud.collect_logs(KEPT / "bring-up")
        cloud.down()
        raise
    yield cloud
    cloud.down()


@pytest.fixture(scope="session")
def cast(cloud: Cloud) -> Stage:
    kind = guests.publish(cloud.client, cloud.place, program("consent-agent"))
    booted = guests.boot(cloud.client, cloud.hosts, kind, CAST)
    return Stage(cloud, kind, {guest.name: guest for guest in booted}, dict(CAST))


@pytest.fixture
def stage(cast: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    cast.set()
    yield cast
    report = request.node.stash.get(_REPORT, None)
    if report is not None and report.failed:
        cast.cloud.collect_logs(KEPT / request.node.name)


_REPORT = pytest.StashKey[pytest.TestReport]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_REPORT] = report
    return report
