#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_two.sh WITH_REEF LIBREEF PROGRAM [ARGUMENT ...]: two best-effort programs on one board at the same time, where they
# take turns as their rig says that a real-time program is there. Each must find what it finds alone; and they did take turns.
set -u
with_reef=$1 library=$2
shift 2
TEST_BOARD=$(mktemp -d)
trap 'rm -rf "$TEST_BOARD"' EXIT
export TEST_BOARD REEF_LOG=debug
for i in 1 2; do
    REEF_LOG_FILE=$TEST_BOARD/log$i "$with_reef" "$library" be "$@" &
    pids[i]=$!
done
status=0
for i in 1 2; do
    wait "${pids[i]}" || status=1
done
grep -c 'turn begins' "$TEST_BOARD"/log?
[ $status = 0 ] && grep -q 'turn begins' "$TEST_BOARD"/log?
