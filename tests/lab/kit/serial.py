"""A guest's serial console, from outside: what it printed, and a way to tell it things.

Works on the two ends that libvirt gives: the log file and the pseudo-terminal that its XML names;
so on a guest of ours as on one that Nova made. Must not know libvirt. What a guest understands
stands at the top of `init`.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LOOK_S = 0.02  # the log is a file: nothing says when it grows


@dataclass(frozen=True)
class Serial:
    """A guest's console.

    `log`: the file that QEMU appends its output to. `terminal`: gives the path of the
    pseudo-terminal of the running guest (it changes with every start and migration).
    """

    log: Path
    terminal: Callable[[], Path]

    def text(self, since: int = 0) -> str:
        """What the guest printed from byte `since` on; empty before its first start."""
        try:
            with self.log.open("rb") as file:
                file.seek(since)
                return file.read().decode(errors="replace").replace("\r", "")
        except FileNotFoundError:
            return ""

    def size(self) -> int:
        """Bytes printed up to now: a `since` for later."""
        return self.log.stat().st_size if self.log.exists() else 0

    def wait_for(self, pattern: str, timeout_s: float, since: int = 0) -> re.Match[str]:
        """Waits until the guest has printed something that `pattern` (MULTILINE) finds.

        :raises TimeoutError: with the end of what it printed instead.
        """
        end = time.monotonic() + timeout_s
        while True:
            text = self.text(since)
            if found := re.search(pattern, text, re.MULTILINE):
                return found
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{self.log}: no {pattern!r} in {timeout_s} s; it ends in: {text[-500:]!r}"
                )
            time.sleep(_LOOK_S)

    def tell(self, command: str, timeout_s: float = 20.0) -> None:
        """Gives the guest one command and waits until it says that it obeyed: about 1 s.

        :raises TimeoutError: no word from it.
        :raises ValueError: it does not know the command.
        """
        with self.line() as line:
            line.tell(command, timeout_s)

    @contextlib.contextmanager
    def line(self) -> Iterator[Line]:
        """Opens the terminal for several commands: QEMU looks for who opened it once a second, so
        only the first of them takes long. Keep it short: what the guest prints is read only while
        it is told something, and unread it stalls the guest's console in the end.
        """
        terminal = os.open(self.terminal(), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        try:
            tty.setraw(terminal)
            yield Line(self, terminal)
        finally:
            os.close(terminal)


@dataclass(frozen=True)
class Line:
    """An open terminal; see Serial.line."""

    serial: Serial
    terminal: int

    def tell(self, command: str, timeout_s: float = 20.0) -> None:
        """As Serial.tell."""
        since = self.serial.size()
        os.write(self.terminal, command.encode() + b"\n")
        end = time.monotonic() + timeout_s
        pattern = rf"^(ok|bad): {re.escape(command)}$"
        while True:
            if select.select([self.terminal], [], [], _LOOK_S)[0]:
                _drain(self.terminal)
            text = self.serial.text(since)
            if found := re.search(pattern, text, re.MULTILINE):
                if found[1] == "bad":
                    raise ValueError(f"the guest does not know {command!r}")
                return
            if time.monotonic() > end:
                raise TimeoutError(
                    f"{self.serial.log}: no answer to {command!r} in {timeout_s} s: {text[-500:]!r}"
                )


def _drain(terminal: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(terminal, 65536):
            pass
