// SPDX-License-Identifier: Apache-2.0
/*
 * The table of allocations: sorted by address, in one array. Memory that the host registers may
 * overlap other memory, so entries may overlap; each then is marked, and never found: it is not
 * known what else lies there.
 */
#include "shim/amd/allocations.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct reef_allocation allocation;
    bool overlaps;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *entries; /* owned */
static size_t count, capacity;

/* The first entry whose base is above @address. */
static size_t above(uint64_t address)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entries[middle].allocation.base <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool overlap(const struct reef_allocation *a, const struct reef_allocation *b)
{
    return a->base < b->base + b->bytes && b->base < a->base + a->bytes;
}

/* Marks @at and what it overlaps. While no two entries overlap, only its neighbours can. */
static void mark_overlaps(size_t at)
{
    static bool any;
    struct entry *entry = &entries[at];
    any = any || (at > 0 && overlap(&entries[at - 1].allocation, &entry->allocation)) ||
          (at + 1 < count && overlap(&entries[at + 1].allocation, &entry->allocation));
    for (size_t i = 0; i < count && any; i++) {
        if (i == at || !overlap(&entries[i].allocation, &entry->allocation))
            continue;
        entries[i].overlaps = true;
        entry->overlaps = true;
    }
}

void reef_allocations_add(const void *base, size_t bytes, bool host)
{
    uint64_t address = (uint64_t)(uintptr_t)base;
    if (!base || bytes == 0 || address + bytes < address)
        return;
    pthread_mutex_lock(&lock);
    if (count == capacity) {
        size_t grown_capacity = capacity ? 2 * capacity : 256;
        struct entry *grown = realloc(entries, grown_capacity * sizeof(*grown));
        if (!grown) {
            pthread_mutex_unlock(&lock);
            return; /* not known: never restartable */
        }
        entries = grown;
        capacity = grown_capacity;
    }
    size_t at = above(address);
    memmove(&entries[at + 1], &entries[at], (count - at) * sizeof(*entries));
    entries[at] = (struct entry){.allocation = {.base = address, .bytes = bytes, .host = host}};
    count++;
    mark_overlaps(at);
    pthread_mutex_unlock(&lock);
}

void reef_allocations_remove(const void *base)
{
    uint64_t address = (uint64_t)(uintptr_t)base;
    pthread_mutex_lock(&lock);
    size_t at = above(address);
    if (at > 0 && entries[at - 1].allocation.base == address) {
        memmove(&entries[at - 1], &entries[at], (count - at) * sizeof(*entries));
        count--;
    }
    pthread_mutex_unlock(&lock);
}

bool reef_allocations_find(uint64_t address, struct reef_allocation *found)
{
    bool known = false;
    pthread_mutex_lock(&lock);
    size_t at = above(address);
    if (at > 0) {
        const struct entry *entry = &entries[at - 1];
        known = address - entry->allocation.base < entry->allocation.bytes && !entry->overlaps;
        *found = entry->allocation;
    }
    pthread_mutex_unlock(&lock);
    return known;
}

void reef_allocations_forget(void)
{
    pthread_mutex_lock(&lock);
    count = 0;
    pthread_mutex_unlock(&lock);
}
