#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_boundaries.sh BUILD RESET RESTARTABLE: real-time work arrives before each operation in turn of a best-effort program with
# kernels, copies, events between streams, callbacks and a graph; the results are the same, and callbacks come once.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESET=$2 REEF_RESTARTABLE=$3 REEF_LOG=debug

bare "$apps/boundaries" 0 >"$work/want" 2>"$work/bare.err" || fail "boundaries without libreef: $(cat "$work/want")"
under be "$apps/boundaries" 2 >"$work/be.out" 2>"$work/be.err" || fail "boundaries: $(cat "$work/be.out")"
cmp "$work/want" "$work/be.out" || fail "another result: $(cat "$work/want" "$work/be.out")"
held=$(grep -c 'held: rt work exists' "$work/reef.log")
echo "held $held times, $(grep -c 'evict flag raised' "$work/reef.log") evictions, $(grep -c ': reset, ' "$work/reef.log") resets," \
    "$(grep -c ': suspended' "$work/reef.log") suspensions"
[ "$held" -ge 16 ] || fail "hardly ever preempted"
