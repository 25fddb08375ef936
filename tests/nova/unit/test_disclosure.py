"""What a refusal tells the owner, against a reader who varies requests to find out more."""

from __future__ import annotations

import re
import uuid
from unittest import mock

from nova import exception

from consent_core import Answer, MemoryVoters, Voter
from unit.gates import NEIGHBOUR, GateTestCase

TEXT = re.compile(r"the migration was not consented to \(reference ([0-9a-f-]{36})\)")
REFUSE = "{answer: refuse, because: quiet please}"


class OpaqueTest(GateTestCase):
    def asked(self, answer) -> MemoryVoters:
        return MemoryVoters(
            [Voter(NEIGHBOUR, "n", "q"), Voter(self.instance.uuid, "m", "p")], default=answer
        )

    def causes(self):
        """One refusal for each cause that there is: its name, gate and way in."""
        never = (Answer.REFUSE, "never")
        consent = Answer.CONSENT

        def gate(name, method, answer, host="host2", said=None, file="", **options):
            (self.folder / "host.yaml").write_text(file)
            self.read_guests.return_value = [self.neighbour(**(said or {}))]
            made = self.make_gate(self.asked(answer), host, disclose_to_owner="opaque", **options)
            return name, made, method

        yield gate("a guest", "incoming", never)
        yield gate("a silent guest", "incoming", None, voter_deadline_s=0.05)
        yield gate("the VM itself", "outgoing", never, "host1")
        yield gate(
            "a guest, beforehand",
            "incoming",
            consent,
            said={"metadata": {"consent:rule:a": REFUSE}},
        )
        yield gate(
            "a flavor", "incoming", consent, said={"extra_specs": {"consent:rule:a": REFUSE}}
        )
        yield gate("the host", "incoming", consent, file="rules: [{name: a, answer: refuse}]\n")
        yield gate("its plain word", "incoming", consent, file="accept_incoming: refuse\n")
        yield gate("the source's", "outgoing", consent, "host1", file="accept_outgoing: refuse\n")
        yield gate("at arrival", "arriving", never)
        yield gate("a bad file", "incoming", consent, file="mode: [\n")
        name, full, method = gate(
            "no place",
            "incoming",
            consent,
            round_deadline_s=0.1,
            voter_deadline_s=0.1,
            max_rounds=1,
        )
        full._places.acquire()
        yield name, full, method
        name, broken, method = gate("our own failure", "incoming", consent)
        broken._runner = mock.Mock(run=mock.Mock(side_effect=RuntimeError("secret")))
        yield name, broken, method
        _, twice, _ = gate("", "outgoing", never, "host1")
        yield "a refusal that is remembered", twice, "outgoing"
        yield "the same, by another host", twice, "outgoing"

    def test_one_text_whoever_refused_and_why(self) -> None:
        references = set()
        for name, gate, method in self.causes():
            self.context.request_id = f"req-{name}"
            if name == "the same, by another host":
                self.context.request_id = "req-a refusal that is remembered"
            more = [{}] if method == "incoming" else []
            with mock.patch("nova_consent.gate.LOG") as log:
                error = self.assertRaises(
                    exception.MigrationPreCheckError,
                    getattr(gate, method),
                    self.context,
                    self.instance,
                    *more,
                )
            reason = error.kwargs["reason"]
            found = TEXT.fullmatch(reason)
            self.assertIsNotNone(found, f"{name}: {reason}")
            self.assertEqual({"reason", "code"}, {"code", *error.kwargs}, name)
            # An admin finds it again, with all there is to tell; a reader learns nothing from two.
            told = [
                c.args[0] % c.args[1:] for c in [*log.info.mock_calls, *log.exception.mock_calls]
            ]
            self.assertTrue([line for line in told if f"round={found[1]} " in line], (name, told))
            self.assertEqual(4, uuid.UUID(found[1]).version)
            references.add(found[1])
        self.assertEqual(14, len(references))

    def test_a_budget_of_time_tells_no_more(self) -> None:
        gate = self.make_gate(
            self.asked(Answer.CONSENT), disclose_to_owner="opaque", migration_budget_s=1.0
        )
        with mock.patch("nova_consent.facts.searched_s", return_value=500.0):
            error = self.assertRaises(
                exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
            )
        self.assertIsNotNone(TEXT.fullmatch(error.kwargs["reason"]))

    def test_audit_and_consent_tell_nothing_at_all(self) -> None:
        for answer, mode in ((Answer.REFUSE, "audit"), (Answer.CONSENT, "enforce")):
            gate = self.make_gate(self.asked(answer), mode=mode, disclose_to_owner="opaque")
            gate.incoming(self.context, self.instance, {})

    def test_what_neighbours_are_told_is_as_configured(self) -> None:
        for word, disclosed in (("opaque", False), ("full", True)):
            voters = self.asked(Answer.CONSENT)
            gate = self.make_gate(voters, disclose_to_neighbours=word)
            gate.incoming(self.context, self.instance, {})
            self.assertEqual(disclosed, voters.asked[0]["subject"]["disclosed"])

    def test_full_tells_who_and_why(self) -> None:
        gate = self.make_gate(self.asked((Answer.REFUSE, "never")))
        error = self.assertRaises(
            exception.MigrationPreCheckError, gate.incoming, self.context, self.instance, {}
        )
        self.assertIn(NEIGHBOUR, error.kwargs["reason"])
        self.assertIn("never", error.kwargs["reason"])
