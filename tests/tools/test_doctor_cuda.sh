#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_doctor_cuda.sh REEF LIBCUDA: what reef doctor says of a machine with a CUDA driver.
set -eu
reef=$1
LD_LIBRARY_PATH=$(dirname "$2")
export LD_LIBRARY_PATH
unset REEF_TIMESLICE REEF_PRIORITY CUDA_MPS_PIPE_DIRECTORY CUDA_INJECTION64_PATH || true
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# says PATTERN COMMAND...
says() {
    pattern=$1
    shift
    "$@" >"$out" 2>&1 || { echo "failed: $*"; cat "$out"; exit 1; }
    grep -Eq "$pattern" "$out" || { echo "no line '$pattern': $*"; cat "$out"; exit 1; }
}
says '^ok: CUDA driver: .*libcuda.so.1 has ([0-9]+) of the \1 functions' "$reef" doctor --priority be
says '^ok: a CUDA program will be scheduled here$' "$reef" doctor --priority be
says '^ok: means: hold, and drain of at most 400 us and 256 commands' "$reef" doctor --priority be
says 'timeslice of 7 us' env REEF_TIMESLICE=7 "$reef" doctor --priority be
says 'timeslices are left alone \(REEF_TIMESLICE=off\)' env REEF_TIMESLICE=off "$reef" doctor --priority be
says 'REEF_TIMESLICE=soon is not auto' env REEF_TIMESLICE=soon "$reef" doctor --priority be
mps=$(mktemp -d)
: >"$mps/control"
says '^warn: MPS is running' env CUDA_MPS_PIPE_DIRECTORY="$mps" REEF_TIMESLICE=1 "$reef" doctor --priority be
rm -rf "$mps"
if [ ! -e /sys/module/nvidia/version ]; then
    says '^warn: kernel driver \(none seen\) is not known' "$reef" doctor --priority be
fi
echo "doctor of CUDA"
