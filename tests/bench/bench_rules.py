#!/usr/bin/env python3
"""How many times a second rules are judged: ours, Cedar (cedarpy) and two of CEL, in one run.

    bench_rules.py [HOSTS]     1000 by default; a minute or two

The same policies (policies.py) and the same movers for everybody, compiled before; that all give the
same answer, by the same rule, is asserted first.

In a batch: a mover before every voter of a cloud, 40 a host. Ours judges it by the hosts' digests in
one call. The others evaluate each voter's policy, with everything ready that can be made ready
before: the mover as their own kind of context, or as JSON; Cedar by its batch call. As a mover meets
many voters who say the same (a flavor has many VMs), ours finds out once what such rules come to;
so that nobody takes that for speed of evaluation there are two figures more: the fastest of the
others doing so too (told which policy is whose, where ours reads what each host has published), and
ours over single cases (RuleSet.evaluate_many), nothing said twice and each mover converted anew.

One at a time: from a mapping of facts, as a caller has it, to the answer.

Ends 1 when ours, in a batch, is not 10 times as fast as the faster of Cedar and CEL.
"""

from __future__ import annotations

import json
import logging
import random
import sys
import time
from collections.abc import Callable

import cedarpy
import cel
import celpy
import policies
from figures import Figure, in_turns
from policies import REST, elsewhere

from consent_core import (
    DigestVoter,
    Mode,
    Outlook,
    Outlooks,
    RuleSet,
    Source,
    StandingAnswer,
    StandingPolicy,
    VoterKind,
    write_digest,
)

AIM = 10.0
HOSTS = 1000
VOTERS = 40
FLAVORS = 24
"""Policies that many voters share, these many on one host: aggregates keep flavors together."""
FLAVORS_A_HOST = 6
OWN = 120
"""Policies besides, of which each has a few voters: one in a hundred speaks for itself."""
MOVERS = 200
TURNS = 31
OURS = "ours"


class Contest:
    """The policies in each engine's form, and the movers.

    :ivar cloud: for each host the policies of its voters, by number.
    """

    def __init__(self, hosts: int) -> None:
        written = policies.policies(FLAVORS + OWN)
        draw = random.Random(3)
        self.cloud = []
        for _ in range(hosts):
            here = draw.sample(range(FLAVORS), FLAVORS_A_HOST)
            self.cloud.append(
                [
                    draw.choice(here) if draw.random() < 0.99 else FLAVORS + draw.randrange(OWN)
                    for _ in range(VOTERS)
                ]
            )
        self.movers = policies.movers(MOVERS)
        self.others = [elsewhere(mover) for mover in self.movers]
        self.rules = [RuleSet.parse(each.rules(), "policy") for each in written]
        self.cel = [cel.compile(each.cel()) for each in written]
        self.contexts = [cel.Context(mover) for mover in self.others]
        environment = celpy.Environment()
        self.celpy = [environment.program(environment.compile(each.cel())) for each in written]
        self.activations = [celpy.json_to_cel(mover) for mover in self.others]
        self.cedar = [cedarpy.PolicySet.from_str(each.cedar()) for each in written]
        self.entities = cedarpy.Entities.from_json_str("[]")
        self.requests = [self.request(json.dumps(mover)) for mover in self.others]
        now = int(time.time())
        self.now = now
        self.digests = [
            write_digest(
                Mode.ENFORCE,
                now,
                [
                    DigestVoter(
                        VoterKind.NEIGHBOUR,
                        StandingPolicy([(Source.FLAVOR, f"flavor {each}", self.rules[each])]),
                    )
                    for each in host
                ],
                # As on real hosts no two digests are the same.
                refusals=place,
            )
            for place, host in enumerate(self.cloud)
        ]
        self.outlooks = Outlooks()

    def request(self, context: object) -> dict[str, object]:
        return {
            "principal": 'Guest::"mover"',
            "action": 'Action::"migrate"',
            "resource": 'Host::"site"',
            "context": context,
        }

    # -- the same answers --

    def check(self) -> None:
        """All engines give each mover the same answer by the same rule, and hosts say the same."""
        refused = 0
        for place, facts in enumerate(self.movers):
            named = [program.execute(self.contexts[place]) for program in self.cel]
            for policy, name in enumerate(named):
                ruling = self.rules[policy].evaluate(facts)
                expected = StandingAnswer.CONSENT if name == REST else StandingAnswer.REFUSE
                said = cedarpy.is_authorized(
                    self.requests[place], self.cedar[policy], self.entities
                )
                ids = said.diagnostics.id_annotations_by_reason.values()
                # Of several forbids that hold Cedar names each, we the first.
                if (ruling.rule, ruling.answer) != (name, expected) or name not in ids:
                    raise SystemExit(f"{facts}: {ruling}, CEL {name}, Cedar {list(ids)}")
                if said.allowed != (name == REST):
                    raise SystemExit(f"{facts}: Cedar says {said.decision}")
                # 0.3 ms each.
                if place % 10 == 0 and policy % 4 == 0:
                    again = self.celpy[policy].evaluate(self.activations[place])
                    if again != name:
                        raise SystemExit(f"{facts}: CEL in Python says {again}, else {name}")
            for host, judgement in zip(self.cloud, self.judge(place), strict=True):
                refuses = any(named[policy] != REST for policy in host)
                if judgement.outlook is not (Outlook.REFUSE if refuses else Outlook.CONSENT):
                    raise SystemExit(f"{facts}: {judgement}")
                refused += refuses
        share = refused / len(self.movers) / len(self.cloud)
        print(
            f"{len(self.movers)} movers, {len(self.cloud)} hosts of {VOTERS} voters, "
            f"{len(self.rules)} policies of 4 rules, {len({p for h in self.cloud for p in h})} in "
            f"use; {100 * share:.0f} % of hosts refuse; all engines give the same answers"
        )
        if not 0.2 < share < 0.8:
            raise SystemExit("that is no contest")

    # -- in a batch: each returns how many evaluations it did --

    def judge(self, mover: int) -> list[object]:
        return self.outlooks.judge(self.digests, self.movers[mover], self.now, 3600)

    def batch_ours(self, turn: int) -> int:
        self.judge(turn % MOVERS)
        return len(self.cloud) * VOTERS

    def batch_cel(self, turn: int) -> int:
        context, programs = self.contexts[turn % MOVERS], self.cel
        for host in self.cloud:
            # To the first refusal: more is not needed.
            for policy in host:
                if programs[policy].execute(context) != REST:
                    break
        return len(self.cloud) * VOTERS

    def batch_cel_once(self, turn: int) -> int:
        context = self.contexts[turn % MOVERS]
        said = [program.execute(context) == REST for program in self.cel]
        for host in self.cloud:
            for policy in host:
                if not said[policy]:
                    break
        return len(self.cloud) * VOTERS

    def batch_celpy(self, turn: int) -> int:
        activation = self.activations[turn % MOVERS]
        for program in self.celpy:
            program.evaluate(activation)
        return len(self.celpy)

    def batch_cedar(self, turn: int) -> int:
        cedarpy.is_authorized_batch(
            self.requests, self.cedar[turn % len(self.cedar)], self.entities
        )
        return len(self.requests)

    def batch_many(self, turn: int) -> int:
        self.rules[turn % len(self.rules)].evaluate_many(self.movers)
        return len(self.movers)

    # -- one at a time --

    def single_ours(self, turn: int) -> int:
        rules = self.rules[turn % len(self.rules)]
        for mover in self.movers:
            rules.evaluate(mover)
        return len(self.movers)

    def single_cel(self, turn: int) -> int:
        program = self.cel[turn % len(self.cel)]
        for mover in self.others:
            program.execute(mover)
        return len(self.others)

    def single_celpy(self, turn: int) -> int:
        program = self.celpy[turn % len(self.celpy)]
        for mover in self.others[:40]:
            program.evaluate(celpy.json_to_cel(mover))
        return 40

    def single_cedar(self, turn: int) -> int:
        policy = self.cedar[turn % len(self.cedar)]
        for mover in self.others:
            cedarpy.is_authorized(self.request(mover), policy, self.entities)
        return len(self.others)


def rates(title: str, ways: dict[str, Callable[[int], int]]) -> dict[str, float]:
    """Prints evaluations a second, and how many times those of the others ours are."""
    done = {name: way(0) for name, way in ways.items()}
    found: dict[str, Figure] = in_turns(ways, TURNS)
    rate = {name: done[name] / each.median for name, each in found.items()}
    print(f"{title}: evaluations of a policy a second (95 % interval)")
    for name, each in found.items():
        low, high = done[name] / each.high, done[name] / each.low
        ratio = "" if name == OURS else f"  ours {rate[OURS] / rate[name]:8.2f} times"
        print(f"  {name:42} {rate[name]:12,.0f} ({low:,.0f} - {high:,.0f}){ratio}", flush=True)
    return rate


def main() -> int:
    logging.disable(logging.INFO)
    contest = Contest(int(sys.argv[1]) if len(sys.argv) > 1 else HOSTS)
    contest.check()
    peers = {
        "Cedar (cedarpy)": (contest.batch_cedar, contest.single_cedar),
        "CEL (common-expression-language)": (contest.batch_cel, contest.single_cel),
        "CEL (cel-python)": (contest.batch_celpy, contest.single_celpy),
    }
    batch = rates(
        "in a batch",
        {
            OURS: contest.batch_ours,
            **{name: ways[0] for name, ways in peers.items()},
            "CEL (the former), equal policies once": contest.batch_cel_once,
            "ours over single cases": contest.batch_many,
        },
    )
    rates(
        "one at a time",
        {OURS: contest.single_ours, **{name: ways[1] for name, ways in peers.items()}},
    )
    faster = max(peers, key=lambda name: batch[name])
    times = batch[OURS] / batch[faster]
    print(f"in a batch {times:.1f} times as fast as the faster, {faster} (aim: {AIM:g})")
    return 0 if times >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
