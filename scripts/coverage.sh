#!/usr/bin/env bash
# Line coverage of cpp/ as the tests of build/coverage left it: a page in build/coverage/report, a table on stdout.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p build/coverage/report
gcovr --root . --filter 'cpp/' --object-directory build/coverage --exclude-throw-branches \
  --html-details build/coverage/report/index.html --print-summary
