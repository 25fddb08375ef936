"""The lab of the libvirt faults: two hosts, the guests of the first, one worker for all tests.

Guests are booted once; a test that changes what one does gets it from `crook` and friends, which
put it back.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import libvirt
import pytest

from consent_core import WorkerVoters, program
from kit.guests import Guest, GuestSpec, boot, guest_on
from kit.hosts import Host, Network
from kit.image import GuestImage, build_guest_image

# Where the lab keeps its images and its hosts' files: out of the tree's sight, short enough for
# sockets.
FOLDER = Path(os.environ.get("CONSENT_LAB", "/var/tmp/consent-lab")) / "faults"

# libvirt-python prints every error to stderr besides raising it.
libvirt.registerErrorHandler(lambda _context, _error: None, None)


@pytest.fixture(scope="session")
def worker_program() -> Path:
    return Path(os.environ.get("CONSENT_WORKER") or program("consent-worker"))


@pytest.fixture(scope="session")
def image() -> GuestImage:
    agent = Path(os.environ.get("CONSENT_AGENT") or program("consent-agent"))
    return build_guest_image(agent, FOLDER / "images")


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    with Network("faults", "10.78.0") as network:
        yield network


@pytest.fixture(scope="session")
def host(network: Network) -> Iterator[Host]:
    with Host(network, 1, FOLDER / "host1") as host:
        yield host


@pytest.fixture(scope="session")
def other_host(network: Network) -> Iterator[Host]:
    with Host(network, 2, FOLDER / "host2") as host:
        yield host


@pytest.fixture
def connection(host: Host) -> Iterator[libvirt.virConnect]:
    connection = libvirt.open(host.uri)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def residents(host: Host, image: GuestImage) -> list[Guest]:
    """Ten guests with agents that consent: whoever the tests do not make into something else."""
    connection = libvirt.open(host.uri)
    specs = [GuestSpec(f"guest{n}", project=f"project{n % 3}") for n in range(10)]
    return boot(host, connection, image, specs)


@contextlib.contextmanager
def _handle(guest: Guest) -> Iterator[Guest]:
    """A handle of the test's own: a connection outlives no restart of libvirtd."""
    connection = libvirt.open(guest.host.uri)
    try:
        yield guest_on(guest.host, connection, guest.spec)
    finally:
        connection.close()


@contextlib.contextmanager
def _crook(guest: Guest) -> Iterator[Guest]:
    with _handle(guest) as handle:
        yield handle
    with _handle(guest) as handle:
        handle.hold("agent")


@pytest.fixture
def calm(residents: list[Guest]) -> Iterator[Guest]:
    """A guest whose agent consents."""
    with _handle(residents[0]) as guest:
        yield guest


@pytest.fixture
def stranger(residents: list[Guest]) -> Iterator[Guest]:
    """Another one."""
    with _handle(residents[1]) as guest:
        yield guest


@pytest.fixture
def crook(residents: list[Guest]) -> Iterator[Guest]:
    """A guest to be told `hostile MODE`; its agent has the channel again afterwards."""
    with _crook(residents[9]) as guest:
        yield guest


@pytest.fixture
def accomplice(residents: list[Guest]) -> Iterator[Guest]:
    """A second crook."""
    with _crook(residents[8]) as guest:
        yield guest


@pytest.fixture
def new_guest(
    host: Host, connection: libvirt.virConnect, image: GuestImage
) -> Iterator[Callable[[GuestSpec], Guest]]:
    """Boots a guest for one test, which may end it; ends it if it does not."""
    booted: list[Guest] = []

    def make(spec: GuestSpec) -> Guest:
        booted.extend(boot(host, connection, image, [spec]))
        return booted[-1]

    yield make
    for guest in booted:
        guest.destroy()


@pytest.fixture(scope="session")
def voters(worker_program: Path, host: Host) -> Iterator[WorkerVoters]:
    """The host's guests, asked by a worker that lives as long as the tests, unless one kills it."""
    with WorkerVoters(worker_program, host.uri) as voters:
        yield voters
