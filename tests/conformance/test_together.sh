#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_together.sh WITH_REEF LIBREEF HOLD CONFORMANCE CASE...: three processes of the suite in class be at once, on one board, while real-time work
# comes and goes: so they take turns, and look at what they have on the device.
set -eu
with_reef=$1 library=$2 hold=$3 conformance=$4
shift 4
TEST_BOARD=$(mktemp -d)
trap 'kill "$holder" 2>/dev/null || true; rm -rf "$TEST_BOARD"' EXIT
"$hold" "$TEST_BOARD" 600 "${TEST_SEED:-1}" >/dev/null 2>&1 &
holder=$!
export REEF_RT_LINGER_US=0 TEST_BOARD
pids=
for i in 1 2 3; do
    "$with_reef" "$library" be "$conformance" "$@" >"$TEST_BOARD/$i.tap" 2>"$TEST_BOARD/$i.log" &
    pids="$pids $!"
done
status=0
for pid in $pids; do
    wait "$pid" || status=1
done
grep -hE '^(#|not ok)' "$TEST_BOARD"/*.tap >&2 || true
cat "$TEST_BOARD"/*.log >&2
exit "$status"
