#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_suspend.sh BUILD: best-effort kernels of two milliseconds of the device's time that take every unit and may not be
# killed. With the default means they are suspended: real-time work that needs all units finds them free at once, and every
# kernel's result is right. The figures are in the device's time.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESTARTABLE=never

for n in 1 2; do
    become be "$apps/occupant" 2000 10 "$work/stop" "$work/ready$n" >"$work/be$n.out" 2>"$work/be$n.err" &
    eval "be$n=\$!"
    await 120 test -e "$work/ready$n" || fail "best-effort program $n did not start"
done
under rt "$apps/arrivals" 60 15000 1 >"$work/rt.out" 2>"$work/rt.err" || fail "real-time program"
# shellcheck disable=SC2154
suspensions=$(($(stat "$be1" suspensions) + $(stat "$be2" suspensions)))
killed=$(($(stat "$be1" killed) + $(stat "$be2" killed)))
touch "$work/stop"
wait "$be1" || fail "best-effort program 1: $(cat "$work/be1.out")"
wait "$be2" || fail "best-effort program 2: $(cat "$work/be2.out")"
median=$(awk 'NF == 5 {print $4}' "$work/rt.out" | sort -n | awk '{v[NR] = $1} END {print int(v[int((NR + 1) / 2)])}')
echo "$suspensions suspensions; all real-time work-groups run after $median us (median)"
[ "$killed" -eq 0 ] || fail "$killed commands were killed"
[ "$suspensions" -gt 10 ] || fail "hardly anything was suspended"
[ "$median" -lt 700 ] || fail "real-time work waited for kernels of 2000 us"
