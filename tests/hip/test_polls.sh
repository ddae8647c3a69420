#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_polls.sh BUILD: the emulated GPU charges for looking at words that others change. Words of compute units and a look of
# one work-group at the host's memory cost next to nothing; one word for all costs much, and the host's memory stops the GPU.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

bare "$apps/polls" >"$work/polls.out" 2>"$work/polls.err" || fail "polls: $(cat "$work/polls.out")"
cat "$work/polls.out"
awk '{us[$1] = $2}
    END {
        n = us["none"]
        exit !(n > 0 && us["unit"] < 1.25 * n && us["first"] < 1.25 * n && us["device"] > 1.3 * n && us["host"] > 5 * n)
    }' "$work/polls.out" || fail "not the costs that were expected"
