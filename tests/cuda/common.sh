# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests of CUDA programs share: programs of the driver API, libreef.so and the emulated V100. Sourced with
# the build directory as $1.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by what is sourced, and by who sources this
set -u

build=$1
reef=$build/tools/reef
apps=$build/tests/apps/cuda
profile=v100
# shellcheck source-path=SCRIPTDIR source=../end_to_end.sh
. "$(dirname "${BASH_SOURCE[0]}")/../end_to_end.sh"

# bare PROGRAM ...: on the emulated GPU, without libreef
bare() {
    LD_LIBRARY_PATH=$build/emu/nvidia REEF_EMU_PROFILE=$profile "$@"
}
