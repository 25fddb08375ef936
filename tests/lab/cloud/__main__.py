"""``python -m cloud up|down``: the cloud without a story, to work with by hand."""

from __future__ import annotations

import argparse
import sys

from .hosts import CONSENT_DRIVER, STOCK_DRIVER
from .lab import Cloud
from .waiting import LabError


def main() -> int:
    parser = argparse.ArgumentParser(prog="cloud", description=__doc__)
    parser.add_argument("what", choices=("up", "down"))
    parser.add_argument("--consent", action="store_true", help="hosts run the consent driver, in enforce")
    chosen = parser.parse_args()
    cloud = Cloud(
        driver=CONSENT_DRIVER if chosen.consent else STOCK_DRIVER,
        consent={"mode": "enforce"} if chosen.consent else None,
        filters={"ConsentFilter": "nova_consent.filters.ConsentFilter"} if chosen.consent else None,
    )
    try:
        if chosen.what == "down":
            cloud.down()
        else:
            cloud.up()
            print(f"source {cloud.place.rc}; openstack compute service list")
    except LabError as error:
        print(f"cloud: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
