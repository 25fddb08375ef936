"""The line of a round: one line, and no guest can forge a key of it."""

from __future__ import annotations

import testtools

from consent_core import RoundReport, State, Vote, Voter, VoterReport
from nova_consent.record import Occasion, round_line, unheard_line

OCCASION = Occasion("source", "req-1", "vm-1", "host1", "host2", "mig-1")


class RecordTest(testtools.TestCase):
    def test_keys_in_order(self) -> None:
        voters = tuple(
            VoterReport(Voter(str(n), f"g{n}"), vote)
            for n, vote in enumerate([Vote.CONSENTED, Vote.CONSENTED, Vote.REFUSED, Vote.SILENT])
        )
        report = RoundReport("r-1", State.REFUSED, 2, "no", "", voters, 12, 0)
        line = round_line(
            OCCASION, "enforce", "guest g2", "g2 refused", report, standing=1, advisory=2
        )
        self.assertEqual(
            "consent round=r-1 migration=mig-1 request_id=req-1 instance=vm-1 source=host1 "
            'site=host2 gate=source mode=enforce verdict=refused decided_by="guest g2" asked=3 '
            "consented=2 refused=1 abstained=0 silent=1 left=0 standing=1 advisory=2 elapsed_ms=12 "
            'unasked="" reason="g2 refused"',
            line,
        )

    def test_words_cannot_leave_their_quotes(self) -> None:
        forged = 'no" verdict=consented x="\n2026 INFO consent round=1'
        line = unheard_line(OCCASION, "audit", "failed", "error", forged)
        self.assertNotIn("\n", line)
        self.assertIn(r'reason="no\" verdict=consented x=\"\n2026', line)
        self.assertEqual(1, line.split(' reason="')[0].count("verdict="))
