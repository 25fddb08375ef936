#!/usr/bin/env bash
# Builds the documentation (Sphinx, MyST) into build/docs/html; a warning is an error. The reference of the [consent]
# options is made from the options themselves, so the wheel is built first.
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(/usr/bin/python3 scripts/environments.py checkout dev)/bin/python
rm -rf build/docs
exec "$python" -m sphinx -W --keep-going -q -b html -d build/docs/doctrees docs build/docs/html
