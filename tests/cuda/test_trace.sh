#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_trace.sh BUILD: records the demo's CUDA programs on the emulated V100, and replays what they did under every
# policy.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

REEF_TRACE=$work/be.trace become be "$apps/trainer" --until-file "$work/stop" --ready-file "$work/ready" \
    >"$work/be.out" 2>"$work/be.err" &
be=$!
await 60 test -e "$work/ready" || fail "the trainer did not start"
REEF_TRACE=$work/rt.trace under rt "$apps/detector" --count 6 --period-us 100000 >"$work/rt.out" 2>"$work/rt.err" ||
    fail "the detector failed"
touch "$work/stop"
wait "$be" || fail "the trainer failed"

# What the traces hold is what the programs did: 14 inferences of 20 kernels, and every launch of the trainer is
# complete. It was held.
"$reef" trace "$work/be.trace" >"$work/be.txt" 2>"$work/said" || fail "be.trace is not read"
[ -s "$work/said" ] && fail "be.trace: $(cat "$work/said")"
"$reef" trace "$work/rt.trace" >"$work/rt.txt" || fail "rt.trace is not read"
cat "$work/be.txt" "$work/rt.txt"
count() { awk -v what="$1" '$2 " " $3 " " $4 == what || $2 == what { print $1 }' "$work/$2.txt"; }
[ "$(count launches rt)" = 280 ] || fail "not 280 launches in rt.trace"
[ "$(count 'times RT work' rt)" -ge 10 ] || fail "RT work did not begin with each inference"
[ "$(count launches be)" -gt 0 ] || fail "no launches in be.trace"
[ "$(count completed be)" -ge "$(count launches be)" ] || fail "not every launch of be.trace is complete"
[ "$(count 'times BE work' be)" -gt 0 ] || fail "the trainer was never held"

# The names are the programs', kernels have their times, and the file is JSON as the viewers want it.
"$reef" trace "$work/rt.trace" --chrome "$work/rt.json" || fail "no rt.json"
"$reef" trace "$work/be.trace" --chrome "$work/be.json" || fail "no be.json"
python3 - "$work/rt.json" "$work/be.json" <<'PYTHON' || fail "the JSON is not what a viewer reads"
import json, sys
rt, be = (json.load(open(path))["traceEvents"] for path in sys.argv[1:])
assert any(e["ph"] == "X" and e["name"] == "RT work" and e["dur"] > 0 for e in rt)
assert {"conv3x3", "max_pool", "matmul", "layer_norm", "gelu", "scores", "softmax", "attend"} <= {e["name"] for e in rt}
assert any(e["ph"] == "X" and e["name"] == "train" and e["dur"] > 0 for e in be)
assert any(e["ph"] == "X" and e["name"] == "BE held" for e in be)
assert all(e["ph"] == "M" or e["ts"] >= 0 for e in rt + be)
PYTHON

for policy in rt-only sequential streams wait reef-n reef; do
    for turn in 1 2; do
        "$reef" replay "$work/rt.trace" "$work/be.trace" --policy "$policy" \
            --json "$work/$policy.$turn.json" >"$work/$policy.$turn" 2>"$work/said" ||
            fail "replay under $policy: $(cat "$work/said")"
    done
    cmp "$work/$policy.1.json" "$work/$policy.2.json" || fail "the JSON under $policy differs"
    python3 - "$work/$policy.1.json" "$policy" <<'PYTHON' || fail "replay under $policy lost something"
import json, sys
clients = json.load(open(sys.argv[1]))["clients"]
rt = [c for c in clients.values() if c["class"] == "rt"]
be = [c for c in clients.values() if c["class"] == "be"]
assert rt and be
assert all(c["completed"] > 0 and c["dropped"] == 0 for c in rt)
assert all((c["completed"] == 0) == (sys.argv[2] == "rt-only") for c in be)
PYTHON
done
exit 0
