#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_kill.sh BUILD DRIVER: REEF's request to its patched driver is used where that driver is, and never sent to another one
# that has something else at its number. Kernels that may be run again but do not answer to the evict flag are killed.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_EMU_DRIVER=$2 REEF_RESTARTABLE=assume REEF_LOG=debug

bare "$apps/chain" --streams 1 >"$work/want" 2>"$work/bare.err" || fail "chain without libreef"
REEF_EMU_TRACE=1 become be "$apps/chain" --streams 1 --until-file "$work/stop" --ready-file "$work/ready" \
    >"$work/be.out" 2>"$work/be.err" &
be=$!
await 120 test -e "$work/ready" || fail "the best-effort program did not start"
for ((round = 1; round <= 10; round++)); do
    under rt "$apps/pulse" 60 6000 $round >"$work/pulse.out" 2>"$work/pulse.err" ||
        fail "real-time program: $(cat "$work/pulse.out")"
    resets=$(stat $be resets)
    [ "$resets" -ge 30 ] && break
done
touch "$work/stop"
wait $be || fail "chain: $(cat "$work/be.out")"
cmp "$work/want" "$work/be.out" || fail "output differs"
requests=$(grep -c 'ioctl WAVE_RESET: 0' "$work/be.err")
sampled=$(grep -c 'PC sampling, operation' "$work/be.err")
used=$(grep -c 'killed by request' "$work/reef.log")
echo "$resets queues reset, $used times by $requests requests"
[ "$resets" -gt 0 ] || fail "nothing was reset"
[ "$sampled" -eq 0 ] || fail "PC sampling was asked to do something"
if [ "$REEF_EMU_DRIVER" = reef ]; then
    [ "$used" -gt 0 ] || fail "the request was not used"
else
    [ "$requests" -eq 0 ] && [ "$used" -eq 0 ] || fail "the request was used"
fi
