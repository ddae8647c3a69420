#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_bench.sh BUILD: reef bench preempt measures everything that it says it does, with few arrivals; the measured programs check
# their results themselves. What the figures are is not tested.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

"$reef" bench preempt --emulate mi50 --rounds 1 --json "$work/figures.json" >"$work/out" 2>"$work/err" ||
    fail "$(tail -3 "$work/err")"
grep -q 'published, us: REEF on an MI50 35 to 38' "$work/out" || fail "published figures are not shown"
python3 - "$work/figures.json" <<'END' || fail "the figures are not whole"
import json
import sys

figures = json.load(open(sys.argv[1]))
series = ["hold", "seen", "kill", "evict", "device", "all", "restore"]
keys = [f"{s}_{p}_us" for s in series for p in ("p50", "p99", "max")] + [
    "restore_overhead_pct", "lost_pct", "reexecuted_per_preemption", "preemptions", "arrivals"]
points = {"by_queued": [50, 500], "by_kernel_us": [50, 5000], "by_depth": [1, 64], "by_processes": [1, 8]}
for method in ("alone", "reset", "queue", "suspend", "drain"):
    means = figures[method]
    assert all(key in means for key in keys), method
    if method == "alone":
        continue
    assert means["preemptions"] >= 20, method
    arrays = figures if method == "reset" else means
    for sweep, ends in points.items():
        values = [point[sweep[3:]] for point in arrays[sweep]]
        assert values == sorted(values) and [values[0], values[-1]] == ends, (method, sweep, values)
        assert all(key in point for point in arrays[sweep] for key in keys), (method, sweep)
assert figures["published"]["reef_mi50_reset_us"] == [35, 38]
END
