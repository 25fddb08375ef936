#!/usr/bin/python3
"""Draws the parts of the project and the arrows between them; fails on one that the architecture forbids.

    graph.py [--root FOLDER] [--out FOLDER]

Reads the C++ includes and Python imports of every source, and docs/architecture/arrows.toml for
what is allowed. Writes parts.dot, and parts.svg where graphviz is installed, into build/graph. Exit
status 1: each forbidden arrow is named by file and line. Knows nothing of the build; standard
library only.
"""

from __future__ import annotations

import argparse
import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("cpp", "python", "nova_plugin")
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
CPP = (".cpp", ".hpp", ".h", ".cc")


@dataclass(frozen=True)
class Part:
    """One part, as arrows.toml describes it."""

    name: str
    what: str
    files: tuple[str, ...]
    may_know: frozenset[str]
    uses: frozenset[str]
    pure: bool


@dataclass(frozen=True)
class Use:
    """One include or import: where it stands and what it names."""

    file: Path
    line: int
    name: str
    local: bool  # C++: written with quotes; Python: relative


class Graph:
    """The parts, the arrows found, and the findings: sentences, each with file and line."""

    def __init__(self, root: Path) -> None:
        self.root = root
        with (root / "docs/architecture/arrows.toml").open("rb") as file:
            table = tomllib.load(file)
        self.parts = {
            name: Part(
                name,
                entry["what"],
                tuple(entry["files"]),
                frozenset(entry["may_know"]),
                frozenset(entry["uses"]),
                entry["pure"],
            )
            for name, entry in table["parts"].items()
        }
        self.libraries: dict[str, list[str]] = table["libraries"]
        self.impure_headers = frozenset(table["impure"]["headers"])
        self.impure_calls = [re.compile(pattern) for pattern in table["impure"]["calls"]]
        self.arrows: dict[tuple[str, str], int] = {}
        self.findings: list[str] = []
        self.headers = [file for file in self.sources() if file.suffix in (".hpp", ".h")]

    def part_of(self, file: Path) -> Part | None:
        """The part that a file belongs to: of the globs that fit, the longest decides."""
        path = file.relative_to(self.root).as_posix()
        fits = [(len(g), p) for p in self.parts.values() for g in p.files if fnmatch(path, g)]
        return max(fits, key=lambda fit: fit[0])[1] if fits else None

    def read(self) -> None:
        """Reads every source. Fills arrows and findings."""
        seen = 0
        for file in self.sources():
            part = self.part_of(file)
            if part is None:
                self.find(file, 1, "belongs to no part; name it in docs/architecture/arrows.toml")
                continue
            seen += 1
            try:
                for use in cpp_uses(file) if file.suffix in CPP else python_uses(file):
                    self.judge(part, use)
            except SyntaxError as error:
                self.find(file, error.lineno or 1, f"cannot be read: {error.msg}")
            if part.pure and file.suffix in CPP:
                self.look_for_calls(part, file)
        if not seen:
            self.findings.append("no source found: nothing was checked")

    def sources(self) -> Iterator[Path]:
        for folder in FOLDERS:
            for file in sorted((self.root / folder).rglob("*")):
                hidden = any(p.startswith(".") or p in ("build", "__pycache__") for p in file.parts)
                if file.suffix in (*CPP, ".py", ".pyi") and not hidden:
                    yield file

    def judge(self, part: Part, use: Use) -> None:
        """Is this include or import an arrow, and may it be drawn?"""
        target = self.target(use)
        if target is not None:
            if target.name == part.name:
                return
            self.arrows[part.name, target.name] = self.arrows.get((part.name, target.name), 0) + 1
            if target.name not in part.may_know:
                self.find(
                    use.file, use.line, f"{part.name} must not know {target.name} ({use.name})"
                )
            return
        library = self.library(use)
        if library == "std":
            if part.pure and use.name in self.impure_headers:
                self.find(use.file, use.line, f"{part.name} is pure and must not use <{use.name}>")
        elif library is None:
            self.find(use.file, use.line, f"{use.name} is no library that arrows.toml knows")
        elif library not in part.uses:
            self.find(use.file, use.line, f"{part.name} must not use {library} ({use.name})")

    def target(self, use: Use) -> Part | None:
        """The part that an include or import leads to; None for a library."""
        if use.file.suffix in CPP:
            beside = (use.file.parent / use.name).resolve()
            if beside in self.headers:
                return self.part_of(beside)
            # Include folders are the build's affair: a header is known by the end of its path.
            found = [h for h in self.headers if h.as_posix().endswith(f"/{use.name}")]
            return self.part_of(found[0]) if use.local and found else None
        top = use.name.split(".")[0]
        if use.local:
            # A relative import stays in its package, save the native module that the typed package stands on.
            return self.parts["bindings"] if "_native" in use.name else self.part_of(use.file)
        if use.name.startswith("consent_core._native"):
            return self.parts["bindings"]
        return self.parts.get(top) if top in ("consent_core", "nova_consent") else None

    def library(self, use: Use) -> str | None:
        """The library that is used: a name of [libraries], `std`, `posix`, or None when it is unknown."""
        if use.file.suffix in CPP:
            for name, prefixes in self.libraries.items():
                if any(use.name.startswith(p) for p in prefixes if "/" in p or p.endswith(".hpp")):
                    return name
            if use.name.endswith(".h"):
                return "posix"
            return None if use.local or "/" in use.name or "." in use.name else "std"
        top = use.name.split(".")[0]
        if top in sys.stdlib_module_names:
            return "std"
        for name, prefixes in self.libraries.items():
            if any(top == p or (p.endswith("_") and top.startswith(p)) for p in prefixes):
                return name
        return None

    def look_for_calls(self, part: Part, file: Path) -> None:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            code = line.split("//")[0]
            for pattern in self.impure_calls:
                if match := pattern.search(code):
                    self.find(file, number, f"{part.name} is pure and must not call {match[0]}")

    def find(self, file: Path, line: int, what: str) -> None:
        self.findings.append(f"{file.relative_to(self.root)}:{line}: {what}")

    def dot(self) -> str:
        """The drawing: an arrow's number counts the includes or imports behind it; a forbidden one is red."""
        lines = [
            "digraph parts {",
            "  rankdir=BT; node [shape=box, style=filled, fillcolor=white, fontname=sans];",
        ]
        for part in self.parts.values():
            colour = ', fillcolor="#e8f4e8"' if part.pure else ""
            uses = rf"\n({', '.join(sorted(part.uses))})" if part.uses else ""
            lines.append(f'  {part.name} [label="{part.name}\\n{part.what}{uses}"{colour}];')
        for (source, target), count in sorted(self.arrows.items()):
            colour = "" if target in self.parts[source].may_know else ", color=red, penwidth=2"
            lines.append(f'  {source} -> {target} [label="{count}"{colour}];')
        return "\n".join([*lines, "}", ""])


def cpp_uses(file: Path) -> Iterator[Use]:
    for number, line in enumerate(file.read_text().splitlines(), 1):
        if match := INCLUDE.match(line):
            yield Use(file, number, match[1] or match[2], local=match[1] is not None)


def python_uses(file: Path) -> Iterator[Use]:
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Use(file, node.lineno, alias.name, local=False)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            for alias in node.names:
                yield Use(
                    file, node.lineno, f"{module}.{alias.name}".lstrip("."), local=node.level > 0
                )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--root", type=Path, default=ROOT, help="the tree to read (default: this one)"
    )
    parser.add_argument("--out", type=Path, help="where to draw (default: ROOT/build/graph)")
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    graph = Graph(root)
    graph.read()
    out = arguments.out or root / "build/graph"
    out.mkdir(parents=True, exist_ok=True)
    (out / "parts.dot").write_text(graph.dot())
    if dot := shutil.which("dot"):
        subprocess.run(
            [dot, "-Tsvg", "-o", out / "parts.svg", out / "parts.dot"], check=True, timeout=60
        )
    print(f"graph: {len(graph.parts)} parts, {len(graph.arrows)} arrows, drawn in {out}")
    for finding in graph.findings:
        print(f"graph: {finding}", file=sys.stderr)
    return 1 if graph.findings else 0


if __name__ == "__main__":
    sys.exit(main())
