"""What an operator's mode makes of a verdict. Pure; must not know who ran the round, nor Nova.

Source: cpp/include/consent/decision.hpp.
"""

from __future__ import annotations

from dataclasses import dataclass

from consent_core import _native
from consent_core.reports import RoundReport
from consent_core.words import Mode, OnError


@dataclass(frozen=True)
class Decision:
    """Whether the migration is let through, and in which words.

    Attributes:
        allow: True: let it through.
        fault: the verdict came of our own failure, not of a voter.
        decided_by: "guest NAME", "hypervisor NAME", "deadline", "error CODE", ...: for the log
            line.
        reason: one printable line for the admin: who, what, why; at most 500 characters; empty when
            consented. A guest's words stand in quotes after "guest says".
    """

    allow: bool
    fault: bool
    decided_by: str
    reason: str


def decide(report: RoundReport, mode: Mode, on_error: OnError) -> Decision:
    """Decides on a report.

    ENFORCE lets a consent through, not a refusal or an expiry, and FAILED and ABORTED as `on_error`
    says. AUDIT and OFF let everything through; `reason` then says what ENFORCE would have refused.
    Takes microseconds, holds the GIL.

    Raises:
        RequestError: the report is not one that a round can have; the message names the field.
    """
    return Decision(**_native.decide(report, mode, on_error))
