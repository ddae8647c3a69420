#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_overtaken.sh BUILD RESET: real-time work comes and goes again before the best-effort process's agent looks. Kernels are
# evicted then while the agent still submits; what it finds complete in the same look as what was evicted lets it submit one
# more, which must not run before them.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
export REEF_RESET=$2 REEF_RT_LINGER_US=0 REEF_DEPTH_US=1000000

"$build/tests/hip/evict_word" pci-0000-03-00.0 &
become be "$apps/overtaken" 20 >"$work/be.out" 2>"$work/be.err" &
be=$!
evicted=0
while kill -0 $be 2>/dev/null; do
    now=$(stat "$be" evicted 2>"$work/stat.err") && evicted=$now
    sleep 0.1
done
wait "$be" || fail "best-effort program: $(cat "$work/be.out")"
echo "$(cat "$work/be.out"), $evicted commands evicted"
[ "$evicted" -gt 20 ] || fail "hardly anything was evicted"
