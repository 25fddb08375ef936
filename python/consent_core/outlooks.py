"""Digests: what a host's voters have said beforehand as one text, and a mover judged by many such.

A host writes its digest; a scheduler judges by all of them in one call. A digest may know less than
the gate, never something else: what does not fit, is damaged, old or of another version is ASK.
Must not know Nova. Source: cpp/include/consent/digest.hpp, outlooks.hpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from consent_core import _native
from consent_core.standing import Facts, StandingPolicy
from consent_core.words import Mode, VoterKind, _Word


@dataclass(frozen=True)
class DigestVoter:
    """One voter as its host sees it now.

    Attributes:
        kind: which part of the software concerned it is.
        policy: what it has said. Rules that cannot be read stand here as one that always asks. A
            hypervisor that has an accept_incoming has it as the last HOST rule, and `answers`.
        facts: me.* and site.* as they are now, and what the host's file states.
        answers: it would be asked where its policy says ask; else ASK of it is no vote at all.
        limited: its own refusal binds, if it has a veto, as often as a budget allows, which the gate
            alone can count: foretold as ASK.
    """

    kind: VoterKind
    policy: StandingPolicy
    facts: Facts = field(default_factory=dict)
    answers: bool = False
    limited: bool = False


def write_digest(mode: Mode, at: int, voters: Sequence[DigestVoter], refusals: int = 0) -> str:
    """Writes a host's digest: printable ASCII of at most 16384 bytes.

    The same rules stand there once. Voters that do not fit are counted as to be asked. The GIL is
    released while rules are reduced.

    Args:
        mode: of the gate here.
        at: this host's clock, seconds since 1970.
        voters: the hypervisor and the neighbours, at most 4096.
        refusals: by the gate here, lately; 0 to 2**32 - 1.

    Raises:
        RequestError: a value out of range; the message names the field.
    """
    return _native.write_digest(str(mode), at, voters, refusals)


class Outlook(_Word):
    """What a host's gate would say.

    CONSENT: every binding voter would consent or abstain, and none has to be asked. ASK: it depends
    on voters that have to be asked, or is not known. REFUSE: a binding voter would refuse.
    """

    CONSENT = "consent"
    ASK = "ask"
    REFUSE = "refuse"


class Judgement(NamedTuple):
    """What one host's digest says of a mover. A tuple: a scheduler makes hundreds a request.

    Attributes:
        outlook: what its gate would say.
        mode: of that gate; OFF also: it publishes no digest that can be used, `reason` says why.
        to_ask: voters that would have to be asked, or whose rules hang on what is not known here.
        refusals: by that gate, lately.
        reason: of a refusal, whose rule says so and why; of no usable digest, what is wrong; one
            printable line of at most 300 characters.
    """

    outlook: Outlook
    mode: Mode
    to_ask: int
    refusals: int
    reason: str


_OUTLOOKS = {outlook.value: outlook for outlook in Outlook}
_MODES = {mode.value: mode for mode in Mode}


class Outlooks:
    """Judges movers by hosts' digests, and keeps the digests it has read.

    Threads: safe for use by several, one at a time judges. Fork: a child begins with none kept.
    """

    def __init__(self, max_digests: int = 20000) -> None:
        """Reads nothing yet.

        Args:
            max_digests: digests kept, those used last, until they are too old; 1 to 1000000, and at
                most 32 MiB of their text. Each takes some ten times its length, rules that several
                share counted once.

        Raises:
            RequestError: `max_digests` is out of range.
        """
        self._native = _native.Outlooks(max_digests)

    def judge(
        self, digests: Sequence[str | None], facts: Facts, now: float, max_age_s: float
    ) -> list[Judgement]:
        """Judges one mover by many hosts' digests, in one call into the core, GIL released.

        Args:
            digests: one a host; None: it publishes none. Whatever stands here, a digest never
                raises: one that cannot be used is ASK.
            facts: guest.*, source.* and operation, as far as both the scheduler and the gate know
                them; others must not be in it.
            now: seconds since 1970.
            max_age_s: a digest older than that, or from further in the future, is ASK.

        Returns:
            One judgement a digest, in their order.

        Raises:
            RequestError: a name that is no fact, or a value of another type.
        """
        different, which = self._native.judge(digests, facts, int(now), int(max_age_s))
        judgements = [
            Judgement(_OUTLOOKS[outlook], _MODES[mode], to_ask, refusals, reason)
            for outlook, mode, to_ask, refusals, reason in different
        ]
        return [judgements[place] for place in which]
