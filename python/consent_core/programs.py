"""The programs that the package carries, in its folder bin: where they are, and the console scripts
that become them.

Must not know what the programs do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

PROGRAMS = ("consent-worker", "consentctl", "consent-agent")
"""consent-worker: asks guests for a process that must not. consentctl: for operators.
consent-agent: for Linux guests.
"""


def path_of(name: str) -> Path:
    """Gives the path that a packaged program has, or would have had this build not left it out.

    Raises:
        ValueError: no program of ours has that name; see PROGRAMS.
    """
    if name not in PROGRAMS:
        raise ValueError(f"{name!r} is none of {', '.join(PROGRAMS)}")
    return Path(__file__).resolve().parent / "bin" / name


def program(name: str) -> Path:
    """Gives the path of a packaged program.

    Raises:
        ValueError: no program of ours has that name; see PROGRAMS.
        FileNotFoundError: this build left it out.
    """
    path = path_of(name)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: this build of nova-consent holds no {name}")
    return path


def _become(name: str) -> NoReturn:
    """Replaces this process by a program, with the same arguments."""
    os.execv(program(name), [name, *sys.argv[1:]])  # noqa: S606


def consentctl() -> NoReturn:
    """Console script: becomes consentctl."""
    _become("consentctl")


def consent_worker() -> NoReturn:
    """Console script: becomes consent-worker."""
    _become("consent-worker")
