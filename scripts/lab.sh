#!/usr/bin/env bash
# `make evaluate` and `make bench`: runs the lab (crates/lab) after a look at whether the evaluation data is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
what=$1
shift
data=${VETRINA_DATA:-../shared/data}
for table in groceries/products.csv clothing/labels.csv fashion/products.csv; do
  if [[ ! -f $data/$table ]]; then
    cat >&2 <<EOF
the evaluation data is missing: there is no $data/$table
  It is not part of the project (docs/evaluation.md says what it is and who made it).
  With it elsewhere: make $what VETRINA_DATA=/path/to/data
EOF
    exit 1
  fi
done
export VETRINA_DATA=$data

# The workspace as a whole: a package by itself would have other features of shared crates, and rebuild most of them.
lab() { "${CARGO_TARGET_DIR:?run this through make evaluate or make bench}/release/vetrina-lab" "$@"; }
cargo build --release --locked --quiet --workspace --bin vetrina-lab
case $what in
  evaluate)
    reference=$data/../models/efficientnet-lite2/reference.json
    if [[ -f $reference ]]; then lab parity "$reference"
    else echo "parity on the evaluation data is left out: there is no $reference" >&2; fi
    lab quality "$@"
    for part in rerank regions labels measures; do lab "$part"; done
    ;;
  bench) lab bench "$@" ;;
  *)
    echo "lab.sh evaluate|bench" >&2
    exit 2
    ;;
esac
