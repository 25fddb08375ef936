"""Bounded waits that say what they waited for. Where a thing can be awaited (a pipe, a socket) it is awaited there;
this is for states that have to be asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class LabError(Exception):
    """The cloud did not do what was asked; the text is for the one who started it."""


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, indented; says so if there is none."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"    (no log: {error})"
    return (
        "\n".join("    " + line[:300] for line in text.splitlines()[-lines:]) or "    (empty log)"
    )


def wait_for(
    what: str,
    probe: Callable[[], T | None],
    timeout_s: float = 60.0,
    log: Path | None = None,
    alive: Callable[[], bool] | None = None,
    every_s: float = 0.2,
) -> T:
    """Asks ``probe`` until it returns something true.

    :param what: for the error: "keystone answers".
    :param log: its last lines are part of the error.
    :param alive: the process behind it; when it returns False the wait ends at once.
    :raises LabError: not within ``timeout_s`` seconds, or the process ended.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        if result := probe():
            return result
        ended = alive is not None and not alive()
        if ended or time.monotonic() > deadline:
            why = "its process ended" if ended else f"not within {timeout_s:.0f} s"
            raise LabError(f"{what}: {why}" + (f"; the end of {log}:\n{tail(log)}" if log else ""))
        time.sleep(every_s)
