#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a HIP program on an emulated GPU of its own and passes its exit status on. "Skipped: no GPU" (77)
# counts as a failure here: there is one. What the emulator reports as missing fails the test too.
#
#   run_app.sh EMULATOR_LIBRARY [--fault] PROGRAM [ARGUMENT...]
#
# --fault: the program must be aborted by the runtime's own report of a memory access fault.
set -uo pipefail

emulator=$1
shift
fault=false
if [ "$1" = --fault ]; then
    fault=true
    shift
fi
unset LD_PRELOAD "${!REEF_@}"
REEF_EMU_DIR=$(mktemp -d /dev/shm/reef-test.XXXXXX)
export REEF_EMU_DIR
trap 'rm -rf "$REEF_EMU_DIR"' EXIT

ulimit -c 0
LD_PRELOAD=$emulator "$@" 2>"$REEF_EMU_DIR/stderr"
status=$?
cat "$REEF_EMU_DIR/stderr" >&2

if $fault; then
    if [ $status -ne 134 ] || ! grep -q 'Memory access fault by GPU' "$REEF_EMU_DIR/stderr"; then
        echo "exit status $status, or no report of a memory access fault"
        exit 1
    fi
    exit 0
fi
if [ $status -eq 77 ]; then
    echo "the program sees no GPU"
    exit 1
fi
if grep -q '^reef-emu: missing: ' "$REEF_EMU_DIR/stderr"; then
    echo "something is missing in the emulator"
    exit 1
fi
exit $status
