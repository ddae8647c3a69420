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

# want KIND VGPR: what the guard is meant to be
want() {
    local v=$2 w=$(($2 + 1))
    echo "s_mov_b32 s10, 0x22223000"
    echo "s_mov_b32 s11, 0x111"
    if [ "$1" = evict ]; then
        echo "s_load_dwordx2 s[12:13], s[10:11], 0x0 glc"
    else
        echo "s_load_dword s13, s[10:11], 0x4 glc"
    fi
    echo "s_waitcnt lgkmcnt(0)"
    if [ "$1" = evict ]; then
        echo "s_or_b32 s12, s12, s13"
    else
        echo "s_cmp_lg_u32 s13, 0"
    fi
    echo "s_cbranch_scc1 5"
    echo "s_mov_b32 s10, 0x88889900"
    echo "s_mov_b32 s11, 0x777"
    echo "s_setpc_b64 s[10:11]"
    echo "v_mov_b32_e32 v$v, 0"
    echo "v_mov_b32_e32 v$w, 1"
    if [ "$1" = evict ]; then
        echo "s_mov_b32 s10, 0x22223000"
        echo "s_mov_b32 s11, 0x111"
        echo "global_store_dword v$v, v$w, s[10:11] offset:4"
    fi
    echo "s_mov_b32 s10, 0x55556666"
    echo "s_mov_b32 s11, 0x444"
    echo "global_store_dword v$v, v$w, s[10:11]"
    echo "s_waitcnt vmcnt(0)"
    echo "s_endpgm"
}

# What the guard of a kernel that tests the flag inside is meant to be: with the kernel's beginning, or, if the rest is
# far, without.
want_inside() {
    echo "s_mov_b32 s24, 0x22223000"
    echo "s_mov_b32 s25, 0x111"
    echo "s_load_dwordx4 s[20:23], s[24:25], 0x0 glc"
    if [ "$1" = inside ]; then
        echo "s_load_dword s0, s[4:5], 0x0"
        echo "s_mov_b32 s8, s7"
    fi
    echo "s_getreg_b32 s26, hwreg(HW_REG_HW_ID, 8, 4)"
    echo "s_lshl_b32 s26, s26, 7"
    echo "s_add_u32 s24, s24, s26"
    echo "s_mov_b32 s26, 0x55556666"
    echo "s_mov_b32 s27, 0x444"
    if [ "$1" = inside ]; then
        echo "s_branch 3058" # from 68 bytes into the guard to 12 into the kernel's copy
        return
    fi
    echo "s_getpc_b64 s[10:11]"
    # from behind s_getpc_b64, 56 bytes into the guard, to the copy
    echo "s_add_u32 s10, s10, 0xffbfc8"
    echo "s_addc_u32 s11, s11, 0"
    echo "s_setpc_b64 s[10:11]"
}

failed=0
while read -r mach cpu vgpr; do
    for kind in evict follow inside inside-far; do
        wanted=$(if [ ${kind%-far} = inside ]; then want_inside $kind; else want $kind "$vgpr"; fi)
        got=$("$bytes" "$mach" $kind | "$mc" -triple=amdgcn-amd-amdhsa -mcpu="$cpu" -disassemble 2>&1 |
            sed -e '/^\t\.text/d' -e 's/^\t//' -e '/^s_nop 0$/d' -e '/^\.amdgcn/d' -e '/^$/d' \
                -e 's/0xffffffff$/-1/')
        if [ "$got" != "$wanted" ]; then
            echo "$cpu, $kind:"
            diff <(echo "$wanted") <(echo "$got")
            failed=1
        fi
    done
done <<'TARGETS'
0x2c gfx900 2
0x2f gfx906 2
0x30 gfx908 2
0x3f gfx90a 2
0x40 gfx940 2
0x4c gfx940 2
TARGETS
exit $failed
