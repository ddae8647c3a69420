#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# reef doctor --emulate lists what the emulated GPU refuses: of a code object alone, of one beside a program,
# and of the fat binary in a program. Usage: test_doctor_isa.sh REEF PROGRAM (a HIP program, or "").
set -euo pipefail

reef=$1 program=$2
command -v llvm-mc-15 >/dev/null && command -v ld.lld-15 >/dev/null || exit 77
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "FAIL: $*"
    exit 1
}

# assemble NAME: a code object for gfx906 from standard input
assemble() {
    llvm-mc-15 -triple=amdgcn-amd-amdhsa -mcpu=gfx906 -filetype=obj -o "$dir/one.o"
    ld.lld-15 -shared -o "$dir/$1" "$dir/one.o"
}

assemble bad.hsaco <<'TEXT'
.text
.p2align 8
.type bad,@function
bad:
    s_mov_b32 m0, 0
    ds_ordered_count v0, v1 gds
    v_add_f32 v0, v1, v2
    s_getreg_b32 s0, hwreg(30)
    ds_ordered_count v0, v1 gds
    s_endpgm
.size bad, .-bad
TEXT
assemble good.co <<'TEXT'
.text
.type good,@function
good:
    v_add_f32 v0, v1, v2
    s_endpgm
.size good, .-good
TEXT

"$reef" doctor --emulate mi50 --json "$dir/alone.json" "$dir/bad.hsaco" >"$dir/out" || fail "$(cat "$dir/out")"
grep -q 'warn: the emulated GPU refuses ds_ordered_count (2 ' "$dir/out" || fail "not listed: $(cat "$dir/out")"
grep -q 'warn: the emulated GPU refuses s_getreg_b32 (1 ' "$dir/out" || fail "not listed: $(cat "$dir/out")"
python3 - "$dir/alone.json" <<'TEXT' || fail "$(cat "$dir/alone.json")"
import json, sys
j = json.load(open(sys.argv[1]))
found = {u["instruction"]: u["count"] for u in j["uncovered"]}
assert found == {"ds_ordered_count": 2, "s_getreg_b32": 1}, found
assert j["code_objects"] == 2 and j["instructions"] == 8 and j["target"] == "gfx906", j
TEXT

# A program beside which they lie; it is one that cannot be run here, but can be read.
cp /bin/true "$dir/true"
"$reef" doctor --emulate mi50 --json "$dir/beside.json" "$dir/true" >/dev/null || true
grep -q '"code_objects": 2, "instructions": 8' "$dir/beside.json" || fail "$(cat "$dir/beside.json")"
rm "$dir/bad.hsaco"
"$reef" doctor --emulate mi50 --json "$dir/good.json" "$dir/true" >"$dir/out" || true
grep -q 'executes all 2 instructions of 1 code objects' "$dir/out" || fail "$(cat "$dir/out")"
grep -q '"uncovered": \[\]' "$dir/good.json" || fail "$(cat "$dir/good.json")"

# Garbage is passed over, and so is a truncated code object.
head -c 200 "$dir/good.co" >"$dir/short.co"
printf '__CLANG_OFFLOAD_BUNDLE__\377\377\377\377\377\377\377\377\1' >"$dir/junk.hsaco"
"$reef" doctor --emulate mi50 "$dir/true" >"$dir/out" || true
grep -q 'executes all 2 instructions' "$dir/out" || fail "$(cat "$dir/out")"

"$reef" doctor --json "$dir/x.json" "$dir/true" >/dev/null 2>&1 && fail "--json without --emulate"

if [ -n "$program" ]; then
    cp "$program" "$dir/program"
    rm "$dir"/*.co "$dir"/*.hsaco
    "$reef" doctor --emulate mi50 --json "$dir/fat.json" "$dir/program" >/dev/null || true
    python3 - "$dir/fat.json" <<'TEXT' || fail "$(cat "$dir/fat.json")"
import json, sys
j = json.load(open(sys.argv[1]))
assert j["code_objects"] >= 1 and j["instructions"] > 20 and j["uncovered"] == [], j
TEXT
fi
echo ok
