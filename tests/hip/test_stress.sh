#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_stress.sh BUILD PREEMPTIONS [RESET [RESTARTABLE]]: two best-effort processes, one with three streams, are preempted at random
# moments, PREEMPTIONS times together; their outputs are those of a run without preemption.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
wanted=$2
export REEF_RESET=${3-auto}
export REEF_RESTARTABLE=${4-assume}

bare "$apps/chain" --streams 3 >"$work/three.want" 2>"$work/bare.err" || fail "chain without libreef"
bare "$apps/chain" --streams 1 >"$work/one.want" 2>"$work/bare.err" || fail "chain without libreef"

# The runtime orders kernels and copies by barrier packets in one, and by waiting itself, its default, in the other.
ROC_CPU_WAIT_FOR_SIGNAL=0 become be "$apps/chain" --streams 3 --until-file "$work/stop" --ready-file "$work/ready3" \
    >"$work/three.out" 2>"$work/three.err" &
three=$!
become be "$apps/chain" --streams 1 --until-file "$work/stop" --ready-file "$work/ready1" \
    >"$work/one.out" 2>"$work/one.err" &
one=$!
ready() {
    [ -e "$work/ready3" ] && [ -e "$work/ready1" ]
}
await 120 ready || fail "the best-effort programs did not start"

# Bursts of real-time work until there were enough preemptions.
for ((round = 1; round <= 40; round++)); do
    under rt "$apps/pulse" 100 6000 $round >"$work/pulse.out" 2>"$work/pulse.err" ||
        fail "real-time program: $(cat "$work/pulse.out")"
    preemptions=$(stat $three preemptions)
    also=$(stat $one preemptions)
    [ $((preemptions + also)) -ge "$wanted" ] && break
done
killed=$(stat $three killed)
evicted=$(stat $three evicted)
suspensions=$(stat $three suspensions)
padded=$(($(stat $three padded) + $(stat $one padded)))
touch "$work/stop"
wait $three || fail "chain with three streams: $(cat "$work/three.out")"
wait $one || fail "chain with one stream: $(cat "$work/one.out")"
cmp "$work/three.want" "$work/three.out" || fail "three streams: output differs"
cmp "$work/one.want" "$work/one.out" || fail "one stream: output differs"
echo "$preemptions and $also preemptions, $killed commands killed and $evicted evicted, and run again; $suspensions suspensions; $padded beside"
[ $((preemptions + also)) -ge "$wanted" ] || fail "not $wanted preemptions"
[ "$preemptions" -ge $((wanted / 3)) ] && [ "$also" -ge $((wanted / 3)) ] || fail "hardly any of one process"
if [ "$REEF_RESET" = suspend ]; then
    [ "$suspensions" -gt 0 ] && [ "$killed" -eq 0 ] && [ "$evicted" -eq 0 ] || fail "not suspended"
    exit 0
fi
[ "$REEF_RESET" = guard ] || [ "$killed" -gt 0 ] || fail "nothing was ever killed"
[ "$REEF_RESET" = queue ] || [ "$REEF_RESTARTABLE" = analyze ] || [ "$evicted" -gt 0 ] || fail "nothing was ever evicted"
