#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_doctor_ptx.sh REEF: reef doctor --kernels of PTX text.
set -eu
reef=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/k.ptx" <<'END'
.version 7.0
.target sm_70
.address_size 64
.entry fill(.param .u64 a) { .reg .b64 %d; ld.param.u64 %d, [a]; st.global.u32 [%d], 5; ret; }
.entry copy(.param .u64 a, .param .u64 b) { .reg .b64 %d<2>; .reg .b32 %r; ld.param.u64 %d0, [a];
  ld.param.u64 %d1, [b]; ld.global.u32 %r, [%d0]; st.global.u32 [%d1], %r; ret; }
.entry sum(.param .u64 a) { .reg .b64 %d; ld.param.u64 %d, [a];
  red.global.add.u32 [%d], 1; ret; }
.entry odd(.param .texref t) { ret; }
END
"$reef" doctor --kernels "$dir/k.ptx" --json "$dir/k.json" >"$dir/out"
for line in '^always +fill: .*; ended only before a block begins$' \
    '^if-disjoint +copy: .*; parameters read at 0, written at 8; ended only before a block begins$' \
    '^never +sum: atomic operation on memory .line 8.$' \
    '^4 kernels: 1 restartable always, 1 if the buffers do not overlap, 2 never; 3 can be guarded$'; do
    grep -Eq "$line" "$dir/out" || { echo "no line $line"; cat "$dir/out"; exit 1; }
done
python3 -c 'import json, sys
k = json.load(open(sys.argv[1]))
assert k["total"] == 4 and k["guarded"] == 3, k
assert k["kernels"][1]["writes"] == [8] and k["kernels"][1]["evictable"], k' "$dir/k.json"
echo "doctor of PTX"
