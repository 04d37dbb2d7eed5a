# What is fetched, pinned by version and SHA-256, and where it goes. Sourced by the other scripts.
# A new version: change version and hashes here, run `make setup`, then `make test` and `make evaluate`.
# shellcheck shell=bash disable=SC2034  # the variables are read by the scripts that source this file

ONNXRUNTIME_VERSION=1.32.0
# Any CPython's wheel carries the same library. These are the cp311, manylinux_2_28 wheels.
ONNXRUNTIME_SHA256_x86_64=5a34fc4dfeb5a7b4a74c95dcba1e773d722abda720b474edf1b0c419dc6d163d
ONNXRUNTIME_SHA256_aarch64=2303372a85299b6757b0e11e1cbf13e410ddf7e10c37f4b37e99d1c90e7daf7c

DEMO_PACKAGE=@vendure/create
DEMO_VERSION=3.7.3
DEMO_SHA256=89f0a9ce225c44b7f9fc07a85bca655f98c48bbb7f3aa06ae0e9c04ce5db0af7

CARGO_DENY_VERSION=0.20.2

CACHE="${XDG_CACHE_HOME:-${HOME:?HOME is not set: set it, or XDG_CACHE_HOME, so that there is a cache folder}/.cache}/vetrina"

say() { printf 'setup: %s\n' "$*" >&2; }

# fail WHAT [HINT…]: one line that says what is wrong, one line for each hint, exit 1.
fail() {
  printf 'setup: error: %s\n' "$1" >&2
  shift
  local hint
  for hint in "$@"; do printf '       %s\n' "$hint" >&2; done
  exit 1
}

sha256_of() { sha256sum -- "$1" | cut -d' ' -f1; }

# intact FOLDER: true when every file that was put there is there and has the bytes it had.
intact() { [[ -f $1/SHA256SUMS ]] && (cd "$1" && sha256sum --check --status SHA256SUMS 2>/dev/null); }

# seal FOLDER PIN: writes SHA256SUMS over the folder's files; PIN (the hash of the package) is kept beside it.
seal() {
  printf '%s\n' "$2" >"$1/PACKAGE-SHA256"
  local sums
  sums=$(cd "$1" && find . -type f -print0 | sort -z | xargs -0 sha256sum)
  printf '%s\n' "$sums" >"$1/SHA256SUMS"
}

# up_to_date FOLDER PIN: true when the folder is intact and comes from the package with that hash.
up_to_date() { [[ -f $1/PACKAGE-SHA256 && $(<"$1/PACKAGE-SHA256") == "$2" ]] && intact "$1"; }

# put_in_place NEW FOLDER: NEW becomes FOLDER by rename, so that nobody ever sees half a folder.
put_in_place() {
  local old="$1.replaced"
  mkdir -p "$(dirname "$2")"
  if [[ -e $2 || -L $2 ]]; then mv -T "$2" "$old"; fi
  mv -T "$1" "$2"
  rm -rf "$old"
}

# one_at_a_time NAME: waits for another run of the same script (two `make demo` at once).
one_at_a_time() {
  mkdir -p "$CACHE" 2>/dev/null || fail "cannot write to $CACHE" "Set XDG_CACHE_HOME to a folder that can be written to."
  if command -v flock >/dev/null; then
    exec 9>"$CACHE/.$1.lock" || fail "cannot write to $CACHE" "Set XDG_CACHE_HOME to a folder that can be written to."
    flock 9
  fi
}

# scratch NAME: a folder beside the targets (the same file system, so that renaming is atomic), gone when the script
# ends. Call it outside of $(…): the folder's name is in SCRATCH.
scratch() {
  rm -rf "$CACHE/.$1".?????? # what a killed run has left; one_at_a_time says that nobody else is at it
  SCRATCH=$(mktemp -d "$CACHE/.$1.XXXXXX") || fail "cannot write to $CACHE"
  trap 'rm -rf "$SCRATCH"' EXIT
}

# by_hand FILE SHA256: a package that somebody put into $CACHE/downloads by hand (a machine without network).
by_hand() { [[ -f $CACHE/downloads/$1 && $(sha256_of "$CACHE/downloads/$1") == "$2" ]]; }

# check_package FILE SHA256 WHAT: refuses a package that is not the pinned one.
check_package() {
  local found
  found=$(sha256_of "$1")
  [[ $found == "$2" ]] || fail "$3 has another SHA-256 than the pinned one; nothing was installed." \
    "expected $2" "found    $found" \
    "The download was damaged, or somebody changed the package. Run it again; if it stays, do not use it."
}

# show_end LOG: what a failed command's output says about the reason, shortened. Addresses are left out: a private
# mirror's may hold a password.
show_end() {
  { grep -E '^(ERROR|E|error|fatal): ?|^npm (error|ERR!) (code|errno|network|request|[0-9]{3}) ' "$1" || cat "$1"; } | tail -n 4 |
    cut -c 1-240 | sed -E 's#[a-z]+://[^[:space:]"'\'']+#(address)#g; s/^/       | /' >&2
}

# tell_offline LOG WHAT FILE SHA256: says that a download failed and what else can be done.
tell_offline() {
  local log=$1 what=$2 file=$3 sha=$4
  # Addresses are left out: a private mirror's may hold a password.
  show_end "$log"
  fail "$what could not be downloaded." \
    "Is this machine online, and does it need a proxy (HTTPS_PROXY)? Run the command again when it is." \
    "Without network: put the file $file (SHA-256 $sha)" \
    "into $CACHE/downloads/ and run it again."
}
