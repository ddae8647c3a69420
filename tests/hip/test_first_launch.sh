#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_first_launch.sh BUILD CASE: what goes on while kernels are prepared at their first launch is as without libreef.
# Case "load": loading prepares nothing, and each kernel is prepared once. "held": nothing is loaded beside real-time work.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
object=$build/tests/emu/restart/inference.elf
export REEF_LOG=debug

if [ "$2" = load ]; then
    under be "$build/tests/hip/load_many" "$object" 1 10 >"$work/out" 2>"$work/load.err" || fail "load_many: $(cat "$work/out")"
    cat "$work/out"
    prepared=$(grep -c 'kernel .*: analysed in' "$work/reef.log")
    [ "$prepared" = 10 ] || fail "$prepared kernels were prepared, 10 were launched"
    [ "$(grep 'analysed in' "$work/reef.log" | sed 's/.*kernel \(.*\):.*/\1/' | sort | uniq -d | wc -l)" = 0 ] ||
        fail "a kernel was prepared twice"
    under be "$build/tests/hip/load_many" "$object" 1 >"$work/out" 2>"$work/load.err" || fail "load_many"
    [ "$(grep -c 'kernel .*: analysed in' "$work/reef.log")" = 10 ] || fail "kernels were prepared that nobody launched"
    exit 0
fi

# held: 0 if nothing was loaded while real-time work was there; 1 if real-time work seemed to be over for want of a processor
held() {
    rm -f "$work/reef.log"
    "$build/tests/hip/rt_bit" pci-0000-03-00.0 >"$work/late" &
    local rt=$! be
    become be "$build/tests/hip/first_launch" "$object" order >"$work/out" 2>"$work/held.err" &
    be=$!
    await 60 grep -qs 'analysed in' "$work/reef.log" || fail "nothing was analysed while real-time work was there"
    if grep -q 'guards loaded in' "$work/reef.log"; then
        await 10 test -s "$work/late" || fail "guards were loaded while real-time work was there"
    else
        kill -0 $be || fail "the best-effort program ended: $(cat "$work/out")"
    fi
    kill -KILL $rt
    wait $rt 2>/dev/null
    wait $be || fail "the best-effort program: $(cat "$work/out")"
    grep -q 'guards loaded in' "$work/reef.log" || fail "guards were never loaded"
    ! [ -s "$work/late" ]
}

if [ "$2" = held ]; then
    for _ in 1 2 3 4 5; do
        held && exit 0
    done
    fail "the real-time process never got a processor in time"
fi

bare "$build/tests/hip/first_launch" "$object" "$2" >"$work/bare" 2>"$work/bare.err" || fail "$2, without libreef"
for reset in auto queue; do
    REEF_RESET=$reset under be "$build/tests/hip/first_launch" "$object" "$2" >"$work/out" 2>"$work/$reset.err" ||
        fail "$2, $reset: exit status $?, $(cat "$work/out")"
    cmp "$work/bare" "$work/out" || fail "$2, $reset: another output"
    grep -q 'analysed in' "$work/reef.log" || [ "$2" = exit ] || [ "$2" = discard ] || fail "$2, $reset: nothing was prepared"
    ! grep -q 'refused\|not prepared in time' "$work/reef.log" || fail "$2, $reset: guards were not loaded"
done
