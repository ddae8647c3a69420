#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_turns.sh BUILD: two best-effort programs beside a real-time one. With turns (REEF_BE_TURN_US) their kernels are on
# the GPU one program after the other, by the stamps of the device's clock; without, at the same time. Both get on, and
# nothing is wrong. One that is stopped is not waited for.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
# Turns are wall time, kernels take 40 times their device time here.
export REEF_EMU_TIMESCALE=40

# run NAME TURN_US
run() {
    local name=$1 pids=() i
    export REEF_BE_TURN_US=$2
    rm -f "$work/stop" "$work"/ready*
    for i in 1 2; do
        become be "$apps/occupant" 500 2 "$work/stop" "$work/ready$i" "$work/$name.stamps$i" \
            >"$work/$name$i.out" 2>"$work/$name$i.err" &
        pids+=($!)
    done
    for i in 1 2; do
        await 120 test -e "$work/ready$i" || fail "$name: a best-effort program did not start"
    done
    under rt "$apps/arrivals" 40 100000 1 >"$work/$name.arrivals" 2>"$work/$name.err" || fail "$name: arrivals failed"
    if [ "$name" = turns ]; then
        kill -STOP "${pids[0]}" # whether it is its turn or not
        under rt "$apps/arrivals" 10 50000 2 >"$work/stopped.out" 2>"$work/stopped.err" || fail "arrivals failed"
        kill -CONT "${pids[0]}"
    fi
    touch "$work/stop"
    for i in 0 1; do
        wait "${pids[$i]}" || fail "$name: a best-effort program failed, or its result is wrong"
    done
}

run at-once 0
run turns 200000
python3 - "$work" <<'PYTHON' || fail "turns do not do what they are for"
import sys
work = sys.argv[1]

def overlap(name):
    """The share of kernels that were on the device together with one of the other program, from the tenth arrival on."""
    arrivals = [int(line.split()[1]) for line in open(f"{work}/{name}.arrivals")]
    kernels = [[tuple(map(int, line.split())) for line in open(f"{work}/{name}.stamps{i}")] for i in (1, 2)]
    first, second = ([k for k in ks if arrivals[10] < k[0] and k[1] < arrivals[-1]] for ks in kernels)
    both = [any(a < d and c < b for c, d in kernels[1]) for a, b in first]
    print(f"{name}: {len(first)} and {len(second)} kernels, {sum(both)} of the first ones beside one of the others")
    assert len(first) > 4 and len(second) > 4
    return sum(both) / len(both)

without, turns = overlap("at-once"), overlap("turns")
assert turns < 0.5 * without, (turns, without)
PYTHON
