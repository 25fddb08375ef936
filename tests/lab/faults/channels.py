"""A guest's channel taken by the test itself, through libvirt-python. Must not know workers or rounds."""

from __future__ import annotations

import time
from collections.abc import Iterable

import libvirt

from kit.guests import CHANNEL, Guest


def open_channel(
    connection: libvirt.virConnect, guest: Guest, timeout_s: float = 10.0
) -> libvirt.virStream:
    """Opens the guest's channel, waiting until a worker of an earlier round has let go of it.

    :raises libvirt.libvirtError: somebody still holds it after `timeout_s`.
    """
    domain = connection.lookupByUUIDString(guest.uuid)
    end = time.monotonic() + timeout_s
    while True:
        stream = connection.newStream(0)
        try:
            domain.openChannel(CHANNEL, stream, 0)
            return stream
        except libvirt.libvirtError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)


def await_free(connection: libvirt.virConnect, guests: Iterable[Guest]) -> None:
    """Waits until nobody holds a channel any more: the worker keeps one a little after its last
    round.

    :raises libvirt.libvirtError: one was left open.
    """
    for guest in guests:
        open_channel(connection, guest).abort()
