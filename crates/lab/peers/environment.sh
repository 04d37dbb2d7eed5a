#!/usr/bin/env bash
# environment.sh FOLDER: a Python environment with the peers in FOLDER, made once and again when requirements.txt changes.
set -euo pipefail
folder=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! cmp --silent "$here/requirements.txt" "$folder/installed.txt"; then
  rm -rf "$folder"
  python3 -m venv "$folder"
  "$folder/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$folder/installed.txt"
fi
