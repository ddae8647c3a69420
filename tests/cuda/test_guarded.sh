#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_guarded.sh BUILD HOLD PROGRAM [ARGUMENT ...]: a best-effort program with guards in its PTX prints the same as
# without libreef, while real-time work comes and goes at random and ends its kernels.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
hold=$(realpath "$2")
shift 2
cd "$apps" || exit 1

export REEF_EMU_TIMESCALE=1
bare "$@" >"$work/bare.out" 2>"$work/bare.err" || fail "$1: exit status $?"
"$hold" "$work" 200 1 >/dev/null 2>&1 &
REEF_GUARD=ptx REEF_RT_LINGER_US=0 under be "$@" >"$work/be.out" 2>"$work/be.err" || fail "$1: exit status $?"
cmp "$work/bare.out" "$work/be.out" || fail "$1: output differs"
grep 'kernels with guards' "$work/reef.log" || fail "$1: nothing has guards"
grep -Eq ' [1-9][0-9]* evictions, ([1-9][0-9]*) launches ended, \1 issued again' "$work/reef.log" ||
    fail "$1: no launch was ended"
