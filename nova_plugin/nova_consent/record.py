"""The log line of a round: one INFO line of key=value pairs that operators read and machines split.

Words between quotes are JSON strings, so that a guest's words cannot forge a key or a line. Must
not know Nova.
"""

from __future__ import annotations

import dataclasses
import json

from consent_core import RoundReport


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


def round_line(
    occasion: Occasion, mode: str, decided_by: str, reason: str, report: RoundReport
) -> str:
    """The line of a round that was run."""
    counts = report.counts()
    numbers = " ".join(
        f"{key}={counts.get(key, 0)}"
        for key in ("asked", "consented", "refused", "abstained", "silent", "left")
    )
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
    numbers = "asked=0 consented=0 refused=0 abstained=0 silent=0 left=0"
    return _line(occasion, "-", mode, verdict, decided_by, numbers, 0, reason)


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
