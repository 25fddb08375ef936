"""What the gates of hosts would say of a move, foretold in the scheduler from what hosts publish.

One batch into C++ a request, and one database read at most, to learn which operation it is. A
forecast may know less than a gate, never something else: whatever is unclear is `ask`. Shared by
ConsentFilter, which makes it, and ConsentWeigher, which looks it up. Safe for use by several
threads at once. Must not know what is made of it.
"""

from __future__ import annotations

import collections
import dataclasses
import operator
import os
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nova.conf
from nova import context as nova_context
from nova import objects
from nova.scheduler import utils
from oslo_log import log as logging

from consent_core import Judgement, Mode, Outlook, Outlooks
from nova_consent.conf import SchedulerOptions, read_scheduler_options
from nova_consent.facts import ACCEPT_INCOMING_STAT, DIGEST_STAT, MODE_STAT
from nova_consent.standing import LIVE_MIGRATION, family

LOG = logging.getLogger(__name__)

_REQUESTS = 64
"""Forecasts kept, the newest; a scheduler weighs hosts right after it has filtered them."""
_TOLD = 20000
CREATE = "create"

_ENFORCE = Mode.ENFORCE.value

Name = tuple[str, str]
"""Host and node, as a HostState has them."""


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What was foretold for one request. Hosts that are not in it publish nothing."""

    operation: str
    judgements: Mapping[Name, Judgement]
    refusing: frozenset[Name]
    """Hosts whose gates are certain to refuse, in mode enforce."""

    def reason(self, name: Name) -> str:
        """Why a host of `refusing` would refuse."""
        judgement = self.judgements.get(name)
        if judgement is not None and judgement.outlook is Outlook.REFUSE:
            return judgement.reason
        return "its hypervisor accepts no guests (accept_incoming)"


class Forecaster:
    """Makes forecasts, and keeps the latest."""

    def __init__(self) -> None:
        self.weighed = False
        """A weigher will look forecasts up, so they are made too where no host would be left out."""
        self.unusable = 0
        """How many digests could not be used so far."""
        self._lock = threading.Lock()
        self._options: SchedulerOptions | None = None
        self._outlooks: tuple[int, Outlooks] | None = None
        self._latest: collections.OrderedDict[Any, Forecast] = collections.OrderedDict()
        self._told: collections.OrderedDict[Any, None] = collections.OrderedDict()

    def options(self) -> SchedulerOptions:
        """The scheduler's options; the defaults, and an error in the log, where they are wrong."""
        if self._options is None:
            try:
                self._options = read_scheduler_options(nova.conf.CONF)
            except Exception as error:  # noqa: BLE001  a bad option must not fail requests
                LOG.error("consent: %s; until then the defaults hold", error)
                self._options = SchedulerOptions()
        return self._options

    def make(self, spec: Any, hosts: Sequence[Any]) -> Forecast | None:
        """What the gates of `hosts` (HostState) would say; None: nothing that anybody would use.

        Raises what reading the database raises.
        """
        key = _key(spec)
        with self._lock:
            self._latest.pop(key, None)
        digests, closed = self._published(hosts)
        if not (digests or closed) or utils.request_is_rebuild(spec):
            return None
        operation = self._operation(spec)
        if operation not in self.options().operations:
            return None
        judgements, refusing = self._judge(spec, operation, digests)
        if operation == LIVE_MIGRATION:
            refusing |= closed
        forecast = Forecast(operation, judgements, frozenset(refusing))
        with self._lock:
            self._latest[key] = forecast
            if len(self._latest) > _REQUESTS:
                self._latest.popitem(last=False)
        return forecast

    def latest(self, spec: Any) -> Forecast | None:
        """The forecast made last for this request; None: none was."""
        with self._lock:
            return self._latest.get(_key(spec))

    def _published(self, hosts: Sequence[Any]) -> tuple[dict[Name, str], set[Name]]:
        """The digests that could be of use to anybody, and the hosts whose hypervisors accept nobody.

        Once over all hosts: with a thousand of them, looking at each costs more than judging it.
        """
        digests: dict[Name, str] = {}
        closed: set[Name] = set()
        weighed = self.weighed
        for host in hosts:
            stats = getattr(host, "stats", None)
            if not stats:
                continue
            if not weighed and stats.get(MODE_STAT) != _ENFORCE:
                continue
            digest = stats.get(DIGEST_STAT)
            if digest:
                digests[name_of(host)] = digest  # what follows is in it, with its date
            elif stats.get(ACCEPT_INCOMING_STAT) == "refuse" and stats.get(MODE_STAT) == _ENFORCE:
                closed.add(name_of(host))
        return digests, closed

    def _operation(self, spec: Any) -> str:
        """Which operation hosts are chosen for. A request spec does not say so; the action under way
        does. Empty: nobody knows, or one that cannot be judged.
        """
        destination = spec.requested_destination if "requested_destination" in spec else None
        if not destination or "cell" not in destination or not destination.cell:
            # A boot: only moves are bound to a cell (nova/conductor/tasks/live_migrate.py, migrate.py).
            return CREATE
        if self.options().operations <= {CREATE}:
            return ""
        context = spec._context
        with nova_context.target_cell(context.elevated(), destination.cell) as cell_context:
            action = objects.InstanceAction.get_by_request_id(
                cell_context, spec.instance_uuid, context.request_id
            )
        return str(action.action) if action is not None else ""

    def _judge(
        self, spec: Any, operation: str, digests: Mapping[Name, str]
    ) -> tuple[dict[Name, Judgement], set[Name]]:
        """What each says, and who in mode enforce would refuse."""
        if not digests:
            return {}, set()
        judgements = self._batch().judge(
            list(digests.values()),
            mover_facts(spec, operation),
            int(time.time()),
            self.options().digest_max_age_s,
        )
        named = dict(zip(digests, judgements, strict=True))
        refusing = set()
        for name, judgement in named.items():
            if not judgement.reason:
                continue
            if judgement.outlook is Outlook.ASK:
                self._tell_unusable(name[0], judgement.reason)
            elif judgement.mode is Mode.ENFORCE:
                refusing.add(name)
        return named, refusing

    def _batch(self) -> Outlooks:
        # Keyed by pid: nova-scheduler forks its workers after it has loaded its filters.
        with self._lock:
            if self._outlooks is None or self._outlooks[0] != os.getpid():
                self._outlooks = (os.getpid(), Outlooks())
            return self._outlooks[1]

    def _tell_unusable(self, host: str, reason: str) -> None:
        """Counts a digest that could not be used; logs it once for each host and reason."""
        key = (host, re.sub(r"\d+", "N", reason))
        with self._lock:
            self.unusable += 1
            if key in self._told:
                return
            self._told[key] = None
            if len(self._told) > _TOLD:
                self._told.popitem(last=False)
        LOG.warning(
            "consent: the digest of %s cannot be used, so this host passes and its gate decides: %s "
            "(%d so far)",
            host,
            reason,
            self.unusable,
        )


FORECASTER = Forecaster()
"""Of this process."""


def mover_facts(spec: Any, operation: str) -> dict[str, Any]:
    """The facts of a mover that the scheduler knows as the gate does.

    But for one case, in which Nova itself schedules by the wrong flavor: after a resize that failed
    on its new host the request spec holds the flavor that was not taken (conductor/manager.py,
    _cold_migrate).
    """
    flavor = spec.flavor
    facts: dict[str, Any] = {
        "operation": operation,
        "guest.id": spec.instance_uuid,
        "guest.project": spec.project_id or "",
        "guest.flavor": flavor.name,
        "guest.vcpus": flavor.vcpus,
        "guest.memory_mib": flavor.memory_mb,
    }
    facts |= family("guest.extra.", flavor.extra_specs if "extra_specs" in flavor else None)
    tried = spec.ignore_hosts if "ignore_hosts" in spec else None
    if operation == LIVE_MIGRATION and tried:
        # The source stands first, then hosts that have refused (live_migrate.py, _find_destination).
        facts["source.host"] = tried[0]
    return facts


name_of: Callable[[Any], Name] = operator.attrgetter("host", "nodename")
"""How a HostState is named in forecasts. Not a function of ours: it is called for each host."""


def _key(spec: Any) -> tuple[str, str]:
    return (str(spec._context.request_id), str(spec.instance_uuid))
