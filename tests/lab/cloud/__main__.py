"""The cloud without a story, to work with by hand.

cd tests/lab && $VENV/bin/python -m cloud up [--consent]
cd tests/lab && python3 -m cloud down
"""

from __future__ import annotations

import argparse
import sys

from . import leftovers
from .layout import Layout
from .waiting import LabError


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="cloud", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument(
        "--consent", action="store_true", help="the hosts run the plugin, in enforce"
    )
    chosen = parser.parse_args()
    try:
        if chosen.what == "down":
            print(f"ended {leftovers.clear(Layout())} processes; the cloud is down")
        else:
            up(chosen.consent)
    except LabError as error:
        print(f"cloud: {error}", file=sys.stderr)
        return 1
    return 0


def up(consent: bool) -> None:
    # Not at the top: `down` must work without OpenStack's packages.
    from .lab import Cloud, with_plugin

    cloud = with_plugin() if consent else Cloud()
    cloud.up()
    print(f"source {cloud.place.rc}; openstack compute service list")


if __name__ == "__main__":
    sys.exit(main())
