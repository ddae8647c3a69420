// SPDX-License-Identifier: Apache-2.0
/*
 * A code object that has nothing in it but bytes of ours: so that ROCr's loader puts these into the
 * GPU's memory as it does with any code (executable memory, a copy by the GPU, instruction caches
 * without anything older). Pure.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "shim/amd/code/object.h"

enum { REEF_CONTAINER_HEADERS = 4096 }; /* where the content begins */

static inline size_t reef_container_size(size_t content)
{
    return REEF_CONTAINER_HEADERS + content;
}

/** Writes all that is before the content, REEF_CONTAINER_HEADERS bytes. It is for the GPUs that
 *  @like is for. The content will be at address 0 of the loaded code object, a multiple of 4096. */
void reef_container_write(uint8_t *to, const struct reef_object *like, size_t content);
