# The native module's shapes. Private: the package around it is the API.
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, TypedDict

from consent_core.errors import ConsentError
from consent_core.outlooks import DigestVoter
from consent_core.reports import RoundReport
from consent_core.rounds import RoundRequest, Voter
from consent_core.standing import Facts

version: str

class VoterDict(TypedDict):
    id: str
    name: str
    project: str
    kind: str
    binding: bool
    silence: str

class VoterReportDict(TypedDict):
    voter: VoterDict
    vote: str
    because: str
    elapsed_ms: int | None

class RoundReportDict(TypedDict):
    round: str
    verdict: str
    decided_by: int | None
    because: str
    failure_code: str
    voters: list[VoterReportDict]
    elapsed_ms: int
    grant: int

class VotersIdentifiedDict(TypedDict):
    event: Literal["voters_identified"]
    voters: list[VoterDict]

class VoterAnsweredDict(TypedDict):
    event: Literal["voter_answered"]
    voter: int
    answer: str
    because: str

class VoterFellSilentDict(TypedDict):
    event: Literal["voter_fell_silent"]
    voter: int
    why: str

class VoterLeftDict(TypedDict):
    event: Literal["voter_left"]
    voter: int
    why: str

class VoterWithdrewDict(TypedDict):
    event: Literal["voter_withdrew"]
    voter: int

class InquiryFailedDict(TypedDict):
    event: Literal["inquiry_failed"]
    code: str
    why: str

EventDict = (
    VotersIdentifiedDict
    | VoterAnsweredDict
    | VoterFellSilentDict
    | VoterLeftDict
    | VoterWithdrewDict
    | InquiryFailedDict
)

class SubjectDict(TypedDict):
    operation: str
    mover: str
    mover_name: str
    mover_project: str
    vcpus: int
    memory_mib: int
    source: str
    site: str
    disclosed: bool

class SelectDict(TypedDict):
    connected: bool
    listed: list[str]
    exclude: list[str]
    role: str

class InquiryDict(TypedDict):
    round: str
    subject: SubjectDict
    select: SelectDict
    voter_deadline_s: float

class GrantDict(TypedDict):
    id: int
    round: str
    mover: str
    source: str
    site: str
    expires: float

class DecisionDict(TypedDict):
    allow: bool
    fault: bool
    decided_by: str
    reason: str

class HostPolicyDict(TypedDict):
    mode: str | None
    on_error: str | None
    silence: str | None
    listed: bool | None
    voters_listed: list[str]
    accept_incoming: tuple[str, str] | None
    accept_outgoing: tuple[str, str] | None
    silence_mover: str | None
    rules: RuleSet | None
    facts: dict[str, str]
    veto: list[str] | None
    utc_offset_min: int | None
    files: list[str]

class RulingDict(TypedDict):
    answer: str
    rule: str | None
    because: str
    unknown: bool
    why: str

class StandingVoteDict(TypedDict):
    answer: str
    binding: bool
    source: str | None
    origin: str
    rule: str
    because: str
    why: str

class Voters:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # TypeError

class WorkerVoters(Voters):
    def __init__(self, program: str, uri: str) -> None: ...
    def policies(self, uuids: Sequence[str], deadline_s: float) -> dict[str, str]: ...
    def pid(self) -> int: ...
    def close(self) -> None: ...

class MemoryVoters(Voters):
    def __init__(
        self,
        voters: Iterable[Voter],
        answers: Mapping[str, tuple[str, str] | None],
        default: tuple[str, str] | None,
        failure: tuple[str, str] | None,
    ) -> None: ...
    def asked(self) -> list[InquiryDict]: ...

class Ledger:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # TypeError
    def grant(
        self, mover: str, source: str, site: str, lifetime_s: float, round_id: str
    ) -> GrantDict: ...
    def claim(self, mover: str, source: str, site: str) -> GrantDict | None: ...
    def live(self) -> int: ...

class Runner:
    def __init__(self, voters: Voters, ledger: Ledger, max_rounds: int) -> None: ...
    def run(
        self, request: RoundRequest, progress: Callable[[EventDict], None] | None
    ) -> RoundReportDict: ...

class RuleSet:
    def __init__(self, *args: object, **kwargs: object) -> None: ...  # TypeError
    def __len__(self) -> int: ...
    def evaluate(self, facts: Facts) -> RulingDict: ...
    def evaluate_many(self, cases: Sequence[Facts]) -> tuple[list[RulingDict], list[int]]: ...
    def facts(self) -> list[str]: ...

class StandingPolicy:
    def __init__(self, sources: Sequence[tuple[str, str, RuleSet]], veto: bool) -> None: ...
    def vote(self, facts: Facts) -> StandingVoteDict: ...

class Outlooks:
    def __init__(self, max_digests: int) -> None: ...
    def judge(
        self, digests: Sequence[str | None], facts: Facts, now: int, max_age_s: int
    ) -> tuple[list[tuple[str, str, int, int, str]], list[int]]: ...

def parse_rules(text: str, origin: str) -> RuleSet: ...
def rules_of_properties(properties: Mapping[str, str], origin: str) -> RuleSet: ...
def fact_table() -> list[tuple[str, str, str, str, str]]: ...
def write_digest(mode: str, at: int, voters: Sequence[DigestVoter], refusals: int) -> str: ...
def memory_ledger() -> Ledger: ...
def new_uuid() -> str: ...
def decide(report: RoundReport, mode: str, on_error: str) -> DecisionDict: ...
def parse_host_policy(text: str, file: str) -> HostPolicyDict: ...
def load_host_policy(path: str | os.PathLike[str]) -> HostPolicyDict: ...
def register_error(code: str, error: type[ConsentError]) -> None: ...
