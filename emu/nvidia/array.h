// SPDX-License-Identifier: Apache-2.0
/* CUDA arrays: pitch-linear boxes of elements, for copies. There are no textures. */
#pragma once

#include "driver.h"

/** The place of a box whose corner is @x bytes, @y rows, @z slices into the array; checks that it
 * is inside. The lock is held. */
/** Bytes of an element; 0: no array. */
size_t nv_array_element(CUarray array);
CUresult nv_array_place(CUarray array, size_t x, size_t y, size_t z, const struct nv_copy *copy,
                        struct nv_place *place);
