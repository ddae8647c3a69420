#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Small workloads under every policy: what the core was told and what it wanted, line by line, as it was
# when someone last looked at it. A change of a rule shows here; look at the difference, then
#
#   test_golden.sh BUILD/tools/reef GOLDEN --write
set -uo pipefail
reef=$1 golden=$2 write=${3:-}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failures=0
for workload in preempt.json crowd.json late.json steps.csv; do
    seconds=0 # the workload's
    for policy in rt-only sequential streams wait reef-n reef-nopad reef-published reef; do
        name=${workload%.*}.$policy.log
        "$reef" replay "$golden/$workload" --models "$golden" --policy "$policy" \
            --seconds "$seconds" \
            --log "$out/$name" >/dev/null || exit 1
        if [ "$write" = --write ]; then
            cp "$out/$name" "$golden/$name"
        elif ! diff -u "$golden/$name" "$out/$name" >"$out/diff"; then
            head -20 "$out/diff"
            failures=$((failures + 1))
        fi
    done
done
exit $((failures > 0))
