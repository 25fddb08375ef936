"""The consent gate of one host: runs a round and makes of its verdict a refusal or nothing.

The three ways in are called by the driver at three points of a live migration. What was said
beforehand (standing.py) is heard first, and whoever has not is asked. From each of them
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
import datetime
import json
import threading
import time
import uuid
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import Any, Generic, TypeVar

from nova import exception
from oslo_log import log as logging

from consent_core import (
    Answer,
    MemoryLedger,
    Mode,
    OnError,
    RoundReport,
    RoundRequest,
    Runner,
    Select,
    Silence,
    Spoken,
    StandingAnswer,
    StandingPolicy,
    StandingVote,
    State,
    Subject,
    Vote,
    Voter,
    VoterKind,
    VoterReport,
    Voters,
    decide,
)
from nova_consent import facts
from nova_consent.conf import Options
from nova_consent.offload import offload, within
from nova_consent.record import Occasion, round_line, rule_words, unheard_line
from nova_consent.settings import HostSettings, Policy, Voice
from nova_consent.standing import (
    OPERATORS,
    Facts,
    Guest,
    Standing,
    fingerprint,
    mover_facts,
    time_facts,
)
from nova_consent.veto import RecentCount, VetoBudgets

LOG = logging.getLogger(__name__)

T = TypeVar("T")

MAX_REASON = 500
_MEMORY_S = 3600.0
_MEMORY_ITEMS = 4096
_LATELY_S = 3600.0
_ADVICE_TOLD = 20
"""Refusals that decide nothing are logged one by one, up to so many a round."""

OPAQUE = "the migration was not consented to (reference %s)"
"""All that a refusal tells with disclose_to_owner = opaque: the same for every cause."""


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


@dataclasses.dataclass(frozen=True)
class Heard:
    """What voters have said beforehand of one migration."""

    votes: Mapping[str, StandingVote]
    """By voters' ids; of those only who need not be asked any more."""
    spoken: tuple[Spoken, ...]
    guests: Mapping[str, Guest]
    """All guests that were looked at, by id."""

    def ids(self, kind: VoterKind) -> list[str]:
        """Those of a kind who need not be asked any more."""
        return [each.voter.id for each in self.spoken if each.voter.kind is kind]


class Gate:
    """Asks the voters of one host. See the module for what its methods raise."""

    def __init__(self, host: str, options: Options, settings: HostSettings, voters: Voters) -> None:
        """`host`: as Nova names it; `voters`: who is asked; the gate does not close them."""
        self._budgets = VetoBudgets(options.veto_budget_vm, options.veto_budget_project)
        self.standing = Standing(host, self._budgets, opaque=options.opaque_to_neighbours)
        """What was said beforehand on this host; whoever learns more of it hands it in there."""
        self._refusals = RecentCount(_LATELY_S)
        self.host = host
        """As Nova names it."""
        self._options = options
        self._settings = settings
        self._ledger = MemoryLedger()
        self._runner = Runner(voters, self._ledger, options.max_rounds)
        # Rounds wait here rather than in the runner: there each would take one of Nova's native
        # threads on eventlet.
        self._places = threading.BoundedSemaphore(options.max_rounds)
        self._refused_by_mover: Memory[RoundReport] = Memory()
        self._let_through: Memory[bool] = Memory()
        self._granted_under: Memory[str] = Memory()
        self._counted: Memory[bool] = Memory()

    @property
    def refusals_lately(self) -> int:
        """How many migrations to this host its voters refused within the last hour, in audit too."""
        return self._refusals.of(self.host)

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
            "destination",
            context,
            instance,
            lambda reference: self._incoming(context, instance, source_node, reference),
        )

    def outgoing(self, context: Any, instance: Any) -> None:
        """At the source, when Nova checks whether `instance` can go: asks the mover and hypervisor.

        A mover that refused is not asked again for the same request: Nova goes from host to host,
        and each is told.

        :raises nova.exception.MigrationPreCheckError: refused; Nova goes to the next host, if it
        was given the choice
        """
        self._hold(
            "source",
            context,
            instance,
            lambda reference: self._outgoing(context, instance, reference),
        )

    def arriving(self, context: Any, instance: Any) -> None:
        """At the destination, when the migration starts: claims the grant, or asks anew when there
        is none, or when somebody has said something else beforehand since.

        The migration may have waited for hours in the source's queue, and grants do not outlive
        nova-compute.

        :raises nova.exception.MigrationPreCheckError: refused; the migration fails and the VM stays
        where it runs
        """
        self._hold(
            "pre", context, instance, lambda reference: self._arriving(context, instance, reference)
        )

    # -- what they have in common --

    def _hold(self, gate: str, context: Any, instance: Any, judge: Callable[[str], str]) -> None:
        """Refuses in the words that `judge` returns; lets through for none. The one place where an
        exception leaves. `judge` gets the reference under which an opaque refusal is logged, or
        none.
        """
        reference = ""
        try:
            if self._options.opaque_to_owner:
                reference = str(uuid.uuid4())
            reason = _storable(judge(reference))
        except Exception as error:  # noqa: BLE001  logged there
            reason = self._failure(gate, context, instance, error, reference)
        if reason and self._options.opaque_to_owner:
            reason = OPAQUE % reference
        if reason:
            raise exception.MigrationPreCheckError(reason=reason)

    def _failure(
        self, gate: str, context: Any, instance: Any, error: Exception, reference: str
    ) -> str:
        """What our own failure means. Never raises: when memory or the log is what fails, there is
        a reason still.
        """
        mode, on_error = self._settings.stance
        try:
            text = _one_line(
                f"consent could not be asked for on {self.host} ({type(error).__name__}: {error})"
            )
        except Exception:  # noqa: BLE001  an exception that cannot even be printed
            text = "consent could not be asked for"
        refused = mode is Mode.ENFORCE and on_error is OnError.REFUSE
        try:
            occasion = self._occasion(gate, context, instance, reference=reference)
            LOG.exception(
                "%s",
                unheard_line(occasion, mode.value, "failed", f"error {type(error).__name__}", text),
            )
        except Exception:  # noqa: BLE001  the log is what fails; what was decided stands
            return text if refused else ""
        return text if refused else ""

    def _occasion(self, gate: str, context: Any, instance: Any, **more: str) -> Occasion:
        source = self.host if gate == "source" else (instance.host or "")
        site = "" if gate == "source" else self.host
        fields = {"source": source, "site": site, **more}
        return Occasion(
            gate=gate, request_id=context.request_id or "", instance=instance.uuid, **fields
        )

    # -- destination --

    def _incoming(
        self, context: Any, instance: Any, source_node: Mapping[str, Any], reference: str
    ) -> str:
        # A consent to an earlier attempt, which came to nothing, is none to this one.
        self._ledger.claim(instance.uuid, instance.host or "", self.host)
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
            reference=reference,
        )
        if searched_s > self._options.migration_budget_s:
            return self._over_budget(policy, occasion, searched_s)
        guests = self._guests(context, policy, deadline)
        lifetime_s = self._options.grant_lifetime_s
        said = fingerprint(guests, policy, instance.uuid)
        # The grant's life begins when the round ends.
        self._granted_under.put(instance.uuid, said, lifetime_s + self._options.round_deadline_s)
        heard = self._hear_neighbours(context, instance, policy, guests, deadline)
        report = self._ask_neighbours(instance, policy, heard, deadline, lifetime_s, reference)
        reason = self._settle(policy, occasion, report, heard)
        if not reason and report.verdict is not State.CONSENTED:
            key = (context.request_id, instance.uuid)
            self._let_through.put(key, True, lifetime_s)
        return reason

    def _guests(self, context: Any, policy: Policy, deadline: float) -> tuple[Guest, ...]:
        """All guests of this host, with what was said for them beforehand."""
        instances = self._read(deadline, lambda: facts.guests_of(context, self.host))
        return self.standing.guests(instances, policy)

    def _search(self, context: Any, instance: Any) -> tuple[facts.MigrationFacts | None, float]:
        """The Migration, and for how many seconds Nova has been looking for a host."""
        migration = facts.migration_under_way(context, instance)
        return migration, facts.searched_s(context, instance, migration) if migration else 0.0

    def _over_budget(self, policy: Policy, occasion: Occasion, searched_s: float) -> str:
        reason = (
            f"the search for a host that agrees has taken {searched_s:.0f} s and may take "
            f"{self._options.migration_budget_s:g} s (migration_budget_s): nobody on "
            f"{self.host} was asked"
        )
        refusal = reason if policy.mode is Mode.ENFORCE else ""
        self._record(
            refusal,
            lambda: unheard_line(
                occasion, policy.mode.value, "expired", "migration budget", reason
            ),
        )
        return refusal

    def _hear_neighbours(
        self,
        context: Any,
        instance: Any,
        policy: Policy,
        guests: tuple[Guest, ...],
        deadline: float,
    ) -> Heard:
        """What hypervisor and neighbours have said beforehand."""
        neighbours = [guest for guest in guests if guest.id != instance.uuid]
        known = {
            **self.standing.site(guests, policy, instance.uuid),
            "source.host": instance.host or "",
        }
        return self._hear(
            context, instance, policy, neighbours, known, policy.accept_incoming, deadline
        )

    def _ask_neighbours(
        self,
        instance: Any,
        policy: Policy,
        heard: Heard,
        deadline: float,
        grant_lifetime_s: float,
        reference: str,
    ) -> RoundReport:
        """Asks whoever has not been heard."""
        neighbours = list(heard.guests.values())
        listed = sorted({*policy.voters_listed, *(g.id for g in neighbours if g.listed)})
        request = RoundRequest(
            subject=self._subject(instance, source=instance.host or "", site=self.host),
            select=Select(
                connected=not policy.listed,
                listed=tuple(listed) if policy.listed else (),
                exclude=(instance.uuid, *heard.ids(VoterKind.NEIGHBOUR)),
                role=VoterKind.NEIGHBOUR,
            ),
            spoken=heard.spoken,
            silence=policy.silence,
            entitled=_entitled(policy, neighbours),
            grant_lifetime_s=grant_lifetime_s,
            round=reference,
        )
        return self._run(request, deadline)

    def _hear(
        self,
        context: Any,
        instance: Any,
        policy: Policy,
        guests: Iterable[Guest],
        known: Facts,
        voice: Voice,
        deadline: float,
    ) -> Heard:
        """What the hypervisor and these guests have said beforehand. `known`: facts of both sites;
        `voice`: the hypervisor's plain yes or no, where its rules leave it open.
        """
        there = {guest.id: guest for guest in guests}
        hypervisor = self.standing.hypervisor(policy)
        if hypervisor is None and not [guest for guest in there.values() if guest.policy]:
            return Heard({}, (self._spoken(voice),), there)
        # Flavor and image may have to be loaded over the bus.
        mover = self._read(deadline, lambda: mover_facts(instance))
        now = datetime.datetime.now(datetime.timezone.utc)
        case = {**known, **time_facts(policy, now), **mover}
        if policy.asks_tags or any(guest.asks_tags for guest in there.values()):
            case["guest.tag"] = self._read(deadline, lambda: facts.tags_of(context, instance))
        votes = self._votes(hypervisor, there, instance, case, deadline)
        mine = votes.get(self.host)
        if mine is not None and mine.why:
            LOG.info(
                "consent: what the rules of %s say of %s hangs on what is not known (%s), so its "
                "plain word decides: %s",
                self.host,
                instance.uuid,
                _one_line(mine.why),
                voice.answer.value,
            )
        votes = {id_: v for id_, v in votes.items() if v.answer is not StandingAnswer.ASK}
        spoken = [self._spoken(voice, votes.get(self.host))]
        for id_, vote in votes.items():
            if id_ in there:
                spoken.append(_spoken_by(there[id_], instance, vote))
        return Heard(votes, tuple(spoken), there)

    def _votes(
        self,
        hypervisor: StandingPolicy | None,
        guests: Mapping[str, Guest],
        instance: Any,
        case: Facts,
        deadline: float,
    ) -> dict[str, StandingVote]:
        votes: dict[str, StandingVote] = {}
        if hypervisor is not None:
            votes[self.host] = hypervisor.vote({**case, **self.standing.myself()})
        for guest in guests.values():
            if guest.policy is None:
                continue
            if time.monotonic() > deadline:
                raise NoPlaceError(
                    f"the rules of {len(guests)} guests took longer than the round's "
                    f"{self._options.round_deadline_s:g} s (round_deadline_s)"
                )
            kind = _kind(guest, instance)
            votes[guest.id] = guest.policy.vote({**case, **guest.me, "me.kind": kind.value})
        return votes

    # -- source --

    def _outgoing(self, context: Any, instance: Any, reference: str) -> str:
        policy = self._settings.current()
        if policy.mode is Mode.OFF:
            return ""
        deadline = self._deadline()
        key = (context.request_id, instance.uuid)
        refusal = self._refused_by_mover.get(key)
        if refusal is not None:
            occasion = self._occasion("source", context, instance, reference=reference)
            return self._remembered(policy, occasion, refusal)
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
            reference=reference,
        )
        # As the database has it now: what Nova hands over was read when the request came.
        current = self._read(deadline, lambda: facts.guest(context, instance.uuid))
        [mover] = self.standing.guests([current], policy)
        known = {**self.standing.source(policy), **({"site.host": site} if site else {})}
        heard = self._hear(
            context, current, policy, [mover], known, policy.accept_outgoing, deadline
        )
        request = RoundRequest(
            subject=self._subject(instance, source=self.host, site=site),
            select=Select(connected=False, listed=(instance.uuid,), role=VoterKind.MOVER),
            spoken=heard.spoken,
            ask_guests=not heard.ids(VoterKind.MOVER) and (mover.listed or not policy.listed),
            silence=policy.silence_mover,
            entitled=_entitled(policy, [mover]),
            round=reference,
        )
        report = self._run(request, deadline)
        # What was said when asked, that is; what was said beforehand is judged anew.
        if (
            report.verdict is State.REFUSED
            and _decider(report) is VoterKind.MOVER
            and mover.id not in heard.votes
        ):
            self._refused_by_mover.put(key, report, _MEMORY_S)
        return self._settle(policy, occasion, report, heard)

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

    def _arriving(self, context: Any, instance: Any, reference: str) -> str:
        policy = self._settings.current()
        if policy.mode is Mode.OFF:
            return ""
        deadline = self._deadline()
        grant = self._ledger.claim(instance.uuid, instance.host or "", self.host)
        if (
            grant is None
            and policy.mode is Mode.AUDIT
            and self._let_through.get((context.request_id, instance.uuid))
        ):
            return ""  # asked a moment ago, and audit lets through whatever is said now
        guests = self._guests(context, policy, deadline)
        heard = self._hear_neighbours(context, instance, policy, guests, deadline)
        if grant is not None:
            why = self._why_again(instance, policy, guests, heard)
            if not why:
                LOG.debug(
                    "consent: grant %s of round %s claimed for %s",
                    grant.id,
                    grant.round,
                    instance.uuid,
                )
                return ""
            LOG.info(
                "consent: grant %s of round %s for %s is judged again on %s: %s",
                grant.id,
                grant.round,
                instance.uuid,
                self.host,
                why,
            )
        migration = self._noted(
            deadline, lambda: facts.migration_under_way(context, instance), None
        )
        occasion = self._occasion(
            "pre",
            context,
            instance,
            migration=migration.uuid if migration else "-",
            reference=reference,
        )
        # No budget here: a host was found, and the time since was spent in the source's queue. Nor
        # a grant: it would be claimed at once.
        report = self._ask_neighbours(instance, policy, heard, deadline, 0.0, reference)
        return self._settle(policy, occasion, report, heard)

    def _why_again(
        self, instance: Any, policy: Policy, guests: tuple[Guest, ...], heard: Heard
    ) -> str:
        """Why a grant is not enough any more; empty: it is. Whoever has said nothing beforehand is
        not asked twice; but of a host that has changed since, the same rules may say something else.
        """
        under = self._granted_under.get(instance.uuid)
        if under is None:
            return "it is not known any more what was said beforehand then"
        if under != fingerprint(guests, policy, instance.uuid):
            return "somebody has said something else beforehand since"
        if any(each.answer is Answer.REFUSE and each.voter.binding for each in heard.spoken):
            return "the host has changed since, and a rule refuses now"
        return ""

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
            disclosed=not self._options.opaque_to_neighbours,
        )

    def _spoken(self, voice: Voice, vote: StandingVote | None = None) -> Spoken:
        """The hypervisor's word: by a rule, or its plain one."""
        voter = Voter(id=self.host, name=self.host, kind=VoterKind.HYPERVISOR)
        if vote is not None:
            return Spoken(voter=voter, answer=Answer(vote.answer.value), because=vote.because)
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

    def _settle(self, policy: Policy, occasion: Occasion, report: RoundReport, heard: Heard) -> str:
        """Logs the round and counts refusals. Returns the words of the refusal, or none."""
        decision = decide(report, policy.mode, policy.on_error)
        reason = decision.reason
        if report.verdict is State.REFUSED and report.decided_by is not None:
            # The core says what was said in a round; what was said beforehand stands in rules.
            decider = report.voters[report.decided_by].voter
            if decider.id in heard.votes:
                reason = rule_words(policy.mode, decider, heard.votes[decider.id])
        refusal = ""
        if not decision.allow:
            refusal = reason or f"the round ended as {report.verdict.value}"
        advice = [each for each in report.voters if not each.voter.binding and _refuses(each)]
        self._record(
            refusal,
            lambda: round_line(
                occasion,
                policy.mode.value,
                decision.decided_by,
                reason,
                report,
                standing=len(heard.votes),
                advisory=len(advice),
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
        self._after(refusal, lambda: self._count(occasion, report, heard))
        self._after(refusal, lambda: _tell_advice(report, advice, heard))
        return refusal

    def _count(self, occasion: Occasion, report: RoundReport, heard: Heard) -> None:
        """Counts what was refused, against guests' budgets where it was their own word."""
        if occasion.gate == "destination" and report.verdict in (State.REFUSED, State.EXPIRED):
            self._refusals.add(self.host)
        for each in report.voters:
            voter = each.voter
            vote = heard.votes.get(voter.id)
            operators = vote is not None and vote.source in OPERATORS
            if (
                voter.kind is VoterKind.HYPERVISOR
                or operators
                or not voter.binding
                or not _refuses(each)
            ):
                continue
            # Nova tries host after host: of one request a refusal counts once.
            key = (occasion.request_id, voter.id)
            if occasion.request_id and self._counted.get(key):
                continue
            self._counted.put(key, True, _MEMORY_S)
            for budget in self._budgets.refused(voter.id, voter.project):
                LOG.warning(
                    "consent: %s (%s) of project %s has refused as often as counts in 24 hours "
                    "(%s): further refusals are recorded and decide nothing",
                    voter.name or "a guest",
                    voter.id,
                    voter.project or "-",
                    budget,
                )

    def _record(self, refusal: str, line: Callable[[], str]) -> None:
        """Logs a decision."""
        self._after(refusal, lambda: LOG.info("%s", line()))

    def _after(self, refusal: str, call: Callable[[], None]) -> None:
        """Does what is to be done about a decision. A refusal is one still when that fails, whatever
        on_error says; a consent of which no account could be kept counts as a failure.
        """
        try:
            call()
        except Exception:
            if not refusal:
                raise


def _kind(guest: Guest, instance: Any) -> VoterKind:
    return VoterKind.MOVER if guest.id == instance.uuid else VoterKind.NEIGHBOUR


def _spoken_by(guest: Guest, instance: Any, vote: StandingVote) -> Spoken:
    voter = Voter(
        id=guest.id,
        name=guest.name,
        project=guest.project,
        kind=_kind(guest, instance),
        binding=vote.binding,
    )
    return Spoken(voter=voter, answer=Answer(vote.answer.value), because=vote.because)


def _entitled(policy: Policy, guests: list[Guest]) -> tuple[str, ...] | None:
    """Whose refusals count, of those who are asked; None: everybody's, whom Nova does not know too."""
    if policy.veto_all and all(guest.veto for guest in guests):
        return None
    return tuple(guest.id for guest in guests if guest.veto)


def _refuses(report: VoterReport) -> bool:
    """Whether this is a refusal, or a silence that counts as one."""
    if report.vote is Vote.SILENT:
        return report.voter.silence is Silence.REFUSE
    return report.vote in (Vote.REFUSED, Vote.WITHDRAWN)


def _tell_advice(report: RoundReport, advice: list[VoterReport], heard: Heard) -> None:
    """Logs refusals that decided nothing, and why they did not."""
    for each in advice[:_ADVICE_TOLD]:
        guest = heard.guests.get(each.voter.id)
        LOG.info(
            "consent: round %s: %s (%s) %s, which decides nothing: %s; it says %s",
            report.round,
            each.voter.name or "a guest",
            each.voter.id,
            each.vote.value,
            f"{guest.spent} is spent" if guest and guest.spent else "it has no veto",
            _quoted(each.because),
        )


def _decider(report: RoundReport) -> VoterKind | None:
    """As what the voter spoke that decided the round; None: nobody in particular did."""
    return None if report.decided_by is None else report.voters[report.decided_by].voter.kind


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _one_line(text: str) -> str:
    cleaned = "".join(c if c.isprintable() else " " for c in text[: MAX_REASON * 4])
    return _storable(" ".join(cleaned.split())[:MAX_REASON])


def _storable(text: str) -> str:
    """As Nova's tables hold it: MySQL's utf8, of three bytes a character.

    Nova keeps a refusal as the instance's fault (InstanceFault.create). One that the database does
    not take is lost on its way to the conductor, which then sets the running VM to ERROR.
    """
    return "".join(c if c <= "\uffff" else "\ufffd" for c in text)
