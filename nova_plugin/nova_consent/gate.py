"""The consent gate of one host: runs a round and makes of its verdict a refusal or nothing.

The three ways in are called by the driver at three points of a live migration. From each of them
comes nothing but nova.exception.MigrationPreCheckError, and that only in mode enforce: any other
exception would make Nova set a running VM to ERROR (nova/conductor/manager.py, _live_migrate). That
holds for our own failures too, whatever they are: on_error says whether they refuse. Must not know
libvirt, nor how guests are reached.

Safe for use by several threads, or green threads, at once.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import threading
import time
from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

from nova import exception
from oslo_log import log as logging

from consent_core import (
    MemoryLedger,
    Mode,
    OnError,
    RoundReport,
    RoundRequest,
    Runner,
    Select,
    Spoken,
    State,
    Subject,
    Voter,
    VoterKind,
    Voters,
    decide,
)
from nova_consent import facts
from nova_consent.conf import Options
from nova_consent.offload import offload, within
from nova_consent.record import Occasion, round_line, unheard_line
from nova_consent.settings import HostSettings, Policy, Voice

LOG = logging.getLogger(__name__)

T = TypeVar("T")

MAX_REASON = 500
_MEMORY_S = 3600.0
_MEMORY_ITEMS = 4096


class NoPlaceError(Exception):
    """Nobody was asked: a place of max_rounds came too late, or none did."""


class Memory(Generic[T]):
    """Remembers things for a while, the newest _MEMORY_ITEMS of them. Safe for use by several
    threads at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._items: collections.OrderedDict[Hashable, tuple[float, T]] = collections.OrderedDict()

    def put(self, key: Hashable, item: T, lifetime_s: float) -> None:
        """Remembers `item` for `lifetime_s` seconds, in place of what was there."""
        with self._lock:
            self._items.pop(key, None)
            self._items[key] = (self._clock() + lifetime_s, item)
            if len(self._items) > _MEMORY_ITEMS:
                self._items.popitem(last=False)

    def get(self, key: Hashable) -> T | None:
        """What is remembered under `key`, if it still holds."""
        with self._lock:
            until, item = self._items.get(key, (0.0, None))
            if item is not None and self._clock() >= until:
                del self._items[key]
                item = None
            return item


class Gate:
    """Asks the voters of one host. See the module for what its methods raise."""

    def __init__(self, host: str, options: Options, settings: HostSettings, voters: Voters) -> None:
        """`host`: as Nova names it; `voters`: who is asked; the gate does not close them."""
        self._host = host
        self._options = options
        self._settings = settings
        self._ledger = MemoryLedger()
        self._runner = Runner(voters, self._ledger, options.max_rounds)
        # Rounds wait here rather than in the runner: there each would take one of Nova's native
        # threads on eventlet.
        self._places = threading.BoundedSemaphore(options.max_rounds)
        self._refused_by_mover: Memory[RoundReport] = Memory()
        self._let_through: Memory[bool] = Memory()

    # -- the three ways in --

    def incoming(self, context: Any, instance: Any, source_node: Mapping[str, Any]) -> None:
        """At the destination, when Nova checks whether `instance` can come: asks neighbours and
        hypervisor.

        A consent is put on record as a grant. `source_node`: the source's compute node, as Nova
        hands it to drivers.

        :raises nova.exception.MigrationPreCheckError: refused; Nova goes to the next host, if it
        was given the choice
        """
        self._hold(
            "destination", context, instance, lambda: self._incoming(context, instance, source_node)
        )

    def outgoing(self, context: Any, instance: Any) -> None:
        """At the source, when Nova checks whether `instance` can go: asks the mover and hypervisor.

        A mover that refused is not asked again for the same request: Nova goes from host to host,
        and each is told.

        :raises nova.exception.MigrationPreCheckError: refused; Nova goes to the next host, if it
        was given the choice
        """
        self._hold("source", context, instance, lambda: self._outgoing(context, instance))

    def arriving(self, context: Any, instance: Any) -> None:
        """At the destination, when the migration starts: claims the grant, or asks anew when there
        is none.

        The migration may have waited for hours in the source's queue, and grants do not outlive
        nova-compute.

        :raises nova.exception.MigrationPreCheckError: refused; the migration fails and the VM stays
        where it runs
        """
        self._hold("pre", context, instance, lambda: self._arriving(context, instance))

    # -- what they have in common --

    def _hold(self, gate: str, context: Any, instance: Any, judge: Callable[[], str]) -> None:
        """Refuses in the words that `judge` returns; lets through for none. The one place where an
        exception leaves.
        """
        try:
            reason = _storable(judge())
        except Exception as error:  # noqa: BLE001  logged there
            reason = self._failure(gate, context, instance, error)
        if reason:
            raise exception.MigrationPreCheckError(reason=reason)

    def _failure(self, gate: str, context: Any, instance: Any, error: Exception) -> str:
        """What our own failure means. Never raises: when memory or the log is what fails, there is
        a reason still.
        """
        mode, on_error = self._settings.stance
        try:
            text = _one_line(
                f"consent could not be asked for on {self._host} ({type(error).__name__}: {error})"
            )
        except Exception:  # noqa: BLE001  an exception that cannot even be printed
            text = "consent could not be asked for"
        refused = mode is Mode.ENFORCE and on_error is OnError.REFUSE
        try:
            occasion = self._occasion(gate, context, instance)
            LOG.exception(
                "%s",
                unheard_line(occasion, mode.value, "failed", f"error {type(error).__name__}", text),
            )
        except Exception:  # noqa: BLE001  the log is what fails; what was decided stands
            return text if refused else ""
        return text if refused else ""

    def _occasion(self, gate: str, context: Any, instance: Any, **more: str) -> Occasion:
        source = self._host if gate == "source" else (instance.host or "")
        site = "" if gate == "source" else self._host
        fields = {"source": source, "site": site, **more}
        return Occasion(
            gate=gate, request_id=context.request_id or "", instance=instance.uuid, **fields
        )

    # -- destination --

    def _incoming(self, context: Any, instance: Any, source_node: Mapping[str, Any]) -> str:
        # A consent to an earlier attempt, which came to nothing, is none to this one.
        self._ledger.claim(instance.uuid, instance.host or "", self._host)
        policy = self._settings.current()
        if policy.mode is Mode.OFF:
            return ""
        deadline = self._deadline()
        unasked = (
            ""
            if facts.asks(source_node.get("stats"))
            else f"mover and hypervisor of {instance.host}"
        )
        unread: tuple[facts.MigrationFacts | None, float] = (None, 0.0)
        migration, searched_s = self._noted(
            deadline, lambda: self._search(context, instance), unread
        )
        occasion = self._occasion(
            "destination",
            context,
            instance,
            migration=migration.uuid if migration else "-",
            unasked=unasked,
        )
        if searched_s > self._options.migration_budget_s:
            return self._over_budget(policy, occasion, searched_s)
        report = self._ask_neighbours(
            context, instance, policy, deadline, self._options.grant_lifetime_s
        )
        reason = self._settle(policy, occasion, report)
        if not reason and report.verdict is not State.CONSENTED:
            key = (context.request_id, instance.uuid)
            self._let_through.put(key, True, self._options.grant_lifetime_s)
        return reason

    def _search(self, context: Any, instance: Any) -> tuple[facts.MigrationFacts | None, float]:
        """The Migration, and for how many seconds Nova has been looking for a host."""
        migration = facts.migration_under_way(context, instance)
        return migration, facts.searched_s(context, instance, migration) if migration else 0.0

    def _over_budget(self, policy: Policy, occasion: Occasion, searched_s: float) -> str:
        reason = (
            f"the search for a host that agrees has taken {searched_s:.0f} s and may take "
            f"{self._options.migration_budget_s:g} s (migration_budget_s): nobody on "
            f"{self._host} was asked"
        )
        refusal = reason if policy.mode is Mode.ENFORCE else ""
        self._record(
            refusal,
            lambda: unheard_line(
                occasion, policy.mode.value, "expired", "migration budget", reason
            ),
        )
        return refusal

    def _ask_neighbours(
        self, context: Any, instance: Any, policy: Policy, deadline: float, grant_lifetime_s: float
    ) -> RoundReport:
        listed = list(policy.voters_listed)
        if policy.listed:
            by_flavor = self._read(deadline, lambda: facts.voters_by_flavor(context, self._host))
            listed = sorted({*listed, *by_flavor})
        request = RoundRequest(
            subject=self._subject(instance, source=instance.host or "", site=self._host),
            select=Select(
                connected=not policy.listed,
                listed=tuple(listed) if policy.listed else (),
                exclude=(instance.uuid,),
                role=VoterKind.NEIGHBOUR,
            ),
            spoken=(self._spoken(policy.accept_incoming),),
            silence=policy.silence,
            grant_lifetime_s=grant_lifetime_s,
        )
        return self._run(request, deadline)

    # -- source --

    def _outgoing(self, context: Any, instance: Any) -> str:
        policy = self._settings.current()
        if policy.mode is Mode.OFF:
            return ""
        deadline = self._deadline()
        key = (context.request_id, instance.uuid)
        refusal = self._refused_by_mover.get(key)
        if refusal is not None:
            return self._remembered(policy, self._occasion("source", context, instance), refusal)
        unread: tuple[facts.MigrationFacts | None, str, str] = (
            None,
            "",
            "not known: Nova's database could not be read",
        )
        migration, site, unasked = self._noted(
            deadline, lambda: self._destination_of(context, instance), unread
        )
        occasion = self._occasion(
            "source",
            context,
            instance,
            migration=migration.uuid if migration else "-",
            site=site,
            unasked=unasked,
        )
        asked = (
            not policy.listed
            or instance.uuid in policy.voters_listed
            or self._read(deadline, lambda: facts.voter_flavor(instance.flavor))
        )
        request = RoundRequest(
            subject=self._subject(instance, source=self._host, site=site),
            select=Select(connected=False, listed=(instance.uuid,), role=VoterKind.MOVER),
            spoken=(self._spoken(policy.accept_outgoing),),
            ask_guests=asked,
            silence=policy.silence,
        )
        report = self._run(request, deadline)
        if report.verdict is State.REFUSED and _decider(report) is VoterKind.MOVER:
            self._refused_by_mover.put(key, report, _MEMORY_S)
        return self._settle(policy, occasion, report)

    def _remembered(self, policy: Policy, occasion: Occasion, refusal: RoundReport) -> str:
        """The mover's refusal of this request, told before, holds for each host that Nova tries."""
        decision = decide(refusal, policy.mode, policy.on_error)
        reason = decision.reason or "the VM to be moved refuses"
        told = f"not asked again, having refused this request in round {refusal.round}: {reason}"
        words = "" if decision.allow else reason
        self._record(
            words,
            lambda: unheard_line(
                occasion, policy.mode.value, refusal.verdict.value, decision.decided_by, told
            ),
        )
        return words

    def _destination_of(
        self, context: Any, instance: Any
    ) -> tuple[facts.MigrationFacts | None, str, str]:
        """The Migration, the host that `instance` is to go to, and who there has a say and is not
        asked.
        """
        migration = facts.migration_under_way(context, instance)
        site = migration.destination if migration else ""
        site = site or facts.checking_host(context, instance)
        if not site or facts.host_asks(context, site):
            return migration, site, ""
        return migration, site, f"neighbours and hypervisor of {site}"

    # -- arrival --

    def _arriving(self, context: Any, instance: Any) -> str:
        policy = self._settings.current()
        if policy.mode is Mode.OFF:
            return ""
        grant = self._ledger.claim(instance.uuid, instance.host or "", self._host)
        if grant is not None:
            LOG.debug(
                "consent: grant %s of round %s claimed for %s", grant.id, grant.round, instance.uuid
            )
            return ""
        if policy.mode is Mode.AUDIT and self._let_through.get((context.request_id, instance.uuid)):
            return ""  # asked a moment ago, and audit lets through whatever is said now
        deadline = self._deadline()
        migration = self._noted(
            deadline, lambda: facts.migration_under_way(context, instance), None
        )
        occasion = self._occasion(
            "pre", context, instance, migration=migration.uuid if migration else "-"
        )
        # No budget here: a host was found, and the time since was spent in the source's queue. Nor
        # a grant: it would be claimed at once.
        report = self._ask_neighbours(context, instance, policy, deadline, 0.0)
        return self._settle(policy, occasion, report)

    # -- rounds --

    def _deadline(self) -> float:
        return time.monotonic() + self._options.round_deadline_s

    def _read(self, deadline: float, call: Callable[[], T]) -> T:
        """What `call` reads of Nova's database; it has until the deadline of the round that it is
        for.
        """
        return within(max(0.0, deadline - time.monotonic()), call)

    def _noted(self, deadline: float, call: Callable[[], T], otherwise: T) -> T:
        """What `call` reads of Nova's database; `otherwise` when it fails, or takes a quarter of the
        round's time. For what a round can do without (who is on record as not asked, the budget's
        beginning): for want of it nobody is refused, and voters keep the rest to answer in.
        """
        quarter = self._options.round_deadline_s / 4
        try:
            return self._read(min(deadline, time.monotonic() + quarter), call)
        except Exception as error:  # noqa: BLE001  whatever it is, the round can do without
            LOG.warning(
                "consent: the record of this round will lack what Nova's database knows of it: %s",
                _one_line(f"{type(error).__name__}: {error}"),
            )
            return otherwise

    def _subject(self, instance: Any, source: str, site: str) -> Subject:
        return Subject(
            mover=instance.uuid,
            site=site,
            source=source,
            mover_name=instance.name or "",
            mover_project=instance.project_id or "",
            # Not of the flavor, which Nova may have to load over the bus, beyond our deadline.
            vcpus=instance.vcpus or 0,
            memory_mib=instance.memory_mb or 0,
        )

    def _spoken(self, voice: Voice) -> Spoken:
        voter = Voter(id=self._host, name=self._host, kind=VoterKind.HYPERVISOR)
        return Spoken(voter=voter, answer=voice.answer, because=voice.because)

    def _run(self, request: RoundRequest, deadline: float) -> RoundReport:
        """Runs the round in what is left of the time until `deadline` (of time.monotonic())."""
        if not self._places.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise NoPlaceError(
                f"max_rounds = {self._options.max_rounds} rounds were under way for "
                f"{self._options.round_deadline_s:g} s (round_deadline_s)"
            )
        try:
            left_s = max(0.001, deadline - time.monotonic())
            fair_s = min(self._options.voter_deadline_s, self._options.round_deadline_s / 2)
            if request.ask_guests and left_s < fair_s:
                # That guests would be silent now is our delay, not theirs.
                raise NoPlaceError(
                    f"waiting for a place or for Nova's database left {left_s:.1f} s of the round's "
                    f"{self._options.round_deadline_s:g} s (round_deadline_s), too little to ask "
                    f"anybody"
                )
            report: RoundReport = offload(
                self._runner,
                "run",
                dataclasses.replace(
                    request,
                    round_deadline_s=left_s,
                    voter_deadline_s=min(self._options.voter_deadline_s, left_s),
                ),
            )
            return report
        finally:
            self._places.release()

    def _settle(self, policy: Policy, occasion: Occasion, report: RoundReport) -> str:
        """Logs the round. Returns the words of the refusal, or none."""
        decision = decide(report, policy.mode, policy.on_error)
        refusal = ""
        if not decision.allow:
            refusal = decision.reason or f"the round ended as {report.verdict.value}"
        self._record(
            refusal,
            lambda: round_line(
                occasion, policy.mode.value, decision.decided_by, decision.reason, report
            ),
        )
        if decision.fault:
            with contextlib.suppress(Exception):
                LOG.error(
                    "consent: round %s failed (%s): %s",
                    report.round,
                    report.failure_code or "internal",
                    report.because,
                )
        return refusal

    def _record(self, refusal: str, line: Callable[[], str]) -> None:
        """Logs a decision. A refusal that could not be logged is a refusal still, whatever on_error
        says; a consent that could not be logged counts as a failure.
        """
        try:
            LOG.info("%s", line())
        except Exception:
            if not refusal:
                raise


def _decider(report: RoundReport) -> VoterKind | None:
    """As what the voter spoke that decided the round; None: nobody in particular did."""
    return None if report.decided_by is None else report.voters[report.decided_by].voter.kind


def _one_line(text: str) -> str:
    cleaned = "".join(c if c.isprintable() else " " for c in text[: MAX_REASON * 4])
    return _storable(" ".join(cleaned.split())[:MAX_REASON])


def _storable(text: str) -> str:
    """As Nova's tables hold it: MySQL's utf8, of three bytes a character.

    Nova keeps a refusal as the instance's fault (InstanceFault.create). One that the database does
    not take is lost on its way to the conductor, which then sets the running VM to ERROR.
    """
    return "".join(c if c <= "\uffff" else "\ufffd" for c in text)
