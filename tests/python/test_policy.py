"""consent_core.policy: the host's file, taken whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from consent_core import (
    Answer,
    HostPolicy,
    Mode,
    OnError,
    PolicyError,
    Silence,
    StandingAnswer,
    Voice,
    load_host_policy,
    parse_host_policy,
)

WHOLE = """\
mode: enforce
on_error: allow
silence: abstain
voters: listed
listed: [6f1c1bb2-0000-4000-8000-000000000001]
accept_incoming: {answer: refuse, because: maintenance at 5}
accept_outgoing: consent
facts: {site.aggregates: [licensed]}
veto: [0123456789abcdef0123456789abcdef]
utc_offset: "+01:00"
rules:
  - {name: large, when: {guest.vcpus: ">= 8"}, answer: refuse}
"""


def test_every_field_is_read() -> None:
    policy = parse_host_policy(WHOLE, "host.yaml")
    assert policy.rules is not None
    assert policy.rules.evaluate({"guest.vcpus": 8}).answer is StandingAnswer.REFUSE
    assert policy == HostPolicy(
        mode=Mode.ENFORCE,
        on_error=OnError.ALLOW,
        silence=Silence.ABSTAIN,
        listed=True,
        voters_listed=("6f1c1bb2-0000-4000-8000-000000000001",),
        accept_incoming=Voice(Answer.REFUSE, "maintenance at 5"),
        accept_outgoing=Voice(Answer.CONSENT),
        silence_mover=Silence.ABSTAIN,
        rules=policy.rules,
        facts={"site.aggregates": "['licensed']"},
        veto=("0123456789abcdef0123456789abcdef",),
        utc_offset_min=60,
        files=policy.files,
    )


def test_what_is_not_set_is_none(tmp_path: Path) -> None:
    assert parse_host_policy("", "host.yaml") == HostPolicy()
    assert load_host_policy(tmp_path / "none.yaml") == HostPolicy()


def test_load_reads_a_file_by_text_or_path(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text("mode: off\n")
    assert load_host_policy(file).mode is Mode.OFF
    assert load_host_policy(str(file)).mode is Mode.OFF


def test_the_error_names_place_field_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text("on_error: allow\nmode: perhaps\n")
    with pytest.raises(PolicyError) as caught:
        load_host_policy(file)
    error = caught.value
    assert (error.file, error.line, error.column) == (str(file), 2, 7)
    assert error.field == "mode"
    assert error.problem
    assert "audit" in error.remedy or "audit" in error.problem
    assert str(error).startswith(f"{file}:2:7: mode: ")


def test_a_file_too_large_and_a_folder_have_no_place(tmp_path: Path) -> None:
    file = tmp_path / "host.yaml"
    file.write_text("#" * (64 * 1024 + 1))
    for path in (file, tmp_path):
        with pytest.raises(PolicyError) as caught:
            load_host_policy(path)
        assert caught.value.file == str(path)
        assert caught.value.line == 0
