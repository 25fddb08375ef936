"""consent_core.programs: the packaged programs run."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path

import pytest

from consent_core import program
from consent_core.programs import PROGRAMS


@pytest.mark.parametrize("name", PROGRAMS)
def test_each_program_is_there_and_explains_itself(name: str) -> None:
    path = program(name)
    assert path.is_absolute()
    assert os.access(path, os.X_OK)
    done = subprocess.run(
        [path, "--help"], capture_output=True, text=True, timeout=10, check=False, env={}
    )
    assert done.returncode == 0, done.stderr
    assert name in done.stdout


def test_another_name_is_none_of_ours() -> None:
    with pytest.raises(ValueError, match="consentctl"):
        program("../bin/sh")


@pytest.mark.parametrize("name", ["consentctl", "consent-worker"])
def test_the_console_script_becomes_the_program(name: str) -> None:
    script = Path(sysconfig.get_path("scripts")) / name
    outputs = [
        subprocess.run([path, "--help"], capture_output=True, timeout=20, check=True).stdout
        for path in (script, program(name))
    ]
    assert outputs[0] == outputs[1]
