// SPDX-License-Identifier: Apache-2.0
/* CUDA arrays: pitch-linear boxes of elements. */
#pragma once

#include "driver.h"

/** Bytes of an element; 0: no array. Takes the lock itself. */
size_t nv_array_element(CUarray array);
/** The place of a box whose corner is @x bytes, @y rows, @z slices into the array; checks that it
 * is inside. The lock is held. */
CUresult nv_array_place(CUarray array, size_t x, size_t y, size_t z, const struct nv_copy *copy,
                        struct nv_place *place);
/** What it was made with, and where it lies; NULL: no array. The lock is held. */
const CUDA_ARRAY3D_DESCRIPTOR *nv_array_find(CUarray array, uint64_t *va);
unsigned nv_format_bytes(CUarray_format format); /* 0: not here */
CUresult nv_mipmap_level(CUmipmappedArray mipmap, unsigned level, CUarray *out);
