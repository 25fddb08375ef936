"""ConsentFilter: the scheduler's advice. Spares Nova the way to hosts that are certain to refuse.

It decides nothing: the gate on the destination does, and hosts may change their minds between a
report and a request. So whatever is unclear passes: boots, evacuations, resizes, rebuilds and
unshelves, hosts that have published nothing, and every error of this filter's own, since a filter
that raises fails the request, and some of Nova's exceptions would even leave a running VM in ERROR.
Works from what compute nodes publish; one database read a request at most, and none while no host
publishes that it refuses. Safe for use by several threads at once. Must not know voters or rounds.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nova import context as nova_context
from nova import objects
from nova.scheduler import filters, utils
from oslo_log import log as logging

from nova_consent.facts import ACCEPT_INCOMING_STAT, MODE_STAT

LOG = logging.getLogger(__name__)

_HOSTS_NAMED = 20
"""In the log line; a scheduler sees up to 1,000 hosts."""


class ConsentFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Drops, for live migrations, hosts that publish accept_incoming=refuse in mode enforce."""

    RUN_ON_REBUILD = False

    def filter_all(self, filter_obj_list: Iterable[Any], spec_obj: Any) -> list[Any]:
        """The hosts that pass. Never None, which would break Nova's handler; never raises."""
        hosts = list(filter_obj_list)
        try:
            refusing = [host for host in hosts if _refuses(host)]
            if not refusing or not _is_live_migration(spec_obj):
                return hosts
            passing = [host for host in hosts if not _refuses(host)]
            LOG.info(
                "consent: live migration of %s: %d of %d hosts left out, whose hypervisors accept "
                "no guests: %s",
                spec_obj.instance_uuid,
                len(refusing),
                len(hosts),
                ", ".join(str(host.host) for host in refusing[:_HOSTS_NAMED])
                + (", ..." if len(refusing) > _HOSTS_NAMED else ""),
            )
            return passing
        except Exception:  # noqa: BLE001  logged there
            _tell_error()
            return hosts


def _refuses(host: Any) -> bool:
    stats = getattr(host, "stats", None) or {}
    return bool(stats.get(MODE_STAT) == "enforce" and stats.get(ACCEPT_INCOMING_STAT) == "refuse")


def _is_live_migration(spec: Any) -> bool:
    """Whether the request is for a live migration. A request spec does not say so; the action under
    way does.
    """
    if utils.request_is_rebuild(spec):
        return False
    destination = spec.requested_destination if "requested_destination" in spec else None
    if not destination or "cell" not in destination or not destination.cell:
        # A boot: only moves are bound to a cell (nova/conductor/tasks/live_migrate.py, migrate.py).
        return False
    context = spec._context
    with nova_context.target_cell(context.elevated(), destination.cell) as cell_context:
        action = objects.InstanceAction.get_by_request_id(
            cell_context, spec.instance_uuid, context.request_id
        )
    return action is not None and action.action == "live-migration"


def _tell_error() -> None:
    try:
        LOG.exception(
            "consent: the filter failed and lets all hosts pass; the gate on the destination "
            "decides"
        )
    except Exception:  # noqa: BLE001  the log itself is what fails
        return
