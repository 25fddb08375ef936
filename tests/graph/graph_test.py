"""scripts/graph.py sees what it is there to see: each forbidden arrow is planted in a copy of the tree and found there.

Knows the tree's layout and the program's command line, nothing of its inside.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of everything that the graph reads."""
    for folder in ("cpp", "python", "nova_plugin"):
        shutil.copytree(
            ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__", "build")
        )
    (tmp_path / "docs/architecture").mkdir(parents=True)
    shutil.copy(ROOT / "docs/architecture/arrows.toml", tmp_path / "docs/architecture")
    return tmp_path


def graph(tree: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            str(ROOT / "scripts/graph.py"),
            "--root",
            str(tree),
            "--out",
            str(tree / "out"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def plant(file: Path, line: str, comment: str) -> int:
    """Puts one line at the end of a file that is there; returns its number."""
    text = file.read_text().rstrip("\n") + f"\n{line}  {comment} planted\n"
    file.write_text(text)
    return text.count("\n")


def test_the_tree_as_it_is_has_no_forbidden_arrow(tree: Path) -> None:
    result = graph(tree)
    assert result.stderr == ""
    assert result.returncode == 0
    drawing = (tree / "out/parts.dot").read_text()
    assert "runner -> machine" in drawing
    assert "color=red" not in drawing


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("cpp/core/machine.cpp", '#include "consent/ports.hpp"', "machine must not know ports"),
        ("cpp/core/machine.cpp", "#include <thread>", "machine is pure and must not use <thread>"),
        ("cpp/core/machine.cpp", "#include <sys/socket.h>", "machine must not use posix"),
        (
            "cpp/core/machine.cpp",
            "auto t = std::chrono::steady_clock::now();",
            "must not call ::now(",
        ),
        ("cpp/protocol/wire.cpp", "#include <libvirt/libvirt.h>", "protocol must not use libvirt"),
        (
            "cpp/runner/runner.cpp",
            '#include "consent/voters_worker.hpp"',
            "runner must not know worker_client",
        ),
    ],
)
def test_a_forbidden_include_is_found(tree: Path, file: str, line: str, says: str) -> None:
    before = set(graph(tree).stderr.splitlines())
    number = plant(tree / file, line, "//")
    result = graph(tree)
    assert result.returncode == 1
    (finding,) = set(result.stderr.splitlines()) - before
    assert f"{file}:{number}: " in finding
    assert says in finding


@pytest.mark.parametrize(
    "line", ["import nova", "from nova import exception", "import nova.conf as conf"]
)
def test_nova_is_imported_in_the_nova_package_alone(tree: Path, line: str) -> None:
    file = "python/consent_core/__init__.py"
    before = set(graph(tree).stderr.splitlines())
    number = plant(tree / file, line, "#")
    result = graph(tree)
    assert result.returncode == 1
    (finding,) = set(result.stderr.splitlines()) - before
    assert f"{file}:{number}: consent_core must not use nova" in finding


def test_a_source_of_no_part_is_named(tree: Path) -> None:
    (tree / "cpp/loose").mkdir()
    (tree / "cpp/loose/thing.cpp").write_text("int thing() { return 1; }\n")
    result = graph(tree)
    assert result.returncode == 1
    assert "cpp/loose/thing.cpp:1: belongs to no part" in result.stderr
