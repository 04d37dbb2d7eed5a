#!/usr/bin/env bash
# Runs the browser tests of web/tests in a headless Chromium against the release binary.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${CARGO_TARGET_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/vetrina/target}"
: "${VETRINA_BINARY:=$CARGO_TARGET_DIR/release/vetrina}"
CHROMIUM=$(scripts/find-browser.sh) || { echo "Chromium is missing: run \`make setup-tests\`" >&2; exit 1; }
export VETRINA_BINARY CHROMIUM CARGO_TARGET_DIR
# Each file by its name: `node --test FOLDER` means different things in Node.js 20 and 22.
mapfile -t files < <(find web/tests -name node_modules -prune -o -type f \( -name '*.test.js' -o -name '*.test.mjs' \) -print | sort)
((${#files[@]})) || { echo "there are no browser tests in web/tests (*.test.js, *.test.mjs)" >&2; exit 1; }
exec node --test "${files[@]}"
