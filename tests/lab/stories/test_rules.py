"""What was said beforehand, on a real cloud: by flavors, tenants and hosts, without asking anybody twice, or at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from stage import Stage

from cloud import guests
from cloud.guests import MEMORY_MIB, Guest, GuestKind
from cloud.waiting import wait_for
from consent_core import Outlook, Outlooks

JITTER = "it must answer within a millisecond"
NOISE = "the month is being closed until 17:43"
REFUSES = f'{{answer: refuse, because: "{NOISE}"}}'
RULE = "consent:rule:busy"


@dataclass(frozen=True)
class Rivals:
    """Two guests more: ``batch`` on host1 is of a class that the flavor of ``ledger``, on host2, refuses."""

    batch: Guest
    ledger: Guest


@pytest.fixture(scope="module")
def rivals(cast: Stage) -> Iterator[Rivals]:
    client = cast.client
    batch = client.flavor("batch", MEMORY_MIB)
    quiet = client.flavor(
        "quiet",
        MEMORY_MIB,
        {
            "consent:rule:jitter": f'{{when: {{guest.flavor: "s== batch"}}, answer: refuse, because: {JITTER}}}',
            "consent:veto": "yes",
        },
    )
    homes = {"batch": "host1", "ledger": "host2"}
    booted: list[Guest] = []
    for name, flavor in (("batch", batch), ("ledger", quiet)):
        kind = GuestKind(cast.kind.image, flavor)
        booted += guests.boot(client, cast.cloud.hosts, kind, [(name, homes[name])])
    cast.guests |= {guest.name: guest for guest in booted}
    cast.homes |= homes
    yield Rivals(*booted)
    for guest in booted:
        del cast.guests[guest.name], cast.homes[guest.name]
        client.delete(guest.uuid)


def foretold(stage: Stage, host: str, guest: Guest, flavor: str = "tiny") -> Outlook:
    """What nova-scheduler makes of the digest that the host published last."""
    facts = {
        "operation": "live-migration",
        "guest.id": guest.uuid,
        "guest.flavor": flavor,
        "guest.memory_mib": MEMORY_MIB,
    }
    digest = stage.cloud.control.published(host).get("consent_digest")
    return Outlooks().judge([digest], facts, time.time(), 120)[0].outlook


def await_foretold(
    stage: Stage, outlook: Outlook, host: str, guest: Guest, flavor: str = "tiny"
) -> None:
    wait_for(
        f"{host} publishes what comes to {outlook.value} for {guest.name}",
        lambda: foretold(stage, host, guest, flavor) is outlook,
        60,
    )


@contextmanager
def said(stage: Stage, guest: Guest, key: str, rule: str) -> Iterator[None]:
    """Words of the guest's owner in its server metadata."""
    stage.client.say(guest.uuid, {key: rule})
    try:
        yield
    finally:
        stage.client.unsay(guest.uuid, key)


def test_a_flavor_keeps_a_class_of_neighbour_out(stage: Stage, rivals: Rivals) -> None:
    """Nobody on host2 is asked: not by way of the scheduler, which leaves the host out, nor past it."""
    batch = rivals.batch
    await_foretold(stage, Outlook.REFUSE, "host2", batch, "batch")
    scheduler = stage.cloud.control.scheduler_log
    mark = scheduler.stat().st_size

    move = stage.move(batch)

    assert move.migration.completed
    assert batch.host.name == "host3", "host2 has more room, and Nova would have taken it"
    assert move.records["host2"] == [], "no round there"
    assert not {"billing", "search", "ledger"} & set(move.voices)
    lines = scheduler.read_bytes()[mark:].decode(errors="replace").splitlines()
    (left_out,) = [line for line in lines if "left out" in line and batch.uuid in line]
    assert "host2" in left_out
    assert JITTER in left_out

    forced = stage.move(batch, host="host2", force=True)

    assert not forced.migration.completed
    assert batch.host.name == "host3"
    record = forced.record("host2", "destination")
    assert (record["verdict"], record["mode"]) == ("refused", "enforce")
    assert JITTER in record["reason"]
    assert "jitter" in record["reason"], "the rule is named"
    assert JITTER in forced.details
    assert not {"billing", "search", "ledger"} & set(forced.voices)

    # Of another class: no rule speaks, so the guest itself does.
    other = stage.move(host="host2")
    assert other.migration.completed
    assert other.answers()["ledger"] == ["consent"]


def test_audit_lets_through_what_enforce_stops(stage: Stage, rivals: Rivals) -> None:
    stage.host("host2").write_consent_file("mode: audit\n")
    await_mode(stage, "host2", "audit")
    await_foretold(stage, Outlook.REFUSE, "host2", rivals.batch, "batch")

    audited = stage.move(rivals.batch)

    assert audited.migration.completed
    assert rivals.batch.host.name == "host2", "the scheduler left it in"
    record = audited.record("host2", "destination")
    assert (record["mode"], record["verdict"]) == ("audit", "refused")
    assert JITTER in record["reason"]
    assert stage.move(rivals.batch, host="host1").migration.completed

    stage.host("host2").write_consent_file("")
    enforced = stage.move(rivals.batch, host="host2", force=True)

    assert not enforced.migration.completed
    assert rivals.batch.host.name == "host1"
    assert enforced.record("host2", "destination")["mode"] == "enforce"
    await_mode(stage, "host2", "enforce")


def await_mode(stage: Stage, host: str, mode: str) -> None:
    wait_for(
        f"{host} publishes mode {mode}",
        lambda: stage.cloud.control.published(host).get("consent_mode") == mode,
        60,
    )


def test_a_tenants_veto_counts_where_the_operator_grants_it(stage: Stage, rivals: Rivals) -> None:
    """``veto:`` in the host's file takes effect at the next move, and so does what owners say."""
    billing, host = stage.guests["billing"], stage.host("host2")
    stage.policy("search", "refuse", "a guest's own word")
    with said(stage, billing, RULE, REFUSES):
        host.write_consent_file(f"veto: [{billing.uuid}]\n")
        entitled = stage.move(host="host2", force=True)

        assert not entitled.migration.completed
        assert stage.mover.host.name == "host1"
        record = entitled.record("host2", "destination")
        assert record["verdict"] == "refused"
        assert not {"billing", "search", "ledger"} & set(entitled.voices), "nobody was asked"
        assert NOISE in record["reason"]
        assert billing.uuid in record["reason"]

        host.write_consent_file("veto: []\n")
        mark = host.log_size()
        recorded = stage.move(host="host2", force=True)

        assert recorded.migration.completed
        assert stage.mover.host.name == "host2"
        record = recorded.record("host2", "destination")
        assert record["verdict"] == "consented"
        assert record["advisory"] == "2", "what billing says beforehand, and search when asked"
        assert recorded.answers()["search"] == ["refuse"]
        assert "billing" not in recorded.voices
        log = host.log_since(mark)
        for guest, words in ((billing, NOISE), (stage.guests["search"], "a guest's own word")):
            (line,) = [
                each
                for each in log.splitlines()
                if "decides nothing" in each and guest.uuid in each
            ]
            assert words in line


def test_a_flavor_grants_the_veto(stage: Stage, rivals: Rivals) -> None:
    stage.host("host2").write_consent_file("veto: []\n")
    with said(stage, rivals.ledger, RULE, REFUSES):
        move = stage.move(host="host2", force=True)

    assert not move.migration.completed
    record = move.record("host2", "destination")
    assert record["verdict"] == "refused"
    assert rivals.ledger.uuid in record["reason"]
    assert NOISE in record["reason"]


def test_a_policy_changes_while_services_run(stage: Stage) -> None:
    """The host's file and server metadata: at the gate from the next move on, in the scheduler with the next report."""
    control, host, billing = stage.cloud.control, stage.host("host2"), stage.guests["billing"]
    processes = [control.scheduler, *(each.nova for each in stage.cloud.hosts.values())]
    running = [process.pid for process in processes]

    host.write_consent_file(
        f'rules: [{{name: full, when: {{guest.memory_mib: ">= {MEMORY_MIB}"}}, answer: refuse, because: no room}}]\n'
    )
    by_host = stage.move(host="host2", force=True)
    assert not by_host.migration.completed
    assert "full" in by_host.record("host2", "destination")["reason"]
    await_foretold(stage, Outlook.REFUSE, "host2", stage.mover)
    spared = stage.move()
    assert spared.migration.completed
    assert stage.mover.host.name == "host3"
    assert spared.records["host2"] == []

    host.write_consent_file("")
    with said(stage, billing, RULE, REFUSES):
        by_owner = stage.move(host="host2", force=True)
        assert not by_owner.migration.completed
        assert NOISE in by_owner.record("host2", "destination")["reason"]
        # Not foretold as a refusal: it counts only so often, which the gate alone can tell.
        await_foretold(stage, Outlook.ASK, "host2", stage.mover)

    agreed = stage.move(host="host2", force=True)
    assert agreed.migration.completed
    assert agreed.answers()["billing"] == ["consent"]
    await_foretold(stage, Outlook.ASK, "host2", stage.mover)
    assert [process.pid for process in processes] == running


def test_the_weigher_prefers_a_host_that_need_not_be_asked(stage: Stage) -> None:
    stage.host("host3").write_consent_file("rules: [{name: open, answer: consent}]\n")
    hosts = ["host2", "host3"]
    aggregate = stage.client.aggregate("agreeable", hosts, {"consent_weight_multiplier": "10"})
    try:
        await_foretold(stage, Outlook.CONSENT, "host3", stage.mover)
        move = stage.move()
    finally:
        stage.client.remove_aggregate(aggregate, hosts)

    assert move.migration.completed
    assert stage.mover.host.name == "host3", "host2 has more room"
    record = move.record("host3", "destination")
    assert record["verdict"] == "consented"
    assert not {"mail", "wiki"} & set(move.voices)
