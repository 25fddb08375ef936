"""Runs the cloud's stories with the interpreter of the cloud's environment; ends in pytest's own summary line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    here = Path(__file__).resolve().parent
    sys.exit(
        pytest.main(
            [
                str(here),
                "--rootdir",
                str(here),
                "-c",
                "/dev/null",
                "-q",
                "-ra",
                "--durations=0",
                *sys.argv[1:],
            ]
        )
    )
