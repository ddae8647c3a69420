#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_left.sh TEST_HELD ARGUMENT...: the cases in which a launch waits for what the program does later, with guards,
# held where they say. They pass, and not because nothing was at stake: launches were in flight, and what became of
# them was left to the device (shim/nvidia/guard_repeat.c); of one that was being ended as well.
set -eu
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT
export REEF_GUARD=ptx TEST_PLACES=1 REEF_LOG=debug REEF_LOG_FILE="$log/all"
"$@" later
left=$(grep -c 'is left to the device' "$log/all") || true
echo "# $left times left to the device"
[ "$left" -ge 6 ]

# once CASE PATTERN ARGUMENT...: the case passes each time, and one of a few times what it was is what the pattern
# says: which that is depends on how busy the machine is.
once() {
    name=$1 pattern=$2
    shift 2
    export REEF_LOG_FILE="$log/$name"
    for _ in 1 2 3 4 5 6; do
        rm -f "$REEF_LOG_FILE"
        "$@" "$name" >"$log/out" || cat "$log/out" >&2
        grep -q '^ok 1' "$log/out" || exit 1
        if grep -q 'raised flags' "$REEF_LOG_FILE" && grep -q "$pattern" "$REEF_LOG_FILE"; then
            return
        fi
    done
    echo "# $name: never '$pattern'"
    exit 1
}
# Ended in part, or not at all: only the device knows. And one that was known to be ended, before one that was not.
once later_ended ' [1-9][0-9]* left to the device' "$@"
once later_full ' 1 launches ended, 1 issued again; 1 left to the device' "$@"
