// SPDX-License-Identifier: Apache-2.0
/* aux of loads, stores, atomics, and of accesses to textures and surfaces. Private to
 * emu/nvidia/ptx/. */
#pragma once

enum {
    PTX_MEM_BYTES = 15,          /* of an element: 1, 2, 4, 8 */
    PTX_MEM_SIGNED = 1 << 4,     /* loads: sign-extended to the register */
    PTX_MEM_ADDRESS32 = 1 << 5,  /* the address is a 32-bit register */
    PTX_MEM_COUNT_SHIFT = 8,     /* elements, 4 bits */
    PTX_MEM_SPACE_SHIFT = 12,    /* enum ptx_space, 4 bits */
    PTX_MEM_REGISTER_SHIFT = 16, /* bytes of the registers, 4 bits */
    PTX_MEM_TYPE_SHIFT = 20,     /* atomics: enum ptx_type, 5 bits */
    PTX_MEM_FENCE = 1 << 25,     /* acquire, release, volatile */
    /* Of textures and surfaces, which have no space and no atomic's type: */
    PTX_TEX_DIMENSIONS_SHIFT = 12, /* 2 bits */
    PTX_TEX_REAL = 1 << 20,        /* coordinates are floats */
    PTX_TEX_UNSIGNED = 1 << 21,    /* integers are read; with PTX_MEM_SIGNED: signed ones */
    PTX_TEX_OUTSIDE_SHIFT = 22,    /* surfaces: trap, clamp, zero; 2 bits */
    PTX_TEX_REFERENCE = 1 << 24,   /* a is no place, but the number of a texture reference */
};
