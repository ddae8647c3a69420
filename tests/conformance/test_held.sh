#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_held.sh WITH_REEF LIBREEF HOLD CONFORMANCE [CASE...]: the suite in class be, while real-time work comes and
# goes at random places.
set -eu
with_reef=$1 library=$2 hold=$3
shift 3
TEST_BOARD=$(mktemp -d)
trap 'kill "$holder" 2>/dev/null || true; rm -rf "$TEST_BOARD"' EXIT
"$hold" "$TEST_BOARD" 600 "${TEST_SEED:-1}" >/dev/null 2>&1 &
holder=$!
export REEF_RT_LINGER_US=0 TEST_BOARD
"$with_reef" "$library" be "$@"
