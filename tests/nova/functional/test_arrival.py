"""The last gate: a migration that starts claims the consent given at its check, or asks anew."""

from __future__ import annotations

import dataclasses
import time
from unittest import mock

from nova import context as nova_context
from nova import exception, objects

from consent_core import MemoryLedger
from functional.base import BECAUSE, ConsentTestBase, neighbours, refusing


class ArrivalTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        self.start_host("host1")
        self.start_host("host2", neighbours())

    def before_arrival(self, change):
        """Runs `change` on the destination after its check and before the migration starts."""
        driver = self.computes["host2"].driver
        arrive = driver.pre_live_migration

        def changed(*args, **kwargs):
            change()
            return arrive(*args, **kwargs)

        return mock.patch.object(driver, "pre_live_migration", changed)

    def forget_grants(self) -> None:
        self.gate("host2")._ledger = MemoryLedger()

    def rounds_at_arrival(self) -> list[dict[str, str]]:
        return [r for r in self.lines.rounds() if r["gate"] == "pre"]

    def test_a_grant_is_claimed_and_nobody_is_asked_twice(self) -> None:
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual(1, len(self.voters["host2"].asked))
        self.assertEqual([], self.rounds_at_arrival())
        self.assertEqual(0, self.gate("host2")._ledger.live())

    def test_without_a_grant_it_asks_anew(self) -> None:
        server = self.boot()
        with self.before_arrival(self.forget_grants):
            self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        self.assertEqual(2, len(self.voters["host2"].asked))
        [line] = self.rounds_at_arrival()
        self.assertEqual("consented", line["verdict"])
        self.assertEqual(self.migrations(server)[0].uuid, line["migration"])

    def test_an_expired_grant_is_no_grant(self) -> None:
        self.change_grant_lifetime(0.05)
        server = self.boot()
        with self.before_arrival(lambda: time.sleep(0.1)):
            self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual(1, len(self.rounds_at_arrival()))

    def change_grant_lifetime(self, seconds: float) -> None:
        self.flags(grant_lifetime_s=seconds, group="consent")
        self.restart_compute_service("host2")

    def test_refused_at_arrival_the_vm_stays_active_on_its_source(self) -> None:
        server = self.boot()

        def change_their_minds() -> None:
            self.forget_grants()
            self.change_voters("host2", refusing())

        with self.before_arrival(change_their_minds):
            self.assertIn(self.live_migrate(server, "host2"), ("error", "failed"))
        self.assert_untouched(server)
        [line] = self.rounds_at_arrival()
        self.assertEqual("refused", line["verdict"])
        self.assertIn(BECAUSE, line["reason"])

    def test_no_budget_for_time_spent_in_the_queue(self) -> None:
        server = self.boot()
        gate = self.gate("host2")

        def wait_long() -> None:
            self.forget_grants()
            gate._options = dataclasses.replace(gate._options, migration_budget_s=1e-6)

        with self.before_arrival(wait_long):
            self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual(1, len(self.rounds_at_arrival()))

    def test_refused_at_arrival_no_volume_is_detached(self) -> None:
        """Nova detaches what stands in block_device_info; a neighbour may use the same volume."""
        volumes = {"block_device_mapping": ["a volume"]}
        driver = self.computes["host2"].driver
        server = self.boot()
        context = nova_context.get_admin_context()
        with nova_context.target_cell(context, self.cell_mappings["cell1"]) as cell:
            instance = objects.Instance.get_by_uuid(cell, server["id"])
            self.change_voters("host2", refusing())
            self.assertRaises(
                exception.MigrationPreCheckError,
                driver.pre_live_migration,
                cell,
                instance,
                volumes,
                None,
                None,
                None,
            )
        self.assertEqual({"block_device_mapping": []}, volumes)


class BudgetTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        for host in ("host1", "host2", "host3"):
            self.start_host(host, neighbours())

    def test_past_the_budget_hosts_refuse_at_once_and_say_so(self) -> None:
        server = self.boot()
        with self.age_migrations(500):
            self.assertEqual("error", self.live_migrate(server))
        self.assert_untouched(server)
        self.assertEqual([], self.voters["host2"].asked)
        self.assertEqual([], self.voters["host3"].asked)
        self.assertIn("migration_budget_s", self.faults(server))
        self.assertEqual(
            [
                ("host2", "expired", '"migration budget"'),
                ("host3", "expired", '"migration budget"'),
            ],
            [(r["site"], r["verdict"], r["decided_by"]) for r in self.lines.rounds()],
        )

    def test_audit_only_records_that(self) -> None:
        for host in ("host2", "host3"):
            self.write_host_file(host, "mode: audit\n")
        server = self.boot()
        with self.age_migrations(500):
            self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host2")

    def test_a_clock_that_is_behind_costs_nobody_the_budget(self) -> None:
        server = self.boot()
        with self.age_migrations(-5000):
            self.assertEqual("completed", self.live_migrate(server))


class StockTest(ConsentTestBase):
    """Either end, or both, may run Nova's own driver; who was not asked is on record."""

    def test_stock_on_the_source(self) -> None:
        self.start_host("host1", stock=True)
        self.start_host("host2", neighbours())
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        [line] = self.lines.rounds()
        self.assertEqual('"mover and hypervisor of host1"', line["unasked"])

    def test_stock_on_the_source_is_no_way_round_the_gate(self) -> None:
        self.start_host("host1", stock=True)
        self.start_host("host2", refusing())
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assert_untouched(server)

    def test_stock_on_the_destination(self) -> None:
        self.start_host("host1")
        self.start_host("host2", stock=True)
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        [line] = self.lines.rounds()
        self.assertEqual(("source", "host2"), (line["gate"], line["site"]))
        self.assertEqual('"neighbours and hypervisor of host2"', line["unasked"])

    def test_there_and_back(self) -> None:
        self.start_host("host1")
        self.start_host("host2", stock=True)
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual("completed", self.live_migrate(server, "host1"))
        self.assert_on(server, "host1")
