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
from nova.compute import vm_states

MODE_STAT = "consent_mode"
"""Key of a compute node's stats: the mode of the gate there. Absent or empty: no gate."""
ACCEPT_INCOMING_STAT = "consent_accept_incoming"
"""Key of a compute node's stats: consent or refuse, the hypervisor's own voice. Empty in mode
off."""

DIGEST_STAT = "consent_digest"
"""Key of a compute node's stats: what the guests there have said beforehand (consent_core.write_digest).
Empty: not known, or mode off."""

_SAID = ["flavor", "metadata", "system_metadata", "tags"]
"""Attributes of an instance that hold what was said for it beforehand, and what rules may ask."""
_DESTINATION_CHECK = "compute_check_can_live_migrate_destination"
_NOT_THERE = (vm_states.BUILDING, vm_states.SOFT_DELETED, vm_states.DELETED)
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


def guests_of(context: Any, host: str) -> list[Any]:
    """The instances on `host`, running or not, with all that was said for them beforehand: one read.

    Those that do not run yet, or were deleted and are only kept, have no say. Not by
    InstanceList.get_by_host(): that joins metadata, system_metadata and tags in one statement, whose
    rows are their product (nova/db/main/api.py, instance_get_all_by_host, 2025.1 to 2026.2); this
    one reads the first two apart.
    """
    found = objects.InstanceList.get_by_filters(
        context.elevated(), {"host": host, "deleted": False}, expected_attrs=list(_SAID)
    )
    return [each for each in found if each.vm_state not in _NOT_THERE]


def guest(context: Any, uuid: str) -> Any:
    """The instance as the database has it now, with all that was said for it beforehand."""
    return objects.Instance.get_by_uuid(context.elevated(), uuid, expected_attrs=_SAID)


def tags_of(context: Any, instance: Any) -> list[str]:
    """The tags of an instance that Nova handed to a driver, which may come without them."""
    if instance.obj_attr_is_set("tags"):
        tags = instance.tags
    else:
        tags = objects.TagList.get_by_resource_id(context.elevated(), instance.uuid)
    return [tag.tag for tag in tags]


def _aware(moment: datetime.datetime) -> datetime.datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.timezone.utc)
