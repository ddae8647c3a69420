#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_runtime.sh LIBREEF LIBCUDA CUDART_FOLDER PROGRAM: which of the driver's functions the CUDA runtime has in
# its hands. Without libreef, and with it off: only the driver's own. In every class: only hooks, also of all
# ways to launch: ten, and one more in CUDA 12 (launches on several devices).
set -eu
library=$(realpath "$1")
program=$4
LD_LIBRARY_PATH=$(dirname "$(realpath "$2")"):$3
export LD_LIBRARY_PATH
REEF_BOARD_DIR=$(mktemp -d)
trap 'rm -rf "$REEF_BOARD_DIR"' EXIT
export REEF_BOARD_DIR REEF_LOG=info

# expect PATTERN CLASS
expect() {
    preload=
    [ "$2" = native ] || preload=$library
    result=$(LD_PRELOAD="$preload" REEF_PRIORITY="$2" "$program" "$library" 2>&1)
    case $result in
    *unmanaged:*) echo "$2: $result"; exit 1 ;;
    esac
    echo "$result" | grep -Eqx "$1" || { echo "$2: $result"; exit 1; }
}
expect 'hooks 0, own [1-9][0-9][0-9], launch hooks 0' native
expect 'hooks 0, own [1-9][0-9][0-9], launch hooks 0' off
expect 'hooks [1-9][0-9][0-9], own 0, launch hooks 1[01]' rt
expect 'hooks [1-9][0-9][0-9], own 0, launch hooks 1[01]' be
echo "the runtime has hooks only"
