#!/usr/bin/env bash
# Says which of the tools needed to build are missing, all at once, and how to get them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/pins.sh
source ./pins.sh

missing=() hints=()
command -v cargo >/dev/null || { missing+=(cargo); hints+=("Rust: install rustup (see the Rust project's own site), then: rustup toolchain install stable"); }
# SQLite and ring are C: cargo builds them with a C compiler, and links with it.
command -v cc >/dev/null || { missing+=("a C compiler"); hints+=("C compiler: Debian, Ubuntu: apt install build-essential      Fedora: dnf install gcc"); }
if ((${#missing[@]})); then
  printf -v list '%s, ' "${missing[@]}"
  fail "needed to build, and missing: ${list%, }." "${hints[@]}"
fi

# Cargo would say this too, but only after it has fetched everything.
needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' ../Cargo.toml)
found=$(cargo --version | cut -d' ' -f2)
if [[ $(printf '%s\n' "$needed" "${found%%-*}" | sort -V | head -n 1) != "$needed" ]]; then
  fail "Rust $found is too old: $needed or newer is needed." "rustup update stable"
fi
