"""What hosts publish, and what ConsentFilter makes of it: advice, for live migrations only."""

from __future__ import annotations

from unittest import mock

from nova import objects

from functional.base import ConsentTestBase, neighbours

REFUSE = "accept_incoming: {answer: refuse, because: firmware update}\n"


class PublishedTest(ConsentTestBase):
    def report(self, host: str) -> None:
        """Has `host` report its resources, as it does each minute."""
        self._run_periodics()

    def stats(self, host: str) -> dict:
        from nova import context

        admin = context.get_admin_context()
        with context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            return objects.ComputeNode.get_first_node_by_host_for_old_compat(cell, host).stats

    def consent_traits(self, host: str) -> set[str]:
        traits = self._get_provider_traits(self.compute_rp_uuids[host])
        return {trait for trait in traits if trait.startswith("CUSTOM_CONSENT")}

    def test_mode_and_word_are_published_and_follow_the_file(self) -> None:
        self.start_host("host1")
        stats = self.stats("host1")
        self.assertEqual("enforce", stats["consent_mode"])
        self.assertEqual("consent", stats["consent_accept_incoming"])
        self.assertIn("uptime", stats)
        self.assertEqual({"CUSTOM_CONSENT_ENFORCE"}, self.consent_traits("host1"))

        self.write_host_file("host1", "mode: audit\n" + REFUSE)
        self.report("host1")
        stats = self.stats("host1")
        self.assertEqual("audit", stats["consent_mode"])
        self.assertEqual("refuse", stats["consent_accept_incoming"])
        self.assertEqual({"CUSTOM_CONSENT_AUDIT"}, self.consent_traits("host1"))

        self.write_host_file("host1", "mode: 'off'\n" + REFUSE)
        self.report("host1")
        stats = self.stats("host1")
        self.assertEqual("off", stats["consent_mode"])
        self.assertEqual("", stats["consent_accept_incoming"])
        self.assertEqual(set(), self.consent_traits("host1"))

    def test_a_bad_file_publishes_the_mode_and_no_word(self) -> None:
        self.write_host_file("host1", REFUSE)
        self.start_host("host1")
        self.write_host_file("host1", "accept_incoming: perhaps\n")
        self.report("host1")
        self.assertEqual("enforce", self.stats("host1")["consent_mode"])
        self.assertEqual("", self.stats("host1")["consent_accept_incoming"])
        self.assertEqual({"CUSTOM_CONSENT_ENFORCE"}, self.consent_traits("host1"))

    def test_a_failure_of_ours_stops_no_report(self) -> None:
        self.start_host("host1")
        driver = self.computes["host1"].driver
        with mock.patch.object(driver, "_consent_mode", side_effect=MemoryError):
            self.report("host1")
        self.assertEqual("", self.stats("host1")["consent_mode"])
        self.assertIn("uptime", self.stats("host1"))


class FilterTest(ConsentTestBase):
    """host2, which weighs most, publishes that it accepts no guests."""

    def setUp(self) -> None:
        super().setUp()
        self.start_host("host1", neighbours())
        self.write_host_file("host2", REFUSE)
        self.start_host("host2", neighbours())
        self.start_host("host3", neighbours())
        self.host_weights = {"host2": 400, "host3": 200, "host1": 100}
        self.WEIGHTS.clear()
        self.WEIGHTS.update(self.host_weights)

    WEIGHTS = {"host2": 400, "host3": 200, "host1": 100}

    def reads(self):
        return mock.patch.object(
            objects.InstanceAction,
            "get_by_request_id",
            side_effect=objects.InstanceAction.get_by_request_id,
        )

    def gates(self) -> list[tuple[str, str]]:
        return [(r["gate"], r["site"]) for r in self.lines.rounds()]

    def test_a_live_migration_spares_the_host(self) -> None:
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host3")
        self.assertEqual([("destination", "host3"), ("source", "host3")], self.gates())

    def test_in_audit_nothing_is_dropped(self) -> None:
        self.write_host_file("host2", "mode: audit\n" + REFUSE)
        self._run_periodics()
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host2")

    def test_a_boot_passes(self) -> None:
        server = self._create_server(networks="none")
        self.assert_on(server, "host2")

    def test_a_cold_migration_and_a_resize_pass(self) -> None:
        server = self.boot()
        with mock.patch(
            "nova.virt.libvirt.driver.LibvirtDriver.migrate_disk_and_power_off", return_value="{}"
        ):
            server = self._migrate_server(server)
            self.assertEqual("host2", server["OS-EXT-SRV-ATTR:host"])
            self._confirm_resize(server)
            self.change_published("host3")
            other = self._create_flavor(vcpu=1)
            server = self._resize_server(server, other)
            self.assertEqual("host3", server["OS-EXT-SRV-ATTR:host"])

    def change_published(self, host: str) -> None:
        """host3 publishes that it accepts no guests."""
        self.write_host_file(host, REFUSE)
        self._run_periodics()

    def test_an_evacuation_passes(self) -> None:
        server = self.boot()
        self.computes["host1"].stop()
        self.admin_api.put_service_force_down(self.service_id("host1"), True)
        server = self._evacuate_server(server, expected_host="host2", expected_state="ACTIVE")
        self.assertEqual("host2", server["OS-EXT-SRV-ATTR:host"])

    def service_id(self, host: str) -> str:
        services = self.admin_api.get_services(host=host, binary="nova-compute")
        return services[0]["id"]

    def test_an_unshelve_passes(self) -> None:
        self.flags(shelved_offload_time=0)
        server = self._shelve_server(self.boot())
        server = self._unshelve_server(server)
        self.assertEqual("host2", server["OS-EXT-SRV-ATTR:host"])

    def test_a_rebuild_passes(self) -> None:
        server = self._create_server(networks="none")
        self.assert_on(server, "host2")
        other_image = "a2459075-d96c-40d5-893e-577ff92e721c"
        with self.reads() as reads:
            self._rebuild_server(server, other_image)
        self.assertEqual(0, reads.call_count)
        self.assert_on(server, "host2")

    def test_forced_the_gate_refuses_what_the_filter_did_not_see(self) -> None:
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assert_untouched(server)
        self.assertIn("firmware update", self.faults(server))
