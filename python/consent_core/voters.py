"""Whom a round asks: the guests of this host through consent-worker, or a script in memory.

Must not know rounds' verdicts, modes or Nova.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from consent_core import _native
from consent_core.programs import path_of
from consent_core.rounds import Voter
from consent_core.words import Answer

Script = Answer | tuple[Answer, str] | None
"""What a scripted voter does: answers, answers because of something, or (None) stays silent until
its deadline.
"""


class Voters:
    """Who can ask the voters of one host. Base of the two below; not to be derived from
    elsewhere.
    """

    _port: _native.Voters


class WorkerVoters(Voters):
    """The guests of this host, asked by a child process, consent-worker.

    The child starts on first need, serves all rounds, and ends with this process, with `close()`,
    or when the last reference goes. It alone touches guests' bytes and libvirt. One that is stuck
    or breaks its protocol is killed by pid; its rounds end FAILED and the next round starts
    another.

    Threads: safe for use by several. Fork: keyed by pid; a forked child finds no worker here and
    starts its own on first need; its parent's is left alone.
    Source: cpp/include/consent/voters_worker.hpp.
    """

    _port: _native.WorkerVoters

    def __init__(
        self, program: str | os.PathLike[str] | None = None, uri: str = "qemu:///system"
    ) -> None:
        """Starts nothing yet.

        Args:
            program: path of consent-worker, not searched for; None: the one in this package. It
                is not looked at before the first round, which fails (worker_lost) if it cannot be
                started.
            uri: libvirt's, as virConnectOpen takes it.
        """
        self.program = os.fspath(path_of("consent-worker") if program is None else program)
        """Path of consent-worker."""
        self._port = _native.WorkerVoters(self.program, uri)

    @property
    def pid(self) -> int | None:
        """The worker's process id; None when none runs now."""
        return self._port.pid() or None

    def policies(self, uuids: Sequence[str], deadline_s: float) -> dict[str, str]:
        """What these guests' agents say of their own rules; all are asked at once.

        Blocks with the GIL released: at most twice `deadline_s` (but 1 s to find the guests) and
        half a second.

        Args:
            uuids: at most 4096; upper and lower case are alike.
            deadline_s: seconds for each guest from when it is asked, 0.001 to 60.

        Returns:
            By UUID a JSON list of rules, at most 16 KiB, as `RuleSet.parse` takes it: a guest's
            word, so expect it to be anything. Left out are guests that do not run here, have no
            agent, or do not say in time.

        Raises:
            RequestError: a value out of range; nobody was asked.
            InquiryError: the worker or libvirt failed.
        """
        return self._port.policies([uuid.lower() for uuid in uuids], deadline_s)

    def close(self) -> None:
        """Ends the worker, and the rounds under way as FAILED (worker_lost); the next round starts
        another.

        Waits until the worker is reaped, at most half a second, with the GIL released.
        """
        self._port.close()

    def __enter__(self) -> WorkerVoters:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class MemoryVoters(Voters):
    """Voters whose answers were written down beforehand. A double for tests.

    They answer at once, or stay silent for the voter's deadline. Waits as the real ones do, without
    the GIL.
    Threads: safe for use by several.
    """

    _port: _native.MemoryVoters

    def __init__(
        self,
        voters: Iterable[Voter] = (),
        answers: Mapping[str, Script] | None = None,
        default: Script = Answer.CONSENT,
        failure: tuple[str, str] | None = None,
    ) -> None:
        """Keeps the script.

        Args:
            voters: who runs on the host, at most 4096; a round's `select` applies. Their kind
                becomes its `role`.
            answers: what a voter says, by id.
            default: what those say whom `answers` does not name.
            failure: code and reason; set: every round fails with it before it knows any voter.

        Raises:
            RequestError: a voter or an answer is not one; the message names it.
        """
        script = {name: _line(line) for name, line in (answers or {}).items()}
        self._port = _native.MemoryVoters(tuple(voters), script, _line(default), failure)

    @property
    def asked(self) -> list[_native.InquiryDict]:
        """Every inquiry so far, oldest first, at most the last 10000.

        Each is a dict of "round", "voter_deadline_s", and the fields of Subject and Select as dicts
        under "subject" and "select".
        """
        return self._port.asked()


def _line(script: Script) -> tuple[str, str] | None:
    """A script as the native module takes it."""
    if script is None:
        return None
    if isinstance(script, tuple):
        return script
    return (script, "")
