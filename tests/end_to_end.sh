# SPDX-License-Identifier: Apache-2.0
# What all end-to-end tests share: real programs, libreef.so and an emulated GPU, each test on a device and a board of its own.
# Sourced by hip/common.sh and cuda/common.sh, which set $reef (the command) and $profile (of the emulated GPU) before.
# shellcheck shell=bash disable=SC2154 # reef, profile

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

# under CLASS PROGRAM ...: on the emulated GPU, with libreef
under() {
    local class=$1
    shift
    "$reef" run --priority "$class" --emulate "$profile" -- "$@"
}

# The same for the background, "become CLASS PROGRAM ... &": $! is then the program itself.
become() {
    local class=$1
    shift
    exec "$reef" run --priority "$class" --emulate "$profile" -- "$@"
}

# A counter of the process $1, summed over the boards: stat PID NAME
stat() {
    "$reef" stats --json | python3 -c '
import json, sys
pid, name = int(sys.argv[1]), sys.argv[2]
print(sum(p[name] for p in json.load(sys.stdin)["peers"] if p["pid"] == pid))' "$1" "$2"
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
