#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_same.sh BUILD PROGRAM [ARGUMENT ...]: a program prints and returns the same without libreef and under it in
# every class.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
shift
cd "$apps" || exit 1

bare "$@" >"$work/bare.out" 2>"$work/bare.err"
code=$?
for class in off rt be; do
    under $class "$@" >"$work/$class.out" 2>"$work/$class.err"
    got=$?
    [ $got = $code ] || fail "$1 as $class: exit status $got, bare $code"
    cmp "$work/bare.out" "$work/$class.out" || fail "$1 as $class: output differs"
done
[ $code = 0 ] || fail "$1: exit status $code"
[ -s "$work/bare.out" ] || fail "$1 prints nothing"
