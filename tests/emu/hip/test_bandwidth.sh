#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_bandwidth.sh EMULATOR BANDWIDTH: what memory costs in device time does not depend on how fast the host is and how
# many interpreters it has.
set -eu
emulator=$1 bandwidth=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REEF_EMU_DIR=$work

n=0
for settings in "THREADS=1 TIMESCALE=20" "THREADS=2 TIMESCALE=20" "THREADS=3 TIMESCALE=100"; do
    n=$((n + 1))
    # shellcheck disable=SC2086
    env $(printf 'REEF_EMU_%s ' $settings) LD_PRELOAD="$emulator" "$bandwidth" >"$work/$n" 2>"$work/err" ||
        { cat "$work/$n" "$work/err"; exit 1; }
    cmp "$work/1" "$work/$n" || { diff "$work/1" "$work/$n"; exit 1; }
done
cat "$work/1"
