#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# test_guard_text.sh GUARD_BYTES LLVM_MC: the guards of every target that we can write, read back by llvm-mc.
set -u
bytes=$1
mc=$2
command -v "$mc" >/dev/null || {
    echo "no $mc"
    exit 77
}

# want KIND VGPR COHERENT: what the guard is meant to be
want() {
    local v=$2 w=$(($2 + 1)) bits=$3
    echo "s_mov_b32 s10, 0x22223333"
    echo "s_mov_b32 s11, 0x111"
    echo "v_mov_b32_e32 v$v, 0"
    if [ "$1" = evict ]; then
        echo "global_load_dwordx2 v[$v:$w], v$v, s[10:11] $bits"
    else
        echo "global_load_dword v$v, v$v, s[10:11] offset:4 $bits"
    fi
    echo "s_waitcnt vmcnt(0)"
    [ "$1" = evict ] && echo "v_or_b32_e32 v$v, v$v, v$w"
    echo "s_nop 1"
    echo "v_readfirstlane_b32 s10, v$v"
    echo "s_cmp_lg_u32 s10, 0"
    echo "s_cbranch_scc1 6"
    echo "s_getpc_b64 s[10:11]"
    # from behind s_getpc_b64 (56 bytes into the guard, 52 without v_or_b32) to the kernel
    [ "$1" = evict ] && echo "s_add_u32 s10, s10, 0xffffcfc8" || echo "s_add_u32 s10, s10, 0xffffcfcc"
    echo "s_addc_u32 s11, s11, -1"
    echo "s_setpc_b64 s[10:11]"
    echo "v_mov_b32_e32 v$v, 0"
    echo "v_mov_b32_e32 v$w, 1"
    if [ "$1" = evict ]; then
        echo "s_mov_b32 s10, 0x22223333"
        echo "s_mov_b32 s11, 0x111"
        echo "global_store_dword v$v, v$w, s[10:11] offset:4"
    fi
    echo "s_mov_b32 s10, 0x55556666"
    echo "s_mov_b32 s11, 0x444"
    echo "global_store_dword v$v, v$w, s[10:11]"
    echo "s_waitcnt vmcnt(0)"
    echo "s_endpgm"
}

failed=0
while read -r mach cpu vgpr bits; do
    for kind in evict follow; do
        got=$("$bytes" "$mach" $kind | "$mc" -triple=amdgcn-amd-amdhsa -mcpu="$cpu" -disassemble 2>&1 |
            sed -e '/^\t\.text/d' -e 's/^\t//' -e '/^s_nop 0$/d' -e '/^\.amdgcn/d' -e '/^$/d' \
                -e 's/0xffffffff$/-1/')
        if [ "$got" != "$(want $kind "$vgpr" "$bits")" ]; then
            echo "$cpu, $kind:"
            diff <(want $kind "$vgpr" "$bits") <(echo "$got")
            failed=1
        fi
    done
done <<'TARGETS'
0x2c gfx900 2 glc
0x2f gfx906 2 glc
0x30 gfx908 2 glc
0x3f gfx90a 2 glc
0x40 gfx940 2 sc0 sc1
0x4c gfx940 2 sc0 sc1
TARGETS
exit $failed
