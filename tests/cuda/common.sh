# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests of CUDA programs share: programs of the driver API, libreef.so and the emulated V100, each
# test on a device and a board of its own. Sourced with the build directory as $1.
# shellcheck shell=bash
set -u

build=$1
reef=$build/tools/reef
apps=$build/tests/apps/cuda

work=$(mktemp -d)
trap 'trap - EXIT; kill -KILL $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
export REEF_EMU_DIR=$work REEF_BOARD_DIR=$work REEF_LOG_FILE=$work/reef.log REEF_LOG=info
unset REEF_PRIORITY LD_PRELOAD

fail() {
    echo "FAILED: $*"
    for log in "$work"/*.err "$work"/reef.log; do
        [ -s "$log" ] && { echo "--- ${log##*/}"; tail -n 15 "$log"; }
    done
    exit 1
}

# bare PROGRAM ...: on the emulated GPU, without libreef
bare() {
    LD_LIBRARY_PATH=$build/emu/nvidia REEF_EMU_PROFILE=v100 "$@"
}

# under CLASS PROGRAM ...: on the emulated GPU, with libreef
under() {
    local class=$1
    shift
    "$reef" run --priority "$class" --emulate v100 -- "$@"
}

# The same for the background, "become CLASS PROGRAM ... &": $! is then the program itself.
become() {
    local class=$1
    shift
    exec "$reef" run --priority "$class" --emulate v100 -- "$@"
}

# Polls until a command succeeds: await SECONDS COMMAND ...
await() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.02
    done
}
