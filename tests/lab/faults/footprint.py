"""What a process holds at a moment: threads, descriptors, children, memory. Must not know what runs
in it.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Footprint:
    """Counts of one process; `rss_anon_kib` is the memory of its own that is resident."""

    threads: int
    descriptors: int
    children: int
    rss_anon_kib: int


def footprint(pid: int | None = None) -> Footprint:
    """Measures a process of ours; without `pid` this one.

    :raises FileNotFoundError: there is none.
    """
    folder = Path("/proc") / str(pid or os.getpid())
    status = (folder / "status").read_text()
    children = "".join(task.read_text() for task in folder.glob("task/*/children"))
    return Footprint(
        threads=_number("Threads", status),
        descriptors=len(os.listdir(folder / "fd")),
        children=len(children.split()),
        rss_anon_kib=_number("RssAnon", status),
    )


def _number(name: str, status: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)
    assert found, f"no {name} in /proc/PID/status"
    return int(found[1])
