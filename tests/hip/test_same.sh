#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_same.sh BUILD [--in-place] PROGRAM [ARGUMENT ...]: a program prints and returns the same without libreef and
# under it in every class. As be also with kernels analysed, and with every kernel called restartable; the latter not with
# --in-place: such a program has real-time work of its own that preempts kernels which must not be run twice.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
shift
restartables=(never analyze assume)
if [ "$1" = --in-place ]; then
    restartables=(never analyze)
    shift
fi
cd "$apps" || exit 1
ulimit -c 0

bare "$@" >"$work/bare.out" 2>"$work/bare.err"
code=$?
for class in off rt be; do
    for restartable in "${restartables[@]}"; do
        [ "$restartable" != never ] && [ $class != be ] && continue
        REEF_RESTARTABLE=$restartable under $class "$@" >"$work/$class.out" 2>"$work/$class.err"
        got=$?
        [ $got = $code ] || fail "$1 as $class ($restartable): exit status $got, bare $code; its last line: $(tail -n 1 "$work/$class.out")"
        cmp "$work/bare.out" "$work/$class.out" ||
            fail "$1 as $class ($restartable): output differs: $(diff "$work/bare.out" "$work/$class.out" | head -n 5)"
    done
done
[ -s "$work/bare.out" ] || fail "$1 prints nothing"
