"""What an admin sees of a live migration that asks first, in enforce and audit, on a real cloud."""

from __future__ import annotations

import pytest
from stage import Move, Stage

from cloud.waiting import wait_for

NOISE = "the month is being closed until 17:43"


def refused_at(move: Move, stage: Stage, host: str) -> None:
    """The VM is where it was, ACTIVE (migration_end insists on that)."""
    assert move.migration.status in {"error", "failed"}, move
    assert stage.mover.host.name == host


@pytest.mark.parametrize("refuser", ["billing", "search"])
def test_a_guest_on_the_named_host_refuses(stage: Stage, refuser: str) -> None:
    stage.policy(refuser, "refuse", NOISE)
    process = stage.qemu_pid(stage.mover)

    move = stage.move(host="host2")

    refused_at(move, stage, "host1")
    assert stage.qemu_pid(stage.mover) == process
    assert NOISE in move.details
    assert stage.guests[refuser].uuid in move.details
    assert move.answers()[refuser] == ["refuse"]
    record = move.record("host2", "destination")
    assert (record["verdict"], record["mode"], record["refused"]) == ("refused", "enforce", "1")
    assert record["migration"] == move.migration.uuid
    assert record["request_id"] == move.migration.request_id
    assert NOISE in record["reason"]


def test_no_host_named_and_nova_goes_to_the_next(stage: Stage) -> None:
    stage.policy("search", "refuse", NOISE)

    move = stage.move()

    assert move.migration.completed
    assert stage.mover.host.name == "host3"
    assert move.record("host2", "destination")["verdict"] == "refused"
    assert move.record("host3", "destination")["verdict"] == "consented"
    assert not has(move, "host3", "pre"), "the grant of the check was claimed"
    assert move.answers()["mail"] == move.answers()["wiki"] == ["consent"]


def has(move: Move, host: str, gate: str) -> bool:
    return any(record["gate"] == gate for record in move.records[host])


def test_a_guest_that_changes_its_policy_is_heard(stage: Stage) -> None:
    stage.policy("billing", "refuse", NOISE)
    refused_at(stage.move(host="host2"), stage, "host1")
    stage.policy("billing", "consent")

    move = stage.move(host="host2")

    assert move.migration.completed
    assert stage.mover.host.name == "host2"
    assert move.answers()["billing"] == move.answers()["search"] == ["consent"]
    assert not has(move, "host2", "pre"), (
        "the grant of the check was claimed; nobody was asked twice"
    )


def test_audit_by_the_hosts_file_records_and_lets_through(stage: Stage) -> None:
    stage.policy("billing", "refuse", NOISE)
    refused_at(stage.move(host="host2"), stage, "host1")
    compute = stage.host("host2").nova.pid
    stage.host("host2").write_consent_file("mode: audit\n")

    move = stage.move(host="host2")

    assert move.migration.completed
    assert stage.mover.host.name == "host2"
    assert stage.host("host2").nova.pid == compute
    record = move.record("host2", "destination")
    assert (record["mode"], record["verdict"]) == ("audit", "refused")
    assert NOISE in record["reason"]


def test_the_mover_itself_refuses(stage: Stage) -> None:
    stage.policy("mover", "refuse", "my clients hold long transactions")

    move = stage.move()

    refused_at(move, stage, "host1")
    # Nova cuts an event's details at 255 characters, and its own words come first: the log has the guest's.
    assert "which is to move" in move.details or "VM to move" in move.details
    first, again = [record for record in move.records["host1"] if record["gate"] == "source"]
    assert "my clients hold long transactions" in first["reason"]
    assert again["round"] == "-", "asked once only"
    assert "my clients hold long transactions" in again["reason"]
    # Nova tried both hosts; the mover was asked once for the request, and its word was remembered.
    assert {host for host in ("host2", "host3") if has(move, host, "destination")} == {
        "host2",
        "host3",
    }
    assert [(voice.role, voice.answer) for voice in move.voices["mover"]] == [("mover", "refuse")]


def test_a_hypervisor_that_accepts_nobody_is_left_out(stage: Stage) -> None:
    host = stage.host("host2")
    host.write_consent_file(
        "accept_incoming:\n  answer: refuse\n  because: its fans are being replaced\n"
    )
    wait_for(
        "host2 publishes that it refuses",
        lambda: stage.cloud.control.published("host2").get("consent_accept_incoming") == "refuse",
        60,
    )

    move = stage.move()

    assert move.migration.completed
    assert stage.mover.host.name == "host3"
    assert move.records["host2"] == [], "the scheduler spared it: nobody on host2 was asked"
    # The filter judges live migration alone.
    booted = stage.client.boot("newcomer", "host2", stage.kind.image, stage.kind.flavor)
    assert stage.client.settled(booted)["OS-EXT-SRV-ATTR:host"] == "host2"
    stage.client.delete(booted)
    # Named by an admin, past the scheduler: the gate says it.
    forced = stage.move(host="host2", force=True)
    refused_at(forced, stage, "host3")
    assert "its fans are being replaced" in forced.details
    host.write_consent_file("")
    wait_for(
        "host2 publishes that it consents",
        lambda: stage.cloud.control.published("host2").get("consent_accept_incoming") == "consent",
        60,
    )


def test_words_that_novas_database_cannot_hold(stage: Stage) -> None:
    """Nova keeps a refusal as a fault in a column of three bytes a character. One that is not stored
    would end in the conductor, and the VM in ERROR."""
    stage.host("host2").write_consent_file(
        'accept_incoming: {answer: refuse, because: "\\U0001F525 in the rack"}\n'
    )

    move = stage.move(host="host2", force=True)

    refused_at(move, stage, "host1")
    assert "in the rack" in move.details


def test_forcing_does_not_get_past_the_gate(stage: Stage) -> None:
    stage.policy("search", "refuse", NOISE)

    move = stage.move(host="host2", force=True)

    refused_at(move, stage, "host1")
    assert NOISE in move.details
    assert move.record("host2", "destination")["verdict"] == "refused"
