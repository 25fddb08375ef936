"""The README's runner lets no block escape and sees one that does not do what the text says."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tests/house/readme.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["readme"] = module
    spec.loader.exec_module(module)
    return module


readme = load()


def test_the_readme_says_of_each_block_how_it_is_run() -> None:
    found = readme.blocks((ROOT / "README.md").read_text())
    assert {"host", "cloud"} <= {block.environment for block in found}
    assert any("guest says" in block.prints for block in found), "a refusal is explained"


@pytest.mark.parametrize(
    "marker", ["", "<!-- run: moon -->\n", "<!-- run: host; maybe -->\n", "<!-- host -->\n"]
)
def test_a_block_without_a_right_marker_is_an_error(marker: str) -> None:
    with pytest.raises(readme.ReadmeError, match="line 1"):
        readme.blocks(f"{marker}```bash\ntrue\n```\n")


@pytest.mark.parametrize(
    ("marker", "code", "wrong"),
    [
        ("run: host", "true", ""),
        ("run: host", "false\ntrue", "status 1"),
        ("run: host", "broken() { return 3; }\nbroken", "status 3"),
        ("run: host; fails", "false", ""),
        ("run: host; fails", "true", "ended well"),
        ("run: host; prints: moon", "echo the moon", ""),
        ("run: host; prints: moon", "echo the sun", "did not print 'moon'"),
    ],
)
def test_a_block_must_do_what_its_marker_says(marker: str, code: str, wrong: str) -> None:
    (block,) = readme.blocks(f"<!-- {marker} -->\n```bash\n{code}\n```\n")
    shell = readme.Shell()
    found = readme.judge(block, *shell.run(block.code))
    shell.close()
    assert bool(found) == bool(wrong)
    assert wrong in found


def test_what_a_block_sets_holds_in_the_next() -> None:
    shell = readme.Shell()
    shell.run("HOST=host2")
    status, printed = shell.run("echo at \\\n  $HOST")
    shell.close()
    assert status == 0
    assert printed.split() == ["at", "host2"]
