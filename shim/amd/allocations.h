// SPDX-License-Identifier: Apache-2.0
/*
 * What memory the application has allocated for the GPU, from the hooked calls. What did not come
 * by there is not known, and counts as overlapping everything. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reef_allocation {
    uint64_t base, bytes;
    bool host; /* the host may read it by its address */
};

void reef_allocations_add(const void *base, size_t bytes, bool host);
void reef_allocations_remove(const void *base);
/** The allocation that @address lies in; false: none is known, or more than one. Hot path: a lock
 *  held for a search in a sorted list. */
bool reef_allocations_find(uint64_t address, struct reef_allocation *found);
/** The runtime is shut down. */
void reef_allocations_forget(void);
