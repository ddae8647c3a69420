// SPDX-License-Identifier: Apache-2.0
/*
 * How long a kernel takes, learned online: a fixed table by kernel key. Bounded, no allocation
 * after the owner's, O(1). Two figures per kernel: typical  an exponentially weighted mean (weight
 * 1/8): what to expect, for polling bound    the largest seen, which decays to the mean (1/32 of
 * the distance per run): what to reckon with, for the depth rule. One slow run is forgotten within
 * some dozens.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    REEF_ESTIMATOR_BITS = 10,
    REEF_ESTIMATOR_SIZE = 1 << REEF_ESTIMATOR_BITS, /* kernels remembered, about */
    REEF_ESTIMATOR_PROBE = 8,                       /* entries looked at for one key */
};

/** Longer runs are taken for this: a broken time stamp must not overflow a sum. */
#define REEF_ESTIMATE_MAX_NS 3600000000000ull

struct reef_estimate {
    uint64_t typical_ns, bound_ns;
    bool known; /* it was seen to run */
};

struct reef_estimator_entry {
    uint64_t key; /* 0: free. Entries are replaced, never freed, so a free one ends a search */
    struct reef_estimate estimate;
    uint64_t used; /* learn() number of the last update */
};

struct reef_estimator {
    struct reef_estimator_entry table[REEF_ESTIMATOR_SIZE];
    uint64_t learned;
    uint64_t unknown_ns;
};

/** Zeroes @estimator (the caller's storage). @unknown_ns: both figures of a key never seen. */
void reef_estimator_init(struct reef_estimator *estimator, uint64_t unknown_ns);
/** Key 0 (a barrier) takes no time. */
struct reef_estimate reef_estimator_get(const struct reef_estimator *estimator, uint64_t key);
/** A run of @key took @duration_ns. Key 0 and duration 0 are ignored. Of the keys that share the
 *  probed entries the one not run for longest is forgotten. */
void reef_estimator_learn(struct reef_estimator *estimator, uint64_t key, uint64_t duration_ns);
