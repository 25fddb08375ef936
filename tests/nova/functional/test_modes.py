"""What the mode, the host's file and on_error make of a round."""

from __future__ import annotations

from consent_core import MemoryVoters
from functional.base import BECAUSE, ConsentTestBase, neighbours, refusing


class ModesTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        self.start_host("host1")

    def test_audit_lets_through_and_records(self) -> None:
        self.flags(mode="audit", group="consent")
        self.start_host("host2", refusing())
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        [line] = [r for r in self.lines.rounds() if r["site"] == "host2" and r["mode"] == "audit"]
        self.assertEqual("refused", line["verdict"])
        self.assertIn("enforce would not", line["reason"])
        self.assertIn(BECAUSE, line["reason"])
        # Asked once, though the migration passed two gates there.
        self.assertEqual(1, len(self.voters["host2"].asked))

    def test_audit_lets_through_what_could_not_be_judged(self) -> None:
        self.flags(mode="audit", group="consent")
        self.start_host("host2", MemoryVoters(failure=("libvirt", "no connection")))
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        self.assertIn("no connection", "\n".join(self.lines.errors()))

    def test_off_asks_nobody(self) -> None:
        self.flags(mode="off", group="consent")
        self.start_host("host2", refusing())
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")
        self.assertEqual([], self.voters["host2"].asked)
        self.assertEqual(
            [], [r for r in self.lines.rounds() if r["site"] == "host2" and r["gate"] != "source"]
        )

    def test_enforce_to_audit_and_back_without_a_restart(self) -> None:
        self.start_host("host2", refusing())
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.write_host_file("host2", "mode: audit\n")
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")

        self.write_host_file("host2", "mode: enforce\n")
        other = self.boot()
        self.assertEqual("error", self.live_migrate(other, "host2"))
        self.host_file("host2").unlink()
        self.assertEqual("error", self.live_migrate(other, "host2"))
        self.assert_untouched(other)

    def test_a_failure_refuses_or_not_as_on_error_says(self) -> None:
        self.start_host("host2", MemoryVoters(failure=("worker_lost", "it died")))
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.assertIn("it died", self.faults(server))
        self.write_host_file("host2", "on_error: allow\n")
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")

    def test_a_bad_host_file_counts_as_a_failure(self) -> None:
        self.write_host_file("host2", "mode: enforce\non_eror: allow\n")
        self.start_host("host2", neighbours())  # it starts all the same
        [error] = self.lines.errors()
        self.assertIn(f"{self.host_file('host2')}:2:", error)
        self.assertIn("on_eror", error)
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.assertIn("on_eror", self.faults(server))
        self.write_host_file("host2", "mode: enforce\non_error: allow\n")
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")

    def test_a_bad_host_file_refuses_nothing_in_audit(self) -> None:
        self.flags(mode="audit", group="consent")
        self.write_host_file("host2", "mode: [\n")
        self.start_host("host2", refusing())
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")

    def test_a_file_gone_bad_does_not_end_enforcement(self) -> None:
        self.flags(mode="audit", group="consent")
        self.write_host_file("host2", "mode: enforce\n")
        self.start_host("host2", neighbours())
        self.write_host_file("host2", "mode: enforced\n")
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.assertIn("enforced", self.faults(server))


class ListedTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        self.flags(voters="listed", group="consent")
        for host in ("host1", "host2"):
            self.start_host(host, neighbours())

    def test_flavor_and_host_file_name_the_voters(self) -> None:
        plain = self.boot("host2")
        server = self.boot()
        # Only now: Nova's fixtures boot with the first flavor in the list, which it might become.
        flavor = self._create_flavor(extra_spec={"consent:voter": "yes"})
        voter = self.boot("host2", flavor_id=flavor)
        self.write_host_file("host2", "listed: [33333333-3333-4333-8333-333333333333]\n")
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        [asked] = self.voters["host2"].asked
        self.assertIs(False, asked["select"]["connected"])
        expected = sorted([voter["id"], "33333333-3333-4333-8333-333333333333"])
        self.assertEqual(expected, sorted(asked["select"]["listed"]))
        self.assertNotIn(plain["id"], asked["select"]["listed"])
        # The mover's flavor does not make it a voter either.
        self.assertEqual([], self.voters["host1"].asked)

    def test_metadata_of_the_tenants_own_names_nobody(self) -> None:
        tenant = self.boot("host2")
        self.api.post_server_metadata(tenant["id"], {"consent:voter": "yes"})
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        [asked] = self.voters["host2"].asked
        self.assertEqual([], asked["select"]["listed"])

    def test_a_listed_mover_is_asked(self) -> None:
        flavor = self._create_flavor(extra_spec={"consent:voter": "yes"})
        server = self.boot(flavor_id=flavor)
        self.assertEqual("completed", self.live_migrate(server, "host2"))
        self.assertEqual(1, len(self.voters["host1"].asked))
