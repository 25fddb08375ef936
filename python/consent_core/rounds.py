"""What a round is asked for: who moves, who is asked, what is already known, how long it may take.

Plain frozen values; they are checked when a round runs (`RequestError` names the field). Must not
know who asks.
Source: cpp/include/consent/ports.hpp, runner.hpp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from consent_core.words import Answer, Silence, VoterKind


@dataclass(frozen=True)
class Voter:
    """One voter of a round.

    Attributes:
        id: the domain's UUID in lower-case text form; a hypervisor's host name. At most 255 bytes,
            as are the next two.
        name: the libvirt domain's name or the host's name.
        project: the owner's project id; empty when unknown.
        kind: which part of the software concerned it is.
        binding: False: what it says is recorded and decides nothing.
        silence: what its silence counts as.
    """

    id: str
    name: str
    project: str = ""
    kind: VoterKind = VoterKind.NEIGHBOUR
    binding: bool = True
    silence: Silence = Silence.REFUSE


@dataclass(frozen=True)
class Subject:
    """What is to happen.

    Attributes:
        mover: UUID of the guest that is to move.
        site: host name of the destination; told to guests as a hash only.
        source: host name of the source; likewise.
        operation: "live-migration".
        mover_name: for logs; never told to another project's guest.
        mover_project: empty when unknown: then every voter counts as another project's.
        vcpus: 0 to 2**32 - 1; 0 when unknown.
        memory_mib: MiB, 0 to 2**63 - 1; 0 when unknown.
        disclosed: True: every voter is told the mover's UUID; False: those of its own project, and
            others a pseudonym each.
    """

    mover: str
    site: str
    source: str = ""
    operation: str = "live-migration"
    mover_name: str = ""
    mover_project: str = ""
    vcpus: int = 0
    memory_mib: int = 0
    disclosed: bool = False


@dataclass(frozen=True)
class Select:
    """Which guests of the host are asked. Only those with an agent: libvirt shows their channel as
    connected.

    Attributes:
        connected: True: every such guest; False: of those, only `listed`.
        listed: guests' UUIDs, at most 4096.
        exclude: UUIDs of guests never asked (the mover, at its destination), at most 4096.
        role: as what they are asked, NEIGHBOUR or MOVER.
    """

    connected: bool = True
    listed: Sequence[str] = ()
    exclude: Sequence[str] = ()
    role: VoterKind = VoterKind.NEIGHBOUR


@dataclass(frozen=True)
class Spoken:
    """A vote known before anyone is asked: a hypervisor's own voice, or what a standing policy
    comes to.

    Attributes:
        voter: who spoke. A binding refusal ends the round before any guest is asked.
        answer: what it said.
        because: in its words.
    """

    voter: Voter
    answer: Answer
    because: str = ""


@dataclass(frozen=True)
class RoundRequest:
    """One round.

    Attributes:
        subject: what is to happen.
        select: which guests are asked.
        spoken: votes known already, at most 4096.
        ask_guests: False: only `spoken` is heard.
        silence: what a guest's silence counts as.
        voter_deadline_s: seconds that each guest has from being asked; above 0. Counted in whole
            milliseconds, as all times here.
        round_deadline_s: seconds from the call to the verdict, waiting for a free place included;
            0.001 to 30.
        grant_lifetime_s: seconds that a consent's grant stays live, to 86400; 0: record none.
        round: UUID in text form that names the round in logs; empty: one is made up.
        entitled: UUIDs of guests whose word decides, at most 4096; None: every guest's does. The
            others are asked too; what they say is recorded.
    """

    subject: Subject
    select: Select = field(default_factory=Select)
    spoken: Sequence[Spoken] = ()
    ask_guests: bool = True
    silence: Silence = Silence.REFUSE
    voter_deadline_s: float = 5.0
    round_deadline_s: float = 20.0
    grant_lifetime_s: float = 0.0
    round: str = ""
    entitled: Sequence[str] | None = None
