#!/usr/bin/env bash
# Ends a cloud that KEEP=1 left up, then removes build/. The cached environments stay (make distclean removes them).
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -d tests/lab/cloud ]; then
  (cd tests/lab && timeout 120 /usr/bin/python3 -m cloud down)
fi
rm -rf build
