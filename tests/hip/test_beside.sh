#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_beside.sh BUILD [--in-place] PROGRAM [ARGUMENT ...]: a best-effort program prints and returns what it does bare while real-time
# work arrives beside it, at random, all the time it runs: whatever is evicted, killed, suspended or held of it.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
shift
[ "$1" = --in-place ] && shift
cd "$apps" || exit 1
ulimit -c 0

bare "$@" >"$work/bare.out" 2>"$work/bare.err"
code=$?
become rt "$apps/arrivals" 1000000 6000 7 >"$work/rt.out" 2>"$work/rt.err" &
rt=$!
await 60 test -s "$work/rt.out" || fail "the real-time program does not begin"
under be "$@" >"$work/be.out" 2>"$work/be.err"
got=$?
kill -0 $rt || fail "the real-time program ended"
[ $got = $code ] || fail "$1: exit status $got, bare $code"
cmp "$work/bare.out" "$work/be.out" || fail "$1: output differs: $(diff "$work/bare.out" "$work/be.out" | head -n 5)"
