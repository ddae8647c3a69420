#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Is every instruction that the interpreter executes the subject of a value test? Runs the value tests and
# compares the rows that they note (rows.h) with the table.
#
#   covered_test.sh ROWS_PROGRAM TEST...       ROWS_PROGRAM prints the rows that have semantics
set -euo pipefail
program=$1
shift
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
for test in "$@"; do
    status=0
    REEF_ISA_ROWS=$rows "$test" >/dev/null 2>&1 || status=$?
    [ $status != 77 ] || exit 77
done
missing=$(comm -23 <("$program" | sort) <(sort -u "$rows"))
total=$("$program" | wc -l)
count=$(printf '%s' "$missing" | grep -c . || true)
echo "$((total - count)) of $total instructions have a value test"
[ -z "$missing" ] || {
    echo "without one:" $missing
    exit 1
}
