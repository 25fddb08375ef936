#!/usr/bin/env python3
"""Runs the libvirt faults: `run.py [PYTEST ARGUMENTS]`, as root, in an environment that holds our
wheel, libvirt-python, pytest and pytest-timeout. Ends with pytest's status.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if __name__ == "__main__":
    # Of 1,000 rounds the worker's log need not tell each; durations show what the minutes went to.
    os.environ.setdefault("CONSENT_WORKER_LOG", "error")
    sys.exit(pytest.main([str(Path(__file__).parent), "--durations=10", *sys.argv[1:]]))
