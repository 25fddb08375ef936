"""What is in force on this host now: nova.conf, overridden by the host's file, which is read anew
when it changes.

Must not know Nova. The file and those that it includes are looked at (one stat each) whenever someone
asks, so that a change holds from the next migration on: no watcher, no signal, no restart.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple

from consent_core import (
    Answer,
    ConsentError,
    HostPolicy,
    Mode,
    OnError,
    RuleSet,
    Silence,
    load_host_policy,
)
from nova_consent.conf import Options

LOG = logging.getLogger(__name__)


class Stance(NamedTuple):
    """What is made of verdicts (mode) and of our own failures (on_error)."""

    mode: Mode
    on_error: OnError


@dataclasses.dataclass(frozen=True)
class Voice:
    """A hypervisor's own word. `because`: at most 200 characters, may be empty."""

    answer: Answer
    because: str


@dataclasses.dataclass(frozen=True)
class Policy:
    """What is in force: nova.conf with the host's file over it."""

    mode: Mode
    on_error: OnError
    silence: Silence
    """Of neighbours."""
    silence_mover: Silence
    listed: bool
    """Only guests that the operator named are asked."""
    voters_listed: tuple[str, ...]
    """UUIDs that the host's file names, besides what flavors say."""
    accept_incoming: Voice
    accept_outgoing: Voice
    veto_all: bool
    """Every guest's own refusal counts; False: only those of guests that the operator entitled."""
    veto: frozenset[str]
    """UUIDs and projects that the host's file entitles, besides what flavors say."""
    rules: RuleSet | None
    """Of the host's files; None: they hold none."""
    asks_tags: bool
    """They look at the tags of the VM that is to move, which take a read."""
    facts: Mapping[str, str]
    """What the operator states of this host, by names such as site.aggregates."""
    utc_offset_min: int
    """Minutes that the hours in rules are ahead of UTC."""
    version: int
    """Another number whenever the host's files were read anew."""


class HostSettings:
    """The policy of one host. Safe for use by several threads at once."""

    def __init__(
        self,
        options: Options,
        load: Callable[[str], HostPolicy] = load_host_policy,
        host: str = "",
    ) -> None:
        """`host`: as Nova names it, for the option `modes`."""
        self._options = options
        self._load = load
        self._mode = options.mode_of(host)
        self._lock = threading.Lock()
        self._files = [str(options.host_file)]
        self._seen: dict[str, tuple[int, ...] | None] = {}
        self._reads = 0
        self._fault = ""
        self._policy = self._merge(HostPolicy())
        self.stance = Stance(self._policy.mode, self._policy.on_error)
        """Mode and on_error as last known: nova.conf's until the host's file was read once.

        A file that went bad leaves them: a slip of the pen must not end enforcement, nor begin it.
        A plain attribute, so that reading it cannot fail.
        """

    def current(self) -> Policy:
        """The policy in force now; reads the host's file if it changed since the last call.

        :raises consent_core.PolicyError: the file cannot be taken, until it is mended (logged once
            for each version of the file)
        :raises OSError: the file cannot be looked at
        """
        with self._lock:
            seen = {file: _version_of(file) for file in self._files}
            # While they cannot be used they are read at each look: which file mends them is not known.
            if seen != self._seen or self._fault:
                self._read()
                # As they were before they were read: what changed meanwhile is read next time.
                self._seen = {file: seen.get(file) or _version_of(file) for file in self._files}
            return self._policy

    def _read(self) -> None:
        path = str(self._options.host_file)
        try:
            host = self._load(path)
            policy = self._merge(host)
        except (ConsentError, OSError) as fault:
            if str(fault) != self._fault:
                LOG.error(
                    "consent: the host's file cannot be used: %s. Until it is mended mode stays %s, "
                    "and each migration counts as one that could not be judged: on_error=%s",
                    fault,
                    self.stance.mode.value,
                    self.stance.on_error.value,
                )
            self._fault = str(fault)
            raise
        self._files = list(dict.fromkeys([path, *map(str, host.files)]))
        again = bool(self._fault or self._reads)
        self._policy, self._fault = policy, ""
        self._reads += 1
        before, self.stance = self.stance, Stance(policy.mode, policy.on_error)
        if again or before != self.stance:
            LOG.info(
                "consent: %s read: mode=%s on_error=%s rules=%d (nova.conf: mode=%s on_error=%s)",
                path,
                self.stance.mode.value,
                self.stance.on_error.value,
                len(policy.rules) if policy.rules is not None else 0,
                self._mode.value,
                self._options.on_error.value,
            )

    def _merge(self, host: HostPolicy) -> Policy:
        """The file's word where it has one, else nova.conf's."""
        options = self._options
        incoming = Voice(options.accept_incoming, options.accept_incoming_because)
        outgoing = Voice(options.accept_outgoing, options.accept_outgoing_because)
        if host.accept_incoming is not None:
            incoming = Voice(host.accept_incoming.answer, host.accept_incoming.because)
        if host.accept_outgoing is not None:
            outgoing = Voice(host.accept_outgoing.answer, host.accept_outgoing.because)
        return Policy(
            mode=self._mode if host.mode is None else host.mode,
            on_error=options.on_error if host.on_error is None else host.on_error,
            silence=options.silence if host.silence is None else host.silence,
            silence_mover=(
                options.silence_mover if host.silence_mover is None else host.silence_mover
            ),
            listed=options.listed if host.listed is None else host.listed,
            voters_listed=tuple(host.voters_listed),
            accept_incoming=incoming,
            accept_outgoing=outgoing,
            veto_all=options.veto_all and host.veto is None,
            veto=frozenset(host.veto or ()),
            rules=host.rules,
            asks_tags=host.rules is not None and host.rules.asks("guest.tag"),
            facts=host.facts,
            utc_offset_min=host.utc_offset_min or 0,
            version=self._reads,
        )


def _version_of(file: str) -> tuple[int, ...] | None:
    """Tells one state of the file from another; None: there is no file."""
    try:
        stat = os.stat(file)
    except FileNotFoundError:
        return None
    return (stat.st_mtime_ns, stat.st_ino, stat.st_size)
