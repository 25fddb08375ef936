"""consent_core.decision: what a mode makes of a verdict."""

from __future__ import annotations

from dataclasses import replace

import pytest

from consent_core import (
    Mode,
    OnError,
    RequestError,
    RoundReport,
    State,
    Vote,
    Voter,
    VoterReport,
    decide,
)

REFUSED = RoundReport(
    "r",
    State.REFUSED,
    decided_by=0,
    because="licensed to this host",
    voters=(VoterReport(Voter("id", "db1"), Vote.REFUSED, "licensed to this host", 12),),
)
FAILED = RoundReport("r", State.FAILED, because="it died", failure_code="worker_lost")


def test_enforce_refuses_and_says_who_and_why() -> None:
    decision = decide(REFUSED, Mode.ENFORCE, OnError.ALLOW)
    assert not decision.allow
    assert not decision.fault
    assert decision.decided_by == "guest db1"
    assert "licensed to this host" in decision.reason
    assert "guest says" in decision.reason


@pytest.mark.parametrize("mode", [Mode.AUDIT, Mode.OFF])
def test_audit_and_off_let_everything_through(mode: Mode) -> None:
    for report in (REFUSED, FAILED, replace(REFUSED, verdict=State.EXPIRED)):
        assert decide(report, mode, OnError.REFUSE).allow


@pytest.mark.parametrize(("on_error", "allow"), [(OnError.REFUSE, False), (OnError.ALLOW, True)])
def test_on_error_decides_our_own_failure(on_error: OnError, allow: bool) -> None:
    decision = decide(FAILED, Mode.ENFORCE, on_error)
    assert decision.allow is allow
    assert decision.fault
    assert "worker_lost" in decision.decided_by


def test_a_consent_is_let_through_without_a_reason() -> None:
    decision = decide(RoundReport("r", State.CONSENTED), Mode.ENFORCE, OnError.REFUSE)
    assert (decision.allow, decision.fault, decision.reason) == (True, False, "")


def test_a_report_that_cannot_be_is_refused() -> None:
    with pytest.raises(RequestError, match="decided_by"):
        decide(replace(REFUSED, decided_by=1), Mode.ENFORCE, OnError.REFUSE)
    with pytest.raises(RequestError, match="mode"):
        decide(REFUSED, "perhaps", OnError.REFUSE)  # type: ignore[arg-type]
