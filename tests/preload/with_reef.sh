#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# with_reef.sh LIBREEF CLASS PROGRAM [ARGUMENT…]: runs the program under libreef.so with a board and an emulated GPU of its own.
# TEST_RUNTIME: libraries to preload before it (a sanitizer's runtime must come first).
set -eu
library=$1 class=$2
shift 2
case $library in
*:*) ;;
*) library=$(realpath "$library") ;; # programs change their folder
esac
# TEST_BOARD: a folder that another process uses too.
REEF_BOARD_DIR=${TEST_BOARD:-$(mktemp -d)}
[ -n "${TEST_BOARD:-}" ] || trap 'rm -rf "$REEF_BOARD_DIR"' EXIT
REEF_EMU_DIR=${REEF_EMU_DIR:-$REEF_BOARD_DIR}
export REEF_BOARD_DIR REEF_EMU_DIR REEF_PRIORITY="$class"
status=0
LD_PRELOAD="${TEST_RUNTIME:+$TEST_RUNTIME:}$library" "$@" || status=$?
exit "$status"
