#!/usr/bin/env bash
# environment.sh FOLDER: a Python environment with the peers in FOLDER, made once and again when requirements.txt changes.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! cmp --silent "$here/requirements.txt" "$folder/installed.txt"; then
  rm -rf "$folder"
  python3 -m venv "$folder"
  # hnswlib comes as source only: its wheel is built here, which needs a C++ compiler.
  "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --no-binary hnswlib --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$folder/installed.txt"
fi
