"""What the gate reads of Nova's database, through the conductor.

Each function is one to three calls over the message bus, which may take as long as
rpc_response_timeout: callers put them within() a deadline. Nothing is written. Must not know
    policies, rounds or verdicts.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Mapping
from typing import Any

from nova import exception, objects

MODE_STAT = "consent_mode"
"""Key of a compute node's stats: the mode of the gate there. Absent or empty: no gate."""
ACCEPT_INCOMING_STAT = "consent_accept_incoming"
"""Key of a compute node's stats: consent or refuse, the hypervisor's own voice. Empty in mode
off."""

_DESTINATION_CHECK = "compute_check_can_live_migrate_destination"
_UNDER_WAY = ("accepted", "queued", "preparing", "running")


@dataclasses.dataclass(frozen=True)
class MigrationFacts:
    """The Migration that a check belongs to."""

    uuid: str
    requested: datetime.datetime | None
    """By the clock of the conductor that recorded it."""
    destination: str
    """Empty while Nova looks for a host: it is recorded only when one has agreed."""


def migration_under_way(context: Any, instance: Any) -> MigrationFacts | None:
    """The live migration of `instance` that is going on; None when Nova has no record of one.

    MigrationList.get_in_progress_by_instance() will not do: it leaves out `accepted`, the status in
    which a migration is checked (nova/db/main/api.py, 2025.1 to 2026.2).
    """
    filters = {
        "instance_uuid": instance.uuid,
        "migration_type": "live-migration",
        "status": list(_UNDER_WAY),
    }
    found = objects.MigrationList.get_by_filters(
        context.elevated(), filters, sort_keys=["created_at"], sort_dirs=["desc"], limit=1
    )
    if not found:
        return None
    migration = found[0]
    return MigrationFacts(migration.uuid or "-", migration.created_at, migration.dest_compute or "")


def searched_s(context: Any, instance: Any, migration: MigrationFacts) -> float:
    """Seconds from the request of the migration to the check that is going on; 0 when not known.

    Both times were stamped by conductors, whose clocks Nova relies on. This host's own may be off
    by minutes, and nobody would be the wiser.
    """
    check = _check_under_way(context, instance)
    if check is None or check.start_time is None or migration.requested is None:
        return 0.0
    return max(0.0, (_aware(check.start_time) - _aware(migration.requested)).total_seconds())


def checking_host(context: Any, instance: Any) -> str:
    """The host whose check asks the source just now; empty when Nova has no record of it.

    The source's driver is not told which host it is that asks. The destination's check is an event
    of the action under way that has started and not finished, and events carry their host.
    """
    check = _check_under_way(context, instance)
    return (check.host or "") if check else ""


def _check_under_way(context: Any, instance: Any) -> Any:
    """The event of the destination's check that is going on; None when Nova has no record of it."""
    action = objects.InstanceAction.get_by_request_id(context, instance.uuid, context.request_id)
    if action is None:
        return None
    events = objects.InstanceActionEventList.get_by_action(context, action.id)
    checks = [e for e in events if e.event == _DESTINATION_CHECK and e.finish_time is None]
    return max(checks, key=lambda e: e.id, default=None)


def asks(stats: Mapping[str, str | None] | None) -> bool:
    """Whether a compute node with these stats runs a gate that asks."""
    return (stats or {}).get(MODE_STAT) in ("audit", "enforce")


def host_asks(context: Any, host: str) -> bool:
    """Whether `host` has published that it runs a gate that asks; False too when Nova does not know
    it.
    """
    try:
        nodes = objects.ComputeNodeList.get_all_by_host(context, host)
    except exception.ComputeHostNotFound:
        return False
    return any(asks(node.stats) for node in nodes)


def voter_flavor(flavor: Any) -> bool:
    """Whether the operator made guests of this flavor voters. `flavor`: an instance's own copy,
    taken at create.
    """
    specs = flavor.extra_specs or {}
    return str(specs.get("consent:voter", "")).strip().lower() in ("yes", "true", "1")


def voters_by_flavor(context: Any, host: str) -> list[str]:
    """UUIDs of the instances on `host` whose flavor makes them voters."""
    instances = objects.InstanceList.get_by_host(context, host, expected_attrs=["flavor"])
    return [instance.uuid for instance in instances if voter_flavor(instance.flavor)]


def _aware(moment: datetime.datetime) -> datetime.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
