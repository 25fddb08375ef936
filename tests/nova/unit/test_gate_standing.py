"""The gate and what was said beforehand: who is still asked, what binds, what is judged again."""

from __future__ import annotations

import contextlib
import threading
import time
from unittest import mock

from nova import exception, objects

from consent_core import Answer, MemoryVoters, Mode, Voter
from unit.gates import NEIGHBOUR, GateTestCase

OTHER = "22222222-2222-4222-8222-222222222222"
REFUSE = "{answer: refuse, because: quiet please}"
CONSENT = "{answer: consent}"


class StandingGateTest(GateTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.voters = MemoryVoters(
            [
                Voter(NEIGHBOUR, "n", "q"),
                Voter(OTHER, "o", "q"),
                Voter(self.instance.uuid, "m", "p"),
            ]
        )

    def here(self, *instances: objects.Instance) -> None:
        """Who runs on the host, besides the VM that is to move."""
        self.read_guests.return_value = [self.instance, *instances]

    def refused(self, gate, method: str = "incoming") -> str:
        more = [{}] if method == "incoming" else []
        error = self.assertRaises(
            exception.MigrationPreCheckError,
            getattr(gate, method),
            self.context,
            self.instance,
            *more,
        )
        return error.kwargs["reason"]

    def lines(self, call) -> list[str]:
        """What the gate logs at INFO during `call`, which may refuse."""
        with (
            mock.patch("nova_consent.gate.LOG") as log,
            contextlib.suppress(exception.MigrationPreCheckError),
        ):
            call()
        return [args[0][0] % args[0][1:] for args in log.info.call_args_list]

    def incoming(self, gate) -> list[str]:
        return self.lines(lambda: gate.incoming(self.context, self.instance, {}))

    def test_who_has_spoken_is_not_asked_again(self) -> None:
        self.here(self.neighbour(metadata={"consent:rule:a": CONSENT}), self.neighbour(OTHER))
        [line] = self.incoming(self.make_gate(self.voters))
        [asked] = self.voters.asked
        self.assertEqual(
            sorted([NEIGHBOUR, self.instance.uuid]), sorted(asked["select"]["exclude"])
        )
        # The hypervisor, and OTHER; NEIGHBOUR's rule consents.
        self.assertIn("asked=2 consented=3 refused=0", line)
        self.assertIn("standing=1 advisory=0", line)

    def test_a_refusal_said_beforehand_asks_nobody(self) -> None:
        self.here(self.neighbour(extra_specs={"consent:rule:loud": REFUSE}), self.neighbour(OTHER))
        gate = self.make_gate(self.voters)
        reason = self.refused(gate)
        self.assertEqual([], self.voters.asked)
        name = self.neighbour().name
        self.assertEqual(
            f'guest {name} ({NEIGHBOUR}) refuses beforehand, by rule "loud" of flavor m1.small: '
            '"quiet please"',
            reason,
        )
        self.assertEqual(1, gate.refusals_lately)

    def test_a_guest_without_an_agent_is_a_voter_if_something_was_said_for_it(self) -> None:
        nobody = MemoryVoters([])
        self.here(self.neighbour())
        self.make_gate(nobody).incoming(self.context, self.instance, {})
        self.here(self.neighbour(metadata={"consent:rule:a": REFUSE}))
        self.refused(self.make_gate(nobody))

    def test_a_rule_of_the_host_speaks_for_the_hypervisor_first(self) -> None:
        self.here(self.neighbour())
        (self.folder / "host.yaml").write_text(
            "accept_incoming: {answer: refuse, because: closed}\n"
            "rules:\n"
            "- {name: small, when: {guest.memory_mib: '< 100'}, answer: consent}\n"
            "- {name: big, when: {guest.memory_mib: '>= 1000'}, answer: refuse, because: big}\n"
        )
        gate = self.make_gate(self.voters)
        [line] = self.incoming(gate)
        self.assertIn("verdict=consented", line)
        self.instance.flavor.memory_mb = 1000
        self.assertIn('hypervisor host2 refuses beforehand, by rule "big"', self.refused(gate))
        # Neither rule decides: its plain word does.
        self.instance.flavor.memory_mb = 500
        self.assertIn("closed", self.refused(gate))

    def test_of_a_hypervisor_whose_rule_hangs_on_what_is_not_known_the_plain_word_counts(
        self,
    ) -> None:
        rules = "rules: [{name: w, when: {guest.image.os_type: s== windows}, answer: refuse}]\n"
        for word, verdict in (("consent", "consented"), ("refuse", "refused")):
            (self.folder / "host.yaml").write_text(f"accept_incoming: {word}\n{rules}")
            told, line = self.incoming(self.make_gate(self.voters))
            self.assertIn("guest.image.os_type", told)
            self.assertIn(f"its plain word decides: {word}", told)
            self.assertIn(f"verdict={verdict}", line)

    def test_a_rule_that_hangs_on_what_is_not_known_asks(self) -> None:
        rule = "{when: {site.aggregates: <in> fast}, answer: refuse}"
        self.here(self.neighbour(extra_specs={"consent:rule:a": rule}))
        self.make_gate(self.voters).incoming(self.context, self.instance, {})
        self.assertEqual(1, len(self.voters.asked))
        self.assertNotIn(NEIGHBOUR, self.voters.asked[0]["select"]["exclude"])
        (self.folder / "host.yaml").write_text("facts: {site.aggregates: [fast]}\n")
        self.refused(self.make_gate(self.voters))

    def test_tags_count_wherever_a_rule_asks_for_them(self) -> None:
        self.here(self.neighbour())
        for when in (
            "{guest.image.os_distro: debian, guest.tag: <all-in> approved}",
            "{any: [{all: [{guest.image.os_distro: debian}, {guest.tag: <all-in> approved}]}]}",
        ):
            (self.folder / "host.yaml").write_text(
                f"rules: [{{name: a, when: {when}, answer: consent}}, {{name: b, answer: refuse}}]\n"
            )
            self.assertIn('by rule "b"', self.refused(self.make_gate(self.voters)))

    def test_tags_are_read_only_for_rules_that_ask_for_them(self) -> None:
        del self.instance.tags
        with mock.patch.object(objects.TagList, "get_by_resource_id") as read:
            read.return_value = [objects.Tag(tag="gold")]
            self.read_guests.return_value = [self.neighbour(metadata={"consent:rule:a": CONSENT})]
            gate = self.make_gate(self.voters)
            gate.incoming(self.context, self.instance, {})
            read.assert_not_called()
            rule = "{when: {guest.tag: <in> gold}, answer: refuse}"
            self.read_guests.return_value = [self.neighbour(extra_specs={"consent:rule:a": rule})]
            self.refused(gate)
            read.assert_called_once()

    def test_a_refusal_without_a_veto_is_recorded_and_not_obeyed(self) -> None:
        self.here(self.neighbour(metadata={"consent:rule:a": REFUSE}), self.neighbour(OTHER))
        refusing = MemoryVoters([Voter(OTHER, "o", "q")], default=(Answer.REFUSE, "never"))
        line, *advice = self.incoming(self.make_gate(refusing, veto="entitled"))
        self.assertIn("verdict=consented", line)
        self.assertIn("refused=2", line)
        self.assertIn("standing=1 advisory=2", line)
        self.assertEqual(2, len(advice))
        self.assertIn('no veto; it says "quiet please"', advice[0])
        self.assertIn('no veto; it says "never"', advice[1])

    def test_an_entitled_refusal_is_obeyed(self) -> None:
        self.here(self.neighbour(OTHER, extra_specs={"consent:veto": "yes"}))
        refusing = MemoryVoters([Voter(OTHER, "o", "q")], default=(Answer.REFUSE, "never"))
        self.assertIn("never", self.refused(self.make_gate(refusing, veto="entitled")))

    def test_a_budget_is_spent_by_refusals_and_by_silence(self) -> None:
        self.here(self.neighbour())
        for answer in ((Answer.REFUSE, "never"), None):
            voters = MemoryVoters([Voter(NEIGHBOUR, "n", "q")], default=answer)
            gate = self.make_gate(voters, veto_budget_vm=2, voter_deadline_s=0.05)
            self.context.request_id = "req-first"
            self.refused(gate)
            self.refused(gate)  # Nova tries host after host: one request counts once
            self.context.request_id = "req-second"
            with mock.patch("nova_consent.gate.LOG") as log:
                self.assertRaises(
                    exception.MigrationPreCheckError,
                    gate.incoming,
                    self.context,
                    self.instance,
                    {},
                )
            self.assertEqual(1, log.warning.call_count)
            line, advice = self.incoming(gate)
            self.assertIn("verdict=consented", line)
            self.assertIn("veto_budget_vm = 2 is spent", advice)

    def test_what_the_operator_says_spends_no_budget(self) -> None:
        self.here(self.neighbour(extra_specs={"consent:rule:a": REFUSE}))
        gate = self.make_gate(self.voters, veto_budget_vm=1, veto_budget_project=1)
        for _ in range(3):
            self.refused(gate)
        (self.folder / "host.yaml").write_text("accept_incoming: refuse\n")
        for _ in range(3):
            self.refused(gate)

    def test_a_silent_mover_is_judged_by_its_own_rule(self) -> None:
        silent = MemoryVoters([Voter(NEIGHBOUR, "n"), Voter(self.instance.uuid, "m")], default=None)
        more = {"voter_deadline_s": 0.05, "silence_mover": "abstain"}
        self.refused(self.make_gate(silent, **more))
        self.make_gate(silent, "host1", **more).outgoing(self.context, self.instance)

    def test_the_mover_may_have_spoken_too(self) -> None:
        self.instance.metadata = {"consent:rule:stay": REFUSE}
        gate = self.make_gate(self.voters, "host1")
        reason = self.refused(gate, "outgoing")
        self.assertIn('which is to move, refuses beforehand, by rule "stay" of metadata', reason)
        self.assertEqual([], self.voters.asked)
        # Nothing was remembered: the next host that Nova tries finds what is said now.
        self.instance.metadata = {"consent:rule:stay": CONSENT}
        gate.outgoing(self.context, self.instance)
        self.assertEqual([], [a for a in self.voters.asked if a["select"]["listed"]])
        [line] = self.lines(
            lambda: self.make_gate(self.voters, "host1", veto="entitled").outgoing(
                self.context, self.instance
            )
        )
        self.assertIn("standing=1", line)

    def test_the_movers_site_is_known_to_its_rules(self) -> None:
        rule = "{when: {site.host: s== host2}, answer: refuse}"
        self.instance.flavor.extra_specs = {"consent:rule:a": rule}
        self.refused(self.make_gate(self.voters, "host1"), "outgoing")
        self.get_by_action.return_value = []  # Nova does not tell which host it is
        self.make_gate(self.voters, "host1").outgoing(self.context, self.instance)
        self.assertEqual(1, len(self.voters.asked))

    def test_a_change_of_metadata_holds_at_once(self) -> None:
        gate = self.make_gate(self.voters)
        self.here(self.neighbour(metadata={"consent:rule:a": CONSENT}))
        gate.incoming(self.context, self.instance, {})
        self.here(self.neighbour(metadata={"consent:rule:a": REFUSE}))
        self.refused(gate)

    def test_a_grant_is_judged_again_when_something_else_is_said(self) -> None:
        gate = self.make_gate(self.voters)
        before = [self.neighbour(metadata={"consent:rule:a": CONSENT}), self.neighbour(OTHER)]
        changes = {
            "metadata": lambda: self.here(self.neighbour(metadata={"consent:rule:a": REFUSE})),
            "an arrival": lambda: self.here(
                *before, self.neighbour(MIGRATED, metadata={"consent:rule:a": REFUSE})
            ),
            "the agent": lambda: gate.standing.hear_agents(
                {OTHER: '[{"name": "a", "answer": "refuse"}]'}
            ),
            "the host": lambda: (self.folder / "host.yaml").write_text(
                "rules: [{name: a, answer: refuse}]\n"
            ),
        }
        for what, change in changes.items():
            gate.standing.hear_agents({})
            self.here(*before)
            gate.incoming(self.context, self.instance, {})
            change()
            lines = self.lines(lambda: gate.arriving(self.context, self.instance))
            self.assertIn("is judged again", lines[0], what)
            self.assertIn("verdict=refused", lines[1], what)

    def test_a_grant_is_claimed_when_nothing_else_is_said(self) -> None:
        gate = self.make_gate(self.voters)
        self.here(self.neighbour(metadata={"consent:rule:a": CONSENT}), self.neighbour(OTHER))
        gate.incoming(self.context, self.instance, {})
        self.here(self.neighbour(metadata={"consent:rule:a": CONSENT, "other": "x"}))
        self.assertEqual([], self.lines(lambda: gate.arriving(self.context, self.instance)))

    def test_a_grant_is_worth_nothing_when_a_rule_refuses_now(self) -> None:
        (self.folder / "host.yaml").write_text(
            "rules: [{name: full, when: {site.neighbours: '>= 2'}, answer: refuse}]\n"
        )
        gate = self.make_gate(self.voters)
        self.here(self.neighbour())
        gate.incoming(self.context, self.instance, {})
        self.here(self.neighbour(), self.neighbour(OTHER))
        again, line = self.lines(lambda: gate.arriving(self.context, self.instance))
        self.assertIn("the host has changed since, and a rule refuses now", again)
        self.assertIn("verdict=refused", line)

    def test_off_reads_nothing(self) -> None:
        gate = self.make_gate(self.voters, mode="off")
        gate.incoming(self.context, self.instance, {})
        gate.outgoing(self.context, self.instance)
        gate.arriving(self.context, self.instance)
        self.read_guests.assert_not_called()
        self.get_by_uuid.assert_not_called()

    def test_audit_records_what_enforce_refuses(self) -> None:
        self.here(self.neighbour(extra_specs={"consent:rule:loud": REFUSE}))
        gate = self.make_gate(self.voters, mode="audit")
        [line] = self.incoming(gate)
        self.assertIn('decided_by="mode audit"', line)
        self.assertIn("mode audit lets it through, enforce would not: guest", line)
        self.assertIn(r"by rule \"loud\" of flavor m1.small", line)
        gate.arriving(self.context, self.instance)
        self.assertEqual(Mode.AUDIT, gate._settings.stance.mode)

    def test_in_audit_a_database_that_hangs_delays_by_no_more_than_a_round(self) -> None:
        release = threading.Event()
        self.addCleanup(release.set)
        self.read_guests.side_effect = lambda *a, **k: release.wait(30)
        gate = self.make_gate(self.voters, mode="audit")
        began = time.monotonic()
        gate.incoming(self.context, self.instance, {})
        self.assertLess(time.monotonic() - began, 1.0)

    def test_guests_whom_nova_does_not_know_bind_while_everybody_does(self) -> None:
        self.here()
        stranger = MemoryVoters([Voter(NEIGHBOUR, "n")], default=Answer.REFUSE)
        self.refused(self.make_gate(stranger))
        self.make_gate(stranger, veto="entitled").incoming(self.context, self.instance, {})


MIGRATED = "33333333-3333-4333-8333-333333333333"
