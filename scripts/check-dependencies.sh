#!/usr/bin/env bash
# Checks the dependencies against deny.toml: licences, bans, sources, and the RustSec advisories where their database can
# be reached. cargo-deny is built once (about four minutes on two cores) and kept in the cache folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/pins.sh
source ./pins.sh
cd ..

deny=$CACHE/tools/cargo-deny-$CARGO_DENY_VERSION/bin/cargo-deny
if [[ ! -x $deny ]]; then
  if found=$(command -v cargo-deny) && [[ $("$found" --version) == "cargo-deny $CARGO_DENY_VERSION" ]]; then
    deny=$found
  else
    one_at_a_time cargo-deny
    say "building cargo-deny $CARGO_DENY_VERSION (once; some four minutes on two cores)"
    # A target folder of its own, gone afterwards: its dependencies have other features than ours.
    scratch cargo-deny
    CARGO_TARGET_DIR=$SCRATCH cargo install cargo-deny --version "$CARGO_DENY_VERSION" --locked --quiet \
      --root "$CACHE/tools/cargo-deny-$CARGO_DENY_VERSION" ||
      fail "cargo-deny could not be built." "Is this machine online? The other checks do not need it: make check-clippy check-docs"
  fi
fi

"$deny" --locked --log-level warn check bans licenses sources

# Advisories come from a git repository, which not every build machine may reach.
log=$(mktemp)
trap 'rm -rf "$log" "${SCRATCH:-}"' EXIT
if GIT_TERMINAL_PROMPT=0 timeout 90 "$deny" --locked fetch db </dev/null >"$log" 2>&1; then
  "$deny" --locked --log-level warn check --disable-fetch advisories
else
  echo "advisories NOT checked: their database cannot be reached from here" >&2
fi
