#!/usr/bin/env bash
# The linters, one a word: format, shell, ruff, mypy, tidy; `all` runs each, `fix` formats C++ and Python in place.
# Ends non-zero when one of them finds something.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH"

# Files under version control and new ones, as git sees them; a clone has no others.
sources() { git ls-files -z --cached --others --exclude-standard -- "$@"; }
dev() { printf '%s/bin' "$(/usr/bin/python3 scripts/environments.py ensure dev)"; }

format() { sources '*.cpp' '*.hpp' '*.h' '*.c' | xargs -0 clang-format-16 --dry-run --Werror --style=file; }

shell() {
  sources '*.sh' .ci/run | xargs -0 shellcheck
}

ruff() {
  local bin
  bin=$(dev)
  "$bin/ruff" check .
  "$bin/ruff" format --check .
}

# Types are checked against the installed packages, Nova's and our own, so from the environment of the newest Nova.
mypy() {
  local bin cloud
  bin=$(dev)
  cloud=$(/usr/bin/python3 scripts/environments.py checkout nova-2026.2)
  "$bin/mypy" --python-executable "$cloud/bin/python"
}

# Several sources at once, as this preset compiles them: most of the time goes into headers that they share.
tidy() {
  cmake --preset tidy >/dev/null
  local files=()
  mapfile -d '' -t files < <(sources 'cpp/*.cpp')
  # Prints what the build compiles. A source that no target of it compiles is named rather than skipped silently.
  /usr/bin/python3 - "${files[@]}" <<'PY' | xargs -0 -P 2 -n 1 clang-tidy-16 --quiet -p build/tidy
import json, pathlib, re, sys
compiled = {pathlib.Path(c["file"]).resolve() for c in json.load(open("build/tidy/compile_commands.json"))}
known = set(compiled)
for file in compiled:
    known |= {pathlib.Path(name).resolve() for name in re.findall(r'#include "(.*\.cpp)"', file.read_text())}
missing = [f for f in sys.argv[1:] if pathlib.Path(f).resolve() not in known]
if missing:
    sys.exit("tidy: compiled by no target: " + " ".join(missing))
print(*sorted(map(str, compiled)), sep="\0", end="\0")
PY
}

fix() {
  local bin
  bin=$(dev)
  sources '*.cpp' '*.hpp' '*.h' '*.c' | xargs -0 clang-format-16 -i --style=file
  "$bin/ruff" check --fix .
  "$bin/ruff" format .
}

case "${1:-all}" in
  format | shell | ruff | mypy | tidy | fix) "$1" ;;
  all)
    failed=0
    for each in format shell ruff mypy tidy; do
      printf '== %s\n' "$each"
      "$0" "$each" || failed=1
    done
    exit "$failed"
    ;;
  *)
    printf 'usage: %s format|shell|ruff|mypy|tidy|fix|all\n' "$0" >&2
    exit 2
    ;;
esac
