#!/usr/bin/env bash
# Runs each fuzz target of build/fuzz for N seconds (default 60), starting from the kept corpus of tests/fuzz/corpus.
# What a run finds new goes to build/fuzz/corpus; what crashes to build/fuzz/crashes, and the run ends non-zero.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
passed=0 failed=0
mkdir -p build/fuzz/crashes
shopt -s nullglob
for target in build/fuzz/tests/fuzz/*_fuzz; do
  name=$(basename "$target")
  found=build/fuzz/corpus/$name
  mkdir -p "$found"
  corpora=("$found")
  for folder in "tests/fuzz/corpus/$name" "tests/fuzz/corpus/${name%_fuzz}"; do
    [ -d "$folder" ] && corpora+=("$folder")
  done
  dictionary=()
  for file in "tests/fuzz/$name.dict" "tests/fuzz/${name%_fuzz}.dict"; do
    [ -f "$file" ] && dictionary+=("-dict=$file")
  done
  echo "== $name for $seconds s, corpora: ${corpora[*]}"
  if timeout $((seconds + 60)) "$target" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=70000 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/crashes/$name-" "${dictionary[@]}" "${corpora[@]}"; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
