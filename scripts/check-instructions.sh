#!/usr/bin/env bash
# Counts the instructions of hot paths (crates/lab/src/hot.rs) under callgrind and compares them with crates/lab/instructions.txt.
# Fails where one needs more than 10 % more. `--write` makes the counts of now the new baseline, on purpose and in a commit.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/pins.sh
source scripts/pins.sh
baseline=crates/lab/instructions.txt
lab=${CARGO_TARGET_DIR:?CARGO_TARGET_DIR is not set: run this through make check-instructions}/release/vetrina-lab

if ! command -v valgrind >/dev/null; then
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    say "installing valgrind"
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends valgrind; } >/dev/null ||
      fail "valgrind could not be installed" "apt-get install valgrind, or leave out make check-instructions."
  else
    fail "valgrind is missing" "Install it with the system's package manager, such as: sudo apt-get install valgrind"
  fi
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Only what happens inside of functions named `counted` is counted. Each call writes what was counted since the last one to a
# file of its own: file 1 is empty, file 2 is the first call, the end writes the last. Without environment, since its size
# moves the stack.
env -i PATH="$PATH" HOME="$HOME" RAYON_NUM_THREADS=1 valgrind --quiet --tool=callgrind --callgrind-out-file="$work/out" \
  --toggle-collect=vetrina_lab::hot::counted --dump-before=vetrina_lab::hot::counted "$lab" hot >"$work/names" 2>"$work/log" ||
  { cat "$work/log" >&2; fail "the hot paths could not be run under callgrind"; }

: >"$work/counts"
number=1
while IFS= read -r name; do
  number=$((number + 1))
  file=$work/out.$number
  [[ -e $file ]] || file=$work/out
  count=$(awk '/^(summary|totals):/ { print $2; exit }' "$file" 2>/dev/null || true)
  [[ $count =~ ^[0-9]+$ && $count -gt 1000 ]] || fail "no instructions were counted for: $name" "Is the symbol of hot::counted still there?"
  printf '%12d  %s\n' "$count" "$name" >>"$work/counts"
done <"$work/names"
((number > 1)) || fail "no hot path was run"

if [[ ${1:-} == --write ]]; then
  cp "$work/counts" "$baseline"
  cat "$baseline"
  exit 0
fi

awk '
  FNR == NR { count = $1; $1 = ""; sub(/^ +/, ""); before[$0] = count; next }
  { count = $1; $1 = ""; sub(/^ +/, ""); seen[$0] = 1
    if (!($0 in before)) { printf "%12d        new  %s\n", count, $0; new = 1; next }
    change = (count / before[$0] - 1) * 100
    printf "%12d  %+7.1f %%  %s\n", count, change, $0
    if (change > 10) worse = 1
    if (change < -10) better = 1 }
  END {
    for (name in before) if (!(name in seen)) { printf "gone: %s\n", name; new = 1 }
    if (worse) print "More than 10 % more instructions than crates/lab/instructions.txt says. Make it cheaper; or, where the work is wanted, make check-instructions ARGS=--write and say why in the commit."
    if (new) print "The baseline lacks a path or has one too many: make check-instructions ARGS=--write"
    if (better && !worse) print "More than 10 % fewer: make check-instructions ARGS=--write keeps the gain."
    exit worse || new
  }' "$baseline" "$work/counts"
