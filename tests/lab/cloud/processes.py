"""Processes the cloud starts, and ends by pid, never by name.

A pid file holds the pid and the time the kernel says it started, so that a pid that was given to someone else after
a crash or a reboot is recognised as not ours. Knows nothing of what the processes do.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .waiting import LabError, tail


def started_at(pid: int) -> str:
    """The kernel's start time of ``pid`` in clock ticks; "" if it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def run(
    argv: Sequence[str | Path], log: Path | None = None, timeout_s: float = 120.0, **more: object
) -> str:
    """Runs a command to its end and returns its standard output.

    :raises LabError: it failed or took longer than ``timeout_s`` seconds.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            words,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            stdin=subprocess.DEVNULL,
            **more,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words[:4])}: not done within {timeout_s:.0f} s") from error
    if log:
        with log.open("a") as out:
            out.write(f"$ {' '.join(words)}\n{done.stdout}{done.stderr}")
    if done.returncode != 0:
        raise LabError(
            f"{' '.join(words)}: exit {done.returncode}\n{(done.stderr or done.stdout)[-2000:]}"
        )
    return str(done.stdout)


class Process:
    """One long-running program, in a session of its own so that its children end with it.

    :param pid_file: where pid and start time are kept; a running process recorded there is taken up.
    :param log: its standard output and error.
    """

    def __init__(self, name: str, pid_file: Path, log: Path) -> None:
        self.name, self.pid_file, self.log = name, pid_file, log
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its pid while it runs, else None."""
        if self._child is not None:
            self._child.poll()  # reaps it
        try:
            pid, start = self.pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if started_at(int(pid)) == start else None

    def alive(self) -> bool:
        return self.pid is not None

    def start(self, argv: Sequence[str | Path], env: Mapping[str, str] | None = None) -> None:
        """Starts it unless it runs. ``env`` is added to this process's environment."""
        if self.alive():
            return
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as out:
            self._child = subprocess.Popen(
                [str(word) for word in argv],
                env={**os.environ, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        self.pid_file.write_text(f"{self._child.pid} {started_at(self._child.pid)}\n")

    def end(self, how: signal.Signals = signal.SIGKILL, within_s: float = 10.0) -> None:
        """Ends it and its session, and returns when it is gone.

        SIGKILL by default: nova-compute's own shutdown takes up to 160 s and takes casts meanwhile.

        :raises LabError: it is still there after ``within_s`` seconds.
        """
        pid = self.pid
        if pid is not None:
            os.killpg(pid, how)
            deadline = time.monotonic() + within_s
            while self.alive():
                if time.monotonic() > deadline:
                    raise LabError(f"{self.name} (pid {pid}) did not end\n{tail(self.log)}")
                time.sleep(0.02)
        self.pid_file.unlink(missing_ok=True)


def end_all(pids: Sequence[int], within_s: float = 10.0) -> None:
    """Kills each pid and returns when all are gone (zombies of other parents count as gone)."""
    marks = {pid: started_at(pid) for pid in pids}
    for pid, mark in marks.items():
        if mark:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + within_s
    while any(mark and started_at(pid) == mark for pid, mark in marks.items()):
        if time.monotonic() > deadline:
            raise LabError(
                f"did not end: {[pid for pid, mark in marks.items() if started_at(pid) == mark]}"
            )
        time.sleep(0.02)
