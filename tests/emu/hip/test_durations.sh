#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_durations.sh EMULATOR TIMED: durations by kernel name take the place of the timing model.
set -eu
emulator=$1 timed=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REEF_EMU_DIR=$work

# less THAN GROUPS
less() {
    LD_PRELOAD=$emulator "$timed" "$2" >"$work/out" 2>"$work/err" || { cat "$work/err"; exit 1; }
    awk -v most="$1" '$2 > most { print "got " $0 ", not less than " most; exit 1 }' "$work/out"
}

# near WANTED GROUPS: the time of that grid, in microseconds without the launch (4 us)
near() {
    LD_PRELOAD=$emulator "$timed" "$2" >"$work/out" 2>"$work/err" || { cat "$work/err"; exit 1; }
    awk -v want="$1" '{ off = $2 - 4 - want; if (off < -2 || off > 2) { print "got " $0 ", not " want; exit 1 } }' \
        "$work/out"
}

# One value: up to four waves on a SIMD beside each other, more share it; two rounds of a full device.
printf '*keep_busy* 4000\n*number* 500 # us\n' >"$work/one"
export REEF_EMU_DURATIONS=$work/one
near 500 1
near 500 240
near 1250 600
near 2500 1200

# A curve, and a line that comes too late.
printf '*keep_busy* 4000\n*number* 100 130 190\n*number* 1\n' >"$work/curve"
export REEF_EMU_DURATIONS=$work/curve
near 100 60
near 130 120
near 190 180

# No line for this kernel, a bad file, none: the model's own time, which is a few microseconds (and what the host lost).
echo 'other 500' >"$work/other"
REEF_EMU_DURATIONS=$work/other less 400 1
echo 'other' >"$work/bad"
REEF_EMU_DURATIONS=$work/bad less 400 1
grep -q "^reef-emu: REEF_EMU_DURATIONS: $work/bad:1: no duration; not used" "$work/err"
REEF_EMU_DURATIONS=$work/none less 400 1
grep -q 'none: No such file or directory; not used' "$work/err"
echo "as given"
