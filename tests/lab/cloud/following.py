"""Follows logs that grow and hands on each line while it is written. Must not know what they say."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

_LOOK_S = 0.1  # logs are files: nothing says when they grow


class Follower:
    """Follows several files from where they end when it is made.

    :param files: a name for each file; it need not exist yet.
    :param hear: called with the name and a line, from the follower's thread, one call at a time.

    A context manager: follows inside, and has handed on all that was written when it is left.
    """

    def __init__(self, files: Mapping[str, Path], hear: Callable[[str, str], None]) -> None:
        self._files, self._hear = dict(files), hear
        self._at = {name: _size(path) for name, path in self._files.items()}
        self._rest = dict.fromkeys(self._files, "")
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self._look()

    def _follow(self) -> None:
        while not self._done.wait(_LOOK_S):
            self._look()

    def _look(self) -> None:
        for name, path in self._files.items():
            if _size(path) <= self._at[name]:
                continue
            with path.open("rb") as file:
                file.seek(self._at[name])
                new = file.read()
            self._at[name] += len(new)
            *lines, self._rest[name] = (self._rest[name] + new.decode(errors="replace")).split("\n")
            for line in lines:
                self._hear(name, line.rstrip("\r"))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
