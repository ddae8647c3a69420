#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_fail_open.sh LIBREEF QUEUE_CASES: whatever is missing or broken, the program runs.
set -eu
library=$(realpath "$1") cases=$2
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
unset REEF_LOG REEF_LOG_FILE REEF_DISABLE || true
fail() { echo "$1"; cat "$work/err"; exit 1; }

# run CLASS CASE: with the environment as it is
run() {
    LD_PRELOAD="${TEST_RUNTIME:+$TEST_RUNTIME:}$library" REEF_PRIORITY=$1 timeout 60 "$cases" "$2" 2>"$work/err"
}
# one line says why
warned() { [ "$(grep -c 'disabled:' "$work/err")" = 1 ] || fail "$1: no reason was given"; }

for class in rt be; do
    REEF_BOARD_DIR=$work/missing/dir run $class order || fail "no board directory ($class)"
    warned "no board directory"
    : >"$work/file"
    REEF_BOARD_DIR=$work/file run $class order || fail "the board directory is a file ($class)"
    warned "the board directory is a file"

    mkdir "$work/dir"
    REEF_BOARD_DIR=$work/dir run $class order || fail "a fresh board ($class)"
    board=$(find "$work/dir" -type f | head -n 1)
    [ -n "$board" ] || fail "no board was made"
    head -c 100 /dev/urandom >"$board"
    REEF_BOARD_DIR=$work/dir run $class order || fail "a board of garbage ($class)"
    : >"$board"
    REEF_BOARD_DIR=$work/dir run $class order || fail "an empty board ($class)"
    rm -rf "$work/dir"
done

# Hardware queues run out: first for spares, then at once.
mkdir "$work/dir"
export REEF_BOARD_DIR="$work/dir"
for restartable in never assume; do
    FAKE_FAIL_CREATE=2 REEF_RESTARTABLE=$restartable run be bursts || fail "no spare queue ($restartable)"
done
FAKE_FAIL_CREATE=1 run be order && fail "a queue that cannot be made was made"
grep -q 'hsa_queue_create: 0x1008' "$work/err" || fail "not the driver's own error"

# No HSA library in the process at all.
LD_PRELOAD=$library REEF_PRIORITY=be true || fail "true"
echo "fail open"
