#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_peers.sh BUILD CASE: what becomes of a process's neighbours when it is killed or stopped, or when there
# are several of each class.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESTARTABLE=assume

start_be() { # NAME: a best-effort process that runs until told to stop
    become be "$apps/chain" --streams 2 --until-file "$work/stop" --ready-file "$work/$1.ready" \
        >"$work/$1.out" 2>"$work/$1.err" &
    be=$!
    await 120 test -e "$work/$1.ready" || fail "best-effort program did not start"
}

start_rt() { # real-time work without a pause
    become rt "$apps/detector" --count 1000000 --period-us 0 --warmup 0 >"$work/rt.out" 2>"$work/rt.err" &
    rt=$!
    await 60 is_busy || fail "real-time program did not start"
}

is_busy() {
    [ "$(stat "$rt" launches_rt 2>/dev/null || echo 0)" -gt 100 ]
}

be_moved() { # since the last look
    [ "$(stat "$be" be_completed)" -gt "$seen" ]
}

# kill_at SIGNAL PID: sends it and prints the log's clock at that moment
kill_at() {
    python3 -c '
import os, signal, sys, time
os.kill(int(sys.argv[2]), signal.Signals["SIG" + sys.argv[1]])
print("%.6f" % time.monotonic())' "$1" "$2"
}

# gone_after STAMP: how many milliseconds after it the best-effort process saw that real-time work is gone
gone_after() {
    sed -n "s/^reef\\[$be\\] \\([0-9.]*\\) debug: rt work is gone$/\\1/p" "$work/reef.log" |
        awk -v stamp="$1" '$1 > stamp { printf "%d\n", ($1 - stamp) * 1000; exit }'
}

be_ends_well() { # PROCESS NAME
    touch "$work/stop"
    wait "$1" || fail "best-effort program: $(cat "$work/$2.out")"
    bare "$apps/chain" --streams 2 >"$work/want" 2>"$work/bare.err" || fail "chain without libreef"
    cmp "$work/want" "$work/$2.out" || fail "best-effort output differs"
}

case $2 in
rt-killed | rt-stopped)
    export REEF_LOG=debug
    start_be one
    start_rt
    [ "$2" = rt-killed ] && signal=KILL || signal=STOP
    stamp=$(kill_at $signal $rt)
    seen=$(stat $be be_completed)
    await 10 be_moved || fail "best-effort work did not come back after SIG$signal"
    echo "best-effort work was let go $(gone_after "$stamp") ms after SIG$signal"
    if [ "$signal" = STOP ]; then
        kill -CONT $rt
        seen=$(stat $rt launches_rt)
        rt_moved() { [ "$(stat "$rt" launches_rt)" -gt "$seen" ]; }
        await 30 rt_moved || fail "the real-time program did not go on after SIGCONT"
        kill -KILL $rt
    fi
    be_ends_well $be one
    ;;
be-killed)
    # Best-effort processes die at random moments while they are being reset.
    for round in 1 2 3 4 5; do
        start_be victim$round
        become rt "$apps/pulse" 40 4000 $round >"$work/pulse.out" 2>"$work/pulse.err" &
        pulse=$!
        sleep "0.$round"
        kill -KILL $be
        wait $pulse || fail "the real-time program failed: $(cat "$work/pulse.out")"
    done
    bare "$apps/vadd" >"$work/vadd.out" 2>"$work/vadd.err" || fail "the device does not work any more"
    ;;
two-and-two)
    start_be one
    first=$be
    start_be two
    for n in 1 2; do
        become rt "$apps/pulse" 30 8000 $n >"$work/pulse$n.out" 2>"$work/pulse$n.err" &
        eval "pulse$n=\$!"
    done
    # shellcheck disable=SC2154
    wait "$pulse1" || fail "real-time program 1: $(cat "$work/pulse1.out")"
    # shellcheck disable=SC2154
    wait "$pulse2" || fail "real-time program 2: $(cat "$work/pulse2.out")"
    [ "$(stat "$first" preemptions)" -gt 0 ] || fail "nothing was preempted"
    be_ends_well "$first" one
    be_ends_well "$be" two
    ;;
*)
    echo "unknown case $2"
    exit 2
    ;;
esac
