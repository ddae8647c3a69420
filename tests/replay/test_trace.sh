#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_trace.sh BUILD: records the demo's programs on the emulated GPU, and replays what they did under
# every policy. A trace that was cut is read up to there.
# shellcheck source-path=SCRIPTDIR source=../hip/common.sh
. "$(dirname "$0")/../hip/common.sh"
export REEF_RESTARTABLE=assume

REEF_TRACE=$work/be.trace become be "$apps/trainer" --iterations 6 >"$work/be.out" 2>"$work/be.err" &
be=$!
await 60 test -s "$work/be.trace" || fail "the trainer records nothing"
REEF_TRACE=$work/rt.trace under rt "$apps/detector" --count 6 --period-us 20000 >"$work/rt.out" 2>"$work/rt.err" ||
    fail "the detector failed"
wait "$be" || fail "the trainer failed"

# What the traces hold is what libreef counted: every launch is complete.
"$reef" trace "$work/be.trace" >"$work/be.txt" 2>"$work/said" || fail "be.trace is not read"
[ -s "$work/said" ] && fail "be.trace: $(cat "$work/said")"
grep -q '^process .*, best-effort' "$work/be.txt" || fail "be.trace: $(head -1 "$work/be.txt")"
count() { awk -v what="$1" '$2 == what { print $1 }' "$work/be.txt"; }
[ "$(count launches)" -gt 0 ] || fail "no launches in be.trace"
[ "$(count completed)" -ge "$(count launches)" ] || fail "not every launch of be.trace is complete"
"$reef" trace "$work/rt.trace" | grep -q 'times RT work began' || fail "no RT work in rt.trace"

# The names are the programs', and the file is JSON as the viewers want it.
"$reef" trace "$work/rt.trace" --chrome "$work/rt.json" || fail "no rt.json"
python3 - "$work/rt.json" <<'PYTHON' || fail "rt.json is not what a viewer reads"
import json, sys
events = json.load(open(sys.argv[1]))["traceEvents"]
assert any(e["ph"] == "X" and e["name"] == "RT work" and e["dur"] > 0 for e in events)
assert any("conv" in e["name"] or "detector" in e["name"] or e["name"].startswith("_Z") for e in events)
assert all(e["ph"] == "M" or e["ts"] >= 0 for e in events)
PYTHON

for policy in rt-only sequential streams wait reef-n reef-nopad reef-published reef; do
    for turn in 1 2; do
        "$reef" replay "$work/rt.trace" "$work/be.trace" --policy "$policy" \
            --json "$work/$policy.$turn.json" >"$work/$policy.$turn" 2>"$work/said" ||
            fail "replay under $policy: $(cat "$work/said")"
    done
    cmp "$work/$policy.1" "$work/$policy.2" || fail "replay under $policy differs from time to time"
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

# Cut in the middle of a record.
size=$(wc -c <"$work/rt.trace")
head -c $((size / 2 / 48 * 48 + 16 + 20)) "$work/rt.trace" >"$work/cut.trace"
"$reef" trace "$work/cut.trace" >"$work/cut.txt" 2>"$work/said" || fail "a cut trace is not read"
grep -q 'cut off in the middle of a record' "$work/said" || fail "nobody says that the trace was cut"
"$reef" replay "$work/cut.trace" --policy reef >/dev/null 2>"$work/said" || fail "a cut trace is not replayed"
head -c 40 "$work/rt.trace" >"$work/short.trace"
"$reef" trace "$work/short.trace" 2>"$work/said" && fail "half a header is no trace"
grep -q 'shorter than the header' "$work/said" || fail "half a header: $(cat "$work/said")"
exit 0
