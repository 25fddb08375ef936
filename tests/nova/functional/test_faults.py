"""Failures of our own in a whole cloud: the VM stays ACTIVE where it runs, or moves as on any day.

unit/test_faults.py plants one at every call; here is what Nova makes of those that leave a gate.
"""

from __future__ import annotations

from unittest import mock

from nova import exception

from functional.base import BECAUSE, ConsentTestBase, neighbours, refusing

POINTS = (
    "nova_consent.settings.HostSettings.current",
    "nova_consent.facts.guests_of",
    "nova_consent.gate.within",
    "nova_consent.gate.RoundRequest",
    "nova_consent.gate.offload",
    "nova_consent.gate.decide",
    "nova_consent.gate.round_line",
    "consent_core.MemoryLedger.claim",
)
# What is read that a round can do without.
NOTED = (
    "nova_consent.facts.migration_under_way",
    "nova_consent.facts.searched_s",
    "nova_consent.facts.checking_host",
    "nova_consent.facts.host_asks",
)
ERRORS = (
    MemoryError("no memory left"),
    exception.InstanceNotFound(instance_id="x"),  # would set the VM to ERROR
    RuntimeError("boom"),
    exception.NovaException("boom"),
    OSError(28, "No space left on device"),
)


class FaultsTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        self.start_host("host1", neighbours())
        self.start_host("host2", neighbours())
        self.server = self.boot()

    def assert_moves_although_these_fail(self, points: tuple[str, ...]) -> None:
        """There and back and there again, one of the points failing each time."""
        here, there = "host1", "host2"
        for number, point in enumerate(points):
            with mock.patch(point, side_effect=ERRORS[number % len(ERRORS)]) as failing:
                self.assertEqual("completed", self.live_migrate(self.server, there), point)
            failing.assert_called()
            self.assert_on(self.server, there)
            here, there = there, here

    def test_in_enforce_the_vm_stays(self) -> None:
        for number, point in enumerate(POINTS):
            error = ERRORS[number % len(ERRORS)]
            with mock.patch(point, side_effect=error) as failing:
                status = self.live_migrate(self.server, "host2")
            failing.assert_called()
            self.assertIn(status, ("error", "failed"), point)
            self.assert_untouched(self.server)
        self.assertEqual("completed", self.live_migrate(self.server, "host2"))
        self.assert_on(self.server, "host2")

    def test_each_gate_by_itself(self) -> None:
        """Above, the destination's check comes before the others; here each is the one that fails."""
        for host, gate in (("host2", "_incoming"), ("host1", "_outgoing"), ("host2", "_arriving")):
            for error in ERRORS:
                with mock.patch.object(self.gate(host), gate, side_effect=error) as failing:
                    status = self.live_migrate(self.server, "host2")
                failing.assert_called()
                self.assertIn(status, ("error", "failed"), gate)
                self.assert_untouched(self.server)

    def test_what_a_round_can_do_without_stops_nothing(self) -> None:
        self.assert_moves_although_these_fail(NOTED)

    def test_in_audit_the_vm_moves(self) -> None:
        for host in ("host1", "host2"):
            self.write_host_file(host, "mode: audit\n")
            self.gate(host)._settings.current()
        self.assert_moves_although_these_fail(POINTS)

    def test_a_refusal_stands_when_cleaning_up_after_nova_fails(self) -> None:
        self.change_voters("host2", refusing())
        with mock.patch.object(
            self.computes["host2"].driver,
            "cleanup_live_migration_destination_check",
            side_effect=OSError("read-only file system"),
        ):
            self.assertEqual("error", self.live_migrate(self.server, "host2", force=True))
        self.assert_untouched(self.server)
        self.assertIn(BECAUSE, self.faults(self.server))
