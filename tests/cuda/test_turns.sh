#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_turns.sh BUILD: two best-effort programs beside a real-time one. With turns (REEF_BE_TURN_US) only one of them has
# work on the GPU at a time, so the real-time one waits less than without, both get on, and nothing is wrong. One that is
# stopped is not waited for.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# Turns are wall time, kernels take 40 times their device time here.
export REEF_EMU_TIMESCALE=40

# run NAME TURN_US: writes the latencies' median to NAME.p50
run() {
    local name=$1 pids=() i p50
    export REEF_BE_TURN_US=$2
    rm -f "$work/stop" "$work"/ready*
    for i in 1 2; do
        become be "$apps/trainer" --until-file "$work/stop" --ready-file "$work/ready$i" \
            --json "$work/$name$i.json" >"$work/$name$i.out" 2>"$work/$name$i.err" &
        pids+=($!)
    done
    for i in 1 2; do
        await 60 test -e "$work/ready$i" || fail "$name: a trainer did not start"
    done
    under rt "$apps/detector" --count 12 --warmup 15 --period-us 200000 --json "$work/$name.json" \
        >"$work/$name.out" 2>"$work/$name.err" || fail "$name: the detector failed"
    if [ "$name" = turns ]; then
        # Whether it is its turn or not: the other gets on.
        kill -STOP "${pids[0]}"
        under rt "$apps/detector" --count 3 --period-us 200000 >"$work/stopped.out" 2>"$work/stopped.err" ||
            fail "the detector failed beside a stopped program"
        kill -CONT "${pids[0]}"
    fi
    touch "$work/stop"
    for i in 0 1; do
        wait "${pids[$i]}" || fail "$name: a trainer failed"
    done
    p50=$(python3 -c 'import json, sys; print(round(json.load(open(sys.argv[1]))["p50_us"]))' "$work/$name.json")
    echo "$name: the detector's median $p50 us; iterations:" \
        "$(python3 -c 'import json, sys; print(*(json.load(open(p))["iterations"] for p in sys.argv[1:]))' \
            "$work/${name}1.json" "$work/${name}2.json")"
    echo "$p50" >"$work/$name.p50"
}

run all-at-once 0
run turns 2000000
python3 - "$work" <<'PYTHON' || fail "turns do not do what they are for"
import json, sys
work = sys.argv[1]
without, turns = (int(open(f"{work}/{name}.p50").read()) for name in ("all-at-once", "turns"))
assert turns < 0.75 * without, (turns, without)
for i in (1, 2):
    assert json.load(open(f"{work}/turns{i}.json"))["iterations"] > 4
PYTHON
