#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The reef command, in a tree of its own with empty libraries in the places of the real ones: which
# environment it makes, what it exits with, what it says. Needs a C compiler (77 without one).
#
#   test_reef.sh BUILD/tools/reef
set -uo pipefail

cc=${CC:-cc}
command -v "${cc%% *}" >/dev/null || exit 77
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
unset LD_PRELOAD "${!REEF_@}"
export XDG_RUNTIME_DIR=$tree

mkdir -p "$tree"/{tools,shim,emu/amd,emu/profiles,other}
cp "$1" "$tree/tools/reef"
reef=$tree/tools/reef
shim=$tree/shim/libreef.so
emulator=$tree/emu/amd/libreef-emu-amd.so
echo | $cc -shared -o "$shim" -x c - || exit 77
cp "$shim" "$emulator"
cp "$shim" "$tree/other/libother.so"
: >"$tree/emu/profiles/mi50.conf"

failures=0
fail() {
    echo "FAILED: $*"
    failures=$((failures + 1))
}
# expect STATUS OUTPUT COMMAND...: exit status, and stdout as a whole
expect() {
    local status=$1 want=$2 got
    shift 2
    got=$("$@" 2>"$tree/stderr")
    local is=$?
    [ $is = "$status" ] || fail "$*: exit status $is, expected $status; $(cat "$tree/stderr")"
    [ "$got" = "$want" ] || fail "$*: printed '$got', expected '$want'"
}
# says STATUS PATTERN COMMAND...: exit status, and a line of stdout or stderr
says() {
    local status=$1 pattern=$2 got
    shift 2
    got=$("$@" 2>&1)
    local is=$?
    [ $is = "$status" ] || fail "$*: exit status $is, expected $status: $got"
    grep -qE -- "$pattern" <<<"$got" || fail "$*: no line like '$pattern' in: $got"
}

# ---- the command itself
says 0 '^Usage: reef' "$reef" help
says 0 '^reef [0-9]+\.[0-9]+' "$reef" --version
says 2 "unknown command 'rum'" "$reef" rum
says 2 '^Usage' "$reef"
says 0 '^Usage: reef run' "$reef" run --help

# ---- run: the environment
# shellcheck disable=SC2016
show='echo "$REEF_PRIORITY|$LD_PRELOAD|$REEF_EMU_PROFILE"'
expect 0 "be|$shim|" "$reef" run --priority be -- sh -c "$show"
expect 0 "rt|$shim|" "$reef" run --priority=rt sh -c "$show"
expect 0 "off|$shim|" env REEF_PRIORITY=off "$reef" run sh -c "$show"
expect 0 "rt|$shim:$emulator|mi50" "$reef" run --priority rt --emulate mi50 -- sh -c "$show"
expect 0 "rt|$tree/other/libother.so:$shim|" \
    env LD_PRELOAD="$tree/other/libother.so" "$reef" run --priority rt sh -c "$show"
expect 0 "rt|$tree/other/libother.so:$shim|" \
    env LD_PRELOAD="$shim $tree/other/libother.so:$shim" "$reef" run --priority rt sh -c "$show"
expect 0 "be|$shim:$emulator|mi50" \
    "$reef" run --priority rt --emulate mi50 "$reef" run --priority be --emulate mi50 sh -c "$show"
expect 0 "be|$shim|" "$reef" run --priority rt -- "$reef" run --priority be -- sh -c "$show"
says 0 'not scheduled' "$reef" run true

# ---- run: arguments and exit status are the program's
expect 0 'a b||--priority|-x' "$reef" run --priority be printf '%s|%s|%s|%s' 'a b' '' --priority -x
expect 7 '' "$reef" run --priority be sh -c 'exit 7'
expect 143 '' sh -c "'$reef' run --priority be sh -c 'kill -TERM \$\$'; exit \$?"
says 127 'no-such-program: program not found' "$reef" run --priority be no-such-program
says 127 'program not found' "$reef" run --priority be "$tree/none"
: >"$tree/plain"
says 126 'cannot be run: Permission denied' "$reef" run --priority be "$tree/plain"
says 126 'cannot be run' "$reef" run --priority be "$tree"
printf '#!%s/none\n' "$tree" >"$tree/script"
chmod +x "$tree/script"
says 126 'interpreter is missing' "$reef" run --priority be "$tree/script"
says 2 'which program' "$reef" run --priority be
says 2 "rt, be or off, not 'high'" "$reef" run --priority high true
says 2 "unknown option '--nice'" "$reef" run --nice true
says 1 "no device profile 'mi9000'" "$reef" run --emulate mi9000 true

# ---- run: missing or unusable libraries
mv "$emulator" "$emulator.away"
says 1 'libreef-emu-amd.so is missing' "$reef" run --emulate mi50 true
mv "$emulator.away" "$emulator"
mv "$shim" "$shim.away"
says 1 'libreef.so is missing' "$reef" run --priority be true
says 1 '^no: libreef.so is missing' "$reef" doctor
mv "$shim.away" "$shim"
mkdir -p "$tree/a b"
cp -r "$tree/tools" "$tree/shim" "$tree/a b/"
says 1 'space or colon' "$tree/a b/tools/reef" run --priority be true

# ---- config
says 0 '^REEF_DEPTH +4 commands +default$' "$reef" config
says 0 '^REEF_DEPTH +9 commands +environment$' env REEF_DEPTH=9 "$reef" config
says 1 '^REEF_DEPTH +4 commands +default \(' env REEF_DEPTH=x "$reef" config
says 1 'REEF_PRIORTY \(did you mean REEF_PRIORITY\?\)' env REEF_PRIORTY=be "$reef" config
says 0 '^REEF_PRIORITY +rt +environment$' env REEF_PRIORITY=rt "$reef" config
says 0 '^REEF_EMU_TIMESCALE +5 ' env REEF_EMU_TIMESCALE=5 "$reef" config
says 2 'no arguments' "$reef" config all

# ---- doctor: the program
says 1 'no-such-program: No such file' "$reef" doctor no-such-program
says 1 'Permission denied' "$reef" doctor "$tree/plain"
says 1 'its interpreter .*/none: No such file' "$reef" doctor "$tree/script"
printf '#!/bin/sh\n' >"$tree/script"
says 1 'is a script, run by /bin/sh' "$reef" doctor "$tree/script"
printf 'nothing' >"$tree/plain"
chmod +x "$tree/plain"
says 1 'neither an ELF program nor a script' "$reef" doctor "$tree/plain"
if echo 'int main(void) { return 0; }' | $cc -static -o "$tree/static" -x c - 2>/dev/null; then
    says 1 'linked statically' "$reef" doctor "$tree/static"
fi
echo 'int main(void) { return 0; }' | $cc -o "$tree/foreign" -x c -
cp "$tree/foreign" "$tree/own"
printf '\xf3' | dd of="$tree/foreign" bs=1 seek=18 conv=notrunc status=none # e_machine: RISC-V
says 1 'another architecture' "$reef" doctor "$tree/foreign"
if echo 'int main(void) { return 0; }' | $cc -Wl,--dynamic-linker=/bin/true -o "$tree/odd" -x c -; then
    says 1 'brings its own dynamic linker, /bin/true' env REEF_DISABLE=1 "$reef" doctor "$tree/odd"
fi
says 1 'own takes preloaded libraries' env REEF_DISABLE=1 "$reef" doctor "$tree/own"

# ---- doctor: classes and means
says 1 '^no: REEF_DISABLE=1' env REEF_DISABLE=1 "$reef" doctor
says 1 '^no: REEF_PRIORITY=off' "$reef" doctor --priority off
says 1 '^no: REEF_PRIORITY=off' env REEF_PRIORITY=off "$reef" doctor
says 1 'cannot meet in /nowhere' env REEF_BOARD_DIR=/nowhere "$reef" doctor
says 1 "no device profile 'mi9000'" "$reef" doctor --emulate mi9000
says 2 'one program at most' "$reef" doctor a b
if [ ! -e /dev/kfd ]; then
    says 1 '^no: no AMD compute device' "$reef" doctor
fi
if ldconfig -p 2>/dev/null | grep -q libhsa-runtime64.so.1; then
    says 0 'once it has a class' "$reef" doctor --emulate mi50
    says 0 '^ok: .* will be scheduled here$' "$reef" doctor --emulate mi50 --priority rt
    says 0 'those whose code allows it' "$reef" doctor --emulate mi50 --priority be
    says 0 'what runs is suspended' env REEF_RESTARTABLE=never "$reef" doctor --emulate mi50 --priority be
    says 0 'hold and drain' env REEF_RESTARTABLE=never REEF_RESET=guard \
        "$reef" doctor --emulate mi50 --priority be
    says 0 'suspended with their hardware queue' env REEF_RESET=suspend \
        "$reef" doctor --emulate mi50 --priority be
    says 0 'suspending it; no kill request' "$reef" doctor --emulate mi50 --priority be
    says 0 "killed by REEF's request" env REEF_EMU_DRIVER=reef "$reef" doctor --emulate mi50 --priority be
    says 0 'killed by re-creating' env REEF_RESTARTABLE=assume \
        "$reef" doctor --emulate mi50 --priority be
    says 0 'not linked with ROCm' "$reef" doctor --emulate mi50 --priority be "$tree/own"
fi

# ---- verdicts on kernels
says 2 'usage: reef doctor --kernels FILE' "$reef" doctor --kernels
says 1 'No such file' "$reef" doctor --kernels "$tree/none"
says 1 'no GPU code that is understood' "$reef" doctor --kernels "$reef"
apps=$(dirname "$reef")/../tests/apps
if [ -e "$apps/vadd" ]; then
    says 0 '^if-disjoint +_Z4vadd.* written at 16' "$reef" doctor --kernels "$apps/vadd"
    says 0 '^never .*atomic operation' "$reef" doctor --kernels "$apps/atomics" --json "$tree/kernels.json"
    says 0 '"never"' python3 -c 'import json, sys; print(json.dumps([k["restartable"] for k in json.load(open(sys.argv[1]))["kernels"]]))' "$tree/kernels.json"
    says 0 '^\{"kernels": \[' "$reef" doctor --kernels "$apps/atomics" --json
    says 0 '^never .*reads and writes through one argument' "$reef" doctor --kernels "$apps/memory"
fi

# ---- stats and bench
expect 0 '{"peers": []}' "$reef" stats --json --dir "$tree/other"
says 0 '^gpu +pid ' "$reef" stats --dir "$tree/other"
says 1 'no boards: No such file' "$reef" stats --dir "$tree/none"
says 2 'usage: reef stats' "$reef" stats --all
says 2 'what\? \(launch, emu, preempt\)' "$reef" bench
says 2 'usage: reef bench launch' "$reef" bench launch --rounds 0

[ $failures = 0 ] && echo "all as expected"
exit $((failures != 0))
