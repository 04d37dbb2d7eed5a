#!/usr/bin/env bash
# Prints the path of the browser for the browser tests; exit 1 when there is none.
set -euo pipefail

if [[ -n ${CHROMIUM:-} ]]; then
  if command -v "$CHROMIUM"; then exit 0; fi
  printf 'CHROMIUM is %s, which cannot be run\n' "$CHROMIUM" >&2
  exit 1
fi
for name in chromium chromium-browser google-chrome-stable google-chrome; do
  path=$(command -v "$name") || continue
  # Ubuntu's chromium-browser package is a script that only says that the snap is wanted.
  if head -c 2 "$path" | grep -q '^#!' && grep -q 'snap install chromium' "$path" && [[ ! -x /snap/bin/chromium ]]; then continue; fi
  printf '%s\n' "$path"
  exit 0
done
exit 1
