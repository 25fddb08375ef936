"""A live migration that asks first, told while it happens on a real cloud on this machine. ``make demo`` runs it.

Brings up OpenStack with three compute hosts, installs the plugin as an operator would, boots a VM to move and four
neighbours, and lives through four moves: refused, refused by one host and done by the next, agreed, and audited.
What is told is what was seen: the raw evidence goes into the transcript; evidence that is missing fails the demo.

    KEEP=1   leaves the cloud up and says how to use it
    SEED=N   draws what an earlier demo drew
    LAB=DIR  where the cloud keeps its state (/var/tmp/consent-lab)
"""

from __future__ import annotations

import os
import random
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from cloud import guests
from cloud.client import Migration, Started
from cloud.following import Follower
from cloud.guests import Guest
from cloud.lab import Cloud, come_down_when_told, install_plugin, openstack, with_plugin
from cloud.telling import Telling
from cloud.waiting import LabError
from rounds import Link, Voice, link_in, record_in, voice_in

ROOT = Path(__file__).resolve().parents[2]
TRANSCRIPT = ROOT / "build" / "demo" / "transcript.txt"

MOVER = "report"
NEIGHBOURS = {"billing": "host2", "search": "host2", "mail": "host3", "wiki": "host3"}

REASONS = (
    "the month is being closed until",
    "a load test is being measured until",
    "no batch jobs beside us before",
    "our licence is audited on this host until",
    "a failover drill is under way until",
    "customers are watching a live stream until",
)

#: host3 keeps this much memory to itself, so that Nova's weigher likes host2 best.
RESERVED_ON_HOST3_MIB = 2048


@dataclass(frozen=True)
class Move:
    """One move as it went: Nova's record, and what was heard meanwhile."""

    migration: Migration
    asked: dict[str, str]  # guest -> its last answer
    rounds: list[dict[str, str]]  # the plugin's log lines of rounds, key -> value
    reason: str  # what Nova shows an admin of why a host was refused


class Demo:
    """The story. ``tell`` writes to the screen and into the transcript, ``raw`` into the transcript alone."""

    def __init__(self, transcript: TextIO, seed: int) -> None:
        self.transcript, self.seed = transcript, seed
        self.tell = Telling()
        self.tell.copy_to(transcript)
        self.cloud: Cloud = with_plugin(self.tell)
        self.cloud.hosts["host3"].more["DEFAULT"] = {
            "reserved_host_memory_mb": RESERVED_ON_HOST3_MIB
        }
        self.guests: dict[str, Guest] = {}
        self.drawn = random.Random(seed)

    # -- the four moves -----------------------------------------------------------------------------------------

    def refused(self, refuser: str, because: str) -> None:
        self.chapter("a", f"{MOVER} is aimed at host2, and {refuser} there refuses")
        self.owner_writes(refuser, "refuse", because)
        before = self.qemu_pid(MOVER)
        move = self.move("host2")
        self.expect(not move.migration.completed, "Nova says the migration did not take place")
        self.expect(
            move.asked.get(refuser) == "refuse",
            f"{refuser} was asked inside its guest, and refused",
        )
        self.expect(because in move.reason, "Nova shows the admin the guest's own words")
        same = self.guests[MOVER].host.name == "host1" and self.qemu_pid(MOVER) == before
        self.expect(same, f"{MOVER} is ACTIVE on host1, the same process ({before}) as before")

    def goes_elsewhere(self, refuser: str, because: str) -> None:
        self.chapter("b", f"no host is named; Nova likes host2 best, but {refuser} still refuses")
        move = self.move(None)
        self.expect(
            because in move.reason and "host2" in self.hosts_of(move),
            "Nova tried host2 first, and was refused",
        )
        self.expect(
            {"mail", "wiki"} <= set(move.asked),
            "then mail and wiki on host3 were asked, and consented",
        )
        self.expect(
            move.migration.completed and self.guests[MOVER].host.name == "host3",
            f"{MOVER} runs on host3",
        )

    def agreed(self, refuser: str) -> None:
        self.chapter("c", f"{refuser} changes its mind; {MOVER} is aimed at host2 again")
        self.owner_writes(refuser, "consent", "")
        move = self.move("host2")
        self.expect(
            move.asked.get(refuser) == "consent", f"{refuser} was asked again, and consented"
        )
        self.expect(
            move.migration.completed and self.guests[MOVER].host.name == "host2",
            f"{MOVER} runs on host2",
        )

    def audited(self, refuser: str, because: str) -> None:
        self.chapter("d", f"host3 goes from enforce to audit; {refuser} there refuses")
        self.owner_writes(refuser, "refuse", because)
        host = self.cloud.hosts["host3"]
        compute = host.nova.pid
        self.tell.line("    host3# echo 'mode: audit' > /etc/nova/consent.d/host.yaml")
        host.write_consent_file("mode: audit\n")
        move = self.move("host3")
        self.expect(
            host.nova.pid == compute,
            f"nothing was restarted: nova-compute of host3 is still process {compute}",
        )
        self.expect(move.asked.get(refuser) == "refuse", f"{refuser} was asked, and refused")
        record = [
            r for r in move.rounds if r.get("mode") == "audit" and r.get("verdict") == "refused"
        ]
        self.expect(
            bool(record) and because in record[0]["reason"],
            "the refusal is on record in host3's log",
        )
        self.expect(
            move.migration.completed and self.guests[MOVER].host.name == "host3",
            f"{MOVER} runs on host3 all the same",
        )

    # -- how they are told --------------------------------------------------------------------------------------

    def chapter(self, letter: str, title: str) -> None:
        self.tell.line()
        self.tell.line(f"({letter}) {title}")

    def owner_writes(self, name: str, answer: str, because: str) -> None:
        self.guests[name].set_policy(answer, because)
        self.tell.line(
            f"    inside {name}: /etc/consent-agent/policy.yaml now says  answer: {answer}"
        )
        if because:
            self.tell.line(f'{" " * (len(name) + 45)} because: "{because}"')

    def expect(self, seen: bool, what: str) -> None:
        """Tells what was seen; ends the demo if it was not.

        :raises LabError: it was not seen.
        """
        if not seen:
            raise LabError(f"expected, and not seen: {what}")
        self.tell.line(f"    ok  {what}")

    def move(self, host: str | None) -> Move:
        """Migrates the mover with the ``openstack`` command, telling what is heard meanwhile; gathers the evidence."""
        mover = self.guests[MOVER]
        asked: dict[str, str] = {}
        rounds: list[dict[str, str]] = []
        voices: list[tuple[str, Voice]] = []
        links: dict[str, Link] = {}
        self.raw_virsh("before")
        words = [
            "server",
            "migrate",
            "--live-migration",
            *(["--host", host] if host else []),
            MOVER,
        ]
        self.tell.line(f"    admin$ openstack {' '.join(words)}")

        def hear(name: str, line: str) -> None:
            if voice := voice_in(line):
                asked[name] = voice.answer
                voices.append((name, voice))
                self.tell.line(f"      {name:8} {voice.answer:10}{voice.because}")
            elif link := link_in(line):
                links[link.request] = link
            elif record := record_in(line):
                rounds.append(record)
                if record["gate"] == "destination":
                    self.tell.line(
                        f"      {record['site']:8} {record['verdict']:10}"
                        f"{int(record['asked']) - 1} guests and the hypervisor asked, "
                        f"{record['elapsed_ms']} ms, mode {record['mode']}"
                    )

        earlier = self.cloud.client.earlier(mover.uuid)
        with Follower(self.logs(), hear):
            printed = openstack(self.cloud.place, *words).stdout
            self.raw("openstack " + " ".join(words), printed)
            newest = self.newest_action(mover.uuid)
            migration = self.cloud.client.migration_end(Started(mover.uuid, newest, earlier))
        for text in re.findall(r"Exception: .*/action, (.*)", printed):
            self.tell.line(f"      openstack: {text}")
        reason = self.cloud.client.event_details(mover.uuid, newest)
        for text in re.findall(r"error: (.*)", reason) or reason.splitlines():
            self.tell.line(f"      Nova     {text}")
        self.tell.line(f"      Nova     migration {migration.status}")
        self.evidence(newest, rounds, voices, links)
        return Move(migration, asked, rounds, reason)

    def logs(self) -> dict[str, Path]:
        """What is listened to: the consoles of the guests where they run now, and the hosts' nova-compute."""
        consoles = {name: guest.serial().log for name, guest in self.guests.items()}
        for name, host in self.cloud.hosts.items():
            consoles[f"{name} nova-compute"] = host.nova_log
            consoles[f"{name} worker"] = host.nova.log
        return consoles

    def newest_action(self, uuid: str) -> str:
        actions = self.cloud.client.compute("GET", f"/servers/{uuid}/os-instance-actions")[
            "instanceActions"
        ]
        newest = max(actions, key=lambda action: str(action["start_time"]))
        if newest["action"] != "live-migration":
            raise LabError(f"the openstack command started no live migration: {newest}")
        return str(newest["request_id"])

    @staticmethod
    def hosts_of(move: Move) -> set[str]:
        return {record["site"] for record in move.rounds if record["gate"] == "destination"}

    def qemu_pid(self, name: str) -> int:
        guest = self.guests[name]
        instance = guest.client.server(guest.uuid)["OS-EXT-SRV-ATTR:instance_name"]
        return int((guest.host.folder / "run" / "qemu" / f"{instance}.pid").read_text())

    # -- the transcript -----------------------------------------------------------------------------------------

    def raw(self, title: str, text: str) -> None:
        """Puts raw evidence into the transcript.

        :raises LabError: there is none.
        """
        if not text.strip() and not title.startswith("openstack server migrate"):
            raise LabError(f"the transcript lacks: {title}")
        body = "".join(f"    | {line}\n" for line in text.rstrip().splitlines())
        self.transcript.write(f"\n    | --- {title}\n{body}\n")
        self.transcript.flush()

    def raw_virsh(self, when: str) -> None:
        for name, host in self.cloud.hosts.items():
            self.raw(f"virsh list on {name}, {when}", host.virsh("list"))

    def evidence(
        self,
        request: str,
        rounds: list[dict[str, str]],
        voices: list[tuple[str, Voice]],
        links: dict[str, Link],
    ) -> None:
        """Raw evidence of one move. Every answer on a guest's console must belong to a round of this move.

        :raises LabError: something is missing.
        """
        commands = (["server", "event", "show", MOVER, request], ["server", "show", MOVER])
        with ThreadPoolExecutor(2) as pool:
            shown = list(pool.map(lambda words: openstack(self.cloud.place, *words), commands))
        for words, done in zip(commands, shown, strict=True):
            if done.returncode != 0:
                raise LabError(f"openstack {' '.join(words)}: {done.stdout}")
            self.raw("openstack " + " ".join(words), done.stdout)
        self.raw_virsh("after")
        known = {record["round"] for record in rounds}
        if not voices:
            raise LabError("no guest was asked")
        for name, voice in voices:
            link = links.get(voice.request)
            if link is None or link.round not in known or link.guest != self.guests[name].uuid:
                raise LabError(
                    f"{name} answered a request that belongs to no round of this move: {voice.line}"
                )
            self.raw(f"serial console of {name}, round {link.round}", voice.line)
        self.raw("rounds as nova-compute logged them", "\n".join(str(record) for record in rounds))

    # -- the whole ----------------------------------------------------------------------------------------------

    def run(self) -> None:
        self.tell.line(
            f"A live migration that asks first. Seed {self.seed}; transcript {TRANSCRIPT}"
        )
        self.tell.line()
        wheel = newest_wheel()
        if wheel is not None:
            install_plugin(self.cloud.place, wheel)
            self.tell.step(f"plugin installed: pip install {wheel.name}")
        self.tell.step(
            "nova.conf of each host: compute_driver = consent.ConsentLibvirtDriver, [consent] mode = enforce"
        )
        self.cloud.up()
        from consent_core import program  # in the environment only now

        kind = guests.publish(self.cloud.client, self.cloud.place, program("consent-agent"))
        cast = [(MOVER, "host1"), *NEIGHBOURS.items()]
        booted = guests.boot(self.cloud.client, self.cloud.hosts, kind, cast)
        self.guests = {guest.name: guest for guest in booted}
        for guest in booted:
            if guest.channel() != "connected":
                raise LabError(f"{guest.name} has no agent on its consent channel")
        self.tell.step(
            f"booted: {MOVER} on host1; billing and search on host2; mail and wiki on host3"
        )

        refuser, because = self.drawn.choice(("billing", "search")), self.draw_reason()
        self.refused(refuser, because)
        self.goes_elsewhere(refuser, because)
        self.agreed(refuser)
        self.audited(self.drawn.choice(("mail", "wiki")), self.draw_reason())
        self.tell.line()
        self.tell.step("all four as told. The evidence is in the transcript.")

    def draw_reason(self) -> str:
        return f"{self.drawn.choice(REASONS)} {self.drawn.randrange(1, 13)}:{self.drawn.randrange(60):02}"

    def say_how_to_go_on(self) -> None:
        place = self.cloud.place
        self.tell.line(f"""
The cloud is left up. To go on:
    source {place.rc}
    openstack server list --long
    openstack server migrate --live-migration --host host2 {MOVER}
    openstack server event list {MOVER}
    cat {place.logs}/nova-compute-host2.log | grep 'consent round='
Each host's file, read anew when it changes: {place.run}/host2/etc-nova/consent.d/host.yaml
To end it, in {ROOT}:
    make down""")


def newest_wheel() -> Path | None:
    """The project's wheel: ``WHEEL``, else the one that was built last; None leaves what is installed."""
    given = os.environ.get("WHEEL")
    found = [Path(given)] if given else sorted((ROOT / "build" / "wheel").glob("*.whl"))
    return found[-1] if found else None


@contextmanager
def demo() -> Iterator[Demo]:
    """A demo whose cloud comes down at the end; left up for KEEP=1; its logs are kept when it fails."""
    TRANSCRIPT.parent.mkdir(parents=True, exist_ok=True)
    with TRANSCRIPT.open("w") as transcript:
        story = Demo(transcript, int(os.environ.get("SEED") or random.randrange(1_000_000)))
        try:
            yield story
        except BaseException:
            story.cloud.collect_logs(TRANSCRIPT.parent / "failed")
            if not os.environ.get("KEEP"):
                story.cloud.down()
            raise
        if os.environ.get("KEEP"):
            story.say_how_to_go_on()
        else:
            story.cloud.down()


def main() -> int:
    come_down_when_told()
    try:
        with demo() as story:
            story.run()
    except (LabError, TimeoutError) as error:
        print(f"\ndemo: {error}\n(logs: {TRANSCRIPT.parent / 'failed'})", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
