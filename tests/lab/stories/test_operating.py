"""What an operator does to hosts while guests live on them: drains, mixed drivers, no plugin any more, a dead host."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from stage import Stage

from cloud import guests
from cloud.guests import CHANNEL
from cloud.hosts import CONSENT_DRIVER, STOCK_DRIVER, ComputeHost
from cloud.waiting import LabError

NOISE = "a load test is being measured until 16:20"
LIFETIME_S = 5.0


@contextmanager
def consent_option(hosts: list[ComputeHost], name: str, value: object) -> Iterator[None]:
    """One option of [consent] in these hosts' nova.conf, with nova-compute restarted before and after."""
    for host in hosts:
        host.more["consent"] = {**host.more["consent"], name: value}
        host.restart_nova()
    yield
    for host in hosts:
        del host.more["consent"][name]
        host.restart_nova()


def test_a_drain_outlives_its_grants(stage: Stage) -> None:
    """Five leave host1 one at a time (Nova's max_concurrent_live_migrations is 1): the last wait far longer than a
    grant lives, and are asked for again when their turn comes."""
    names = [f"drained{n}" for n in range(1, 6)]
    movers = guests.boot(
        stage.client, stage.cloud.hosts, stage.kind, [(name, "host1") for name in names]
    )
    try:
        with consent_option([stage.host("host2")], "grant_lifetime_s", LIFETIME_S):
            with stage.listening() as (records, _):
                started = [stage.client.start_migration(guest.uuid, "host2") for guest in movers]
                ended = [stage.client.migration_end(each, 240) for each in started]
            assert [migration.status for migration in ended] == ["completed"] * 5
            assert {guest.host.name for guest in movers} == {"host2"}
            again = [record for record in records["host2"] if record["gate"] == "pre"]
            assert again, "no grant expired: the drain was too quick to show anything"
            assert {record["verdict"] for record in again} == {"consented"}
    finally:
        for guest in movers:
            stage.client.delete(guest.uuid)


@pytest.fixture
def host3_stock(stage: Stage) -> Iterator[ComputeHost]:
    host = stage.host("host3")
    consent = host.more.pop("consent")
    host.driver = STOCK_DRIVER
    host.restart_nova()
    yield host
    host.driver, host.more["consent"] = CONSENT_DRIVER, consent
    host.restart_nova()


def test_a_host_on_the_stock_driver(stage: Stage, host3_stock: ComputeHost) -> None:
    stage.policy("mail", "refuse", NOISE)

    there = stage.move(host="host3")

    assert there.migration.completed
    assert "mail" not in there.voices
    assert "host3" in there.record("host1", "source")["unasked"], "who was not asked is on record"
    assert there.answers()["mover"] == ["consent"]

    back = stage.move(host="host1")

    assert back.migration.completed
    assert "host3" in back.record("host1", "destination")["unasked"]


def test_the_plugin_taken_away(stage: Stage) -> None:
    """VMs that were started under the plugin know nothing of it: they migrate and reboot as before."""
    host = stage.host("host2")
    billing, search = stage.guests["billing"], stage.guests["search"]
    host.remove_plugin()
    try:
        with pytest.raises(LabError, match="No module named"):
            host.machine.run([stage.cloud.place.bin / "python", "-c", "import nova_consent"])
        assert CHANNEL in host.virsh("dumpxml", billing.uuid)

        assert stage.move(billing, "host3").migration.completed
        assert stage.move(billing, "host2").migration.completed
        process = stage.qemu_pid(search)
        stage.client.hard_reboot(search.uuid)
        assert stage.qemu_pid(search) != process
        search.serial().wait_for("^guest up$", 60)
        assert CHANNEL not in host.virsh("dumpxml", search.uuid)
    finally:
        host.more["consent"] = {"mode": "enforce"}
        host.put_plugin_back(CONSENT_DRIVER)
        # Under the plugin it gets its channel back when it is started anew.
        stage.client.hard_reboot(search.uuid)
    guests.await_up(search)
    assert search.channel() == "connected"


def test_evacuation_asks_nobody(stage: Stage) -> None:
    """A host that died is no time for votes."""
    for name in ("billing", "search"):
        stage.policy(name, "refuse", NOISE)
    host = stage.host("host1")
    host.nova.end()
    host.virsh("destroy", stage.mover.uuid)
    stage.client.force_down("host1", True)

    with stage.listening() as (records, voices):
        stage.client.act(stage.mover.uuid, "evacuate", {"host": "host2"})
        stage.client.settled(stage.mover.uuid, timeout_s=120)

    assert stage.mover.host.name == "host2"
    assert records["host2"] == []
    assert not {"search", "billing"} & set(voices)
    host.start_nova()
    host.nova_up()
    stage.client.force_down("host1", False)
    guests.await_up(stage.mover)
