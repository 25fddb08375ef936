"""Fixtures of the tests of consent_core: a scripted worker."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from consent_core import WorkerVoters

FAKE_WORKER = Path(__file__).with_name("fake_worker.py")


@pytest.fixture
def fake_worker(tmp_path: Path) -> Iterator[Callable[[str], WorkerVoters]]:
    """Makes WorkerVoters over fake_worker.py, whose libvirt URI names what it does."""
    program = tmp_path / "fake-worker"
    program.write_text(f"#!{sys.executable} -IS\n{FAKE_WORKER.read_text()}")
    program.chmod(0o755)
    made: list[WorkerVoters] = []

    def make(behaviour: str) -> WorkerVoters:
        made.append(WorkerVoters(program, behaviour))
        return made[-1]

    yield make
    for each in made:
        each.close()
