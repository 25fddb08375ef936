"""Rounds over scripted voters: what the tests of consent_core ask and whom."""

from __future__ import annotations

from consent_core import RoundRequest, Subject, Voter

MOVER = "6f1c1bb2-0000-4000-8000-000000000001"


def voters(count: int) -> list[Voter]:
    """Voters whose ids are in the order of their numbers: voter-000, voter-001, ..."""
    return [Voter(f"voter-{number:03}", f"guest{number}") for number in range(count)]


def request(
    voter_deadline_s: float = 0.2, round_deadline_s: float = 5.0, grant_lifetime_s: float = 0.0
) -> RoundRequest:
    """A round about MOVER from host1 to host2."""
    return RoundRequest(
        Subject(MOVER, "host2", "host1"),
        voter_deadline_s=voter_deadline_s,
        round_deadline_s=round_deadline_s,
        grant_lifetime_s=grant_lifetime_s,
    )
