"""When agents are asked for their rules, and how long what they said holds."""

from __future__ import annotations

import unittest
from unittest import mock

from consent_core import MemoryVoters
from nova_consent.agents import DEADLINE_S, HOLDS_S, PASSED_OVER_S, Agents

SAYS = '[{"name": "a", "answer": "refuse"}]'


class AgentsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.now = 1000.0
        self.took = 0.01
        self.answers = {"a": SAYS}
        self.ask = mock.Mock(side_effect=self.policies)
        # As WorkerVoters has it: what offload() hands over is its port, and the name of the call.
        patch = mock.patch("nova_consent.agents.offload", side_effect=self.offload)
        patch.start()
        self.addCleanup(patch.stop)
        self.agents = Agents(mock.Mock(spec=["policies"]), lambda: self.now)

    def offload(self, voters, call, guests, deadline_s):
        self.assertEqual(("policies", DEADLINE_S), (call, deadline_s))
        return self.ask(guests)

    def policies(self, guests):
        self.now += self.took
        return {guest: text for guest, text in self.answers.items() if guest in guests}

    def test_each_time_while_they_answer_at_once(self) -> None:
        for _ in range(3):
            self.assertEqual({"a": SAYS}, self.agents.hear(["a"]))
            self.now += 60.0
        self.assertEqual(3, self.ask.call_count)

    def test_one_that_is_silent_is_passed_over_for_a_while(self) -> None:
        self.took = DEADLINE_S
        self.agents.hear(["a", "b"])
        self.ask.assert_called_with(["a", "b"])
        self.now += 60.0
        self.took = 0.01
        self.agents.hear(["a", "b"])
        self.ask.assert_called_with(["a"])
        self.now += PASSED_OVER_S
        self.answers["b"] = SAYS
        self.assertEqual({"a": SAYS, "b": SAYS}, self.agents.hear(["a", "b"]))

    def test_one_that_went_and_came_is_asked_at_once(self) -> None:
        self.agents.hear(["a", "b"])
        self.now += 60.0
        self.agents.hear(["a"])
        self.now += 60.0
        self.agents.hear(["a", "b"])
        self.ask.assert_called_with(["a", "b"])

    def test_asking_takes_a_tenth_of_the_time_at_most(self) -> None:
        self.took = 5.0
        for step, calls in ((0.0, 1), (49.0, 1), (2.0, 2)):
            self.now += step
            self.assertEqual({"a": SAYS}, self.agents.hear(["a"]))
            self.assertEqual(calls, self.ask.call_count)

    def test_what_was_said_holds_until_something_else_is_for_a_while(self) -> None:
        self.agents.hear(["a"])
        self.now += 60.0
        self.answers = {}
        self.assertEqual({"a": SAYS}, self.agents.hear(["a"]))
        self.assertEqual({}, self.agents.hear([]))
        self.now += 60.0
        self.answers = {"a": "[]"}
        self.assertEqual({"a": "[]"}, self.agents.hear(["a"]))
        self.now += HOLDS_S + 1.0
        self.answers = {}
        self.assertEqual({}, self.agents.hear(["a"]))

    def test_a_failure_blames_no_guest(self) -> None:
        self.ask.side_effect = RuntimeError("the worker died")
        self.assertEqual({}, self.agents.hear(["a"]))
        self.ask.side_effect = self.policies
        self.now += 60.0
        self.assertEqual({"a": SAYS}, self.agents.hear(["a"]))

    def test_voters_that_know_no_policies_are_not_asked(self) -> None:
        self.assertEqual({}, Agents(MemoryVoters([])).hear(["a"]))
        self.ask.assert_not_called()
