"""What is in force on this host now: nova.conf, overridden by the host's file, which is read anew
when it changes.

Must not know Nova. The file is looked at (one stat) whenever someone asks, so that a change holds
from the next migration on: no watcher, no signal, no restart.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple

from consent_core import Answer, ConsentError, HostPolicy, Mode, OnError, Silence, load_host_policy
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
    listed: bool
    """Only guests that the operator named are asked."""
    voters_listed: tuple[str, ...]
    """UUIDs that the host's file names, besides what flavors say."""
    accept_incoming: Voice
    accept_outgoing: Voice


class HostSettings:
    """The policy of one host. Safe for use by several threads at once."""

    def __init__(
        self,
        options: Options,
        load: Callable[[str], HostPolicy] = load_host_policy,
    ) -> None:
        self._options = options
        self._load = load
        self._lock = threading.Lock()
        self._version: tuple[int, ...] | None = None
        self._looked = False
        self._fault: ConsentError | OSError | None = None
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
            version = self._version_now()
            if not self._looked or version != self._version:
                self._read()
                self._version, self._looked = version, True
            if self._fault is not None:
                raise self._fault.with_traceback(None)
            return self._policy

    def _version_now(self) -> tuple[int, ...] | None:
        """Tells one state of the file from another; None: there is no file."""
        try:
            stat = os.stat(self._options.host_file)
        except FileNotFoundError:
            return None
        return (stat.st_mtime_ns, stat.st_ino, stat.st_size)

    def _read(self) -> None:
        path = self._options.host_file
        try:
            self._policy = self._merge(self._load(str(path)))
        except (ConsentError, OSError) as fault:
            self._fault = fault
            LOG.error(
                "consent: the host's file cannot be used: %s. Until it is mended mode stays %s, and "
                "each migration counts as one that could not be judged: on_error=%s",
                fault,
                self.stance.mode.value,
                self.stance.on_error.value,
            )
            return
        self._fault = None
        before, self.stance = self.stance, Stance(self._policy.mode, self._policy.on_error)
        if self._looked or before != self.stance:
            LOG.info(
                "consent: %s read: mode=%s on_error=%s (nova.conf: mode=%s on_error=%s)",
                path,
                self.stance.mode.value,
                self.stance.on_error.value,
                self._options.mode.value,
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
            mode=options.mode if host.mode is None else host.mode,
            on_error=options.on_error if host.on_error is None else host.on_error,
            silence=options.silence if host.silence is None else host.silence,
            listed=options.listed if host.listed is None else host.listed,
            voters_listed=tuple(host.voters_listed),
            accept_incoming=incoming,
            accept_outgoing=outgoing,
        )
