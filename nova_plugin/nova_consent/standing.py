"""Who has said what beforehand on one host, and the facts that rules are judged by there.

Rules stand in the host's files, in the flavors, images and server metadata of its guests, and in
what their agents said last. Here they become one standing policy a guest. What cannot be read says
ask, for that guest alone: one tenant's mistake is nobody else's trouble. Must not know rounds,
verdicts or modes, nor read anything itself: instances and numbers are handed in.

Source of the order in which rules count: cpp/include/consent/standing.hpp.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from oslo_log import log as logging
from oslo_utils import strutils

from consent_core import ConsentError, RuleSet, Source, StandingPolicy
from nova_consent.settings import Policy
from nova_consent.veto import VetoBudgets

LOG = logging.getLogger(__name__)

Facts = Mapping[str, Any]
"""Names to values, as consent_core takes them: text, numbers, lists of text."""
_Kept = collections.OrderedDict[tuple[Any, ...], tuple[tuple[tuple[str, str], ...], RuleSet]]
"""Rules as parsed, with the texts that they were parsed from."""

RULE_SPEC = "consent:rule:"
"""Extra specs of flavors and keys of server metadata begin so; the rule's name follows."""
RULE_IMAGE_PROPERTY = "image_consent_rule_"
"""Likewise, keys of system_metadata: Nova keeps the image property consent_rule_NAME there."""
HOST_FILE = "the host's file"
VOTER_SPEC = "consent:voter"
VETO_SPEC = "consent:veto"

LIVE_MIGRATION = "live-migration"
OPERATORS = (Source.HOST, Source.FLAVOR)
"""Sources whose words are the operator's; the others are a tenant's."""

_AGENTS_FOR_S = 300.0
"""How long what agents said holds, when the host reports nothing meanwhile."""
_CUT = 255
"""Characters at which Nova cuts image properties: one that long may have been longer."""
_PARSED = 4096
"""Texts of rules that are kept parsed: of operators, and again of guests' own."""
_OWN_CONDITIONS = 128
_OWN_CHARACTERS = 16 * 1024
"""Of one source of a guest: as much as its agent may say."""
TOLD = ("operation", "guest.vcpus", "guest.memory_mib")
"""Facts of a move that every guest is told when it is asked."""
_OWN = ("me.", "time.")
"""Beginnings of the names of facts that a guest knows by itself."""
_LONGEST_NAME = 255
"""Bytes of a fact's name (consent::max_fact_name_bytes)."""
_OF_THIS_HOST = ("host", "zone", "aggregates", "traits")
"""Facts of a host that it has as a source and as a site."""


@dataclasses.dataclass(frozen=True)
class Guest:
    """What was said beforehand for one guest of the host."""

    id: str
    name: str
    project: str
    vcpus: int
    memory_mib: int
    listed: bool
    """The operator named it as a voter."""
    veto: bool
    """Its own refusal counts: it is entitled, and its budget is not spent."""
    limited: bool
    """But only so often, which a gate alone can count."""
    spent: str
    """The budget that is spent; empty: none."""
    policy: StandingPolicy | None
    """None: nothing was said."""
    asks_tags: bool
    """Its policy looks at the tags of the VM that is to move."""
    me: Facts
    said: str
    """Its own words in one text, whoever wrote them; another text when one of them changed."""


class Standing:
    """All that was said beforehand on one host. Safe for use by several threads at once."""

    def __init__(
        self,
        host: str,
        budgets: VetoBudgets,
        opaque: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`opaque`: guests' own rules may look only at what guests are told or know."""
        self._host = host
        self._opaque = opaque
        self._budgets = budgets
        self._lock = threading.Lock()
        # Apart, so that no tenant's words drive out operators'; of a guest only the newest.
        self._operators: _Kept = collections.OrderedDict()
        self._own: _Kept = collections.OrderedDict()
        self._clock = clock
        self._agents: tuple[float, Mapping[str, str]] = (0.0, {})
        self._numbers: Facts = {}
        self._unusable = RuleSet.parse('[{"name": "unusable", "answer": "ask"}]', "")

    # -- what is handed in --

    def measure(self, resources: Mapping[str, Any]) -> None:
        """Takes the host's numbers from what its driver reports (get_available_resource)."""
        names = {
            "site.hypervisor": "hypervisor_type",
            "site.hypervisor_version": "hypervisor_version",
            "site.vcpus": "vcpus",
            "site.memory_mib": "memory_mb",
        }
        self._numbers = {
            fact: resources[key] for fact, key in names.items() if resources.get(key) is not None
        }

    def hear_agents(self, rules: Mapping[str, str]) -> None:
        """Takes what agents say, by their guests' UUIDs, in place of what they said before."""
        self._agents = (self._clock(), dict(rules))

    # -- guests --

    def guests(self, instances: Iterable[Any], policy: Policy) -> tuple[Guest, ...]:
        """What was said for each of these instances (facts.guests_of), in order of UUID."""
        heard_at, agents = self._agents
        if self._clock() - heard_at > _AGENTS_FOR_S:
            agents = {}
        found = [
            self._guest(each, policy, agents.get(each.uuid, ""))
            for each in instances
            if _readable(each)
        ]
        return tuple(sorted(found, key=lambda guest: guest.id))

    def _guest(self, instance: Any, policy: Policy, agent: str) -> Guest:
        flavor = instance.flavor
        specs = flavor.extra_specs or {}
        project = instance.project_id or ""
        listed = instance.uuid in policy.voters_listed or _says_yes(specs.get(VOTER_SPEC))
        entitled = (
            policy.veto_all
            or _says_yes(specs.get(VETO_SPEC))
            or not policy.veto.isdisjoint((instance.uuid, project))
        )
        spent = self._budgets.spent(instance.uuid, project)

        words = [(Source.FLAVOR, f"flavor {flavor.name}", _named(specs, RULE_SPEC))]
        if listed or not policy.listed:  # of others only the operator speaks
            image = _named(instance.system_metadata, RULE_IMAGE_PROPERTY)
            words.append((Source.IMAGE, "image", image))
            words.append((Source.METADATA, "metadata", _named(instance.metadata, RULE_SPEC)))
            words.append((Source.AGENT, "agent", {"": agent} if agent not in ("", "[]") else {}))
        words = [each for each in words if each[2]]
        sources = [(Source.HOST, HOST_FILE, policy.rules)] if policy.rules else []
        sources += [
            (source, origin, self._rules(source, origin, texts, instance.uuid))
            for source, origin, texts in words
        ]
        veto = entitled and not spent
        return Guest(
            id=instance.uuid,
            name=(instance.name or "").encode(errors="replace")[:255].decode(errors="ignore"),
            project=project,
            vcpus=instance.vcpus or 0,
            memory_mib=instance.memory_mb or 0,
            listed=listed,
            veto=veto,
            limited=self._budgets.limited,
            spent=spent if entitled else "",
            policy=StandingPolicy(sources, veto=veto) if sources else None,
            asks_tags=any(
                rules.asks("guest.tag") for source, _, rules in sources if source is not Source.HOST
            ),
            me={
                "me.id": instance.uuid,
                "me.project": project,
                "me.flavor": flavor.name,
                "me.vcpus": instance.vcpus or 0,
                "me.memory_mib": instance.memory_mb or 0,
                "me.tag": [tag.tag for tag in instance.tags],
            },
            said=json.dumps([(source.value, texts) for source, _, texts in words], sort_keys=True),
        )

    def _rules(self, source: Source, origin: str, texts: Mapping[str, str], guest: str) -> RuleSet:
        """The rules of one source, parsed once a text. What cannot be taken says ask."""
        written = tuple(sorted(texts.items()))
        kept = self._operators if source in OPERATORS else self._own
        key = (origin, written) if source in OPERATORS else (guest, source)
        with self._lock:
            known = kept.get(key)
            if known is not None and known[0] == written:
                kept.move_to_end(key)
                return known[1]
        try:
            if source not in OPERATORS and _length(texts) > _OWN_CHARACTERS:
                raise ConsentError(
                    f"longer than {_OWN_CHARACTERS} characters together; say it in fewer"
                )
            rules = (
                RuleSet.parse(texts[""], origin)
                if source is Source.AGENT
                else RuleSet.of_properties(texts, origin)
            )
            if source not in OPERATORS:
                self._check_own(rules)
        except Exception as error:  # noqa: BLE001  one tenant's words are nobody else's trouble
            LOG.warning(
                "consent: guest %s says beforehand, by its %s, what cannot be taken, which counts "
                "as ask: %s",
                guest,
                source.value,
                json.dumps(str(error)),
            )
            rules = self._unusable
        with self._lock:
            kept[key] = (written, rules)
            kept.move_to_end(key)
            if len(kept) > _PARSED:
                kept.popitem(last=False)
        return rules

    def _check_own(self, rules: RuleSet) -> None:
        """What a guest's own rules may not do. Being asked, or not, would tell a guest whether such a
        rule holds; and all of a host's guests are judged within one round.
        """
        names = rules.facts()
        if len(names) > _OWN_CONDITIONS:
            raise ConsentError(f"more than {_OWN_CONDITIONS} conditions; say it in fewer")
        hidden = [name for name in names if name not in TOLD and not name.startswith(_OWN)]
        if hidden and self._opaque:
            raise ConsentError(
                f"{hidden[0]} is told to no guest (disclose_to_neighbours = opaque): a guest's own "
                f"rules may ask for {', '.join(TOLD)}, me.* and time.*"
            )

    # -- facts --

    def hypervisor(self, policy: Policy, word: RuleSet | None = None) -> StandingPolicy | None:
        """What the host itself has said, and behind it its plain `word`; None: neither."""
        sources = [(Source.HOST, HOST_FILE, policy.rules)] if policy.rules else []
        sources += [(Source.HOST, "accept_incoming", word)] if word else []
        return StandingPolicy(sources, veto=True) if sources else None

    def myself(self) -> Facts:
        """me.* of the hypervisor."""
        return {"me.id": self._host, "me.kind": "hypervisor"}

    def site(self, guests: Sequence[Guest], policy: Policy, mover: str = "") -> Facts:
        """site.* of this host with these guests on it, `mover` (a UUID) not counted."""
        there = [guest for guest in guests if guest.id != mover]
        facts: dict[str, Any] = {
            **policy.facts,
            **self._numbers,
            "site.host": self._host,
            "site.neighbours": len(there),
            "site.projects": sorted({guest.project for guest in there}),
        }
        for free, total, taken in (
            ("site.vcpus_free", "site.vcpus", sum(guest.vcpus for guest in there)),
            ("site.memory_free_mib", "site.memory_mib", sum(guest.memory_mib for guest in there)),
        ):
            if total in facts:
                facts[free] = int(facts[total]) - taken
        return facts

    def source(self, policy: Policy) -> Facts:
        """source.* of this host: what its operator states of it as site.* is true of it as a source."""
        mine = {f"site.{name}": f"source.{name}" for name in _OF_THIS_HOST}
        facts = {
            mine.get(name, name): value
            for name, value in policy.facts.items()
            if name in mine or not name.startswith("site.")
        }
        return {**facts, "source.host": self._host}


def mover_facts(instance: Any) -> dict[str, Any]:
    """guest.* and operation of an instance that is to move live; its tags are left out, as they take
    a read (facts.tags_of).
    """
    flavor = instance.flavor
    facts = {
        "operation": LIVE_MIGRATION,
        "guest.id": instance.uuid,
        "guest.project": instance.project_id or "",
        "guest.flavor": flavor.name,
        "guest.vcpus": flavor.vcpus,
        "guest.memory_mib": flavor.memory_mb,
    }
    image = {
        name: value
        for name, value in _named(instance.system_metadata, "image_").items()
        if len(value.encode(errors="replace")) < _CUT - 3  # cut by bytes, in whole characters
    }
    return {**facts, **family("guest.extra.", flavor.extra_specs), **family("guest.image.", image)}


def _readable(instance: Any) -> bool:
    """Whether the instance came with its flavor. Loading it now would be a call over the bus without
    a deadline; a guest without one is as one that Nova does not know: asked if it has an agent.
    """
    if instance.obj_attr_is_set("flavor") and "extra_specs" in instance.flavor:
        return True
    LOG.warning("consent: what was said for guest %s cannot be read", instance.uuid)
    return False


def family(prefix: str, values: Mapping[str, Any] | None) -> dict[str, str]:
    """Facts whose names begin alike, as text; those with names longer than a fact may have are not
    known, nor are those without one.
    """
    named = {f"{prefix}{name}": str(value) for name, value in (values or {}).items() if name}
    return {
        name: value
        for name, value in named.items()
        if len(name.encode(errors="replace")) <= _LONGEST_NAME
    }


def time_facts(policy: Policy, now: datetime.datetime) -> Facts:
    """time.* at `now` (aware), in the policy's zone."""
    local = now.astimezone(datetime.timezone.utc) + datetime.timedelta(
        minutes=policy.utc_offset_min
    )
    return {"time.hour": local.hour, "time.weekday": local.isoweekday()}


def fingerprint(guests: Iterable[Guest], policy: Policy, mover: str) -> str:
    """Tells one state of all that was said beforehand from another; what the mover said is left out."""
    said = [(guest.id, guest.said) for guest in guests if guest.said != "[]" and guest.id != mover]
    return hashlib.sha256(json.dumps([policy.version, said]).encode()).hexdigest()


def _named(values: Mapping[str, str] | None, prefix: str) -> dict[str, str]:
    """The rules among keys and values, by their names."""
    return {
        name.removeprefix(prefix): str(value)
        for name, value in (values or {}).items()
        if name.startswith(prefix)
    }


def _length(texts: Mapping[str, str]) -> int:
    return sum(len(name) + len(text) for name, text in texts.items())


def _says_yes(value: object) -> bool:
    return strutils.bool_from_string(str(value)) if value is not None else False
