"""Says what the cloud does while it does it, with the seconds since the start. Knows nothing of what is told."""

from __future__ import annotations

import sys
import threading
import time
from typing import TextIO


class Telling:
    """Prints one line a step, each with its time; may be used from several threads.

    :param out: where the lines go, standard output by default.
    :param copies: further places for the same lines, a transcript for instance.
    """

    def __init__(self, out: TextIO | None = None, *copies: TextIO) -> None:
        self._outs = [out or sys.stdout, *copies]
        self._lock = threading.Lock()
        self._began = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def copy_to(self, out: TextIO) -> None:
        """From now on every line goes to ``out`` too."""
        with self._lock:
            self._outs.append(out)

    def line(self, text: str = "") -> None:
        with self._lock:
            for out in self._outs:
                print(text, file=out, flush=True)

    def step(self, text: str) -> None:
        self.line(f"[{self.elapsed_s:5.1f} s] {text}")
