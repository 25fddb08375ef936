"""Guests of the cloud: real servers from the lab's guest image, and their serial consoles.

The image (kernel, initramfs with the static consent-agent) is the kit's; here it is put into glance. A guest's owner
speaks to it over its console: that is how its policy changes inside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kit.image import KERNEL_COMMAND_LINE, build_guest_image
from kit.serial import Serial

from .client import Client
from .hosts import ComputeHost
from .layout import Layout
from .waiting import LabError, wait_for

MEMORY_MIB = 96
#: A guest boots in 3 s alone on a core; many boot at once, and the machine may have other work.
BOOT_S = 180.0
CHANNEL = "org.openstack.consent.0"


@dataclass(frozen=True)
class GuestKind:
    """What servers are booted from, as ids of glance and Nova."""

    image: str
    flavor: str


def publish(client: Client, place: Layout, agent: Path) -> GuestKind:
    """Builds the guest image around ``agent`` and makes it known to glance and Nova; what exists is used again."""
    built = build_guest_image(agent, place.cache / "guests")
    mark = built.digest[:8]
    kernel = client.upload(f"kernel-{mark}", built.kernel, "aki")
    ramdisk = client.upload(f"initrd-{mark}", built.initrd, "ari")
    image = client.upload(
        f"guest-{mark}",
        built.disk,
        "raw",
        kernel_id=kernel,
        ramdisk_id=ramdisk,
        os_command_line=KERNEL_COMMAND_LINE,
    )
    return GuestKind(image, client.flavor("tiny", MEMORY_MIB))


@dataclass(frozen=True)
class Guest:
    """A server, wherever it runs now.

    :param hosts: all compute hosts, by name.
    """

    name: str
    uuid: str
    client: Client
    hosts: dict[str, ComputeHost]

    @property
    def host(self) -> ComputeHost:
        """Where Nova says it runs."""
        return self.hosts[self.client.host_of(self.uuid)]

    def serial(self) -> Serial:
        """Its console on the host where it runs now; another after a migration."""
        host = self.host

        def terminal() -> Path:
            return Path(host.virsh("ttyconsole", self.uuid).strip())

        return Serial(host.folder / "nova" / "instances" / self.uuid / "console.log", terminal)

    def set_policy(self, answer: str, because: str = "") -> None:
        """Changes the guest's policy file inside the guest, through its console, and has the agent read it anew."""
        self.serial().tell(f"policy {answer}" + (f" because {because}" if because else ""))

    def requests(self) -> list[str]:
        """What its agent was asked and said, a line each, since it came to the host where it runs."""
        return re.findall(r"^.*request [0-9a-f]{8}.*$", self.serial().text(), re.MULTILINE)

    def channel(self) -> str:
        """State of its consent channel as libvirt reports it: connected, disconnected, "" if it has none."""
        xml = self.host.virsh("dumpxml", self.uuid)
        found = re.search(
            rf"<target type='virtio' name='{re.escape(CHANNEL)}'(?: state='(\w+)')?", xml
        )
        return (found[1] or "disconnected") if found else ""


def boot(
    client: Client,
    hosts: dict[str, ComputeHost],
    kind: GuestKind,
    wanted: Sequence[tuple[str, str]],
) -> list[Guest]:
    """Boots servers, all at once, and waits until each has booted and its agent is on its channel, if it has one.

    :param wanted: (name, host) of each.
    :raises LabError: one did not come up.
    """
    guests = [
        Guest(name, client.boot(name, host, kind.image, kind.flavor), client, hosts)
        for name, host in wanted
    ]
    for guest in guests:
        client.settled(guest.uuid)
    for guest in guests:
        await_up(guest)
    return guests


def await_up(guest: Guest) -> None:
    """Waits until the guest has booted, and its agent is on its channel if it has one.

    :raises LabError: not in time.
    """
    try:
        guest.serial().wait_for("^guest up$", BOOT_S)
    except TimeoutError as error:
        raise LabError(f"{guest.name} does not boot: {error}") from error
    if guest.channel():
        wait_for(
            f"the agent of {guest.name} is on its channel",
            lambda: guest.channel() == "connected",
            30,
        )
