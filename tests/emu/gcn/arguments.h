// SPDX-License-Identifier: Apache-2.0
/*
 * Explicit kernel arguments, packed as the AMDGPU usage guide's kernarg segment wants them: each at
 * its natural alignment, in order.
 */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

struct arguments {
    char bytes[256];
    size_t used;
};

static inline void arguments_add(struct arguments *a, const void *value, size_t size)
{
    a->used = (a->used + size - 1) / size * size;
    assert(a->used + size <= sizeof(a->bytes));
    memcpy(a->bytes + a->used, value, size);
    a->used += size;
}

static inline void arguments_pointer(struct arguments *a, uint64_t va)
{
    arguments_add(a, &va, sizeof(va));
}

static inline void arguments_int(struct arguments *a, int32_t value)
{
    arguments_add(a, &value, sizeof(value));
}
