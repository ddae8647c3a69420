#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_padding.sh BUILD RESET [squeeze]: best-effort kernels run beside a real-time program that needs 32 of the 60 compute units
# (tests/apps/detector.cpp), in two processes. Both kinds check every result bit for bit.
# squeeze: a second real-time program needs all units, at random moments, and does not say so before.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESET=$2 REEF_PADDING=cu REEF_EVICT_PATIENCE_US=200000
squeeze=${3:-}

for n in 1 2; do
    become be "$apps/trainer" --groups 60 --steps 150 --streams "$n" --until-file "$work/stop" --ready-file "$work/ready$n" \
        --json "$work/be$n.json" >"$work/be$n.out" 2>"$work/be$n.err" &
    eval "be$n=\$!"
    await 120 test -e "$work/ready$n" || fail "best-effort program $n did not start"
done
if [ "$squeeze" ]; then
    REEF_PADDING=off become rt "$apps/arrivals" 1000000 100000 3 >"$work/rt2.out" 2>"$work/rt2.err" &
    await 120 test -s "$work/rt2.out" || fail "the second real-time program does not begin"
fi
under rt "$apps/detector" --count 30 --taps 300 --period-us 20000 --json "$work/rt.json" >"$work/rt.out" 2>"$work/rt.err" ||
    fail "real-time program: $(cat "$work/rt.out")"
# shellcheck disable=SC2154
padded=$(($(stat "$be1" padded) + $(stat "$be2" padded)))
touch "$work/stop"
wait "$be1" || fail "best-effort program 1: $(cat "$work/be1.out")"
wait "$be2" || fail "best-effort program 2: $(cat "$work/be2.out")"
cat "$work"/*.json
[ "$(grep -c '"wrong_results":0' "$work"/*.json | grep -c ':1$')" = 3 ] || fail "wrong results"
echo "$padded kernels ran beside real-time work"
[ "$padded" -gt 0 ] || fail "nothing ran beside real-time work"
