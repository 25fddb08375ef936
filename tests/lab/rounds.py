"""Reads what a round leaves behind: the plugin's log line on a host, the agent's line on a guest's console, and the
worker's line that joins the two. For the demo and the stories; must not know how the cloud is built."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Voice:
    """One answer as the guest's own agent logged it."""

    request: str  # 32 hex digits
    role: str  # neighbour or mover
    answer: str  # consent, refuse, abstain, or what came instead
    because: str
    line: str


@dataclass(frozen=True)
class Link:
    """Which round a guest's request belonged to, as the worker logged it."""

    round: str
    guest: str  # UUID
    request: str


def record_in(line: str) -> dict[str, str] | None:
    """The key=value pairs of a round's line in nova-compute's log; None for any other line."""
    at = line.find("consent round=")
    if at < 0:
        return None
    pairs = re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line[at:])
    return {key: str(json.loads(value)) if value.startswith('"') else value for key, value in pairs}


def voice_in(line: str) -> Voice | None:
    """The answer in a line of a guest's console; None for any other line."""
    found = re.search(
        r"request ([0-9a-f]{32}) .*?role=(\w+).* -> (?:answer )?(\w+)(?: because)?(.*)", line
    )
    return Voice(found[1], found[2], found[3], found[4].strip(), line) if found else None


def link_in(line: str) -> Link | None:
    """The worker's word on whom it asks; None for any other line."""
    found = re.search(r"round (\S+) asks guest .+ \((\S+)\) in request ([0-9a-f]{32})", line)
    return Link(found[1], found[2], found[3]) if found else None
