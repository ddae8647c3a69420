#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_handshake.sh BUILD: kernels that talk to the host or to each other while they run are preempted at random moments,
# and none is run a second time.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

become be "$apps/handshake" "$work/stop" "$work/ready" >"$work/be.out" 2>"$work/be.err" &
be=$!
await 120 test -e "$work/ready" || fail "the best-effort program did not start"
under rt "$apps/arrivals" 40 15000 1 >"$work/rt.out" 2>"$work/rt.err" || fail "real-time program"
preemptions=$(stat "$be" preemptions)
touch "$work/stop"
wait "$be" || fail "best-effort program: $(cat "$work/be.out")"
echo "$(cat "$work/be.out") (rounds, wrong) in $preemptions preemptions"
[ "$preemptions" -gt 10 ] || fail "hardly any preemption"
