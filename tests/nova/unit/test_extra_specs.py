"""Our extra specs, by Nova's own validation, as nova-api runs it."""

from __future__ import annotations

from nova import exception, test
from nova.api.validation.extra_specs import validators


class ExtraSpecsTest(test.NoDBTestCase):
    def refused(self, name: str, value: str) -> str:
        error = self.assertRaises(exception.ValidationError, validators.validate, name, value)
        return str(error)

    def test_nova_has_found_them(self) -> None:
        ours = {name for name in validators.VALIDATORS if name.startswith("consent:")}
        self.assertEqual({"consent:voter", "consent:veto", "consent:rule:{name}"}, ours)

    def test_what_is_right_is_taken(self) -> None:
        for name, value in (
            ("consent:voter", "yes"),
            ("consent:veto", "False"),
            ("consent:rule:big", '{when: {guest.vcpus: ">= 8"}, answer: refuse, because: big}'),
            ("consent:rule:a b-c_d.e", "{answer: ask}"),
            (
                "consent:rule:any",
                "{when: {any: [{guest.vcpus: '> 2'}, {guest.memory_mib: '> 2'}]}, answer: abstain}",
            ),
        ):
            validators.validate(name, value)

    def test_what_is_not_is_refused_with_its_remedy(self) -> None:
        self.refused("consent:voter", "perhaps")
        self.refused("consent:veto", "")
        self.refused("consent:rules", "{answer: ask}")
        self.refused("consent:rule:", "{answer: ask}")
        self.refused("consent:rule:" + "x" * 65, "{answer: ask}")
        for value, remedy in (
            ("{answer: refused}", "refuse"),
            ("{when: {guest.vcpu: '> 8'}, answer: refuse}", "guest.vcpus"),
            ("{answer: refuse, becuse: x}", "because"),
            ("{answer: ", ""),
            ("refuse", ""),
            ("{answer: refuse, because: " + "x" * 230 + "}", "254"),
        ):
            self.assertIn(remedy, self.refused("consent:rule:a", value), value)

    def test_the_error_is_one_printable_line(self) -> None:
        text = self.refused("consent:rule:a", "{answer: \x1b[1m\n}")
        self.assertTrue(text.isprintable(), text)
