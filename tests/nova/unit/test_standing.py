"""What was said beforehand: which sources there are, whose words count, and what faults mean."""

from __future__ import annotations

import dataclasses
import datetime
from types import SimpleNamespace
from unittest import mock

from consent_core import RuleSet, Source, StandingAnswer, fact_table
from nova_consent.standing import Standing, fingerprint, mover_facts, time_facts
from nova_consent.veto import VetoBudgets
from unit.gates import NEIGHBOUR, GateTestCase

REFUSE = "{answer: refuse, because: no}"
BIG = '{when: {guest.vcpus: ">= 2"}, answer: refuse, because: too big}'


class StandingTest(GateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.budgets = VetoBudgets(2, 0)
        self.standing = Standing("host2", self.budgets)

    def in_force(self, text: str = "", **options):
        (self.folder / "host.yaml").write_text(text)
        return self.make_gate(**options)._settings.current()

    def guest(self, policy=None, uuid: str = NEIGHBOUR, **said):
        [guest] = self.standing.guests([self.neighbour(uuid, **said)], policy or self.in_force())
        return guest

    def vote(self, guest, **more):
        return guest.policy.vote({**mover_facts(self.instance), **guest.me, **more})

    def test_who_says_nothing_has_no_policy(self) -> None:
        guest = self.guest(metadata={"consent:other": "x", "rule": REFUSE})
        self.assertIsNone(guest.policy)

    def test_each_source_and_the_order_in_which_they_count(self) -> None:
        sources = {
            Source.AGENT: {},
            Source.METADATA: {"metadata": {"consent:rule:a": REFUSE}},
            Source.IMAGE: {"system_metadata": {"image_consent_rule_a": REFUSE}},
            Source.FLAVOR: {"extra_specs": {"consent:rule:a": REFUSE}},
        }
        self.standing.hear_agents({NEIGHBOUR: '[{"name": "a", "answer": "refuse"}]'})
        said = {}
        for source, more in sources.items():
            said.update(more)
            vote = self.vote(self.guest(**said))
            self.assertEqual((StandingAnswer.REFUSE, source), (vote.answer, vote.source))
        policy = self.in_force("rules: [{name: a, answer: consent}]\n")
        vote = self.vote(self.guest(policy, **said))
        self.assertEqual((StandingAnswer.CONSENT, Source.HOST), (vote.answer, vote.source))

    def test_a_guests_own_rules_learn_nothing_that_it_is_not_told(self) -> None:
        told = {"operation", "guest.vcpus", "guest.memory_mib"}
        for fact in fact_table():
            name = fact.name.replace("*", "a")
            rule = {"consent:rule:a": f"{{when: {{{name}: <in> 4}}, answer: abstain}}"}
            case = {name: ["4"] if fact.type == "list" else "4"}
            for opaque in (True, False):
                self.standing = Standing("host2", self.budgets, opaque)
                own = self.guest(metadata=rule).policy.vote(case).answer.value
                known = name in told or name.startswith(("me.", "time.")) or not opaque
                self.assertEqual("abstain" if known else "ask", own, name)
                flavor = self.guest(extra_specs=rule)
                self.assertEqual("abstain", flavor.policy.vote(case).answer.value, name)

    def test_a_guests_own_rules_are_few(self) -> None:
        for conditions, answer in ((128, "refuse"), (129, "ask")):
            parts = ", ".join(["{guest.vcpus: '>= 1'}"] * conditions)
            said = f'[{{"name": "a", "when": {{"any": [{parts}]}}, "answer": "refuse"}}]'
            self.standing.hear_agents({NEIGHBOUR: said})
            self.assertEqual(answer, self.vote(self.guest()).answer.value)

    def test_a_guest_whose_row_lacks_its_flavor_is_as_one_that_nova_does_not_know(self) -> None:
        broken = mock.Mock(uuid=NEIGHBOUR, spec=["uuid", "obj_attr_is_set"])
        broken.obj_attr_is_set.return_value = False
        self.assertEqual((), self.standing.guests([broken], self.in_force()))

    def test_a_property_without_a_name_is_no_fact(self) -> None:
        self.instance.system_metadata = {"image_": "x", "image_a": "y"}
        facts = mover_facts(self.instance)
        self.assertNotIn("guest.image.", facts)
        self.assertEqual("y", facts["guest.image.a"])

    def test_rules_of_one_source_are_judged_in_order_of_their_names(self) -> None:
        said = {"consent:rule:b": REFUSE, "consent:rule:a": "{answer: consent}"}
        vote = self.vote(self.guest(metadata=said))
        self.assertEqual((StandingAnswer.CONSENT, "a"), (vote.answer, vote.rule))

    def test_a_source_that_cannot_be_taken_asks_and_is_told_once(self) -> None:
        bad = (
            "{answer: ",
            "refuse",
            "{answer: perhaps}",
            "{because: " + "x" * 240 + ", answer: refuse}",
        )
        for text in bad:
            with mock.patch("nova_consent.standing.LOG") as log:
                for _ in range(3):
                    guest = self.guest(metadata={"consent:rule:a": text})
                    vote = self.vote(guest)
                    self.assertEqual(StandingAnswer.ASK, vote.answer, text)
                self.assertEqual(1, log.warning.call_count, text)
                other = "22222222-2222-4222-8222-222222222222"
                self.guest(uuid=other, metadata={"consent:rule:a": text})
                self.assertEqual(2, log.warning.call_count, text)
        # It hides what counts less than itself, and nothing of what counts more.
        said = {"metadata": {"consent:rule:a": "{"}, "extra_specs": {"consent:rule:a": BIG}}
        self.assertEqual(StandingAnswer.REFUSE, self.vote(self.guest(**said)).answer)

    def test_a_guests_text_cannot_forge_a_line_of_the_log(self) -> None:
        with self.assertLogs("nova_consent.standing", "WARNING") as logs:
            self.guest(metadata={"consent:rule:a": "{answer: 'x\n2026 INFO consent round=1'}"})
        self.assertNotIn("\n", logs.output[0])

    def test_whose_refusal_counts(self) -> None:
        said = {"metadata": {"consent:rule:a": REFUSE}}
        veto = {"extra_specs": {"consent:veto": "yes"}}
        for expected, text, options, more in (
            (True, "", {}, {}),
            (False, "", {"veto": "entitled"}, {}),
            (True, "", {"veto": "entitled"}, veto),
            (True, "veto: [q]\n", {"veto": "entitled"}, {}),
            (True, f"veto: [{NEIGHBOUR}]\n", {"veto": "entitled"}, {}),
            (False, "veto: [someone]\n", {}, {}),
            (True, "veto: [someone]\n", {}, veto),
        ):
            guest = self.guest(self.in_force(text, **options), **said, **more)
            vote = self.vote(guest)
            self.assertEqual((expected, expected), (guest.veto, vote.binding), (text, options))
            self.assertEqual(StandingAnswer.REFUSE, vote.answer)

    def test_the_operators_words_count_whoever_they_are_said_for(self) -> None:
        guest = self.guest(self.in_force(veto="entitled"), extra_specs={"consent:rule:a": REFUSE})
        self.assertTrue(self.vote(guest).binding)

    def test_a_spent_budget_makes_a_refusal_advice(self) -> None:
        for _ in range(2):
            self.budgets.refused(NEIGHBOUR, "q")
        guest = self.guest(metadata={"consent:rule:a": REFUSE})
        self.assertEqual((False, "veto_budget_vm = 2"), (guest.veto, guest.spent))
        self.assertFalse(self.vote(guest).binding)

    def test_where_voters_are_listed_others_speak_by_their_operator_alone(self) -> None:
        policy = self.in_force("voters: listed\n")
        said = {"metadata": {"consent:rule:a": REFUSE}}
        self.assertIsNone(self.guest(policy, **said).policy)
        for yes in ("yes", "True", "1", "on"):
            self.assertIsNotNone(
                self.guest(policy, **said, extra_specs={"consent:voter": yes}).policy
            )
        flavor = {"extra_specs": {"consent:rule:a": REFUSE}}
        self.assertEqual(StandingAnswer.REFUSE, self.vote(self.guest(policy, **flavor)).answer)
        policy = self.in_force(f"voters: listed\nlisted: [{NEIGHBOUR}]\n")
        self.assertIsNotNone(self.guest(policy, **said).policy)

    def test_what_agents_said_holds_for_a_while_without_a_report(self) -> None:
        now = 1000.0
        self.standing = Standing("host2", self.budgets, clock=lambda: now)
        self.standing.hear_agents({NEIGHBOUR: '[{"name": "a", "answer": "consent"}]'})
        self.assertIsNotNone(self.guest().policy)
        now += 301.0
        self.assertIsNone(self.guest().policy)

    def test_an_agent_without_rules_has_said_nothing(self) -> None:
        self.standing.hear_agents({NEIGHBOUR: '[{"name": "a", "answer": "consent"}]'})
        self.assertIsNotNone(self.guest().policy)
        for nothing in ({NEIGHBOUR: "[]"}, {}):
            self.standing.hear_agents(nothing)
            self.assertIsNone(self.guest().policy)

    def test_a_guests_own_words_are_short(self) -> None:
        rule = '[{"name": "a", "answer": "refuse", "because": "%s"}]'
        for text, answer in ((rule % "x", "refuse"), (rule % "x" + " " * 16384, "ask")):
            self.standing.hear_agents({NEIGHBOUR: text})
            self.assertEqual(answer, self.vote(self.guest()).answer.value)

    def test_many_words_of_one_guest_drive_out_nobodys_else(self) -> None:
        self.guest(extra_specs={"consent:rule:a": REFUSE})
        self.guest(metadata={"consent:rule:a": "{"})
        with mock.patch("nova_consent.standing.LOG") as log:
            for n in range(5000):
                self.guest(metadata={"consent:rule:a": f"{{answer: refuse, because: b{n}}}"})
            self.guest(
                uuid="22222222-2222-4222-8222-222222222222", metadata={"consent:rule:a": "{"}
            )
            self.assertEqual(1, log.warning.call_count)
        with mock.patch.object(RuleSet, "of_properties") as parse:
            self.guest(extra_specs={"consent:rule:a": REFUSE})
            parse.assert_not_called()

    def test_facts_of_the_site(self) -> None:
        policy = self.in_force()
        guests = self.standing.guests([self.instance, self.neighbour()], policy)
        facts = self.standing.site(guests, policy, self.instance.uuid)
        self.assertEqual(
            {"site.host": "host2", "site.neighbours": 1, "site.projects": ["q"]}, facts
        )
        self.standing.measure(
            {
                "vcpus": 2,
                "memory_mb": 100,
                "hypervisor_type": "QEMU",
                "hypervisor_version": 7002000,
                "cpu_info": "",
            }
        )
        facts = self.standing.site(guests, policy, self.instance.uuid)
        self.assertEqual((1, 36), (facts["site.vcpus_free"], facts["site.memory_free_mib"]))
        self.assertEqual(7002000, facts["site.hypervisor_version"])
        facts = self.standing.site(guests, policy)
        self.assertEqual((-1, -60), (facts["site.vcpus_free"], facts["site.memory_free_mib"]))
        self.assertEqual(["p", "q"], facts["site.projects"])

    def test_what_the_operator_states_is_true_of_the_host_as_site_and_source(self) -> None:
        policy = SimpleNamespace(facts={"site.aggregates": "['a']", "site.zone": "z"})
        self.assertEqual("['a']", self.standing.site([], policy)["site.aggregates"])
        self.assertEqual(
            {"source.aggregates": "['a']", "source.zone": "z", "source.host": "host2"},
            self.standing.source(policy),
        )
        policy = SimpleNamespace(facts={"source.zone": "y", "guest.server_group_policy": "soft"})
        for facts in (self.standing.site([], policy), self.standing.source(policy)):
            self.assertEqual("y", facts["source.zone"])
            self.assertEqual("soft", facts["guest.server_group_policy"])

    def test_facts_of_the_mover(self) -> None:
        self.instance.system_metadata = {
            "image_hw_disk_bus": "virtio",
            "image_long": "x" * 255,
            "other": "y",
        }
        facts = mover_facts(self.instance)
        self.assertEqual("live-migration", facts["operation"])
        self.assertEqual(
            (2, 96, "f"), tuple(facts[f"guest.{n}"] for n in ("vcpus", "memory_mib", "flavor"))
        )
        self.assertEqual("yes", facts["guest.extra.consent:voter"])
        self.assertEqual("virtio", facts["guest.image.hw_disk_bus"])
        # Nova cuts there without a word, so what is as long is not known.
        self.assertNotIn("guest.image.long", facts)

    def test_the_hour_is_the_policys(self) -> None:
        sunday = datetime.datetime(2026, 11, 22, 23, 30, tzinfo=datetime.UTC)
        for offset, hour, weekday in ((0, 23, 7), (60, 0, 1), (-90, 22, 7)):
            policy = SimpleNamespace(utc_offset_min=offset)
            self.assertEqual(
                {"time.hour": hour, "time.weekday": weekday}, time_facts(policy, sunday)
            )

    def test_a_fingerprint_changes_with_every_source_and_nothing_else(self) -> None:
        policy = self.in_force()
        other = "22222222-2222-4222-8222-222222222222"

        def said(**more):
            instances = [self.neighbour(**more), self.neighbour(other), self.instance]
            guests = self.standing.guests(instances, policy)
            return fingerprint(guests, policy, self.instance.uuid)

        before = said()
        self.assertEqual(before, said(metadata={"other": "x"}))
        for more in (
            {"metadata": {"consent:rule:a": REFUSE}},
            {"system_metadata": {"image_consent_rule_a": REFUSE}},
            {"extra_specs": {"consent:rule:a": REFUSE}},
        ):
            self.assertNotEqual(before, said(**more), more)
        self.instance.metadata = {"consent:rule:a": REFUSE}
        self.assertEqual(before, said())
        self.standing.hear_agents({other: "[]"})
        self.assertEqual(before, said())
        self.standing.hear_agents({other: '[{"name": "a", "answer": "consent"}]'})
        self.assertNotEqual(before, said())
        guests = self.standing.guests([self.neighbour()], policy)
        changed = dataclasses.replace(policy, version=policy.version + 1)
        self.assertNotEqual(fingerprint(guests, policy, ""), fingerprint(guests, changed, ""))
