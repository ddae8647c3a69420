# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests of HIP programs share: real HIP programs, libreef.so and the emulated MI50. Sourced with the build
# directory as $1.
# shellcheck shell=bash
# shellcheck disable=SC2034 # used by what is sourced, and by who sources this
set -u

build=$1
reef=$build/tools/reef
apps=$build/tests/apps
emulator=$build/emu/amd/libreef-emu-amd.so
profile=mi50

[ -x "$apps/vadd" ] || {
    echo "the HIP programs were not built (no hipcc)"
    exit 77
}
# shellcheck source-path=SCRIPTDIR source=../end_to_end.sh
. "$(dirname "${BASH_SOURCE[0]}")/../end_to_end.sh"

# bare PROGRAM ...: on the emulated GPU, without libreef
bare() {
    LD_PRELOAD=$emulator "$@"
}
