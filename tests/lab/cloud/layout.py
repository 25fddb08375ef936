"""Where the cloud keeps its things: folders, addresses, ports, names. Pure; touches neither disk nor network."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

#: The lab's own network. The bridge holds BRIDGE_ADDRESS in the machine's root namespace, so that clients reach the
#: control plane; the control plane and the hosts sit behind it.
BRIDGE = "consentbr"
BRIDGE_ADDRESS = "10.77.0.253"
CONTROL_ADDRESS = "10.77.0.254"
PREFIX_LENGTH = 24
MAX_HOSTS = 9

CONTROL = "consent-control"

#: Ports of the control plane. They are free by construction: its network namespace holds nothing else.
MARIADB, AMQP, KEYSTONE, PLACEMENT, GLANCE, NEUTRON, NOVA = 3306, 5672, 5000, 8778, 9292, 9696, 8774

REGION = "Lab"
PASSWORD = "lab"


@dataclass(frozen=True)
class Layout:
    """The paths of one cloud.

    :param root: scratch folder; everything the cloud writes is below it. ``$LAB``, else ``/var/tmp/consent-lab``.
    :param venv: virtual environment that holds OpenStack; the running interpreter's by default.
    """

    root: Path = field(
        default_factory=lambda: Path(os.environ.get("LAB") or "/var/tmp/consent-lab")
    )
    venv: Path = field(default_factory=lambda: Path(sys.prefix))

    @property
    def bin(self) -> Path:
        return self.venv / "bin"

    @property
    def run(self) -> Path:
        """State of the cloud that is up now; ``down`` removes it."""
        return self.root / "run"

    @property
    def cache(self) -> Path:
        """What the next ``up`` may use again: synchronised databases, guest images."""
        return self.root / "cache"

    @property
    def logs(self) -> Path:
        return self.run / "log"

    @property
    def pids(self) -> Path:
        return self.run / "pid"

    @property
    def etc(self) -> Path:
        return self.run / "etc"

    @property
    def rc(self) -> Path:
        """Shell file to source for the ``openstack`` command."""
        return self.run / "rc"

    def host(self, name: str) -> Path:
        return self.run / name


def host_address(number: int) -> str:
    """Address of ``host<number>``, counted from 1."""
    return f"10.77.0.{number}"


def url(port: int, path: str = "") -> str:
    return f"http://{CONTROL_ADDRESS}:{port}{path}"
