"""What a host publishes for the scheduler, and what is left out when something does not answer."""

from __future__ import annotations

import threading
import time
from unittest import mock

from consent_core import MemoryVoters, Mode, Outlook, Outlooks, Voter
from nova_consent import agents, published
from nova_consent.agents import Agents
from nova_consent.published import make_digest
from unit.gates import NEIGHBOUR, GateTestCase

OTHER = "22222222-2222-4222-8222-222222222222"
REFUSE = "{answer: refuse, because: quiet please}"
MOVER = {"operation": "live-migration", "guest.vcpus": 2, "guest.memory_mib": 96}
RESOURCES = {"vcpus": 4, "memory_mb": 512, "hypervisor_type": "QEMU", "hypervisor_version": 7002000}


UNLIMITED = {"veto_budget_vm": 0, "veto_budget_project": 0}


class PublishedTest(GateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.voters = MemoryVoters([Voter(NEIGHBOUR, "n")])
        self.connected = mock.Mock(return_value=frozenset())
        self.here(self.neighbour())

    def here(self, *instances) -> None:
        self.read_guests.return_value = list(instances)

    def digest(self, text: str = "", refusals: int = 0, **options) -> str:
        (self.folder / "host.yaml").write_text(text)
        self.gate = self.make_gate(self.voters, **options)
        return make_digest(
            "host2",
            self.gate._settings.current(),
            self.gate.standing,
            Agents(self.voters),
            RESOURCES,
            self.connected,
            refusals,
        )

    def judged(self, *args, mover=None, **options):
        digest = self.digest(*args, **options)
        self.assertLessEqual(len(digest), 16384)
        return Outlooks().judge([digest], {**MOVER, **(mover or {})}, int(time.time()), 120)[0]

    def test_nobody_has_said_anything(self) -> None:
        judgement = self.judged()
        self.assertEqual((Outlook.CONSENT, Mode.ENFORCE, 0), astuple(judgement)[:3])

    def test_off_publishes_nothing_and_reads_nothing(self) -> None:
        self.assertEqual("", self.digest("mode: 'off'\n"))
        self.read_guests.assert_not_called()
        self.connected.assert_not_called()

    def test_who_has_an_agent_has_to_be_asked(self) -> None:
        self.here(self.neighbour(), self.neighbour(OTHER))
        self.connected.return_value = frozenset({NEIGHBOUR})
        self.assertEqual((Outlook.ASK, 1), self.outlook())
        self.assertEqual((Outlook.CONSENT, 0), self.outlook("voters: listed\n"))
        self.assertEqual((Outlook.ASK, 1), self.outlook(f"voters: listed\nlisted: [{NEIGHBOUR}]\n"))
        self.here(self.neighbour(metadata={"consent:rule:a": "{answer: consent}"}))
        self.assertEqual((Outlook.CONSENT, 0), self.outlook(**UNLIMITED))

    def outlook(self, *args, **more):
        judgement = self.judged(*args, **more)
        return (judgement.outlook, judgement.to_ask)

    def test_refusals_that_bind_and_those_that_do_not(self) -> None:
        self.here(self.neighbour(metadata={"consent:rule:a": REFUSE}))
        self.assertEqual(Outlook.REFUSE, self.judged(**UNLIMITED).outlook)
        self.assertIn("quiet please", self.judged(**UNLIMITED).reason)
        # Where refusals count only so often, a gate has to count them; the rest is certain.
        self.assertEqual((Outlook.ASK, 1), self.outlook(veto_budget_vm=5))
        for rule in ("{answer: consent}", "{when: {guest.vcpus: '> 8'}, answer: refuse}"):
            self.here(self.neighbour(metadata={"consent:rule:a": rule}))
            self.assertEqual((Outlook.CONSENT, 0), self.outlook(veto_budget_vm=5))
        self.here(self.neighbour(metadata={"consent:rule:a": REFUSE}))
        self.assertEqual(Outlook.CONSENT, self.judged(veto="entitled").outlook)

    def test_the_hypervisors_rules_come_before_its_plain_word(self) -> None:
        text = (
            "accept_incoming: {answer: refuse, because: closed}\n"
            "rules: [{name: small, when: {guest.vcpus: '< 4'}, answer: consent}]\n"
        )
        self.assertEqual(Outlook.CONSENT, self.judged(text).outlook)
        self.assertEqual(Outlook.REFUSE, self.judged(text, mover={"guest.vcpus": 4}).outlook)
        # The plain word is about live migrations.
        other = {"guest.vcpus": 4, "operation": "resize"}
        self.assertNotEqual(Outlook.REFUSE, self.judged(text, mover=other).outlook)

    def test_facts_of_this_host_are_judged_here(self) -> None:
        rule = "rules: [{name: full, when: {site.memory_free_mib: '< 449'}, answer: refuse}]\n"
        self.assertEqual(Outlook.REFUSE, self.judged(rule).outlook)
        self.here()
        self.assertEqual(Outlook.CONSENT, self.judged(rule).outlook)

    def test_what_only_the_gate_knows_is_asked(self) -> None:
        for fact in ("time.hour: '>= 0'", "guest.image.x: y", "guest.tag: <in> y"):
            self.here(
                self.neighbour(
                    extra_specs={"consent:rule:a": f"{{when: {{{fact}}}, answer: refuse}}"}
                )
            )
            self.connected.return_value = frozenset({NEIGHBOUR})
            self.assertEqual(Outlook.ASK, self.judged().outlook, fact)

    def test_agents_say_their_rules(self) -> None:
        self.connected.return_value = frozenset({NEIGHBOUR})
        self.here(self.neighbour(), self.neighbour(OTHER))
        said = {NEIGHBOUR: '[{"name": "a", "answer": "refuse"}]'}
        self.voters = mock.Mock(spec=["policies", "_port"], policies=mock.Mock(return_value=said))
        self.voters._port = MemoryVoters([])._port
        self.assertEqual(Outlook.REFUSE, self.judged(**UNLIMITED).outlook)
        self.voters.policies.assert_called_once_with([NEIGHBOUR], agents.DEADLINE_S)
        [guest] = self.gate.standing.guests([self.neighbour()], self.gate._settings.current())
        self.assertIsNotNone(guest.policy)
        self.voters.policies.side_effect = RuntimeError("the worker died")
        self.assertEqual((Outlook.ASK, 1), self.outlook())

    def test_what_does_not_answer_in_time_is_left_out(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        self.connected.side_effect = lambda: release.wait(30)
        with mock.patch.object(published, "READ_S", 0.1):
            began = time.monotonic()
            self.assertEqual((Outlook.ASK, 1), self.outlook())
            self.assertLess(time.monotonic() - began, 1.0)

    def test_refusals_lately(self) -> None:
        self.assertEqual(7, self.judged(refusals=7).refusals)

    def test_many_guests_fit_or_are_to_be_asked(self) -> None:
        guests = []
        for n in range(200):
            uuid = f"00000000-0000-4000-8000-{n:012}"
            rule = f"{{when: {{guest.vcpus: '> {n}'}}, answer: refuse, because: {'x' * 150}}}"
            guests.append(self.neighbour(uuid, metadata={"consent:rule:a": rule}))
        self.here(*guests)
        judgement = self.judged()
        self.assertEqual(Outlook.ASK, judgement.outlook)
        self.assertGreater(judgement.to_ask, 50)


def astuple(judgement):
    return (judgement.outlook, judgement.mode, judgement.to_ask, judgement.refusals)
