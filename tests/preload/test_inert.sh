#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_inert.sh LIBREEF: programs that never touch a GPU behave the same and pay nothing: no thread, no file of
# ours, no message, also with bad options.
set -eu
library=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export REEF_BOARD_DIR="$work/board" REEF_PRIORITY=rt REEF_LOG=trace REEF_LOG_FILE="$work/log"
export REEF_NO_SUCH_OPTION=1 REEF_DEPTH=none
mkdir "$REEF_BOARD_DIR"

same() {
    "$@" >"$work/plain" 2>&1 || true
    LD_PRELOAD=$library "$@" >"$work/preloaded" 2>&1 || { echo "failed: $*"; exit 1; }
    cmp "$work/plain" "$work/preloaded" || { echo "differs: $*"; exit 1; }
}
same ls /
same sh -c 'echo one; sh -c "echo two" & wait; exec echo three'
same sh -c 'for i in 1 2 3; do (exit 0); done; echo "$(echo sub)"'
command -v python3 >/dev/null && same python3 -c 'import ctypes, threading, subprocess
t = threading.Thread(target=lambda: print("thread")); t.start(); t.join()
print(ctypes.CDLL(None).getpid() > 0, subprocess.run(["true"]).returncode)'
[ -z "$(ls "$REEF_BOARD_DIR")" ] || { echo "a board was made"; exit 1; }
[ ! -e "$work/log" ] || { echo "a log was opened"; exit 1; }

if command -v strace >/dev/null && strace -o /dev/null true 2>/dev/null; then
    calls() { sed -E 's/[0-9]+ //; s/\(.*//' "$1" | grep -cE '^(clone|clone3|futex|socket|memfd_create|prctl)$' || true; }
    strace -f -o "$work/a" ls / >/dev/null
    strace -f -o "$work/b" -E LD_PRELOAD="$library" ls / >/dev/null
    [ "$(calls "$work/a")" = "$(calls "$work/b")" ] || { echo "ls makes other calls"; exit 1; }
    if grep -E 'openat.*(reef-board|/dev/kfd|/dev/shm)' "$work/b"; then echo "ls opens files"; exit 1; fi
fi
echo "inert"
