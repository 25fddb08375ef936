#!/usr/bin/env bash
# The figures, one after another so that none disturbs the next: the machine and rules (Google Benchmark), rules against
# other engines, the scheduler's filter and weigher against Nova's own, a round over real guests, what consent adds to a
# migration. Output as it comes, and in build/bench/NAME.txt. Ends non-zero when one misses its aim.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"
python=$(/usr/bin/python3 scripts/environments.py checkout nova-2026.2)/bin/python
peers=$(/usr/bin/python3 scripts/environments.py checkout bench)/bin/python
cmake --preset bench >/dev/null && cmake --build --preset bench --target bench_machine bench_rules
missed=()
bench() {
  local name=$1 limit=$2
  shift 2
  echo "== $name"
  timeout "$limit" "$@" 2>&1 | tee "build/bench/$name.txt" || missed+=("$name")
}
bench machine 300 build/bench/tests/bench/bench_machine --benchmark_counters_tabular=true
bench rules 300 build/bench/tests/bench/bench_rules --benchmark_counters_tabular=true
bench engines 300 "$peers" tests/bench/bench_rules.py
bench scheduler 600 "$python" tests/bench/bench_scheduler.py
bench round 600 "$python" tests/lab/bench_round.py
bench migration 1800 "$python" tests/lab/bench_migration.py
if [ ${#missed[@]} -gt 0 ]; then
  echo "bench: failed or missed its aim: ${missed[*]}"
  exit 1
fi
