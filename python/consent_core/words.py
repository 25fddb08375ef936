"""The words that every part shares: what a voter can say, what silence means, where a round stands.

Each is a `str` with a lower-case value, the same as in logs, policy files and the wire protocol:
`Mode("enforce") is Mode.ENFORCE`, and `str()` gives the bare word. Must not know Nova, files or
rounds.
Source: cpp/include/consent/types.hpp, machine.hpp.
"""

from __future__ import annotations

import enum


class _Word(str, enum.Enum):
    """A word of the field. `ValueError` for any other."""

    def __str__(self) -> str:
        return str(self.value)


class Answer(_Word):
    """What a voter can say. Anything else that it sends is not an answer."""

    CONSENT = "consent"
    REFUSE = "refuse"
    ABSTAIN = "abstain"


class Silence(_Word):
    """What a voter's silence counts as. Never a consent: at best it is no vote."""

    REFUSE = "refuse"
    ABSTAIN = "abstain"


class Mode(_Word):
    """What an operator makes of verdicts: ask nobody; ask and record; ask, record and obey."""

    OFF = "off"
    AUDIT = "audit"
    ENFORCE = "enforce"


class OnError(_Word):
    """What our own failure means in mode enforce."""

    REFUSE = "refuse"
    ALLOW = "allow"


class VoterKind(_Word):
    """Which part of the software concerned a voter is.

    NEIGHBOUR: a guest that runs on the destination. MOVER: the guest that is to move. HYPERVISOR: a
        host's own voice, as
    its operator stated it.
    """

    NEIGHBOUR = "neighbour"
    MOVER = "mover"
    HYPERVISOR = "hypervisor"


class State(_Word):
    """Where a migration stands. A round's verdict is CONSENTED, REFUSED, EXPIRED, FAILED or
    ABORTED.
    """

    IDLE = "idle"
    IDENTIFIED = "identified"
    REQUESTING = "requesting"
    CONSENTED = "consented"
    REFUSED = "refused"
    EXPIRED = "expired"
    MIGRATING = "migrating"
    MIGRATED = "migrated"
    FAILED = "failed"
    ABORTED = "aborted"


class Vote(_Word):
    """What became of a voter. AWAITED: the round ended before it had to answer."""

    AWAITED = "awaited"
    CONSENTED = "consented"
    REFUSED = "refused"
    ABSTAINED = "abstained"
    SILENT = "silent"
    LEFT = "left"
    WITHDRAWN = "withdrawn"
