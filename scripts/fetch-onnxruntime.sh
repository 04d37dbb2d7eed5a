#!/usr/bin/env bash
# Fetches ONNX Runtime's shared library (MIT licence) out of its Python wheel, by pip, into the cache folder.
# Python is needed for this only; Vetrina never runs it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
# shellcheck source=scripts/pins.sh
source ./pins.sh

if [[ -n ${VETRINA_ONNXRUNTIME:-} ]]; then
  [[ -e $VETRINA_ONNXRUNTIME ]] || fail "VETRINA_ONNXRUNTIME is $VETRINA_ONNXRUNTIME, which is not there." \
    "Unset it, and the pinned library is fetched."
  say "ONNX Runtime: $VETRINA_ONNXRUNTIME (from VETRINA_ONNXRUNTIME), nothing to fetch"
  exit 0
fi

machine=$(uname -sm)
case $machine in
  "Linux x86_64") arch=x86_64 sha=$ONNXRUNTIME_SHA256_x86_64 ;;
  "Linux aarch64") arch=aarch64 sha=$ONNXRUNTIME_SHA256_aarch64 ;;
  *) fail "no ONNX Runtime library is pinned for this machine ($machine)." \
    "Get version $ONNXRUNTIME_VERSION of the library for it and set VETRINA_ONNXRUNTIME to its path." ;;
esac

target="$CACHE/onnxruntime-$ONNXRUNTIME_VERSION"
if up_to_date "$target" "$sha"; then exit 0; fi
one_at_a_time onnxruntime
if up_to_date "$target" "$sha"; then exit 0; fi
[[ -e $target/SHA256SUMS ]] && say "ONNX Runtime in $target is damaged or another version: fetching it again"

command -v python3 >/dev/null || fail "python3 is missing; pip needs it to fetch ONNX Runtime's library." \
  "Debian, Ubuntu: apt install python3-pip      Fedora: dnf install python3-pip"
if python3 -m pip --version >/dev/null 2>&1; then pip=(python3 -m pip)
elif command -v pip3 >/dev/null && pip3 --version >/dev/null 2>&1; then pip=(pip3)
elif command -v pip >/dev/null && pip --version >/dev/null 2>&1; then pip=(pip)
else
  fail "pip is missing; it fetches ONNX Runtime's library." \
    "Debian, Ubuntu: apt install python3-pip      Fedora: dnf install python3-pip"
fi

scratch onnxruntime
wheel="onnxruntime-$ONNXRUNTIME_VERSION-cp311-cp311-manylinux_2_28_$arch.whl"
if by_hand "$wheel" "$sha"; then
  say "ONNX Runtime $ONNXRUNTIME_VERSION: taken from $CACHE/downloads"
  cp "$CACHE/downloads/$wheel" "$SCRATCH/$wheel"
else
  say "ONNX Runtime $ONNXRUNTIME_VERSION: fetching with pip (27 MB)"
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --retries 2 --timeout 30 \
    --python-version 3.11 --implementation cp --abi cp311 --platform "manylinux_2_28_$arch" \
    --dest "$SCRATCH" "onnxruntime==$ONNXRUNTIME_VERSION" </dev/null >"$SCRATCH/log" 2>&1 ||
    tell_offline "$SCRATCH/log" "ONNX Runtime $ONNXRUNTIME_VERSION" "$wheel" "$sha"
  [[ -f $SCRATCH/$wheel ]] || fail "pip did not bring $wheel." "Upgrade pip: it must be 20.3 or newer."
fi
check_package "$SCRATCH/$wheel" "$sha" "$wheel"

python3 - "$SCRATCH/$wheel" "$SCRATCH/new" "$ONNXRUNTIME_VERSION" <<'PYTHON' || fail "$wheel could not be unpacked."
import pathlib, shutil, sys, zipfile

wheel, target, version = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
target.mkdir()
wanted = {
    f"onnxruntime/capi/libonnxruntime.so.{version}": "libonnxruntime.so",
    "onnxruntime/LICENSE": "LICENSE",
    "onnxruntime/ThirdPartyNotices.txt": "ThirdPartyNotices.txt",
}
with zipfile.ZipFile(wheel) as archive:
    for inside, name in wanted.items():
        with archive.open(inside) as source, open(target / name, "wb") as out:
            shutil.copyfileobj(source, out)
PYTHON
chmod 755 "$SCRATCH/new/libonnxruntime.so"
seal "$SCRATCH/new" "$sha"
put_in_place "$SCRATCH/new" "$target"
say "ONNX Runtime $ONNXRUNTIME_VERSION: $target/libonnxruntime.so"
