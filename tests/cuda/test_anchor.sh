#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_anchor.sh BUILD: a real-time program that waits after each kernel gets anchors (REEF_ANCHOR) while a best-effort
# program is there, and only then; its result is what it is without libreef, and it ends. With them it loses its turn on
# the device once in a burst, without them in every pause: by the device's clock.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

pauses=("$apps/pauses" 60 12 3000)

# run NAME WANTED: the program as it is, and whether there are to be anchors
run() {
    local name=$1 wanted=$2 found=no
    : >"$REEF_LOG_FILE"
    under rt "${pauses[@]}" "$work/$name.times" >"$work/$name.out" 2>"$work/$name.err" || fail "$name: the program failed"
    cmp "$work/bare.out" "$work/$name.out" || fail "$name: a wrong result"
    ! grep "no more anchors" "$REEF_LOG_FILE" || fail "$name: anchors were given up"
    ! grep -q '[0-9] anchors' "$REEF_LOG_FILE" || found=yes
    [ "$found" = "$wanted" ] || fail "$name: anchors: $found, wanted: $wanted"
    echo "$name: anchors: $found"
}

bare "${pauses[@]}" >"$work/bare.out" || fail "bare: the program failed"
run alone no
REEF_ANCHOR=on run on yes
become be "$apps/occupant" 500 2 "$work/stop" "$work/ready" "$work/stamps" >"$work/occupant.out" 2>"$work/occupant.err" &
occupant=$!
await 120 test -e "$work/ready" || fail "the best-effort program did not start"
run beside yes
REEF_ANCHOR=off run off no
median() { sort -n "$work/$1.times" | sed -n 30p; }
echo "a burst takes $(median beside) us, without anchors $(median off) us"
[ $(($(median beside) * 2)) -lt "$(median off)" ] || fail "anchors gain nothing"
touch "$work/stop"
wait "$occupant" || fail "the best-effort program failed, or its result is wrong"
