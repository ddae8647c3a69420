#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_demo.sh BUILD: `scripts/quickstart --nvidia` in short. Its JSON has the keys that scripts rely on, no result is
# wrong, and in device time the detector beside the trainer takes, under libreef, one context switch more than alone.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

REEF_BUILD=$build python3 "$(dirname "$0")/../../scripts/demo" --nvidia --count 16 --period-us 200000 \
    --json "$work/figures" --plot "$work/picture.svg" >"$work/out" 2>"$work/demo.err" || fail "the demo: $(cat "$work/out")"
cat "$work/out"
python3 - "$work/figures" <<'PYTHON' || fail "the figures are not what they should be: $(cat "$work/figures")"
import json, sys
rows = json.load(open(sys.argv[1]))
times = {"rt_p50_us", "rt_p99_us", "rt_max_us"}
assert times <= set(rows["alone"])
assert times | {"be_iter_per_s"} <= set(rows["shared"])
assert times | {"be_iter_per_s", "preemptions", "reset", "reexecuted", "wrong_results"} <= set(rows["reef"])
assert rows["reef"]["wrong_results"] == 0
assert rows["reef"]["preemptions"] > 0
base = rows["alone"]["rt_p50_us"] + rows["context_switch_us"]
# The median: a machine that does not run the program for a while shows in the largest.
assert rows["reef"]["rt_p50_us"] <= 1.10 * base
assert rows["shared"]["rt_p50_us"] > 1.6 * base
PYTHON
