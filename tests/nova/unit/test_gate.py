"""The gate by itself: time, places, memory, and what it makes of rounds."""

from __future__ import annotations

import datetime
import threading
import time
from unittest import mock

import testtools
from nova import exception

from consent_core import Answer, MemoryVoters, Voter
from nova_consent.gate import Memory
from unit.gates import NEIGHBOUR, GateTestCase


def guests(answer=Answer.CONSENT) -> MemoryVoters:
    return MemoryVoters([Voter(NEIGHBOUR, "n")], default=answer)


class MemoryTest(testtools.TestCase):
    def test_it_forgets_in_time(self) -> None:
        now = [100.0]
        memory: Memory[str] = Memory(lambda: now[0])
        memory.put("a", "x", 5.0)
        now[0] = 104.9
        self.assertEqual("x", memory.get("a"))
        now[0] = 105.0
        self.assertIsNone(memory.get("a"))

    def test_it_stays_small(self) -> None:
        memory: Memory[int] = Memory()
        for n in range(5000):
            memory.put(n, n + 1, 60.0)
        self.assertIsNone(memory.get(0))
        self.assertEqual(5000, memory.get(4999))


class GateTest(GateTestCase):
    def test_a_database_that_hangs_costs_no_more_than_a_round(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        self.read_guests.side_effect = lambda *a, **k: release.wait(30)
        for mode in ("audit", "enforce"):
            gate = self.make_gate(mode=mode, voters="listed")
            began = time.monotonic()
            try:
                gate.incoming(self.context, self.instance, {})
                self.assertEqual("audit", mode)
            except exception.MigrationPreCheckError as error:
                self.assertEqual("enforce", mode)
                self.assertIn("did not answer", str(error))
            self.assertLess(time.monotonic() - began, 1.0)

    def test_guests_are_not_asked_when_no_time_is_left_for_them(self) -> None:
        voters = guests()
        gate = self.make_gate(voters, max_rounds=1)
        gate._places.acquire()
        late = threading.Timer(0.4, gate._places.release)
        late.start()
        self.addCleanup(late.join)
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        self.assertIn("too little to ask anybody", str(error))
        self.assertEqual([], voters.asked)

    def test_nova_can_store_every_reason(self) -> None:
        gate = self.make_gate(guests((Answer.REFUSE, "a \U0001f69a is on its way")))
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        self.assertIn("a \ufffd is on its way", str(error))
        self.assertLessEqual(max(str(error)), "\uffff")

    def test_a_refusal_is_of_the_one_class_that_nova_takes(self) -> None:
        refused = MemoryVoters(
            [Voter(NEIGHBOUR, "n"), Voter(self.instance.uuid, "m")], default=Answer.REFUSE
        )
        for host, method, more in (
            ("host2", "incoming", [{}]),
            ("host1", "outgoing", []),
            ("host2", "arriving", []),
        ):
            gate = self.make_gate(refused, host)
            error = self.assertRaises(
                exception.MigrationPreCheckError,
                getattr(gate, method),
                self.context,
                self.instance,
                *more,
            )
            # Over the message bus a class derived from it would be none that the conductor knows.
            self.assertIs(exception.MigrationPreCheckError, type(error))

    def test_waiting_for_a_place_counts_in_the_deadline(self) -> None:
        voters = guests()
        gate = self.make_gate(voters, max_rounds=2)
        for _ in range(2):
            gate._places.acquire()
        began = time.monotonic()
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        self.assertIn("max_rounds = 2 rounds were under way for 0.5 s", str(error))
        self.assertLess(time.monotonic() - began, 1.0)
        self.assertEqual([], voters.asked)
        gate._places.release()
        gate.incoming(self.context, self.instance, {})
        self.assertEqual(1, len(voters.asked))

    def test_a_place_is_given_back_whatever_happens(self) -> None:
        gate = self.make_gate(guests(), max_rounds=1)
        with mock.patch.object(gate, "_runner") as runner:
            runner.run.side_effect = RuntimeError
            for _ in range(3):
                self.assertRaises(
                    exception.MigrationPreCheckError,
                    gate.incoming,
                    self.context,
                    self.instance,
                    {},
                )
        gate.incoming(self.context, self.instance, {})

    def test_a_grant_is_claimed_once(self) -> None:
        voters = guests()
        gate = self.make_gate(voters)
        gate.incoming(self.context, self.instance, {})
        gate.arriving(self.context, self.instance)
        self.assertEqual(1, len(voters.asked))
        gate.arriving(self.context, self.instance)
        self.assertEqual(2, len(voters.asked))

    def test_a_grant_is_for_that_source_only(self) -> None:
        voters = guests()
        gate = self.make_gate(voters)
        gate.incoming(self.context, self.instance, {})
        self.instance.host = "host9"
        gate.arriving(self.context, self.instance)
        self.assertEqual(2, len(voters.asked))

    def test_what_audit_let_through_holds_for_audit_only(self) -> None:
        voters = guests(Answer.REFUSE)
        gate = self.make_gate(voters, mode="audit")
        gate.incoming(self.context, self.instance, {})
        gate.arriving(self.context, self.instance)
        self.assertEqual(1, len(voters.asked))
        (self.folder / "host.yaml").write_text("mode: enforce\n")
        self.assertRaises(
            exception.MigrationPreCheckError, gate.arriving, self.context, self.instance
        )

    def test_a_refusing_mover_is_asked_once_a_request(self) -> None:
        voters = MemoryVoters([Voter(self.instance.uuid, "m")], default=(Answer.REFUSE, "busy"))
        gate = self.make_gate(voters, host="host1")
        for _ in range(3):
            error = self.assertRaises(
                exception.MigrationPreCheckError, gate.outgoing, self.context, self.instance
            )
            self.assertIn("busy", str(error))
        self.assertEqual(1, len(voters.asked))
        (self.folder / "host.yaml").write_text("mode: audit\n")
        gate.outgoing(self.context, self.instance)

    def test_a_refusal_remembered_is_on_record_each_time(self) -> None:
        voters = MemoryVoters([Voter(self.instance.uuid, "m")], default=(Answer.REFUSE, "busy"))
        gate = self.make_gate(voters, host="host1")
        for _ in range(2):
            with mock.patch("nova_consent.gate.LOG") as log:
                self.assertRaises(
                    exception.MigrationPreCheckError, gate.outgoing, self.context, self.instance
                )
        [call] = log.info.call_args_list
        line = call.args[1]
        self.assertIn("round=-", line)
        self.assertIn("verdict=refused", line)
        self.assertIn("asked=0", line)
        self.assertIn("busy", line)

    def test_a_consent_to_an_earlier_attempt_is_none_to_the_next(self) -> None:
        voters = guests()
        gate = self.make_gate(voters)
        gate.incoming(self.context, self.instance, {})  # consented, and came to nothing
        (self.folder / "host.yaml").write_text("mode: off\n")
        gate.incoming(self.context, self.instance, {})  # the next attempt asks nobody
        (self.folder / "host.yaml").write_text("mode: enforce\n# again\n")
        gate.arriving(self.context, self.instance)
        self.assertEqual(2, len(voters.asked))

    def test_what_is_read_for_the_record_refuses_nobody(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        for trouble in (RuntimeError("no cell"), lambda *a, **k: release.wait(30)):
            self.get_by_filters.side_effect = trouble
            voters = MemoryVoters([Voter(self.instance.uuid, "m"), Voter(NEIGHBOUR, "n")])
            began = time.monotonic()
            self.make_gate(voters, host="host1").outgoing(self.context, self.instance)
            self.make_gate(voters).arriving(self.context, self.instance)
            self.assertEqual(2, len(voters.asked))
            self.assertLess(time.monotonic() - began, 1.0)

    def test_a_refusing_hypervisor_may_change_its_mind(self) -> None:
        gate = self.make_gate(guests(), host="host1", accept_outgoing="refuse")
        self.assertRaises(
            exception.MigrationPreCheckError, gate.outgoing, self.context, self.instance
        )
        (self.folder / "host.yaml").write_text("accept_outgoing: consent\n")
        gate.outgoing(self.context, self.instance)

    def test_the_budget_counts_from_the_request(self) -> None:
        ago = datetime.timedelta(seconds=121)
        self.migration.created_at = datetime.datetime.now(datetime.UTC) - ago
        voters = guests()
        gate = self.make_gate(voters)
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        self.assertIn("121 s and may take 120 s", str(error))
        gate.arriving(self.context, self.instance)
        self.assertEqual(1, len(voters.asked))
        # By the conductors' clocks alone: whatever the clock here says.
        self.get_by_action.return_value[0].start_time -= ago
        gate.incoming(self.context, self.instance, {})

    def test_no_record_of_a_migration_is_no_fault(self) -> None:
        self.get_by_filters.return_value = []
        self.get_by_request_id.return_value = None
        self.make_gate(guests()).incoming(self.context, self.instance, {})
        self.make_gate(guests(), host="host1").outgoing(self.context, self.instance)

    def test_off_reads_nothing(self) -> None:
        gate = self.make_gate(guests(Answer.REFUSE), mode="off")
        gate.incoming(self.context, self.instance, {})
        gate.outgoing(self.context, self.instance)
        gate.arriving(self.context, self.instance)
        self.get_by_filters.assert_not_called()

    def test_other_hosts_checks_do_not_name_the_site(self) -> None:
        voters = MemoryVoters([Voter(self.instance.uuid, "m")])
        gate = self.make_gate(voters, host="host1")
        done = mock.Mock(
            event="compute_check_can_live_migrate_destination", finish_time=1, id=9, host="host8"
        )
        [now] = self.get_by_action.return_value
        self.get_by_action.return_value = [done, now]
        gate.outgoing(self.context, self.instance)
        self.assertEqual("host2", voters.asked[0]["subject"]["site"])
