"""The stage of the stories: the cloud with its cast, and what a story does and looks at. Asserts nothing itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cloud.client import Client, Migration
from cloud.guests import Guest, GuestKind
from cloud.hosts import CONSENT_DRIVER, ComputeHost
from cloud.lab import Cloud
from kit.serial import Serial
from rounds import Voice, record_in, voice_in


@dataclass
class Move:
    """A live migration and what it left behind: the plugin's records by host, the guests' answers by name."""

    migration: Migration
    details: str
    records: dict[str, list[dict[str, str]]]
    voices: dict[str, list[Voice]]

    def answers(self) -> dict[str, list[str]]:
        return {name: [voice.answer for voice in voices] for name, voices in self.voices.items()}

    def record(self, host: str, gate: str) -> dict[str, str]:
        """The one record of that gate on that host."""
        (found,) = [record for record in self.records[host] if record["gate"] == gate]
        return found


@dataclass
class Stage:
    """Cloud and cast.

    :param homes: where each guest is at the beginning of a story.
    """

    cloud: Cloud
    kind: GuestKind
    guests: dict[str, Guest]
    homes: dict[str, str]
    _policies: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        return self.cloud.client

    @property
    def mover(self) -> Guest:
        return self.guests["mover"]

    def host(self, name: str) -> ComputeHost:
        return self.cloud.hosts[name]

    def set(self) -> None:
        """Puts everything as a story expects it; costs what the last one changed."""
        for host in self.cloud.hosts.values():
            if host.driver != CONSENT_DRIVER:
                raise AssertionError(f"an earlier story left {host.name} on {host.driver}")
            host.write_consent_file("")
        for name in self.guests:
            self.policy(name, "consent")
        for name, home in self.homes.items():
            guest = self.guests[name]
            if guest.host.name != home:
                back = self.client.migrate(guest.uuid, home)
                if not back.completed:
                    raise AssertionError(f"{name} does not get back to {home}: {back}")

    def policy(self, name: str, answer: str, because: str = "") -> None:
        """Changes a guest's policy inside the guest."""
        if self._policies.get(name, ("consent", "")) != (answer, because):
            self.guests[name].set_policy(answer, because)
            self._policies[name] = (answer, because)

    def move(
        self, guest: Guest | None = None, host: str | None = None, force: bool = False
    ) -> Move:
        """Migrates ``guest`` (the mover) from beginning to end and gathers what was left behind meanwhile."""
        guest = guest or self.mover
        with self.listening() as (records, voices):
            migration = self.client.migrate(guest.uuid, host, force)
        return Move(
            migration, self.client.event_details(guest.uuid, migration.request_id), records, voices
        )

    @contextmanager
    def listening(self) -> Iterator[tuple[dict[str, list[dict[str, str]]], dict[str, list[Voice]]]]:
        """Gathers, when it is left, the records of each host and the answers of each guest since it was entered."""
        hosts = {name: host.log_size() for name, host in self.cloud.hosts.items()}
        consoles: dict[str, tuple[Serial, int]] = {}
        for name, guest in self.guests.items():
            serial = guest.serial()
            consoles[name] = (serial, serial.size())
        records: dict[str, list[dict[str, str]]] = {}
        voices: dict[str, list[Voice]] = {}
        # A guest that leaves takes its console log with it; it is asked before, so what it said is read while it stays.
        moved: dict[str, Path] = {name: serial.log for name, (serial, _) in consoles.items()}
        opened = {name: path.open("rb") for name, path in moved.items()}
        try:
            yield records, voices
        finally:
            for name, mark in hosts.items():
                lines = self.host(name).log_since(mark).splitlines()
                records[name] = [record for line in lines if (record := record_in(line))]
            for name, file in opened.items():
                file.seek(consoles[name][1])
                text = file.read().decode(errors="replace").replace("\r", "")
                file.close()
                if found := [voice for line in text.splitlines() if (voice := voice_in(line))]:
                    voices[name] = found

    def qemu_pid(self, guest: Guest) -> int:
        """Process of the guest's QEMU: another one means that it was started anew or moved."""
        instance = self.client.server(guest.uuid)["OS-EXT-SRV-ATTR:instance_name"]
        return int((guest.host.folder / "run" / "qemu" / f"{instance}.pid").read_text())
