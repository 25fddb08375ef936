"""The host's policy file, /etc/nova/consent.d/host.yaml: what its operator says there in place of
nova.conf.

A file is taken whole or not at all. Must not know nova.conf. Source:
cpp/include/consent/policy.hpp.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from consent_core import _native
from consent_core.standing import RuleSet
from consent_core.words import Answer, Mode, OnError, Silence

if TYPE_CHECKING:
    from consent_core._native import HostPolicyDict


@dataclass(frozen=True)
class Voice:
    """One side of a hypervisor's own voice.

    Attributes:
        answer: CONSENT or REFUSE.
        because: the operator's words, at most 200 characters.
    """

    answer: Answer
    because: str = ""


@dataclass(frozen=True)
class HostPolicy:
    """What a host's file sets. None: it is silent there, and nova.conf's word stands.

    Attributes:
        mode: off, audit or enforce.
        on_error: what our own failure means.
        silence: what a voter's silence counts as.
        listed: who votes: True: those listed; False: every guest with an agent.
        voters_listed: UUIDs of guests that vote, besides what flavors say.
        accept_incoming: the hypervisor's word on guests that are to come.
        accept_outgoing: its word on guests that are to go.
        silence_mover: what the mover's silence counts as; `silence` sets it too, if a plain word.
        rules: judged for every voter of the host; of this file and those that it includes.
        facts: that the operator states, as expressions read them: site.aggregates, ...
        veto: ids of projects and UUIDs of VMs whose own refusal counts.
        utc_offset_min: minutes east of UTC, of time.hour and time.weekday.
        files: all that was read, in order.
    """

    mode: Mode | None = None
    on_error: OnError | None = None
    silence: Silence | None = None
    listed: bool | None = None
    voters_listed: tuple[str, ...] = ()
    accept_incoming: Voice | None = None
    accept_outgoing: Voice | None = None
    silence_mover: Silence | None = None
    rules: RuleSet | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    veto: tuple[str, ...] | None = None
    utc_offset_min: int | None = None
    files: tuple[str, ...] = ()


def load_host_policy(path: str | os.PathLike[str]) -> HostPolicy:
    """Reads a host's file of at most 64 KiB, with the GIL released. A file that is not there is an
    empty policy.

    Raises:
        PolicyError: it cannot be read or taken; says where and what to do.
    """
    return _policy(_native.load_host_policy(path))


def parse_host_policy(text: str, file: str) -> HostPolicy:
    """Reads the text of a host's file; `file` is its name in errors.

    Raises:
        PolicyError: it cannot be taken; says where and what to do.
    """
    return _policy(_native.parse_host_policy(text, file))


def _policy(raw: HostPolicyDict) -> HostPolicy:
    """Makes a HostPolicy of what the native module gives."""
    return HostPolicy(
        mode=None if raw["mode"] is None else Mode(raw["mode"]),
        on_error=None if raw["on_error"] is None else OnError(raw["on_error"]),
        silence=None if raw["silence"] is None else Silence(raw["silence"]),
        listed=raw["listed"],
        voters_listed=tuple(raw["voters_listed"]),
        accept_incoming=_voice(raw["accept_incoming"]),
        accept_outgoing=_voice(raw["accept_outgoing"]),
        silence_mover=None if raw["silence_mover"] is None else Silence(raw["silence_mover"]),
        rules=None if raw["rules"] is None else RuleSet._of(raw["rules"]),
        facts=raw["facts"],
        veto=None if raw["veto"] is None else tuple(raw["veto"]),
        utc_offset_min=raw["utc_offset_min"],
        files=tuple(raw["files"]),
    )


def _voice(raw: tuple[str, str] | None) -> Voice | None:
    """Makes a Voice of what the native module gives."""
    return None if raw is None else Voice(Answer(raw[0]), raw[1])
