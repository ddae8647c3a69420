#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# test_ptxas.sh PTX_RESTART_TEST PTX: NVIDIA's assembler takes the kernels with guards, for an old and a newer GPU.
set -eu
ptxas=$(command -v ptxas || echo /usr/local/cuda/bin/ptxas)
if ! [ -x "$ptxas" ]; then
  echo "no ptxas"
  exit 77
fi
text=$(mktemp)
trap 'rm -f "$text"' EXIT
"$1" "$2" --write "$text"
tried=0
for gpu in sm_70 sm_75 sm_80 sm_90; do
  "$ptxas" --help | grep -q "'$gpu'" || continue # newer ones leave out old GPUs
  "$ptxas" -arch=$gpu -o /dev/null "$text"
  tried=$((tried + 1))
done
echo "$tried GPUs"
[ $tried -gt 0 ]
