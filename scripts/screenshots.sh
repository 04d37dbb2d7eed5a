#!/usr/bin/env bash
# Takes the pictures of docs/pictures anew, by web/tests/screenshots.mjs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
: "${CARGO_TARGET_DIR:=${XDG_CACHE_HOME:-$HOME/.cache}/vetrina/target}"
: "${VETRINA_BINARY:=$CARGO_TARGET_DIR/release/vetrina}"
CHROMIUM=$(scripts/find-browser.sh) || { echo "Chromium is missing: run \`make setup-tests\`" >&2; exit 1; }
export VETRINA_BINARY CHROMIUM CARGO_TARGET_DIR
exec node web/tests/screenshots.mjs
