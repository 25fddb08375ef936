"""consent_core.standing: rules from Python, whose word counts, and what facts may be."""

from __future__ import annotations

from collections import UserDict
from typing import Any

import pytest

from consent_core import (
    Fact,
    FactValue,
    PolicyError,
    RequestError,
    RuleSet,
    Source,
    StandingAnswer,
    StandingPolicy,
    fact_table,
)

RULES = """\
- name: too big
  when: {guest.vcpus: ">= 8"}
  answer: refuse
  because: no room for large ones
- name: by night
  when: {time.hour: "< 6"}
  answer: consent
"""


def always(answer: str) -> RuleSet:
    return RuleSet.parse(f"[{{name: always, answer: {answer}}}]", "test")


def holds(fact: str, expression: str, value: FactValue) -> bool | None:
    """Whether the expression holds of the value; None: unknown."""
    rules = RuleSet.parse(
        f"[{{name: r, when: {{{fact}: '{expression}'}}, answer: abstain}}]", "test"
    )
    ruling = rules.evaluate({fact: value})
    return None if ruling.unknown else ruling.rule is not None


def test_the_first_rule_that_holds_decides() -> None:
    rules = RuleSet.parse(RULES, "host.yaml")
    assert len(rules) == 2
    refused = rules.evaluate({"guest.vcpus": 8})
    assert (refused.answer, refused.rule) == (StandingAnswer.REFUSE, "too big")
    assert refused.because == "no room for large ones"
    assert not refused.unknown
    unknown = rules.evaluate({"guest.vcpus": 4})
    assert unknown.answer is StandingAnswer.ASK
    assert unknown.unknown
    assert unknown.why == 'rule "by night": time.hour is unknown'
    nobody = rules.evaluate({"guest.vcpus": 4, "time.hour": 12})
    assert (nobody.answer, nobody.rule, nobody.why) == (StandingAnswer.ASK, None, "")


def test_rules_that_cannot_be_taken_are_a_policy_error() -> None:
    with pytest.raises(PolicyError) as caught:
        RuleSet.parse("[{name: r, when: {guest.vcpu: 1}, answer: refuse}]", "host.yaml")
    assert caught.value.file == "host.yaml"
    assert "guest.vcpus" in caught.value.remedy
    with pytest.raises(PolicyError):
        RuleSet.of_properties({"r": "{answer: perhaps}"}, "flavor m1.small")
    with pytest.raises(TypeError):
        RuleSet()


def test_properties_are_rules_in_the_order_of_their_names() -> None:
    rules = RuleSet.of_properties(
        {"20": "{answer: consent}", "10": "{when: {guest.vcpus: '> 4'}, answer: refuse}"}, "flavor"
    )
    assert len(rules) == 2
    assert rules.evaluate({"guest.vcpus": 8}).rule == "10"
    assert rules.evaluate({"guest.vcpus": 1}).rule == "20"
    assert len(RuleSet.of_properties({}, "flavor")) == 0
    with pytest.raises(PolicyError):
        RuleSet.of_properties({"long": "{answer: consent, because: " + "x" * 255 + "}"}, "flavor")


@pytest.mark.parametrize(
    ("fact", "expression", "value", "expected"),
    [
        ("guest.vcpus", "== 4", 4, True),
        ("guest.vcpus", "== 4", "4", True),
        ("guest.vcpus", ">= 0.5", 0.5, True),
        ("guest.vcpus", "> 1e300", 10**301, True),
        ("guest.vcpus", "== 4", 5, False),
        ("guest.vcpus", "== 4", "four", None),
        ("guest.tag", "<all-in> a b", ["b", "a"], True),
        ("guest.tag", "<all-in> a", ("b",), False),
        ("guest.tag", "<all-in> a", [], False),
        ("guest.image.os_type", "linux", "linux", True),
        ("guest.extra.hw:cpu_policy", "s!= shared", "dedicated", True),
        # What may come of a tenant and cannot be told stays unknown.
        ("guest.project", "<in> x", "x" * (64 * 1024 + 1), None),
        ("guest.tag", "<all-in> x", ["x" * 1024] * 65, None),
        ("guest.project", "<in> x", "x\udc80", None),
        ("guest.tag", "<all-in> x", ["x", "\udc80"], None),
        pytest.param("guest.vcpus", "> 1", 10**5000, None, id="an int of too many digits"),
    ],
)
def test_facts_are_texts_numbers_and_lists(
    fact: str, expression: str, value: FactValue, expected: bool | None
) -> None:
    assert holds(fact, expression, value) is expected


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"guest.vcpu": 4}, "did you mean guest.vcpus"),
        ({4: 4}, "names must be texts"),
        ({"guest.vcpus": None}, "guest.vcpus must be"),
        ({"guest.vcpus": True}, "guest.vcpus must be"),
        ({"guest.vcpus": b"4"}, "guest.vcpus must be"),
        ({"guest.tag": [4]}, "guest.tag must hold texts"),
        ({"guest.tag": {"a"}}, "guest.tag must be"),
        (None, "must be a mapping"),
        ("text", "must be a mapping"),
    ],
)
def test_facts_of_another_kind_are_refused(facts: Any, message: str) -> None:
    with pytest.raises(RequestError, match=message):
        always("consent").evaluate(facts)


def test_rules_name_the_facts_that_they_look_at() -> None:
    text = """
    - {name: a, when: {guest.vcpus: ">= 1", any: [{time.hour: "1"}, {guest.vcpus: "2"}]}, answer: ask}
    - {name: b, answer: consent}
    """
    assert RuleSet.parse(text, "x").facts() == ["guest.vcpus", "time.hour", "guest.vcpus"]


def test_many_cases_come_to_what_each_comes_to() -> None:
    rules = RuleSet.parse(RULES, "host.yaml")
    cases: list[dict[str, FactValue]] = [{}, {"guest.vcpus": 4}]
    for vcpus in (4, 8, "x"):
        cases += [{"guest.vcpus": vcpus, "time.hour": 3}, {"guest.vcpus": vcpus, "time.hour": 12}]
    assert rules.evaluate_many(cases) == [rules.evaluate(case) for case in cases]
    assert rules.evaluate_many([]) == []
    with pytest.raises(RequestError, match="mapping"):
        rules.evaluate_many([{}, None])  # type: ignore[list-item]


def test_any_mapping_holds_facts() -> None:
    rules = RuleSet.parse(RULES, "host.yaml")
    assert rules.evaluate(UserDict({"guest.vcpus": 9})).answer is StandingAnswer.REFUSE


def test_the_first_source_of_which_a_rule_decides_speaks() -> None:
    sources = [(source, f"of {source}", always("refuse")) for source in reversed(Source)]
    for count in range(1, len(sources) + 1):
        vote = StandingPolicy(sources[:count]).vote({})
        assert vote.source is sources[count - 1][0]
        assert vote.origin == f"of {vote.source}"
        assert (vote.answer, vote.binding, vote.rule) == (StandingAnswer.REFUSE, True, "always")
    nothing = StandingPolicy([]).vote({})
    assert (nothing.answer, nothing.source, nothing.rule) == (StandingAnswer.ASK, None, "")


@pytest.mark.parametrize("source", Source)
def test_a_tenants_refusal_binds_with_a_veto_alone(source: Source) -> None:
    policy = StandingPolicy([(source, "", always("refuse"))], veto=False)
    assert policy.vote({}).binding is (source in (Source.HOST, Source.FLAVOR))
    assert StandingPolicy([(source, "", always("consent"))], veto=False).vote({}).binding


def test_a_tenants_words_are_cleaned() -> None:
    text = '[{name: r, answer: refuse, because: "\\u202e\\u001b[31mred"}]'
    try:
        rules = RuleSet.parse(text, "agent")
    except PolicyError:
        return  # not even taken
    because = StandingPolicy([(Source.AGENT, "agent", rules)]).vote({}).because
    assert because.isprintable()


def test_a_policy_out_of_range_is_refused() -> None:
    with pytest.raises(RequestError, match="at most 64"):
        StandingPolicy([(Source.HOST, "", always("ask"))] * 65)
    with pytest.raises(RequestError, match="sources"):
        StandingPolicy([("god", "", always("ask"))])  # type: ignore[list-item]


def test_the_table_of_facts() -> None:
    table = fact_table()
    assert table[0] == Fact("operation", "text", "", "everywhere", table[0].meaning)
    assert {fact.type for fact in table} == {"text", "number", "list"}
    assert {fact.known for fact in table} == {"everywhere", "gate", "scheduler"}
    assert len({fact.name for fact in table}) == len(table)
    assert all(fact.meaning for fact in table)
