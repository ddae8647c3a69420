#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_long.sh BUILD RESET: best-effort kernels of ten milliseconds of the device's time, which real-time work never leaves
# so much room: it comes back every four milliseconds of the host's, 0.2 of the device's. They get through all the same, and
# are not killed again and again.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESET=$2
kernels=6

under rt "$apps/arrivals" 4000 4000 1 >"$work/rt.out" 2>"$work/rt.err" &
rt=$!
become be "$apps/occupant" 10000 $kernels "$work/go-on" "$work/ready" >"$work/be.out" 2>"$work/be.err" &
be=$!
await 100 test -e "$work/ready" || fail "the best-effort program made no progress"
kill -0 $rt || fail "the real-time program ended before"
killed=$(($(stat $be killed) + $(stat $be evicted)))
drains=$(stat $be drains)
suspensions=$(stat $be suspensions)
preemptions=$(stat $be preemptions)
touch "$work/go-on"
wait $be || fail "best-effort program: $(cat "$work/be.out")"
kill $rt
echo "$kernels kernels in $preemptions preemptions: $killed commands killed or evicted, $drains drains, $suspensions suspensions"
[ "$preemptions" -gt $kernels ] || fail "it was hardly preempted"
case $REEF_RESET in
auto) [ "$suspensions" -gt 0 ] || fail "nothing was suspended" ;;
*) [ "$drains" -gt 0 ] || fail "nothing was waited for" ;;
esac
