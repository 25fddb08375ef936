"""A worker for the faults that consent-worker does not produce. Speaks its lines; the URI names what it does.

consent: three guests, all consent. refuse: the second refuses. stuck: says nothing after the request.
die: exits upon the request. lie: breaks the protocol upon the request. deaf: not even ready.
"""

import json
import os
import sys
import time
from typing import Any


def tell(**report: Any) -> None:
    """Writes one report."""
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def main(behaviour: str) -> None:
    """Answers orders until stdin ends."""
    if behaviour == "deaf":
        time.sleep(60)
    tell(event="ready", version=1, pid=os.getpid())
    for line in sys.stdin:
        order = json.loads(line)
        name = order.get("round")
        if order["op"] == "identify":
            guests = [
                {"id": f"id-{n}", "name": f"guest{n}", "project": "p", "kind": order["role"]}
                for n in range(3)
            ]
            tell(event="identified", round=name, voters=guests)
        elif order["op"] == "end":
            tell(event="ended", round=name)
        elif order["op"] in ("request", "rules") and behaviour == "die":
            sys.exit(3)
        elif order["op"] == "rules":
            tell(event="rules", round=name, voter=0, rules='[{"name": "é", "answer": "refuse"}]')
            tell(event="silent", round=name, voter=1, why="no answer")
            tell(event="left", round=name, voter=2, why="shut down")
        elif order["op"] == "request" and behaviour == "lie":
            tell(event="answered", round=name, voter=0, answer="aye", because="")
        elif order["op"] == "request" and behaviour in ("consent", "refuse"):
            for n in range(3):
                no = behaviour == "refuse" and n == 1
                answer = "refuse" if no else "consent"
                because = "licensed to this host" if no else ""
                tell(event="answered", round=name, voter=n, answer=answer, because=because)


main(sys.argv[sys.argv.index("--uri") + 1])
