"""Rounds over scripted voters: what is asked, what is told, what is reported."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from consent_core import (
    Answer,
    InquiryEvent,
    InquiryFailed,
    MemoryLedger,
    MemoryVoters,
    RequestError,
    RoundRequest,
    Runner,
    Select,
    Silence,
    Spoken,
    State,
    Subject,
    Vote,
    Voter,
    VoterAnswered,
    VoterFellSilent,
    VoterKind,
    VotersIdentified,
)
from scripted import MOVER, request, voters

ROUND = "6f1c1bb2-0000-4000-8000-0000000000aa"
HOST = Voter("host2", "host2", kind=VoterKind.HYPERVISOR)


def test_all_consent() -> None:
    report = Runner(MemoryVoters(voters(3))).run(request())
    assert report.verdict is State.CONSENTED
    assert report.because == ""
    assert report.failure_code == ""
    assert report.grant == 0
    assert [each.voter.name for each in report.voters] == ["guest0", "guest1", "guest2"]
    assert {each.vote for each in report.voters} == {Vote.CONSENTED}
    assert all(isinstance(each.elapsed_ms, int) for each in report.voters)
    assert report.counts() == {
        "asked": 3,
        "awaited": 0,
        "consented": 3,
        "refused": 0,
        "abstained": 0,
        "silent": 0,
        "left": 0,
        "withdrawn": 0,
    }


def test_nobody_to_ask_is_a_consent() -> None:
    report = Runner(MemoryVoters()).run(request())
    assert (report.verdict, report.voters, report.decided_by) == (State.CONSENTED, (), None)


def test_a_refusal_names_its_voter_and_its_words() -> None:
    script = {"voter-001": (Answer.REFUSE, "licensed to this host")}
    report = Runner(MemoryVoters(voters(3), script)).run(request())
    assert report.verdict is State.REFUSED
    assert report.decided_by == 1
    assert report.because == "licensed to this host"
    assert report.voters[1].vote is Vote.REFUSED


def test_silence_is_never_a_consent() -> None:
    memory = MemoryVoters(voters(2), {"voter-001": None})
    report = Runner(memory).run(request(voter_deadline_s=0.05))
    assert report.verdict is State.EXPIRED
    assert report.decided_by == 1
    assert report.voters[1].vote is Vote.SILENT
    assert 50 <= report.elapsed_ms < 500


def test_silence_may_count_as_no_vote() -> None:
    memory = MemoryVoters(voters(2), {"voter-001": None})
    wanted = replace(request(voter_deadline_s=0.05), silence=Silence.ABSTAIN)
    report = Runner(memory).run(wanted)
    assert report.verdict is State.CONSENTED
    assert report.voters[1].vote is Vote.SILENT


def test_a_hypervisor_that_refuses_spares_the_guests() -> None:
    memory = MemoryVoters(voters(2))
    spoken = (Spoken(HOST, Answer.REFUSE, "maintenance"),)
    report = Runner(memory).run(replace(request(), spoken=spoken))
    assert report.verdict is State.REFUSED
    assert report.voters[0].voter == HOST
    assert report.because == "maintenance"
    assert memory.asked == []


def test_what_the_voters_are_asked() -> None:
    memory = MemoryVoters(voters(4))
    subject = Subject(MOVER, "host2", "host1", mover_name="db", vcpus=2, memory_mib=96)
    select = Select(
        connected=False,
        listed=("voter-000", "voter-001"),
        exclude=["voter-001"],
        role=VoterKind.MOVER,
    )
    wanted = RoundRequest(subject, select, voter_deadline_s=1.5, round=ROUND)
    report = Runner(memory).run(wanted)
    assert [(each.voter.id, each.voter.kind) for each in report.voters] == [
        ("voter-000", VoterKind.MOVER)
    ]
    assert report.round == ROUND
    assert memory.asked == [
        {
            "round": ROUND,
            "voter_deadline_s": 1.5,
            "subject": {
                "operation": "live-migration",
                "mover": MOVER,
                "mover_name": "db",
                "mover_project": "",
                "vcpus": 2,
                "memory_mib": 96,
                "source": "host1",
                "site": "host2",
                "disclosed": False,
            },
            "select": {
                "connected": False,
                "listed": ["voter-000", "voter-001"],
                "exclude": ["voter-001"],
                "role": "mover",
            },
        }
    ]


def test_nobody_is_asked_when_guests_are_not() -> None:
    memory = MemoryVoters(voters(2))
    report = Runner(memory).run(replace(request(), ask_guests=False))
    assert report.verdict is State.CONSENTED
    assert memory.asked == []


def test_our_own_failure_is_a_verdict() -> None:
    memory = MemoryVoters(voters(2), failure=("libvirt", "cannot connect"))
    report = Runner(memory).run(request())
    assert (report.verdict, report.failure_code) == (State.FAILED, "libvirt")
    assert "cannot connect" in report.because


def test_a_consent_leaves_a_grant_that_a_refusal_does_not() -> None:
    ledger = MemoryLedger()
    consenting = Runner(MemoryVoters(voters(1)), ledger)
    assert consenting.ledger is ledger
    report = consenting.run(request(grant_lifetime_s=30.0))
    assert report.grant == 1
    grant = ledger.claim(MOVER, "host1", "host2")
    assert grant is not None
    assert (grant.id, grant.round) == (1, report.round)
    refusing = Runner(MemoryVoters(voters(1), default=Answer.REFUSE), ledger)
    assert refusing.run(request(grant_lifetime_s=30.0)).grant == 0
    assert ledger.live() == 0


def test_progress_is_told_each_event() -> None:
    told: list[InquiryEvent] = []
    memory = MemoryVoters(voters(2), {"voter-001": None}, (Answer.CONSENT, "welcome"))
    Runner(memory).run(request(voter_deadline_s=0.05), told.append)
    assert told[0] == VotersIdentified(tuple(voters(2)))
    assert told[1] == VoterAnswered(0, Answer.CONSENT, "welcome")
    assert isinstance(told[2], VoterFellSilent)
    assert (told[2].voter, len(told)) == (1, 3)


def test_progress_is_told_of_a_failure() -> None:
    told: list[InquiryEvent] = []
    Runner(MemoryVoters(failure=("limit", "too many"))).run(request(), told.append)
    assert told == [InquiryFailed("limit", "too many")]


def test_a_report_becomes_json() -> None:
    memory = MemoryVoters(voters(1), default=(Answer.REFUSE, "no"))
    report = Runner(memory).run(request())
    value = json.loads(json.dumps(report.to_dict()))
    assert value == report.to_dict()
    assert value["verdict"] == "refused"
    assert value["voters"][0]["vote"] == "refused"
    assert value["voters"][0]["voter"]["kind"] == "neighbour"


def test_who_is_not_entitled_is_asked_and_decides_nothing() -> None:
    memory = MemoryVoters(voters(2), {"voter-000": (Answer.REFUSE, "backup")})
    report = Runner(memory).run(replace(request(), entitled=["voter-001"]))
    assert report.verdict is State.CONSENTED
    assert [each.vote for each in report.voters] == [Vote.REFUSED, Vote.CONSENTED]
    assert [each.voter.binding for each in report.voters] == [False, True]
    for entitled in (["voter-000"], ("voter-000", "voter-001"), None):
        refused = Runner(memory).run(replace(request(), entitled=entitled))
        assert refused.verdict is State.REFUSED
    assert Runner(memory).run(replace(request(), entitled=[])).verdict is State.CONSENTED


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("round_deadline_s", 0.0),
        ("round_deadline_s", 30.1),
        ("round_deadline_s", float("nan")),
        ("round_deadline_s", "20"),
        ("round_deadline_s", True),
        ("round_deadline_s", 10**400),
        ("voter_deadline_s", -1.0),
        ("voter_deadline_s", float("inf")),
        ("grant_lifetime_s", 86401.0),
        ("ask_guests", 1),
        ("silence", "consent"),
        ("round", "x" * 65),
        ("round", None),
        ("spoken", [None]),
        ("spoken", "text"),
        ("spoken", [Spoken(HOST, Answer.CONSENT)] * 4097),
        ("entitled", "text"),
        ("entitled", [7]),
        ("entitled", ["x" * 256]),
        ("entitled", ["x"] * 4097),
        ("select", None),
    ],
)
def test_a_request_out_of_range_asks_nobody(field: str, value: Any) -> None:
    memory = MemoryVoters(voters(1))
    with pytest.raises(RequestError):
        Runner(memory).run(replace(request(), **{field: value}))
    assert memory.asked == []


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ({"subject": Subject(MOVER, "host2", vcpus=-1)}, "subject.vcpus"),
        ({"subject": Subject(MOVER, "host2", vcpus=2**32)}, "subject.vcpus"),
        ({"subject": Subject(MOVER, "host2", memory_mib=2**63)}, "subject.memory_mib"),
        ({"subject": Subject(MOVER, "ho\0st")}, "subject.site"),
        ({"subject": Subject(MOVER, "\udc80")}, "subject.site"),
        ({"subject": Subject(MOVER, "h" * 256)}, "subject.site"),
        ({"select": Select(listed=["a"] * 4097)}, "select.listed"),
        ({"select": Select(listed=["a", 3])}, r"select.listed\[1\]"),  # type: ignore[list-item]
        ({"spoken": [Spoken(HOST, "aye")]}, r"spoken\[0\].answer"),  # type: ignore[arg-type]
        ({"spoken": [Spoken(replace(HOST, binding=1), Answer.CONSENT)]}, r"\.voter\.binding"),  # type: ignore[arg-type]
    ],
)
def test_the_error_names_the_field(part: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Runner(MemoryVoters()).run(replace(request(), **part))


def test_a_script_that_is_none_is_refused() -> None:
    with pytest.raises(RequestError, match=r"answers\[voter-000\]"):
        MemoryVoters(voters(1), {"voter-000": ("aye", "")})  # type: ignore[dict-item]
    with pytest.raises(RequestError, match=r"voters\[0\].id"):
        MemoryVoters([Voter(7, "seven")])  # type: ignore[arg-type]
