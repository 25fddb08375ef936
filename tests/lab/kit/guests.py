"""Guests of a lab host: their libvirt XML, booting many at once, and a handle on each.

Must not know Nova, nor consent beyond the name of its channel. What a guest does inside is `init`'s
business.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape

import libvirt

from .hosts import Host
from .image import KERNEL_COMMAND_LINE, GuestImage
from .serial import Serial

CHANNEL = "org.openstack.consent.0"
_NOVA = "http://openstack.org/xmlns/libvirt/nova/1.1"
_BOOT_S = 60.0  # 3 s alone on a core; many boot at once on a busy machine


@dataclass(frozen=True)
class GuestSpec:
    """What a guest is made of.

    `answer`, `because`: its first policy. `holder`: who has the channel open: agent, quiet (the
    agent without its log), none, or a mode of hostile.c. `project`: owner as Nova writes it into
    the metadata; none when empty. `channel`: false: it has no channel at all.
    """

    name: str
    answer: str = "consent"
    because: str = ""
    holder: str = "agent"
    project: str = ""
    memory_mib: int = 96  # the kernel does not unpack itself in 64
    channel: bool = True
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True)
class Guest:
    """A guest that runs. `domain` is libvirt's handle on the connection that booted it."""

    spec: GuestSpec
    host: Host
    domain: libvirt.virDomain
    serial: Serial

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def uuid(self) -> str:
        return self.spec.uuid

    @property
    def qemu_pid(self) -> int:
        """The process id of its QEMU."""
        return qemu_pid(self.host, self.name)

    def connected(self) -> bool:
        """Whether libvirt reports that a program in the guest has the channel open."""
        return channel_state(self.domain) == "connected"

    def hold(self, command: str) -> None:
        """Changes who holds the channel (`agent`, `quiet`, `none`, `hostile MODE [ARG]`) and waits until
        libvirt reports it.

        About 2 s. :raises TimeoutError: the guest or libvirt does not follow within 20 s.
        """
        with self.serial.line() as line:
            # QEMU reports a channel's changes at most once a second and leaves out what is past by
            # then: without a rest in between, nobody could tell the new holder from the old one.
            line.tell("none")
            _await_channel(self, False)
            if command != "none":
                line.tell(command)
                _await_channel(self, True)

    def destroy(self) -> None:
        """Ends it at once; nothing when it has ended already."""
        try:
            self.domain.destroy()
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (
                libvirt.VIR_ERR_NO_DOMAIN,
                libvirt.VIR_ERR_OPERATION_INVALID,
            ):
                raise


def domain_xml(spec: GuestSpec, image: GuestImage | None) -> str:
    """libvirt's XML of the guest; without `image` it has nothing to boot and is good only to be
    kept paused.
    """
    words = [KERNEL_COMMAND_LINE, f"consent.answer={spec.answer}", f"consent.holder={spec.holder}"]
    if spec.because:
        words.append(f'consent.because="{spec.because}"')
    boot = (
        f"<kernel>{image.kernel}</kernel><initrd>{image.initrd}</initrd>"
        f"<cmdline>{escape(' '.join(words))}</cmdline>"
        if image
        else ""
    )
    owner = (
        f'<metadata><nova:instance xmlns:nova="{_NOVA}"><nova:owner>'
        f'<nova:project uuid="{escape(spec.project)}">lab</nova:project>'
        "</nova:owner></nova:instance></metadata>"
        if spec.project
        else ""
    )
    channel = (
        "<channel type='unix'><source mode='bind'/>"
        f"<target type='virtio' name='{CHANNEL}'/></channel>"
        if spec.channel
        else ""
    )
    # The terminal is how a test speaks to the guest; the log, in a folder of the host's own, is
    # what it said.
    serial = (
        f"<serial type='pty'><log file='/var/log/libvirt/{spec.name}.serial' append='on'/></serial>"
        if image
        else ""
    )
    return f"""\
<domain type='qemu'>
  <name>{escape(spec.name)}</name>
  <uuid>{spec.uuid}</uuid>
  {owner}
  <memory unit='MiB'>{spec.memory_mib}</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type>{boot}</os>
  <features><acpi/><apic/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
  <cpu mode='custom' match='exact'><model>qemu64</model></cpu>
  <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    {serial}
    {channel}
    <memballoon model='none'/>
  </devices>
</domain>"""


def channel_state(domain: libvirt.virDomain) -> str:
    """What libvirt's live XML says of the consent channel: connected, disconnected, or "" when
    there is none.
    """
    for target in ElementTree.fromstring(domain.XMLDesc()).iterfind("devices/channel/target"):
        if target.get("name") == CHANNEL:
            return target.get("state", "")
    return ""


def qemu_pid(host: Host, name: str) -> int:
    """The process id of a domain's QEMU. :raises FileNotFoundError: no such domain runs."""
    return int((host.directory / "run" / "qemu" / f"{name}.pid").read_text())


def guest_on(host: Host, connection: libvirt.virConnect, spec: GuestSpec) -> Guest:
    """The handle on a guest that runs on `host` already: booted before, or come by migration.

    :raises libvirt.libvirtError: it does not run there.
    """
    domain = connection.lookupByUUIDString(spec.uuid)

    def terminal() -> Path:
        source = ElementTree.fromstring(domain.XMLDesc()).find("devices/serial/source")
        if source is None or not source.get("path"):
            raise LookupError(f"{spec.name} has no serial terminal")
        return Path(source.get("path", ""))

    return Guest(spec, host, domain, Serial(host.log_directory / f"{spec.name}.serial", terminal))


def boot(
    host: Host, connection: libvirt.virConnect, image: GuestImage, specs: Sequence[GuestSpec]
) -> list[Guest]:
    """Starts the guests, all at once, and waits until each is up and its channel is as `holder`
    says (3 s of one core each).

    :raises TimeoutError: one is not up within 60 s; :raises libvirt.libvirtError: one cannot be
        started.
    """

    def start(spec: GuestSpec) -> Guest:
        connection.createXML(domain_xml(spec, image))
        return guest_on(host, connection, spec)

    with ThreadPoolExecutor(4) as pool:
        guests = list(pool.map(start, specs))
    for guest in guests:
        guest.serial.wait_for("^guest up$", _BOOT_S)
    await_channels(guests)
    return guests


def await_channels(guests: Iterable[Guest], timeout_s: float = 10.0) -> None:
    """Waits until libvirt reports the channel of each guest as its spec's `holder` has it.

    :raises TimeoutError: naming the guest.
    """
    for guest in guests:
        if guest.spec.channel:
            _await_channel(guest, guest.spec.holder != "none", timeout_s)


def _await_channel(guest: Guest, connected: bool, timeout_s: float = 20.0) -> None:
    # libvirt has an event for this, and one thread a process to hear it in: not worth it here.
    end = time.monotonic() + timeout_s
    while guest.connected() != connected:
        if time.monotonic() > end:
            raise TimeoutError(f"{guest.name}: its channel is {channel_state(guest.domain)!r}")
        time.sleep(0.02)


def start_paused(
    connection: libvirt.virConnect, specs: Sequence[GuestSpec]
) -> list[libvirt.virDomain]:
    """Starts guests that never run an instruction: cheap domains to make a host full (about 0.35 s
    each).
    """

    def start(spec: GuestSpec) -> libvirt.virDomain:
        return connection.createXML(domain_xml(spec, None), libvirt.VIR_DOMAIN_START_PAUSED)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(start, specs))
