"""Policies in three languages that say the same, and movers to judge by them.

Rules here; Cedar, where a forbid outweighs every permit; CEL, as one expression that gives the name
of the rule. All hang on the mover alone, so that it is converted once a mover for everybody. Drawn
with a fixed seed. Must not know the engines, nor what is timed.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

PROJECTS = [f"{number:032x}" for number in range(1, 101)]
CLASSES = ["web", "batch", "build", "database"]
SIZES = [1, 2, 4, 8, 16, 32, 64]
REST = "rest"

# A condition's fact, here and in the others, which have no dots and colons in names.
_NAMES = {
    "operation": "operation",
    "guest.project": "project",
    "guest.flavor": "flavor",
    "guest.vcpus": "vcpus",
    "guest.memory_mib": "memory_mib",
    "guest.extra.hw:cpu_policy": "cpu_policy",
    "guest.extra.acme:class": "class_of",
}


@dataclass(frozen=True)
class Condition:
    """A number that is to be at least, or a text that is to be one of several."""

    fact: str
    least: int | None = None
    among: Sequence[str] = ()

    def rules(self) -> str:
        if self.least is not None:
            return f">= {self.least}"
        if len(self.among) == 1:
            return f"s== {self.among[0]}"
        return " ".join(f"<or> {each}" for each in self.among)

    def cel(self, prefix: str = "") -> str:
        name = prefix + _NAMES[self.fact]
        if self.least is not None:
            return f"{name} >= {self.least}"
        if len(self.among) == 1:
            return f"{name} == {json.dumps(self.among[0])}"
        return f"{name} in {json.dumps(list(self.among))}"

    def cedar(self) -> str:
        if len(self.among) > 1:
            return f"{json.dumps(list(self.among))}.contains(context.{_NAMES[self.fact]})"
        return self.cel("context.")


@dataclass(frozen=True)
class Policy:
    """Rules that refuse, each by conditions of which all must hold; a last one that consents."""

    refusals: Sequence[tuple[str, Sequence[Condition]]]

    def _all(self) -> list[tuple[str, Sequence[Condition]]]:
        return [*self.refusals, (REST, [Condition("operation", among=["live-migration"])])]

    def rules(self) -> str:
        """A list of rules, as files have it."""
        return json.dumps(
            [
                {
                    "name": name,
                    "when": {each.fact: each.rules() for each in conditions},
                    "answer": "consent" if name == REST else "refuse",
                }
                for name, conditions in self._all()
            ]
        )

    def cel(self) -> str:
        """Gives the name of the rule that decides."""
        chain = '""'
        for name, conditions in reversed(self._all()):
            chain = f'({" && ".join(each.cel() for each in conditions)}) ? "{name}" : {chain}'
        return chain

    def cedar(self) -> str:
        return "\n".join(
            f'@id("{name}") {"permit" if name == REST else "forbid"}(principal, action, resource) '
            f"when {{ {' && '.join(each.cedar() for each in conditions)} }};"
            for name, conditions in self._all()
        )


def policies(number: int) -> list[Policy]:
    """Each another: an owner's rivals, the sizes and classes that its flavor does not bear."""
    draw = random.Random(1)
    return [
        Policy(
            [
                ("giants", [Condition("guest.vcpus", least=draw.randrange(24, 65))]),
                ("rivals", [Condition("guest.project", among=draw.sample(PROJECTS, 3))]),
                (
                    "noisy",
                    [
                        Condition("guest.extra.acme:class", among=draw.sample(CLASSES[1:], 1)),
                        Condition("guest.extra.hw:cpu_policy", among=["shared"]),
                        Condition("guest.memory_mib", least=1024 * draw.randrange(64, 512)),
                    ],
                ),
            ]
        )
        for _ in range(number)
    ]


def movers(number: int) -> list[dict[str, str | int]]:
    """Facts by our names."""
    draw = random.Random(2)
    return [
        {
            "operation": "live-migration",
            "guest.project": draw.choice(PROJECTS),
            "guest.flavor": f"m1.{place % 40}",
            "guest.vcpus": (vcpus := draw.choice(SIZES)),
            "guest.memory_mib": vcpus * draw.choice([1024, 2048, 4096, 8192]),
            "guest.extra.hw:cpu_policy": draw.choice(["shared", "dedicated"]),
            "guest.extra.acme:class": draw.choice(CLASSES),
        }
        for place in range(number)
    ]


def elsewhere(mover: dict[str, str | int]) -> dict[str, str | int]:
    """The same facts by the names that the other engines know."""
    return {_NAMES[name]: value for name, value in mover.items()}
