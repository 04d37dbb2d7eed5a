#!/usr/bin/env bash
# What only the tests need: Node.js, Chromium (from the distribution, when absent and permitted) and the npm packages of
# web/tests. VETRINA_NO_INSTALL=1 forbids installing from the distribution.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/pins.sh
source ./pins.sh

as_root=()
may_install() {
  [[ -z ${VETRINA_NO_INSTALL:-} ]] && command -v apt-get >/dev/null || return 1
  ((EUID == 0)) && return 0
  command -v sudo >/dev/null && sudo -n true 2>/dev/null && as_root=(sudo -n)
}
apt_install() {
  say "installing from the distribution: $*"
  local log
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --no-install-recommends "$@"; } </dev/null >"$log" 2>&1; then
    show_end "$log"
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}

# Node.js runs the browser tests; 20 is the oldest whose test runner they are tried with.
node_is_there() { command -v node >/dev/null && command -v npm >/dev/null; }
if ! node_is_there; then
  if may_install; then apt_install nodejs npm || true; fi
  node_is_there || fail "node and npm are missing; the browser tests run in them." \
    "Debian, Ubuntu: apt install nodejs npm      Fedora: dnf install nodejs"
fi
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
((major >= 18)) || fail "Node.js $(node --version) is too old for the browser tests: 18 or newer is needed."

if ! ./find-browser.sh >/dev/null; then
  [[ -n ${CHROMIUM:-} ]] && fail "CHROMIUM is $CHROMIUM, which cannot be run." "Set it to the path of Chromium or Chrome, or unset it."
  distribution=$(. /etc/os-release 2>/dev/null && printf '%s' "${ID:-}") || true
  if [[ $distribution == ubuntu ]]; then
    # Ubuntu's chromium packages only point at the snap, which apt-get cannot be relied on to install.
    fail "Chromium is missing; the browser tests drive it." \
      "On Ubuntu: snap install chromium (or Google Chrome's own .deb package), or set CHROMIUM to a browser's path."
  fi
  if may_install; then apt_install chromium || true; fi
  ./find-browser.sh >/dev/null || fail "Chromium is missing; the browser tests drive it." \
    "Debian: apt install chromium      Fedora: dnf install chromium      or set CHROMIUM to a browser's path."
fi

tests=../web/tests
if [[ -f $tests/package-lock.json ]]; then
  pin=$(sha256_of "$tests/package-lock.json")
  stamp=$tests/node_modules/.vetrina-pin
  if [[ ! -f $stamp || $(<"$stamp") != "$pin" ]]; then
    one_at_a_time web-tests
    say "npm packages of the browser tests: fetching with npm"
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    (cd "$tests" && npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 --fetch-retry-mintimeout=2000 </dev/null >"$log" 2>&1) || {
      show_end "$log"
      fail "the npm packages of web/tests could not be installed." "Is this machine online? Run the command again when it is."
    }
    mkdir -p "$(dirname "$stamp")"
    printf '%s\n' "$pin" >"$stamp"
  fi
fi
