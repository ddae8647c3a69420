#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_guarded.sh WITH_REEF LIBREEF HOLD GUARDED: a best-effort program whose kernels have guards, while real-time work
# comes and goes at random: its results are those of the bare driver, launches were ended, and each was issued again.
set -eu
with_reef=$1 library=$2 hold=$3 guarded=$4
dir=$(mktemp -d)
export REEF_EMU_DIR="$dir"
holder=
trap 'kill $holder 2>/dev/null || true; rm -rf "$dir"' EXIT
"$guarded" 60 1
REEF_GUARD=ptx "$with_reef" "$library" rt "$guarded" 60 1
REEF_GUARD=ptx "$with_reef" "$library" be "$guarded" 60 1
for seed in 1 2 3; do
    mkdir "$dir/$seed"
    "$hold" "$dir/$seed" 600 $seed >/dev/null 2>&1 &
    holder=$!
    TEST_BOARD="$dir/$seed" REEF_RT_LINGER_US=0 REEF_GUARD=ptx REEF_LOG=info REEF_LOG_FILE="$dir/log$seed" \
        "$with_reef" "$library" be "$guarded" 80 $seed
    kill $holder
    grep 'kernels with guards' "$dir/log$seed"
    grep -Eq '5 kernels with guards, 0 without; [1-9][0-9]* evictions, ([1-9][0-9]*) launches ended, \1 issued again' \
        "$dir/log$seed"
done
