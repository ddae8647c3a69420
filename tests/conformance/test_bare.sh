#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_bare.sh PROGRAM [ARGUMENT...]: on the emulated libcuda alone, on a GPU of its own.
set -eu
REEF_EMU_DIR=$(mktemp -d)
export REEF_EMU_DIR
trap 'rm -rf "$REEF_EMU_DIR"' EXIT
"$@"
