#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Two processes on one emulated GPU, in device time: contexts take turns as on hardware (docs/emulator.md has
# the figures), a shorter slice of the other process helps, and a process that is killed gives everything back.
set -euo pipefail
pair=$1
reef=$2
REEF_EMU_DIR=$(mktemp -d)
export REEF_EMU_DIR REEF_EMU_TIMESCALE=2 REEF_BOARD_DIR=$REEF_EMU_DIR
other=
trap 'if [ -n "$other" ]; then kill -9 "$other" 2>/dev/null || true; fi; rm -rf "$REEF_EMU_DIR"' EXIT

fail() {
    echo "$*" >&2
    exit 1
}

# median NAME MIN MAX [HOW COUNT]: of the latencies in microseconds of device time
median() {
    local out p50
    out=$("$pair" "${4-rt}" 15 "${5-10}")
    p50=$(echo "$out" | sed -n 's/^p50 \([0-9]*\) .*/\1/p')
    echo "$1: $out"
    if [ "$p50" -lt "$2" ] || [ "$p50" -gt "$3" ]; then
        fail "$1: the median is not between $2 and $3"
    fi
}

be() {
    env "$@" "$pair" be 1000 16 100000 &
    other=$!
}

# As a program under libreef: it sets its timeslice itself, by a control call to the driver.
be_under_reef() {
    "$reef" run --priority be --emulate v100 -- "$pair" be 1000 16 100000 &
    other=$!
}

stop() {
    kill -9 "$other"
    wait "$other" 2>/dev/null || true
    other=
}

median alone 1000 1060
be REEF_EMU_MPS=0
median 'beside another, taking turns' 1800 3700
stop
median 'after the other was killed' 1000 1060
be REEF_EMU_TIMESLICE_US=1
median 'with its slice at 1 us' 1000 1700
median 'five times as long' 5000 5500 rt 50
stop
be_under_reef
median 'with its slice set by libreef' 1000 1700
stop
# A context keeps its turn in a pause only with a launch that waits behind one that runs. What the host takes in
# between is in there too.
export REEF_EMU_TIMESCALE=10
be REEF_EMU_TIMESLICE_US=1
median 'waiting after each kernel' 3500 8000 waits 0
median 'the same while a kernel spins' 3500 8000 waits 1
median 'the same while another waits behind that' 1000 2500 waits 2
stop
