"""Rules, and what a voter has said beforehand: one policy out of several sources, judged on facts.

    rules = RuleSet.parse("[{name: big, when: {guest.vcpus: '>= 8'}, answer: refuse}]", "host.yaml")
    policy = StandingPolicy([(Source.HOST, "host.yaml", rules)])
    policy.vote({"guest.vcpus": 4}).answer

Facts are a mapping of names of `fact_table()` to texts, numbers or sequences of texts; one that is
not known is left out. A rule that hangs on it answers ASK. All here is immutable and may be used
by any thread; no call takes longer than its rules do (at most 256 rules of 4096 conditions).
Must not know files, Nova, or who gathers facts.
Source: cpp/include/consent/facts.hpp, rules.hpp, standing.hpp.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from consent_core import _native
from consent_core.words import _Word

if TYPE_CHECKING:
    from consent_core._native import RulingDict

FactValue = str | int | float | Sequence[str]
"""A fact: a text, a number, or a list of texts."""

Facts = Mapping[str, FactValue]
"""What is known in one case, by the names of `fact_table()`."""


class Source(_Word):
    """Where rules come from, in the order in which they count: the first of which a rule decides
    speaks.

    HOST and FLAVOR are the operator's words and bind. IMAGE, METADATA and AGENT are a tenant's: a
    refusal there counts only with a veto.
    """

    HOST = "host"
    FLAVOR = "flavor"
    IMAGE = "image"
    METADATA = "metadata"
    AGENT = "agent"


class StandingAnswer(_Word):
    """What a rule says: an answer given beforehand, or (ASK) that the voter itself is asked."""

    CONSENT = "consent"
    REFUSE = "refuse"
    ASK = "ask"
    ABSTAIN = "abstain"


@dataclass(frozen=True)
class Fact:
    """One row of the table of facts.

    Attributes:
        name: "guest.vcpus"; of a family "guest.image.*", where * is one name or more.
        type: "text", "number" or "list".
        unit: "MiB", "h"; empty: none.
        known: "everywhere"; "gate": on the compute host alone; "scheduler": not at the gate, unless
            the host's file states it.
        meaning: what it is, in a few words.
    """

    name: str
    type: str
    unit: str
    known: str
    meaning: str


def fact_table() -> tuple[Fact, ...]:
    """Every fact there is, in the order of the documentation."""
    return tuple(Fact(*row) for row in _native.fact_table())


@dataclass(frozen=True)
class Ruling:
    """What rules come to.

    Attributes:
        answer: the first rule's that holds; ASK when none does.
        rule: its name; None: no rule decided.
        because: its words, cleaned, at most 200 characters.
        unknown: its conditions are unknown, so it answers ASK whatever it says.
        why: when unknown: which condition, and why; else empty.
    """

    answer: StandingAnswer
    rule: str | None
    because: str
    unknown: bool
    why: str


class RuleSet:
    """Rules, read and checked once."""

    _rules: _native.RuleSet
    _names: frozenset[str] | None

    def __init__(self) -> None:
        """Not to be called: rules are read by `parse` and `of_properties`.

        Raises:
            TypeError: always.
        """
        raise TypeError("rules are read: RuleSet.parse, RuleSet.of_properties")

    @classmethod
    def _of(cls, native: _native.RuleSet) -> RuleSet:
        """Wraps what the core has read."""
        made = cls.__new__(cls)
        made._rules = native
        made._names = None
        return made

    @classmethod
    def parse(cls, text: str, origin: str) -> RuleSet:
        """Reads a list of rules, YAML or JSON, as `rules:` of a file has it.

        Args:
            text: at most 64 KiB.
            origin: where it comes from, for errors.

        Raises:
            PolicyError: it cannot be taken; says where and what to do.
        """
        return cls._of(_native.parse_rules(text, origin))

    @classmethod
    def of_properties(cls, properties: Mapping[str, str], origin: str) -> RuleSet:
        """Reads rules that stand one a property, in the order of their names.

        Args:
            properties: a rule's name -> the rule in YAML flow form, in one line of at most 254
                bytes: `{when: {guest.vcpus: ">= 8"}, answer: refuse, because: too big}`.
            origin: where they come from, for errors.

        Raises:
            PolicyError: one cannot be taken (255 bytes or more count as cut); says which and what
                to do.
        """
        return cls._of(_native.rules_of_properties(dict(properties), origin))

    def __len__(self) -> int:
        """The number of rules."""
        return len(self._rules)

    def evaluate(self, facts: Facts) -> Ruling:
        """The first rule that holds decides; before it, one that is unknown answers ASK.

        Raises:
            RequestError: a name that is no fact, or a value of another type.
        """
        return _ruling(self._rules.evaluate(facts))

    def facts(self) -> list[str]:
        """Names of the facts that the conditions look at, one for each condition. Any thread."""
        return self._rules.facts()

    def asks(self, name: str) -> bool:
        """Whether a condition looks at that fact. Any thread; looked up once."""
        if self._names is None:
            self._names = frozenset(self._rules.facts())
        return name in self._names

    def evaluate_many(self, cases: Sequence[Facts]) -> list[Ruling]:
        """The same for many cases in one call; one ruling a case, in their order.

        Raises:
            RequestError: a name that is no fact, or a value of another type.
        """
        different, which = self._rules.evaluate_many(cases)
        rulings = [_ruling(raw) for raw in different]
        return [rulings[place] for place in which]


def _ruling(raw: RulingDict) -> Ruling:
    """Makes a Ruling of what the native module gives."""
    return Ruling(
        answer=StandingAnswer(raw["answer"]),
        rule=raw["rule"],
        because=raw["because"],
        unknown=raw["unknown"],
        why=raw["why"],
    )


@dataclass(frozen=True)
class StandingVote:
    """What a voter's standing policy comes to in one case.

    Attributes:
        answer: ASK also: nothing was said, or it hangs on what is not known.
        binding: False: a tenant's refusal without a veto; recorded, decides nothing.
        source: of the rule that decided; None: none did.
        origin: that source's, as given.
        rule: the rule's name; empty: none decided.
        because: its words, cleaned, at most 200 characters.
        why: of an answer that hangs on what is not known: on what.
    """

    answer: StandingAnswer
    binding: bool
    source: Source | None
    origin: str
    rule: str
    because: str
    why: str


class StandingPolicy:
    """All that one voter has said beforehand."""

    def __init__(self, sources: Sequence[tuple[Source, str, RuleSet]], veto: bool = True) -> None:
        """Keeps the rules; copies nothing.

        Args:
            sources: source, origin (for people: "flavor m1.small"), rules; at most 64, in any
                order; those of one source count in the order given. A source that cannot be read
                is a rule that always answers ask.
            veto: its own refusal (image, metadata, agent) decides; else it is recorded only.

        Raises:
            RequestError: a value out of range.
        """
        self._native = _native.StandingPolicy(
            [(str(source), origin, rules._rules) for source, origin, rules in sources], veto
        )

    def vote(self, facts: Facts) -> StandingVote:
        """What the first source says of which a rule decides.

        Raises:
            RequestError: a name that is no fact, or a value of another type.
        """
        raw = self._native.vote(facts)
        return StandingVote(
            answer=StandingAnswer(raw["answer"]),
            binding=raw["binding"],
            source=None if raw["source"] is None else Source(raw["source"]),
            origin=raw["origin"],
            rule=raw["rule"],
            because=raw["because"],
            why=raw["why"],
        )
