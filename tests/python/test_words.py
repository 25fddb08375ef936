"""consent_core.words: the enumerations and their words."""

from __future__ import annotations

import enum

import pytest

from consent_core import (
    Answer,
    Mode,
    OnError,
    Outlook,
    Silence,
    Source,
    StandingAnswer,
    State,
    Vote,
    VoterKind,
)

WORDS: dict[type[enum.Enum], str] = {
    Answer: "consent refuse abstain",
    Silence: "refuse abstain",
    Mode: "off audit enforce",
    OnError: "refuse allow",
    Outlook: "consent ask refuse",
    Source: "host flavor image metadata agent",
    StandingAnswer: "consent refuse ask abstain",
    VoterKind: "neighbour mover hypervisor",
    State: (
        "idle identified requesting consented refused expired migrating migrated failed aborted"
    ),
    Vote: "awaited consented refused abstained silent left withdrawn",
}


@pytest.mark.parametrize("word", WORDS, ids=lambda word: word.__name__)
def test_values_are_the_words_of_logs_and_files(word: type[enum.Enum]) -> None:
    assert [each.value for each in word] == WORDS[word].split()
    assert [each.name for each in word] == WORDS[word].upper().split()
    assert [str(each) for each in word] == WORDS[word].split()


def test_a_word_is_found_by_its_value_and_prints_bare() -> None:
    assert Mode("enforce") is Mode.ENFORCE
    assert f"mode={Mode.AUDIT}" == "mode=audit"
    with pytest.raises(ValueError, match="maybe"):
        Answer("maybe")
