"""What happens in a round while it runs: what `Runner.run` tells its `progress`.

Plain frozen values.
Source: cpp/include/consent/ports.hpp (InquiryEvent).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from consent_core.reports import voter_from_native
from consent_core.rounds import Voter
from consent_core.words import Answer

if TYPE_CHECKING:
    from consent_core import _native


@dataclass(frozen=True)
class VotersIdentified:
    """The guests of the host are known and are asked next.

    Attributes:
        voters: in order of id, at most 4096.
    """

    voters: tuple[Voter, ...]


@dataclass(frozen=True)
class VoterAnswered:
    """A guest answered.

    Attributes:
        voter: index into the `voters` of the round's VotersIdentified; likewise below.
        answer: what it said.
        because: its words, at most 200 printable characters; show them as the guest's.
    """

    voter: int
    answer: Answer
    because: str


@dataclass(frozen=True)
class VoterFellSilent:
    """A guest's deadline or channel is gone.

    Attributes:
        voter: index into the round's voters.
        why: in our words.
    """

    voter: int
    why: str


@dataclass(frozen=True)
class VoterLeft:
    """A guest no longer runs at the site: it has no stake.

    Attributes:
        voter: index into the round's voters.
        why: in our words.
    """

    voter: int
    why: str


@dataclass(frozen=True)
class VoterWithdrew:
    """A guest took its consent back.

    Attributes:
        voter: index into the round's voters.
    """

    voter: int


@dataclass(frozen=True)
class InquiryFailed:
    """Our own failure: never a consent.

    Attributes:
        code: as `RoundReport.failure_code`.
        why: in our words.
    """

    code: str
    why: str


InquiryEvent = (
    VotersIdentified | VoterAnswered | VoterFellSilent | VoterLeft | VoterWithdrew | InquiryFailed
)


def event_from_native(raw: _native.EventDict) -> InquiryEvent:
    """Makes an event of what the native module gives."""
    if raw["event"] == "voters_identified":
        return VotersIdentified(tuple(voter_from_native(voter) for voter in raw["voters"]))
    if raw["event"] == "voter_answered":
        return VoterAnswered(raw["voter"], Answer(raw["answer"]), raw["because"])
    if raw["event"] == "voter_fell_silent":
        return VoterFellSilent(raw["voter"], raw["why"])
    if raw["event"] == "voter_left":
        return VoterLeft(raw["voter"], raw["why"])
    if raw["event"] == "voter_withdrew":
        return VoterWithdrew(raw["voter"])
    return InquiryFailed(raw["code"], raw["why"])
