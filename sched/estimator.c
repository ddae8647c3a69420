// SPDX-License-Identifier: Apache-2.0
/* The duration estimator: open addressing with linear probing over a few entries. See estimator.h.
 */
#include "sched/estimator.h"

#include <string.h>

enum { MEAN_WEIGHT = 8, DECAY_WEIGHT = 32 };

static uint32_t slot_of(uint64_t key, uint32_t step)
{
    /* Fibonacci hashing (Knuth, TAOCP vol. 3, 6.4): keys are addresses, the product's high bits
     * mix. */
    uint32_t home = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> (64 - REEF_ESTIMATOR_BITS));
    return (home + step) & (REEF_ESTIMATOR_SIZE - 1);
}

static uint64_t clamp(uint64_t ns)
{
    return ns < REEF_ESTIMATE_MAX_NS ? ns : REEF_ESTIMATE_MAX_NS;
}

void reef_estimator_init(struct reef_estimator *estimator, uint64_t unknown_ns)
{
    memset(estimator, 0, sizeof(*estimator));
    estimator->unknown_ns = clamp(unknown_ns);
}

struct reef_estimate reef_estimator_get(const struct reef_estimator *estimator, uint64_t key)
{
    if (key == 0)
        return (struct reef_estimate){0};
    for (uint32_t i = 0; i < REEF_ESTIMATOR_PROBE; i++) {
        const struct reef_estimator_entry *entry = &estimator->table[slot_of(key, i)];
        if (entry->key == key)
            return entry->estimate;
        if (entry->key == 0)
            break;
    }
    return (struct reef_estimate){estimator->unknown_ns, estimator->unknown_ns, false};
}

/* The entry of @key, or the one to put it in: a free one, else the one not updated for longest. */
static struct reef_estimator_entry *find_place(struct reef_estimator *estimator, uint64_t key)
{
    struct reef_estimator_entry *oldest = &estimator->table[slot_of(key, 0)];
    for (uint32_t i = 0; i < REEF_ESTIMATOR_PROBE; i++) {
        struct reef_estimator_entry *entry = &estimator->table[slot_of(key, i)];
        if (entry->key == key || entry->key == 0)
            return entry;
        if (entry->used < oldest->used)
            oldest = entry;
    }
    return oldest;
}

static void update(struct reef_estimate *estimate, uint64_t ns)
{
    int64_t off = (int64_t)ns - (int64_t)estimate->typical_ns;
    estimate->typical_ns = (uint64_t)((int64_t)estimate->typical_ns + off / MEAN_WEIGHT);

    uint64_t floor_ns = ns > estimate->typical_ns ? ns : estimate->typical_ns;
    if (estimate->bound_ns <= floor_ns)
        estimate->bound_ns = floor_ns;
    else
        estimate->bound_ns -= (estimate->bound_ns - floor_ns) / DECAY_WEIGHT;
}

void reef_estimator_learn(struct reef_estimator *estimator, uint64_t key, uint64_t duration_ns)
{
    if (key == 0 || duration_ns == 0)
        return;
    duration_ns = clamp(duration_ns);
    struct reef_estimator_entry *entry = find_place(estimator, key);
    if (entry->key == key) {
        update(&entry->estimate, duration_ns);
    } else {
        entry->key = key;
        entry->estimate = (struct reef_estimate){duration_ns, duration_ns, true};
    }
    entry->used = ++estimator->learned;
}
