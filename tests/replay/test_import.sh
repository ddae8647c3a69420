#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# REEF's own model files become a model of ours, and that runs.
#
#   test_import.sh BUILD/tools/reef
set -uo pipefail
reef=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
fail() {
    echo "FAILED: $*"
    exit 1
}
cat >"$dir/kernels.json" <<'JSON'
{"storage": [], "args": [], "shared_memory": {"fused_conv": 8196},
 "kernels": [{"name": "fused_conv", "launch_params": [8, 4, 1, 16, 16, 1], "args": [0]},
             {"name": "fused add", "launch_params": [48, 1, 1, 256, 1, 1], "args": [0]},
             {"name": "fused_conv", "launch_params": [8, 4, 1, 16, 16, 1], "args": [0]}]}
JSON
cat >"$dir/profile.json" <<'JSON'
{"model_latency": 96, "kernel_latency": {
  "fused_conv": {"total_latency": 52, "latency": [50, 60, 70]},
  "fused add": {"total_latency": 14, "latency": [12, 12]}}}
JSON
"$reef" replay import CONV "$dir/kernels.json" "$dir/profile.json" >"$dir/conv.model" || fail "not imported"
# What timing added to each kernel is off: three kernels and their launches take 96 us, not 118.
grep -q '^model CONV$' "$dir/conv.model" || fail "no name"
grep -qE '^kernel 0\.fused_conv groups 32 threads 256 lds 8196 us 1:4[0-9]' "$dir/conv.model" || fail "no kernel"
grep -q '^kernel 1\.fused_add groups 48 threads 256 lds 0 us 1:' "$dir/conv.model" || fail "no second kernel"
grep -q '^sequence 0\.fused_conv 1\.fused_add 0\.fused_conv$' "$dir/conv.model" || fail "no sequence"
printf 't_us,client,class,model,work\n0,a,rt,CONV,1\n' >"$dir/once.csv"
"$reef" replay "$dir/once.csv" --models "$dir" --policy rt-only >"$dir/out" || fail "does not run"
mean=$(awk '$1 == "a" { print $4 }' "$dir/out")
# 96 us, of which the last launch's gap comes behind the end, and 4 us until the first launch
[ "$mean" -ge 96 ] && [ "$mean" -le 99 ] || fail "a run alone takes $mean us: $(cat "$dir/out")"
"$reef" replay import CONV "$dir/profile.json" "$dir/kernels.json" 2>"$dir/said" && fail "takes files the wrong way round"
grep -q 'kernels' "$dir/said" || fail "says: $(cat "$dir/said")"
exit 0
