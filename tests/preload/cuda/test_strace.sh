#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_strace.sh WITH_REEF LIBREEF CLASS UNCONTENDED: strace sees no system call of the launching thread between its two
# marks; in a real-time program the one that rings best-effort agents when work arrives, and no other.
set -u
class=$3
command -v strace >/dev/null || { echo "no strace"; exit 77; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Where one may not trace there is nothing to see (the filter of cuda-uncontended-* works there too).
strace -f -o "$log" true 2>/dev/null || { echo "strace may not trace here"; exit 77; }
strace -f -o "$log" "$1" "$2" "$class" "$4" marks || exit 1
python3 - "$log" "$class" <<'PYTHON'
import re, sys
allowed = {"rt": {"futex"}}.get(sys.argv[2], set())
lines = [line.split(None, 1) for line in open(sys.argv[1])]
marks = [(i, pid) for i, (pid, text) in enumerate(lines) if text.startswith("getppid(")]
pid = marks[-1][1]
(first, _), (last, _) = [mark for mark in marks if mark[1] == pid][-2:]
calls = [re.match(r"\w+", text).group() for owner, text in lines[first + 1:last]
         if owner == pid and re.match(r"\w+\(", text)]
print(f"{len(calls)} system calls in 60000 CUDA calls")
sys.exit(bool(set(calls) - allowed))
PYTHON
