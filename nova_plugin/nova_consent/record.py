"""The log line of a round: one INFO line of key=value pairs that operators read and machines split.

Words between quotes are JSON strings, so that a guest's words cannot forge a key or a line. Must
not know Nova.
"""

from __future__ import annotations

import dataclasses
import json

from consent_core import Mode, RoundReport, StandingVote, Voter, VoterKind

_WORDS = 220
"""Characters of a rule's own words that are shown, as of a guest's."""


_COUNTED = ("asked", "consented", "refused", "abstained", "silent", "left")


@dataclasses.dataclass(frozen=True)
class Occasion:
    """Which decision a line tells of. Host names and UUIDs as Nova writes them; `-` or empty: not
    known."""

    gate: str
    """destination, source or pre (pre_live_migration)."""
    request_id: str
    instance: str
    source: str
    site: str
    migration: str = "-"
    unasked: str = ""
    """Who has a say and was not asked, because the other host runs no gate."""
    reference: str = ""
    """Names the decision where there is no round to name it; empty: nothing does."""


def round_line(
    occasion: Occasion,
    mode: str,
    decided_by: str,
    reason: str,
    report: RoundReport,
    standing: int = 0,
    advisory: int = 0,
) -> str:
    """The line of a round that was run. `standing`: votes that rules gave, of voters who were not
    asked any more; `advisory`: refusals that decide nothing.
    """
    counts = report.counts()
    counts["asked"] -= standing
    numbers = " ".join(f"{key}={counts.get(key, 0)}" for key in _COUNTED)
    numbers += f" standing={standing} advisory={advisory}"
    return _line(
        occasion,
        report.round,
        mode,
        report.verdict.value,
        decided_by,
        numbers,
        report.elapsed_ms,
        reason,
    )


def unheard_line(occasion: Occasion, mode: str, verdict: str, decided_by: str, reason: str) -> str:
    """The line of a decision without a round: nobody was asked."""
    numbers = " ".join(f"{key}=0" for key in (*_COUNTED, "standing", "advisory"))
    return _line(occasion, occasion.reference or "-", mode, verdict, decided_by, numbers, 0, reason)


def rule_words(mode: Mode, voter: Voter, vote: StandingVote) -> str:
    """Why a voter that refused beforehand did: its rule, whose it is, and its words, in one line."""
    who = f"guest {voter.name} ({voter.id})"
    if voter.kind is VoterKind.HYPERVISOR:
        who = f"hypervisor {voter.name}"
    who += ", which is to move," if voter.kind is VoterKind.MOVER else ""
    words = f"{who} refuses beforehand, by rule {_quoted(vote.rule)} of {vote.origin}"
    if vote.because:
        words += f": {_quoted(vote.because[:_WORDS])}"
    if mode is not Mode.ENFORCE:
        words = f"mode {mode.value} lets it through, enforce would not: {words}"
    return "".join(c if c.isprintable() else " " for c in words)


def _line(
    occasion: Occasion,
    round_id: str,
    mode: str,
    verdict: str,
    decided_by: str,
    numbers: str,
    elapsed_ms: int,
    reason: str,
) -> str:
    return (
        f"consent round={round_id} migration={occasion.migration} "
        f"request_id={occasion.request_id or '-'} instance={occasion.instance} "
        f"source={occasion.source or '-'} site={occasion.site or '-'} gate={occasion.gate} "
        f"mode={mode} verdict={verdict} decided_by={_quoted(decided_by)} {numbers} "
        f"elapsed_ms={elapsed_ms} unasked={_quoted(occasion.unasked)} reason={_quoted(reason)}"
    )


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
