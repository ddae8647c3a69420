#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_evict.sh BUILD RESET ARRIVALS [one]: kernels that the analysis calls restartable are evicted and ended by guards, in
# front of them and in their loops, in two best-effort processes. Each kernel takes the last one's output as input, so
# one that is lost, run twice, or run on what an evicted one left half-written shows in the result.
# one: what they read and write is parts of one allocation.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESET=$2 REEF_EVICT_PATIENCE_US=200000

for n in 1 2; do
    become be "$apps/occupant" 60 "$((n * 30))" "$work/stop" "$work/ready$n" ${4:+"$4"} >"$work/be$n.out" 2>"$work/be$n.err" &
    eval "be$n=\$!"
    await 120 test -e "$work/ready$n" || fail "best-effort program $n did not start"
done
under rt "$apps/arrivals" "$3" 15000 1 >"$work/rt.out" 2>"$work/rt.err" || fail "real-time program"
# shellcheck disable=SC2154
evicted=$(($(stat "$be1" evicted) + $(stat "$be2" evicted)))
evictions=$(($(stat "$be1" evictions) + $(stat "$be2" evictions)))
touch "$work/stop"
wait "$be1" || fail "best-effort program 1: $(cat "$work/be1.out")"
wait "$be2" || fail "best-effort program 2: $(cat "$work/be2.out")"
echo "$evictions queues evicted, $evicted commands"
[ "$evictions" -gt 10 ] || fail "hardly anything was evicted"
