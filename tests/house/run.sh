#!/usr/bin/env bash
# The tests of the scripts: the graph, the check runner, the README's blocks. Needs the cached dev environment alone.
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$(/usr/bin/python3 scripts/environments.py ensure dev)/bin/python
exec "$python" -m pytest tests/graph tests/house
