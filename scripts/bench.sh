#!/usr/bin/env bash
# The figures, one after another so that none disturbs the next: the machine (Google Benchmark), a round over real guests,
# what consent adds to a migration. Output as it comes, and in build/bench/NAME.txt. Ends non-zero when one misses its aim.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
python=$(/usr/bin/python3 scripts/environments.py checkout nova-2026.2)/bin/python
cmake --preset bench >/dev/null && cmake --build --preset bench --target bench_machine
missed=()
bench() {
  local name=$1 limit=$2
  shift 2
  echo "== $name"
  timeout "$limit" "$@" 2>&1 | tee "build/bench/$name.txt" || missed+=("$name")
}
bench machine 300 build/bench/tests/bench/bench_machine --benchmark_counters_tabular=true
bench round 600 "$python" tests/lab/bench_round.py
bench migration 1800 "$python" tests/lab/bench_migration.py
if [ ${#missed[@]} -gt 0 ]; then
  echo "bench: failed or missed its aim: ${missed[*]}"
  exit 1
fi
