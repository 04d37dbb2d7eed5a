#!/usr/bin/env bash
# Runs a command of the lab (crates/lab) after a look at whether the evaluation data is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
data=${VETRINA_DATA:-../shared/data}
for table in groceries/products.csv clothing/labels.csv fashion/products.csv; do
  if [[ ! -f $data/$table ]]; then
    cat >&2 <<EOF
the evaluation data is missing: there is no $data/$table
  It is not part of the project (docs/evaluation.md says what it is and who made it).
  With it elsewhere: make $1 VETRINA_DATA=/path/to/data
EOF
    exit 1
  fi
done
export VETRINA_DATA=$data
exec cargo run --release --locked --quiet --package vetrina-lab -- "$@"
