"""What was said beforehand, in a small cloud: it keeps guests out without a round, and the filter
says of each host what its gate would say.
"""

from __future__ import annotations

import random
from unittest import mock

from nova import context as nova_context
from nova import exception, objects
from nova.scheduler import filters
from sqlalchemy import event
from sqlalchemy.engine import Engine

from consent_core import Answer, MemoryVoters, Voter
from functional.base import ConsentTestBase
from nova_consent import facts
from nova_consent.filters import ConsentFilter
from nova_consent.forecast import FORECASTER, name_of

SMALL_ONLY = '{when: {guest.memory_mib: ">= 1024"}, answer: refuse, because: latency}'
REFUSE = "{answer: refuse, because: leave me alone}"
CONSENT = "{answer: consent}"
# Its text takes other words into the log than a rule of the filter's would.
BECAUSE = "leave me alone"


class StandingTest(ConsentTestBase):
    WEIGHTS = {"host2": 400, "host3": 200, "host1": 100}

    def setUp(self) -> None:
        super().setUp()
        FORECASTER._options = None
        for host in ("host1", "host2", "host3"):
            self.start_host(host)

    def boot_with(self, host: str, specs: dict[str, str] | None = None, **kwargs):
        """A guest on `host`, of a flavor of its own with these extra specs."""
        flavor = self._create_flavor(memory_mb=kwargs.pop("memory_mb", 256), extra_spec=specs or {})
        return self.boot(host, flavor_id=flavor, **kwargs)

    def gates(self, server) -> list[tuple[str, str, str]]:
        """Gates that were passed or not: which, where, and with which verdict."""
        return [
            (r["gate"], r["site"], r["verdict"])
            for r in self.lines.rounds()
            if r["instance"] == server["id"]
        ]

    def test_a_flavor_keeps_a_class_of_neighbours_out_without_a_round(self) -> None:
        self.boot_with("host2", {"consent:rule:loud": SMALL_ONLY})
        large, small = self.boot_with("host1", memory_mb=1024), self.boot_with("host1")
        self._run_periodics()
        self.assertEqual("completed", self.live_migrate(large))
        self.assert_on(large, "host3")
        self.assertEqual(
            [("source", "host3", "consented"), ("destination", "host3", "consented")],
            sorted(self.gates(large), reverse=True),
        )
        self.assertEqual("completed", self.live_migrate(small))
        self.assert_on(small, "host2")
        # Forced, it does not pass the scheduler, and the gate says the same.
        other = self.boot_with("host1", memory_mb=1024)
        self.assertEqual("error", self.live_migrate(other, "host2", force=True))
        self.assert_untouched(other)
        self.assertIn("latency", self.faults(other))

    def test_a_change_of_metadata_holds_at_once_at_the_gate(self) -> None:
        # Only without budgets is a tenant's refusal foretold: else a gate has to count it.
        self.flags(veto_budget_vm=0, veto_budget_project=0, group="consent")
        self.restart_compute_service("host2")
        tenant = self.boot_with("host2")
        server = self.boot_with("host1")
        self._run_periodics()
        self.api.post_server_metadata(tenant["id"], {"consent:rule:a": REFUSE})
        self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host3")  # host2 was tried, and refused
        self.assertIn(("destination", "host2", "refused"), self.gates(server))
        other = self.boot_with("host1")
        self._run_periodics()
        self.assertEqual("completed", self.live_migrate(other))
        self.assertNotIn("host2", [site for _, site, _ in self.gates(other)])

    def test_an_unentitled_veto_is_recorded_and_not_obeyed(self) -> None:
        self.flags(veto="entitled", group="consent")
        for host in ("host1", "host2"):
            self.restart_compute_service(host)
        tenant = self.boot_with("host2")
        self.api.post_server_metadata(tenant["id"], {"consent:rule:a": REFUSE})
        server = self.boot_with("host1")
        self._run_periodics()
        self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host2")
        [line] = [r for r in self.lines.rounds() if r["site"] == "host2" and r["gate"] != "source"]
        self.assertEqual(("1", "1", "1"), (line["refused"], line["standing"], line["advisory"]))
        told = [r.getMessage() for r in self.lines.records]
        self.assertTrue(
            [m for m in told if "decides nothing: it has no veto" in m and BECAUSE in m]
        )

    def test_audit_lets_through_what_enforce_stops(self) -> None:
        self.boot_with("host2", {"consent:rule:all": REFUSE})
        server = self.boot_with("host1")
        for mode, status in (("enforce", "error"), ("audit", "completed")):
            self.write_host_file("host2", f"mode: {mode}\n")
            self._run_periodics()
            self.assertEqual(status, self.live_migrate(server, "host2"))
        self.assert_on(server, "host2")

    def test_the_movers_own_words(self) -> None:
        server = self.boot_with("host1", {"consent:rule:pinned": REFUSE})
        self.assertEqual("error", self.live_migrate(server))
        self.assert_untouched(server)
        self.assertIn("which is to move, refuses beforehand", self.faults(server))

    def test_an_image_speaks(self) -> None:
        tenant = self.boot_with("host2")
        admin = nova_context.get_admin_context()
        with nova_context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            instance = objects.Instance.get_by_uuid(
                cell, tenant["id"], expected_attrs=["system_metadata"]
            )
            instance.system_metadata["image_consent_rule_a"] = REFUSE
            instance.save()
        server = self.boot_with("host1")
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assertIn("of image", self.faults(server))

    def test_what_changes_before_arrival_is_judged_again(self) -> None:
        tenant = self.boot_with("host2")
        server = self.boot_with("host1")
        driver = self.computes["host2"].driver
        arrive = driver.pre_live_migration

        def change(*args, **kwargs):
            self.api.post_server_metadata(tenant["id"], {"consent:rule:a": REFUSE})
            return arrive(*args, **kwargs)

        with mock.patch.object(driver, "pre_live_migration", change):
            self.assertIn(self.live_migrate(server, "host2"), ("error", "failed"))
        self.assert_untouched(server)
        self.assertIn(("pre", "host2", "refused"), self.gates(server))

    def test_failures_of_the_digest_stop_no_report(self) -> None:
        for target in ("write_digest", "within", "facts.guests_of"):
            with mock.patch(f"nova_consent.published.{target}", side_effect=MemoryError):
                self._run_periodics()
            stats = self.stats("host2")
            self.assertEqual(("enforce", ""), (stats["consent_mode"], stats["consent_digest"]))
        self.lines.records.clear()
        self._run_periodics()
        self.assertEqual([], self.lines.errors())
        self.assertNotEqual("", self.stats("host2")["consent_digest"])
        self.write_host_file("host2", "mode: 'off'\n")
        self._run_periodics()
        self.assertEqual("", self.stats("host2")["consent_digest"])

    def stats(self, host: str) -> dict:
        admin = nova_context.get_admin_context()
        with nova_context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            return objects.ComputeNode.get_first_node_by_host_for_old_compat(cell, host).stats


class AgreementTest(ConsentTestBase):
    """Of every host and mover of a random small cloud the filter says what the gate says, or less."""

    HOSTS = ("host1", "host2", "host3")

    def test_what_the_filter_drops_the_gate_refuses(self) -> None:
        seed = random.randrange(2**32)
        chance = random.Random(seed)
        self.make_cloud(chance)
        seen = {"dropped": 0, "passed and consented": 0, "passed and refused": 0}
        admin = nova_context.get_admin_context()
        with nova_context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            for host in self.HOSTS:
                for uuid, source in self.guests.items():
                    if source == host:
                        continue
                    dropped = self.filter_drops(cell, uuid, host)
                    refused = self.gate_refuses(cell, uuid, host)
                    self.assertFalse(dropped and not refused, f"seed {seed}: {uuid} to {host}")
                    seen[
                        "dropped"
                        if dropped
                        else f"passed and {'refused' if refused else 'consented'}"
                    ] += 1
        self.assertTrue(all(seen.values()), f"seed {seed}: {seen}")

    def make_cloud(self, chance: random.Random) -> None:
        """Three hosts, four guests each, some of whom have said something, or would if asked."""
        self.flags(instances=-1, cores=-1, ram=-1, group="quota")
        budget = chance.choice((0, 100))
        self.flags(veto_budget_vm=budget, veto_budget_project=budget, group="consent")
        # So that their own rules may ask for more.
        self.flags(disclose_to_neighbours="full", group="consent")
        for host in self.HOSTS:
            self.start_host(host)
        self.guests: dict[str, str] = {}
        answers = {}
        flavors = [
            self._create_flavor(memory_mb=256, extra_spec=specs)
            for specs in (
                {},
                {"consent:rule:a": SMALL_ONLY},
                {"consent:rule:a": '{when: {guest.flavor: "s== none"}, answer: abstain}'},
                {"noisy": "yes"},
            )
        ]
        flavors.append(self._create_flavor(memory_mb=1024))
        words = (
            {},
            {"consent:rule:a": '{when: {guest.extra.noisy: "s== yes"}, answer: refuse}'},
            {"consent:rule:a": '{when: {site.neighbours: "> 9"}, answer: refuse}'},
            {"consent:rule:a": '{when: {time.hour: ">= 0"}, answer: refuse}'},
            {"consent:rule:a": "{answer: "},
        )
        for host in self.HOSTS:
            mine = []
            for _ in range(4):
                server = self.boot_saying(host, chance.choice(flavors), chance.choice(words))
                self.guests[server["id"]] = host
                mine.append(Voter(server["id"], server["id"]))
                answers[server["id"]] = chance.choice(
                    (Answer.CONSENT, Answer.CONSENT, Answer.REFUSE)
                )
            # At least one of each kind that is to be seen, whatever chance made of the others.
            self.change_voters(host, MemoryVoters(mine, answers))
        small_only = self.boot_saying("host2", flavors[1], {})
        large = self.boot_saying("host1", flavors[4], {})
        self.guests |= {small_only["id"]: "host2", large["id"]: "host1"}
        later = self.boot_saying("host3", flavors[0], words[3])
        self.guests[later["id"]] = "host3"
        self.write_host_file(
            "host1", "rules: [{name: all, when: {guest.vcpus: '>= 1'}, answer: consent}]\n"
        )
        self._run_periodics()

    def boot_saying(self, host: str, flavor: str, metadata: dict[str, str]):
        server = self.boot(host, flavor_id=flavor)
        if metadata:
            self.api.post_server_metadata(server["id"], metadata)
        return server

    def filter_drops(self, cell, uuid: str, host: str) -> bool:
        """Whether ConsentFilter leaves `host` out for a live migration of this guest."""
        node = objects.ComputeNode.get_first_node_by_host_for_old_compat(cell, host)
        state = mock.Mock(host=host, nodename=host, stats=node.stats)
        spec = objects.RequestSpec.get_by_instance_uuid(cell, uuid)
        spec.requested_destination = objects.Destination(cell=self.cell_mappings["cell1"])
        spec.ignore_hosts = [self.guests[uuid]]
        action = mock.Mock(action="live-migration")
        with mock.patch.object(objects.InstanceAction, "get_by_request_id", return_value=action):
            passing = ConsentFilter().filter_all([state], spec)
        self.assertIsInstance(ConsentFilter(), filters.BaseHostFilter)
        if not passing:
            self.assertIn(name_of(state), FORECASTER.latest(spec).refusing)
        return not passing

    def gate_refuses(self, cell, uuid: str, host: str) -> bool:
        """Whether the gate of `host` refuses this guest."""
        instance = objects.Instance.get_by_uuid(
            cell, uuid, expected_attrs=["flavor", "system_metadata"]
        )
        try:
            with mock.patch.object(self.gate(host), "_failure", side_effect=AssertionError):
                self.gate(host).incoming(cell, instance, {})
        except exception.MigrationPreCheckError:
            return True
        return False


class WeigherTest(ConsentTestBase):
    """Nova's own handler makes our weigher, by its name in nova.conf."""

    def _setup_scheduler_service(self):
        # In place of the fixture's weigher, which would decide alone.
        self.flags(
            weight_classes=["nova_consent.weighers.ConsentWeigher"], group="filter_scheduler"
        )
        self.addCleanup(setattr, FORECASTER, "weighed", FORECASTER.weighed)
        return super()._setup_scheduler_service()

    def test_a_host_that_would_agree_comes_before_one_that_may_not(self) -> None:
        FORECASTER._options = None
        for host in ("host1", "host2", "host3"):
            self.start_host(host)
        self.assertTrue(FORECASTER.weighed)
        # The scheduler does not know the hour.
        perhaps = "rules: [{name: late, when: {time.hour: '>= 24'}, answer: refuse}]\n"
        for doubtful, sure in (("host2", "host3"), ("host3", "host2")):
            self.write_host_file(doubtful, perhaps)
            self.write_host_file(sure, "")
            server = self.boot("host1")
            self._run_periodics()
            self.assertEqual("completed", self.live_migrate(server))
            self.assert_on(server, sure)


class ReadTest(ConsentTestBase):
    """What is read of Nova's database, with what tenants can put there."""

    def test_a_hosts_guests_are_read_without_joining_one_list_to_another(self) -> None:
        self.start_host("host1")
        server = self.boot("host1")
        self.api.post_server_metadata(server["id"], {f"k{n}": "v" for n in range(20)})
        read: list[str] = []
        listen = (Engine, "before_cursor_execute", lambda *args: read.append(args[2]))
        event.listen(*listen)
        self.addCleanup(event.remove, *listen)
        admin = nova_context.get_admin_context()
        with nova_context.target_cell(admin, self.cell_mappings["cell1"]) as cell:
            [guest] = facts.guests_of(cell, "host1")
        self.assertEqual("v", guest.metadata["k19"])
        tables = ("instance_metadata", "instance_system_metadata", "tags")
        joins = [[table for table in tables if f"JOIN {table} " in text] for text in read]
        self.assertIn(["tags"], joins)
        self.assertLessEqual(max(map(len, joins)), 1, read)
