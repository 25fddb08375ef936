#!/usr/bin/env bash
# Makes a bare Debian 12 able to build and test this project: the packages of scripts/packages.txt, then the Python
# environments of requirements/ (scripts/environments.py). Run it as often as you like: when all is there it takes a
# second or two and changes nothing.
#
#   scripts/bootstrap.sh             packages and all environments
#   scripts/bootstrap.sh NAME ...    packages and these environments; the others are made when something needs them
#   scripts/bootstrap.sh packages    packages only
#
# The distribution's services (mariadb, rabbitmq, libvirtd) are not started by their installation: the test cloud runs
# its own, on ports that must stay free.
# shellcheck disable=SC2016 # apt's own $(FIELDS), not the shell's
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
export PATH="/usr/sbin:/usr/bin:/sbin:/bin:$PATH" LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

say() { printf 'bootstrap: %s\n' "$*"; }
fail() { printf 'bootstrap: %s\n' "$*" >&2; exit 1; }

policy=/usr/sbin/policy-rc.d
kept=/usr/sbin/policy-rc.d.before-nova-consent

restore_policy() {
  if [ -e "$kept" ] || [ -L "$kept" ]; then
    mv -f "$kept" "$policy"
  elif grep -qs nova-consent "$policy"; then
    rm -f "$policy"
  fi
}

forbid_services() {
  restore_policy # of a run that was killed
  trap restore_policy EXIT
  if [ -e "$policy" ] || [ -L "$policy" ]; then
    mv -f "$policy" "$kept"
  fi
  printf '#!/bin/sh\n# For as long as the bootstrap of nova-consent installs packages: start no service.\nexit 101\n' >"$policy"
  chmod 755 "$policy"
}

installed() {
  dpkg-query -W -f '${db:Status-Status} ${Version}\n' "$1" 2>/dev/null | {
    read -r status version || return 1
    [ "$status" = installed ] || return 1
    # A package named with a suite is wanted in that suite's version.
    case "${2:-}" in
      *-backports) case "$version" in *bpo*) ;; *) return 1 ;; esac ;;
    esac
  }
}

apt() {
  timeout 1500 apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 "$@" ||
    fail "apt-get $1 failed. Is the package mirror reachable? Try: apt-get update"
}

# Adds a suite beside the machine's own bookworm entry: the same mirror, the same key, whatever they are.
add_suite() {
  local suite=$1 uri keys
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' |
    grep -v security | sort -u | head -n 1)
  [ -n "$uri" ] || fail "no apt source for Debian 12 (bookworm, main) is configured, so $suite cannot be added"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  say "adding $suite from the mirror of bookworm"
  printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' "$uri" "$suite" "$keys" \
    >"/etc/apt/sources.list.d/nova-consent-$suite.sources"
}

packages() {
  local plain=() suited=() line name suite
  while read -r line; do
    line=${line%%#*}
    line=${line//[[:space:]]/}
    [ -n "$line" ] || continue
    name=${line%%/*}
    suite=
    [ "$name" = "$line" ] || suite=${line#*/}
    installed "$name" "$suite" && continue
    if [ -n "$suite" ]; then suited+=("$name $suite"); else plain+=("$name"); fi
  done <scripts/packages.txt
  if [ $((${#plain[@]} + ${#suited[@]})) -eq 0 ]; then
    say "packages: all there"
    return
  fi
  [ "$(id -u)" -eq 0 ] || fail "not root, and these packages are missing: ${plain[*]} ${suited[*]}. Run scripts/bootstrap.sh packages as root once."
  # shellcheck source=/dev/null
  . /etc/os-release
  [ "${VERSION_CODENAME:-}" = bookworm ] || fail "made for Debian 12 (bookworm); this is ${PRETTY_NAME:-unknown}"
  for line in "${suited[@]}"; do
    suite=${line#* }
    apt-get indextargets --format '$(RELEASE)' 'Created-By: Packages' | grep -qx "$suite" || add_suite "$suite"
  done
  say "packages: installing ${#plain[@]} and ${#suited[@]} from backports (some minutes, once)"
  forbid_services
  apt update
  if [ ${#plain[@]} -gt 0 ]; then apt install -y --no-install-recommends "${plain[@]}"; fi
  for line in "${suited[@]}"; do
    apt install -y --no-install-recommends -t "${line#* }" "${line% *}"
  done
  restore_policy
  trap - EXIT
}

# Two at once: most of the time pip unpacks and compiles, which takes one core each.
environments() {
  printf '%s\0' "$@" | xargs -0 -P 2 -I NAME sh -c \
    'made=$(/usr/bin/python3 scripts/environments.py ensure NAME) && echo "bootstrap: environment NAME: $made"'
}

all() { basename -s .txt requirements/*.txt; }

packages
if [ "${1:-}" != packages ]; then
  mapfile -t names < <(all)
  [ $# -eq 0 ] || names=("$@")
  environments "${names[@]}"
fi
say "ready"
