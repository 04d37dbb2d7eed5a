#!/usr/bin/env bash
# What Vetrina needs besides its own code: ONNX Runtime's library and the demo catalogue, both outside git, in the cache
# folder. Takes no time and no network when they are there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
./check-tools.sh
./fetch-onnxruntime.sh
./fetch-demo.sh
