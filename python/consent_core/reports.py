"""What came of a round, in the whole and for each voter. Plain frozen values. Must not know modes
or Nova.

Source: cpp/include/consent/runner.hpp.
"""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from consent_core.rounds import Voter
from consent_core.words import Silence, State, Vote, VoterKind

if TYPE_CHECKING:
    from consent_core import _native


def voter_from_native(raw: _native.VoterDict) -> Voter:
    """Makes a Voter of what the native module gives."""
    return Voter(
        id=raw["id"],
        name=raw["name"],
        project=raw["project"],
        kind=VoterKind(raw["kind"]),
        binding=raw["binding"],
        silence=Silence(raw["silence"]),
    )


@dataclass(frozen=True)
class VoterReport:
    """What one voter did.

    Attributes:
        voter: who.
        vote: what became of it.
        because: a guest's words, at most 200 printable characters, control characters escaped: show
            them as the guest's. Ours where it fell silent or left.
        elapsed_ms: milliseconds from request to answer; None without one.
    """

    voter: Voter
    vote: Vote
    because: str = ""
    elapsed_ms: int | None = None


@dataclass(frozen=True)
class RoundReport:
    """What came of a round.

    Attributes:
        round: UUID text that names it in logs.
        verdict: CONSENTED, REFUSED, EXPIRED, FAILED (our own failure) or ABORTED.
        decided_by: index into `voters`; None: nobody in particular.
        because: the decider's words, or ours; empty for a consent.
        failure_code: of a FAILED verdict: worker_lost, worker_timeout, worker_protocol, libvirt,
            limit or internal; empty otherwise.
        voters: those who had spoken first, then the guests in order of id.
        elapsed_ms: milliseconds from call to verdict.
        grant: number of the grant recorded; 0: none.
    """

    round: str
    verdict: State
    decided_by: int | None = None
    because: str = ""
    failure_code: str = ""
    voters: tuple[VoterReport, ...] = ()
    elapsed_ms: int = 0
    grant: int = 0

    def counts(self) -> dict[str, int]:
        """Counts the voters: "asked" is all of them, the other keys are the words of `Vote`, each
        from 0.
        """
        votes = Counter(report.vote for report in self.voters)
        return {"asked": len(self.voters), **{vote.value: votes[vote] for vote in Vote}}

    def to_dict(self) -> dict[str, Any]:
        """Gives the report as dicts, lists, plain strings and numbers, ready for JSON."""
        return asdict(self, dict_factory=_plain)


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    """A dataclass's items, with enumerations as their words and tuples as lists."""

    def plain(value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return value.value
        return list(value) if isinstance(value, tuple) else value

    return {name: plain(value) for name, value in items}


def report_from_native(raw: _native.RoundReportDict) -> RoundReport:
    """Makes a RoundReport of what the native module gives."""
    return RoundReport(
        round=raw["round"],
        verdict=State(raw["verdict"]),
        decided_by=raw["decided_by"],
        because=raw["because"],
        failure_code=raw["failure_code"],
        voters=tuple(
            VoterReport(
                voter=voter_from_native(each["voter"]),
                vote=Vote(each["vote"]),
                because=each["because"],
                elapsed_ms=each["elapsed_ms"],
            )
            for each in raw["voters"]
        ),
        elapsed_ms=raw["elapsed_ms"],
        grant=raw["grant"],
    )
