// SPDX-License-Identifier: Apache-2.0
/*
 * How long BE work was let run between RT work lately. A kernel that commonly takes longer than the
 * longest of these gaps cannot come to its end by being killed and run again.
 *
 * Pure; part of the core.
 */
#pragma once

#include <stdint.h>

enum { REEF_GAPS = 8 };

struct reef_gaps {
    uint64_t since_ns;        /* BE runs since then; 0: it is held, or RT work never existed */
    uint64_t last[REEF_GAPS]; /* lengths, the oldest is overwritten */
    uint32_t seen;
};

/** BE may run again. */
void reef_gaps_begin(struct reef_gaps *gaps, uint64_t now_ns);
/** BE is held. */
void reef_gaps_end(struct reef_gaps *gaps, uint64_t now_ns);
/** The longest of the last gaps; UINT64_MAX while too few were seen to say anything. */
uint64_t reef_gaps_longest(const struct reef_gaps *gaps);
