#!/usr/bin/env python3
"""Runs the README's command blocks, as a reader would: in order, in one shell, each seen to do what the text says.

    readme.py ENVIRONMENT     runs the blocks marked for it: host or cloud
    readme.py --list          names every block

A block is ```bash, with a comment on the line before it:

    <!-- run: ENVIRONMENT -->                        it must end well
    <!-- run: ENVIRONMENT; fails; prints: TEXT -->   it must end with an error, and print TEXT
    <!-- not run: WHY -->

A bash block without one is an error, so that none escapes. Knows nothing of the cloud: the blocks bring it up and down.
Last line: `N passed, N failed`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("host", "cloud")
BLOCK = re.compile(r"(?:^<!-- (?P<marker>[^\n]*?) -->\n)?^```bash\n(?P<code>.*?)^```$", re.M | re.S)
LIMIT_S = 1300
TAIL = 3000  # characters of output shown of a block that failed


class ReadmeError(Exception):
    """A block that does not say how it is run."""


@dataclass(frozen=True)
class Block:
    """One command block: where it begins, what it runs, what must come of it."""

    line: int
    code: str
    environment: str  # empty: not run
    fails: bool = False
    prints: str = ""


def blocks(text: str) -> list[Block]:
    """The bash blocks of a Markdown text, in order.

    :raises ReadmeError: one has no marker, or a marker that cannot be understood
    """
    found = []
    for match in BLOCK.finditer(text):
        line = text.count("\n", 0, match.start()) + 1
        marker = match["marker"] or ""
        if marker.startswith("not run: "):
            found.append(Block(line, match["code"], ""))
            continue
        words = [word.strip() for word in marker.split(";")]
        named = words[0].removeprefix("run: ")
        wanted = [word.removeprefix("prints: ") for word in words if word.startswith("prints: ")]
        known = {words[0], "fails", *(f"prints: {text}" for text in wanted)}
        if named not in ENVIRONMENTS or not words[0].startswith("run: ") or set(words) - known:
            raise ReadmeError(f"line {line}: say how the block below is run, not {marker!r}")
        found.append(Block(line, match["code"], named, "fails" in words, "".join(wanted)))
    return found


class Shell:
    """One bash for all blocks of an environment, so that what a block sets holds in the next."""

    def __init__(self) -> None:
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "200"}
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, code: str) -> tuple[int, str]:
        """Runs a block; returns its exit status (of the first command that failed) and what it printed."""
        assert self.bash.stdin
        assert self.bash.stdout
        end = f"--end-{os.urandom(8).hex()}--"
        # A reader's shell goes on after an error: `set -e` is for the block alone, by way of its last status.
        steps = "status=0\n" + "".join(f"{step} || status=$?\n" for step in commands(code))
        self.bash.stdin.write(f"{steps}echo; echo {end} $status\n")
        self.bash.stdin.flush()
        printed: list[str] = []
        for line in self.bash.stdout:
            if line.startswith(end):
                return int(line.split()[1]), "".join(printed)
            printed.append(line)
            print(f"    {line}", end="", flush=True)
        return self.bash.wait(), "".join(printed)

    def close(self) -> None:
        with self.bash:
            assert self.bash.stdin
            self.bash.stdin.close()


def commands(code: str) -> list[str]:
    """A block's commands: one a line, a trailing backslash joins lines. Comments and empty lines are none."""
    joined = code.replace("\\\n", " ")
    return [
        line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")
    ]


def judge(block: Block, status: int, printed: str) -> str:
    """What is wrong with how a block went; empty when it went as it says."""
    if block.fails and status == 0:
        return "it ended well, and should not have"
    if not block.fails and status != 0:
        return f"it ended with status {status}"
    if block.prints and block.prints not in printed:
        return f"it did not print {block.prints!r}"
    return ""


def run(environment: str) -> int:
    wanted = [
        block
        for block in blocks((ROOT / "README.md").read_text())
        if block.environment == environment
    ]
    shell = Shell()
    passed = failed = 0
    for block in wanted:
        print(f"== README.md:{block.line}\n{block.code.rstrip()}", flush=True)
        status, printed = shell.run(block.code)
        if wrong := judge(block, status, printed):
            failed += 1
            print(f"== README.md:{block.line}: {wrong}\n{printed[-TAIL:]}", flush=True)
        else:
            passed += 1
    shell.close()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("environment", nargs="?", choices=ENVIRONMENTS)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        for block in blocks((ROOT / "README.md").read_text()):
            print(
                f"README.md:{block.line} {block.environment or 'not run'}: {block.code.splitlines()[0]}"
            )
        return 0
    if arguments.environment is None:
        parser.error("which environment: host or cloud?")
    signal.alarm(LIMIT_S)
    return run(arguments.environment)


if __name__ == "__main__":
    sys.exit(main())
