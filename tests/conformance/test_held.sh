#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_held.sh WITH_REEF LIBREEF HOLD CONFORMANCE [CASE...]: the suite in class be, while real-time work comes and
# goes at random places; with TEST_PLACES=1, where the cases say.
set -eu
with_reef=$1 library=$2 hold=$3
shift 3
TEST_BOARD=$(mktemp -d)
trap 'kill "$holder" 2>/dev/null || true; rm -rf "$TEST_BOARD"' EXIT
if [ -n "${TEST_PLACES:-}" ]; then
    CONFORMANCE_HOLD=$TEST_BOARD/hold
    truncate -s 4096 "$CONFORMANCE_HOLD"
    export CONFORMANCE_HOLD
fi
"$hold" "$TEST_BOARD" 600 "${TEST_SEED:-1}" ${CONFORMANCE_HOLD:+"$CONFORMANCE_HOLD"} >/dev/null 2>&1 &
holder=$!
export REEF_RT_LINGER_US=0 TEST_BOARD
"$with_reef" "$library" be "$@"
