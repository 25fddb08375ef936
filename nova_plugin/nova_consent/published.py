"""The digest that a host publishes: what its voters have said beforehand, for the scheduler.

Made each time the host reports its resources, in bounded time: whatever does not answer in time is
left out, and the scheduler then knows less, never something else. Must not know rounds, nor decide
anything. Source: cpp/include/consent/digest.hpp.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from nova import context as nova_context
from oslo_log import log as logging

from consent_core import (
    DigestVoter,
    Mode,
    RuleSet,
    StandingPolicy,
    VoterKind,
    write_digest,
)
from nova_consent import facts
from nova_consent.agents import Agents
from nova_consent.offload import within
from nova_consent.settings import Policy
from nova_consent.standing import LIVE_MIGRATION, Guest, Standing

LOG = logging.getLogger(__name__)

READ_S = 5.0
"""For each read, of Nova's database and of libvirt."""

Connected = Callable[[], frozenset[str]]
"""Gives the UUIDs of guests in which an agent has the channel open; may block, may raise."""


def make_digest(
    host: str,
    policy: Policy,
    standing: Standing,
    agents: Agents,
    resources: Mapping[str, Any],
    connected: Connected,
    refusals: int,
) -> str:
    """The digest of `host` as things stand now; empty in mode off. Hands to `standing` the host's
    numbers (`resources`, of get_available_resource) and what agents say.

    Takes some 21 s at most, when nothing answers. Raises what reading Nova's database raises.
    """
    standing.measure(resources)
    if policy.mode is Mode.OFF:
        standing.hear_agents({})
        return ""
    context = nova_context.get_admin_context()
    instances = within(READ_S, lambda: facts.guests_of(context, host))
    reachable = _connected(connected)
    standing.hear_agents(
        agents.hear([i.uuid for i in instances if reachable is None or i.uuid in reachable])
    )
    guests = standing.guests(instances, policy)
    site = standing.site(guests, policy)
    mine = [
        DigestVoter(
            kind=VoterKind.HYPERVISOR,
            policy=standing.hypervisor(policy, _word(policy)) or StandingPolicy((), veto=True),
            facts={**site, **standing.myself()},
            answers=True,
        )
    ]
    mine += [
        DigestVoter(
            kind=VoterKind.NEIGHBOUR,
            policy=guest.policy or StandingPolicy((), veto=guest.veto),
            facts={**site, **guest.me, "me.kind": VoterKind.NEIGHBOUR.value},
            answers=answers,
            limited=guest.limited,
        )
        for guest in guests
        if (answers := _answers(guest, policy, reachable)) or guest.policy is not None
    ]
    return write_digest(policy.mode, int(time.time()), mine, refusals=refusals)


def _connected(connected: Connected) -> frozenset[str] | None:
    """Who has an agent; None when libvirt does not say: then everybody may have one."""
    try:
        return within(READ_S, connected)
    except Exception as error:  # noqa: BLE001  whatever it is, the digest can do without
        LOG.warning("consent: which guests have an agent is not known: %s", error)
        return None


def _answers(guest: Guest, policy: Policy, reachable: frozenset[str] | None) -> bool:
    """Whether it would be asked."""
    return (reachable is None or guest.id in reachable) and (guest.listed or not policy.listed)


def _word(policy: Policy) -> RuleSet:
    """The hypervisor's plain word on guests that are to come, as a rule."""
    rule: dict[str, Any] = {
        "name": "accept_incoming",
        "when": {"operation": f"s== {LIVE_MIGRATION}"},
        "answer": policy.accept_incoming.answer.value,
    }
    if policy.accept_incoming.because:
        rule["because"] = policy.accept_incoming.because
    return RuleSet.parse(json.dumps([rule]), "accept_incoming")
