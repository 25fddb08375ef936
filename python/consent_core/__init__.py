"""Asks the software concerned before a guest migrates: rounds, verdicts, grants, the host's policy
file, what voters have said beforehand and what hosts publish of it.

    voters = WorkerVoters()
    runner = Runner(voters)
    report = runner.run(RoundRequest(Subject(mover=uuid, site="host2", source="host1")))
    if not decide(report, Mode.ENFORCE, OnError.REFUSE).allow: ...

A typed package over a C++ core; knows nothing of Nova. Threads: everything here may be used by
several at once. GIL: run() and close() release it while they wait. Fork: each process has its own
worker and rounds, see WorkerVoters and Runner.
"""

from __future__ import annotations

from consent_core._native import version as __version__
from consent_core.decision import Decision, decide
from consent_core.errors import ConsentError, InquiryError, PolicyError, RequestError
from consent_core.events import (
    InquiryEvent,
    InquiryFailed,
    VoterAnswered,
    VoterFellSilent,
    VoterLeft,
    VotersIdentified,
    VoterWithdrew,
)
from consent_core.ledger import Grant, MemoryLedger
from consent_core.outlooks import DigestVoter, Judgement, Outlook, Outlooks, write_digest
from consent_core.policy import HostPolicy, Voice, load_host_policy, parse_host_policy
from consent_core.programs import program
from consent_core.reports import RoundReport, VoterReport
from consent_core.rounds import RoundRequest, Select, Spoken, Subject, Voter
from consent_core.runner import Progress, Runner
from consent_core.standing import (
    Fact,
    Facts,
    FactValue,
    RuleSet,
    Ruling,
    Source,
    StandingAnswer,
    StandingPolicy,
    StandingVote,
    fact_table,
)
from consent_core.voters import MemoryVoters, Script, Voters, WorkerVoters
from consent_core.words import Answer, Mode, OnError, Silence, State, Vote, VoterKind

__all__ = [
    "Answer",
    "ConsentError",
    "Decision",
    "DigestVoter",
    "Fact",
    "FactValue",
    "Facts",
    "Grant",
    "HostPolicy",
    "InquiryError",
    "InquiryEvent",
    "InquiryFailed",
    "Judgement",
    "MemoryLedger",
    "MemoryVoters",
    "Mode",
    "OnError",
    "Outlook",
    "Outlooks",
    "PolicyError",
    "Progress",
    "RequestError",
    "RoundReport",
    "RoundRequest",
    "RuleSet",
    "Ruling",
    "Runner",
    "Script",
    "Select",
    "Silence",
    "Source",
    "Spoken",
    "StandingAnswer",
    "StandingPolicy",
    "StandingVote",
    "State",
    "Subject",
    "Voice",
    "Vote",
    "Voter",
    "VoterAnswered",
    "VoterFellSilent",
    "VoterKind",
    "VoterLeft",
    "VoterReport",
    "VoterWithdrew",
    "Voters",
    "VotersIdentified",
    "WorkerVoters",
    "__version__",
    "decide",
    "fact_table",
    "load_host_policy",
    "parse_host_policy",
    "program",
    "write_digest",
]
