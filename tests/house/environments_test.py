"""A cached environment is whole or made anew, and a checkout's copy never writes to it.

Makes real virtual environments from an empty lock file, so it needs no network. Knows
scripts/environments.py as a module.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import time
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, over a tree and a cache of its own."""
    spec = importlib.util.spec_from_file_location("environments", ROOT / "scripts/environments.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "tree/requirements").mkdir(parents=True)
    (tmp_path / "tree/requirements/dev.txt").write_text("# nothing\n")
    monkeypatch.setattr(module, "ROOT", tmp_path / "tree")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return module


def test_half_made_is_made_anew_and_whole_is_used_again(environments: ModuleType) -> None:
    made = environments.ensure("dev")
    (made / "mine").touch()
    assert environments.ensure("dev") == made
    assert (made / "mine").exists(), "a whole one is used as it is"

    (made / environments.MARKER).unlink()  # as a run leaves it that was killed
    assert environments.ensure("dev") == made
    assert not (made / "mine").exists()
    assert (made / environments.MARKER).exists()


def test_another_lock_file_is_another_environment_and_the_old_one_goes_when_unused(
    environments: ModuleType,
) -> None:
    old = environments.ensure("dev")
    (environments.ROOT / "requirements/dev.txt").write_text("--no-index\n")
    new = environments.ensure("dev")
    assert new != old
    assert old.exists(), "somebody may be using it"

    long_ago = time.time() - (environments.UNUSED_DAYS + 1) * 86400
    os.utime(old / environments.MARKER, (long_ago, long_ago))
    environments.ensure("dev")
    assert not old.exists()
    assert new.exists()


def test_a_copys_scripts_name_the_copy_and_the_original_is_left_alone(
    environments: ModuleType, tmp_path: Path
) -> None:
    source = environments.ensure("dev")
    before = (source / "bin/pip").read_text()
    target = tmp_path / "copy"
    subprocess.run(["cp", "-al", source, target], check=True)
    environments.move_home(source, target)
    assert (source / "bin/pip").read_text() == before
    assert (target / "bin/pip").read_text().startswith(f"#!{target}/bin/python")
    shown = subprocess.run(
        [target / "bin/pip", "--version"], check=True, capture_output=True, text=True
    )
    assert str(target) in shown.stdout
