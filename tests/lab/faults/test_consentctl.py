"""consentctl ask, the program itself, against real guests: what it prints and how it exits."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import libvirt
from channels import await_free, open_channel

from consent_core import program
from kit.guests import Guest, GuestSpec
from kit.hosts import Host

CONSENTCTL = Path(os.environ.get("CONSENTCTL") or program("consentctl"))


def consentctl(host: Host, guests: list[Guest], *more: str) -> subprocess.CompletedProcess[str]:
    """Runs `consentctl ask` for these guests of the host."""
    asked = [word for guest in guests for word in ("--voter", guest.uuid)]
    return subprocess.run(
        [CONSENTCTL, "ask", "--connect", host.uri, *asked, *more],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_all_consent(
    host: Host, connection: libvirt.virConnect, calm: Guest, stranger: Guest
) -> None:
    await_free(connection, [calm, stranger])
    table = consentctl(host, [calm, stranger])
    assert table.returncode == 0, table
    assert calm.name in table.stdout
    assert "consented" in table.stdout
    found = consentctl(host, [calm, stranger], "--json")
    assert found.returncode == 0, found
    report = json.loads(found.stdout)
    assert report["verdict"] == "consented"
    assert {voter["id"] for voter in report["voters"]} == {calm.uuid, stranger.uuid}


def test_one_refuses(
    host: Host,
    connection: libvirt.virConnect,
    calm: Guest,
    new_guest: Callable[[GuestSpec], Guest],
) -> None:
    await_free(connection, [calm])
    refuser = new_guest(GuestSpec("refuser", answer="refuse", because="a backup until 4"))
    done = consentctl(host, [calm, refuser])
    assert done.returncode == 1, done
    assert 'guest says "a backup until 4"' in done.stdout
    # It lets go of the channels when it is done.
    open_channel(connection, refuser, timeout_s=0.0).abort()


def test_a_channel_in_foreign_hands(
    host: Host, connection: libvirt.virConnect, calm: Guest
) -> None:
    stream = open_channel(connection, calm)
    try:
        start = time.monotonic()
        done = consentctl(host, [calm], "--deadline", "1")
        took = time.monotonic() - start
    finally:
        stream.abort()
    assert done.returncode == 1, done
    assert "held by another" in done.stdout
    assert 1 <= took < 4


def test_no_libvirt_there(host: Host, tmp_path: Path) -> None:
    done = subprocess.run(
        [CONSENTCTL, "ask", "--connect", f"qemu+unix:///system?socket={tmp_path}/none"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3, done
    assert str(tmp_path) in done.stdout + done.stderr
