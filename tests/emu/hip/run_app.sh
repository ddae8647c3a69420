#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs a HIP program on an emulated GPU of its own and passes its exit status on. "Skipped: no GPU" (77)
# counts as a failure here: there is one. What the emulator reports as missing fails the test too.
#
#   run_app.sh EMULATOR_LIBRARY [--abort TEXT] PROGRAM [ARGUMENT...]
#
# --abort: the program must be aborted by the runtime, and say TEXT.
set -uo pipefail

emulator=$1
shift
text=
if [ "$1" = --abort ]; then
    text=$2
    shift 2
fi
unset LD_PRELOAD "${!REEF_@}"
REEF_EMU_DIR=$(mktemp -d /dev/shm/reef-test.XXXXXX)
export REEF_EMU_DIR
trap 'rm -rf "$REEF_EMU_DIR"' EXIT

ulimit -c 0
LD_PRELOAD=$emulator "$@" >"$REEF_EMU_DIR/stdout" 2>"$REEF_EMU_DIR/stderr"
status=$?
cat "$REEF_EMU_DIR/stdout"
cat "$REEF_EMU_DIR/stderr" >&2

if [ -n "$text" ]; then
    if [ $status -ne 134 ] || ! grep -qF -- "$text" "$REEF_EMU_DIR"/std*; then
        echo "exit status $status, or not said: $text"
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
