#!/usr/bin/env bash
# Looks at every shell script: bash's parser always, shellcheck where it is installed (always in .ci/run).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mapfile -t scripts < <(ls scripts/*.sh .ci/run)
for script in "${scripts[@]}"; do bash -n "$script"; done
if command -v shellcheck >/dev/null; then shellcheck --external-sources "${scripts[@]}"
else echo "shellcheck is not installed: scripts were only parsed (apt install shellcheck)" >&2; fi
