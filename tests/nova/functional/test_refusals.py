"""A refusal keeps the VM where it runs; Nova says who refused and goes on to the next host."""

from __future__ import annotations

import pathlib

import nova.conf

from consent_core import Answer, MemoryVoters, Voter
from functional.base import BECAUSE, NEIGHBOUR, ConsentTestBase, neighbours, refusing

CONF = nova.conf.CONF


class RefusalsTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        self.start_host("host1")
        self.start_host("host2", refusing())
        self.start_host("host3", neighbours())

    def test_refused_by_one_host_nova_goes_to_the_next(self) -> None:
        server = self.boot()
        self.assertEqual("completed", self.live_migrate(server))
        self.assert_on(server, "host3")
        verdicts = [(r["gate"], r["site"], r["verdict"]) for r in self.lines.rounds()]
        self.assertEqual(
            [
                ("destination", "host2", "refused"),
                ("destination", "host3", "consented"),
                ("source", "host3", "consented"),
            ],
            verdicts,
        )
        self.assertIn(BECAUSE, self.faults(server))

    def test_forced_it_is_refused_in_our_words(self) -> None:
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assert_untouched(server)
        self.assertIn(f'guest says "{BECAUSE}"', self.faults(server))
        self.assertIn(NEIGHBOUR, self.faults(server))

    def test_aimed_at_a_host_that_refuses_it_fails(self) -> None:
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assert_untouched(server)
        self.assertIn(BECAUSE, self.faults(server))

    def test_the_line_of_a_round_tells_all(self) -> None:
        server = self.boot()
        self.live_migrate(server, "host2", force=True)
        [line] = self.lines.rounds()
        self.assertEqual(self.migrations(server)[0].uuid, line["migration"])
        action = self.api.get_instance_actions(server["id"])[0]
        self.assertEqual(action["request_id"], line["request_id"])
        expected = {
            "instance": server["id"],
            "source": "host1",
            "site": "host2",
            "gate": "destination",
            "mode": "enforce",
            "verdict": "refused",
            "decided_by": '"guest instance-0000aaaa"',
            "asked": "3",
            "refused": "1",
            "unasked": '""',
        }
        self.assertEqual(expected, {key: line[key] for key in expected})
        self.assertIn(BECAUSE, line["reason"])
        self.assertEqual([], self.lines.errors())

    def test_what_nova_left_at_the_destination_is_taken_away(self) -> None:
        server = self.boot()
        self.live_migrate(server, "host2", force=True)
        # The file by which Nova's check tells whether storage is shared.
        left = [path.name for path in pathlib.Path(CONF.instances_path).glob("tmp*")]
        self.assertEqual([], left)

    def test_a_silent_neighbour_has_not_consented(self) -> None:
        self.change_voters("host2", neighbours(None))
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assert_untouched(server)
        [line] = self.lines.rounds()
        self.assertEqual("expired", line["verdict"])
        self.assertLess(int(line["elapsed_ms"]), 2500)

    def test_the_hypervisor_of_the_destination_refuses(self) -> None:
        self.write_host_file(
            "host3", "accept_incoming: {answer: refuse, because: firmware update tonight}\n"
        )
        server = self.boot()
        self.assertEqual("error", self.live_migrate(server, "host3", force=True))
        self.assert_untouched(server)
        self.assertIn("firmware update tonight", self.faults(server))
        self.assertEqual([], self.voters["host3"].asked)


class MoverTest(ConsentTestBase):
    def setUp(self) -> None:
        super().setUp()
        for host in ("host1", "host2", "host3"):
            self.start_host(host)

    def make_mover(self, answer) -> dict:
        server = self.boot()
        self.change_voters(
            "host1", MemoryVoters([Voter(server["id"], "mover")], {server["id"]: answer})
        )
        return server

    def test_a_mover_that_refuses_stays_and_is_asked_once(self) -> None:
        server = self.make_mover((Answer.REFUSE, "not during the match"))
        self.assertEqual("error", self.live_migrate(server))
        self.assert_untouched(server)
        self.assertEqual(1, len(self.voters["host1"].asked))
        # Nova went to both hosts all the same, and each was told.
        sites = [r["site"] for r in self.lines.rounds() if r["gate"] == "destination"]
        self.assertEqual(["host2", "host3"], sites)
        self.assertIn("not during the match", self.faults(server))

    def test_the_next_request_asks_it_again(self) -> None:
        server = self.make_mover((Answer.REFUSE, "not during the match"))
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assertEqual("error", self.live_migrate(server, "host2"))
        self.assertEqual(2, len(self.voters["host1"].asked))

    def test_it_is_asked_as_the_mover_and_told_the_site(self) -> None:
        server = self.make_mover(Answer.CONSENT)
        self.assertEqual("completed", self.live_migrate(server))
        [asked] = self.voters["host1"].asked
        self.assertEqual("mover", asked["select"]["role"])
        self.assertEqual([server["id"]], asked["select"]["listed"])
        self.assertEqual("host2", asked["subject"]["site"])
        self.assertEqual("host1", asked["subject"]["source"])
        self.assertEqual(server["tenant_id"], asked["subject"]["mover_project"])

    def test_a_mover_is_no_neighbour_of_its_own(self) -> None:
        server = self.make_mover(Answer.CONSENT)
        self.live_migrate(server)
        [asked] = self.voters["host2"].asked
        self.assertEqual([server["id"]], asked["select"]["exclude"])
        self.assertEqual("neighbour", asked["select"]["role"])

    def test_the_hypervisor_of_the_source_refuses(self) -> None:
        server = self.make_mover(Answer.CONSENT)
        self.write_host_file(
            "host1", "accept_outgoing: {answer: refuse, because: licences stay in this rack}\n"
        )
        self.assertEqual("error", self.live_migrate(server, "host2", force=True))
        self.assert_untouched(server)
        self.assertIn("licences stay in this rack", self.faults(server))
        self.assertEqual([], self.voters["host1"].asked)
