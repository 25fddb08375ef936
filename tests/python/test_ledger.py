"""consent_core.ledger: grants in memory."""

from __future__ import annotations

import math
import time

import pytest

from consent_core import MemoryLedger, RequestError
from scripted import MOVER


def test_a_grant_is_claimed_once() -> None:
    ledger = MemoryLedger()
    before = time.monotonic()
    grant = ledger.grant(MOVER, "host1", "host2", 30.0, "round-1")
    assert (grant.id, grant.round, grant.mover) == (1, "round-1", MOVER)
    assert (grant.source, grant.site) == ("host1", "host2")
    assert before + 29.9 < grant.expires <= time.monotonic() + 30.0
    assert ledger.live() == 1
    assert ledger.claim(MOVER, "host1", "host2") == grant
    assert ledger.claim(MOVER, "host1", "host2") is None
    assert ledger.live() == 0


def test_a_grant_is_for_its_mover_source_and_site_only() -> None:
    ledger = MemoryLedger()
    ledger.grant(MOVER, "host1", "host2", 30.0)
    assert ledger.claim("another", "host1", "host2") is None
    assert ledger.claim(MOVER, "host3", "host2") is None
    assert ledger.claim(MOVER, "host1", "host3") is None
    assert ledger.claim(MOVER, "host1", "host2") is not None


def test_an_expired_grant_is_none() -> None:
    ledger = MemoryLedger()
    grant = ledger.grant(MOVER, "host1", "host2", 0.001)
    while time.monotonic() <= grant.expires:
        pass
    assert ledger.live() == 0
    assert ledger.claim(MOVER, "host1", "host2") is None


def test_a_grant_without_a_round_is_given_one() -> None:
    assert len(MemoryLedger().grant(MOVER, "host1", "host2", 1.0).round) == 36


@pytest.mark.parametrize("lifetime_s", [0.0, -1.0, math.nan, math.inf, 1e9])
def test_a_lifetime_out_of_range_records_nothing(lifetime_s: float) -> None:
    ledger = MemoryLedger()
    with pytest.raises(RequestError, match="lifetime_s"):
        ledger.grant(MOVER, "host1", "host2", lifetime_s)
    assert ledger.live() == 0
