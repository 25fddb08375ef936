"""ConsentFilter: the scheduler's advice. Spares Nova the way to hosts that are certain to refuse.

It decides nothing: the gate on the destination does, and hosts may change their minds between a
report and a request. So whatever is unclear passes: operations that filter_operations does not name
(all but live migrations, by default), rebuilds, hosts that have published nothing that can be used,
and every error of this filter's own, since a filter that raises fails the request, and some of
Nova's exceptions would even leave a running VM in ERROR. Works from what compute nodes publish; one
database read a request at most, and none while no host publishes anything. Safe for use by several
threads at once. Must not know voters or rounds.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from nova.scheduler import filters
from oslo_log import log as logging

from nova_consent.forecast import FORECASTER, Forecast, name_of
from nova_consent.standing import LIVE_MIGRATION

LOG = logging.getLogger(__name__)

_HOSTS_NAMED = 20
"""In the log line; a scheduler sees up to 1,000 hosts."""


class ConsentFilter(filters.BaseHostFilter):  # type: ignore[misc]
    """Drops hosts in mode enforce of which a binding voter has said beforehand that it refuses."""

    RUN_ON_REBUILD = False

    def filter_all(self, filter_obj_list: Iterable[Any], spec_obj: Any) -> list[Any]:
        """The hosts that pass. Never None, which would break Nova's handler; never raises."""
        hosts = list(filter_obj_list)
        try:
            forecast = FORECASTER.make(spec_obj, hosts) if hosts else None
            if forecast is None or not forecast.refusing:
                return hosts
            refusing = forecast.refusing
            passing = [host for host in hosts if name_of(host) not in refusing]
            _tell(spec_obj, forecast, hosts, passing)
            return passing
        except Exception:  # noqa: BLE001  logged there
            _tell_error()
            return hosts


def _tell(spec: Any, forecast: Forecast, hosts: list[Any], passing: list[Any]) -> None:
    """Logs which hosts are left out; when no host is left, each of them with its reason."""
    number = len(hosts) - len(passing)
    names = (name for host in hosts if (name := name_of(host)) in forecast.refusing)
    if not passing and forecast.operation == LIVE_MIGRATION:  # others are begun by tenants
        for name in names:
            LOG.info(
                "consent: %s of %s: %s is left out: %s",
                forecast.operation,
                spec.instance_uuid,
                name[0],
                forecast.reason(name),
            )
        named = ["see above"]
    else:
        first = itertools.islice(names, _HOSTS_NAMED)
        named = [f"{name[0]} ({forecast.reason(name)})" for name in first]
        named += ["..."] if number > _HOSTS_NAMED else []
    LOG.info(
        "consent: %s of %s: %d of %d hosts left out, which are certain to refuse: %s",
        forecast.operation,
        spec.instance_uuid,
        number,
        len(hosts),
        ", ".join(named),
    )


def _tell_error() -> None:
    try:
        LOG.exception(
            "consent: the filter failed and lets all hosts pass; the gate on the destination "
            "decides"
        )
    except Exception:  # noqa: BLE001  the log itself is what fails
        return
