#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_options.sh LIBREEF WITH_REEF QUEUE_CASES: warnings about options come once, with the nearest name, only
# in programs that use the GPU; the default is used and the program runs.
set -eu
library=$1 with_reef=$2 cases=$3
out=$(mktemp)
trap 'rm -f "$out"' EXIT
fail() { echo "$1"; cat "$out"; exit 1; }

REEF_DEPHT=2 REEF_LINGER=none REEF_RESET=soon REEF_EMU_ANYTHING=1 \
    "$with_reef" "$library" be "$cases" order 2>"$out" || fail "the program failed"
[ "$(grep -c 'unknown option REEF_DEPHT (did you mean REEF_DEPTH?)' "$out")" = 1 ] || fail "REEF_DEPHT"
[ "$(grep -c 'unknown option REEF_LINGER' "$out")" = 1 ] || fail "REEF_LINGER"
[ "$(grep -c 'REEF_RESET=soon is not one of auto|guard|queue|suspend|drain' "$out")" = 1 ] || fail "REEF_RESET"
[ "$(wc -l <"$out")" = 3 ] || fail "more lines than three"

"$with_reef" "$library" fast "$cases" order 2>"$out" || fail "the program failed"
[ "$(grep -c 'REEF_PRIORITY=fast is not one of rt|be|off' "$out")" = 1 ] || fail "REEF_PRIORITY"

REEF_LOG=error REEF_DEPHT=2 "$with_reef" "$library" be "$cases" order 2>"$out" || fail "failed"
[ ! -s "$out" ] || fail "a warning at REEF_LOG=error"

REEF_DISABLE=1 REEF_DEPHT=2 REEF_LOG=trace "$with_reef" "$library" be "$cases" order 2>"$out" || fail "failed"
[ ! -s "$out" ] || fail "REEF_DISABLE=1 is not silent"

log=$(mktemp)
REEF_LOG=debug REEF_LOG_FILE=$log "$with_reef" "$library" be "$cases" order 2>"$out" || fail "failed"
[ ! -s "$out" ] || fail "stderr is used with REEF_LOG_FILE"
grep -q 'queue 0x.*: be, 64 packets' "$log" || fail "nothing in the log file"
rm -f "$log"
echo "options"
