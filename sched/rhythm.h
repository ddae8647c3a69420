// SPDX-License-Identifier: Apache-2.0
/*
 * When will the next real-time request begin? Many real-time programs are periodic: a camera's
 * frames, a control loop. From when the last requests began follows when the next one is due, and
 * the GPU can be made ready for it.
 *
 * The next one is expected one interval, the median of the last eight, after the last. How far the
 * intervals lie from their median (all but the farthest) is how far off it may be. Who is ready so
 * much ahead, and for so long, wastes that time; where that would be more than a share of the
 * interval, there is no rhythm. A request that does not come is one beat left out; after two there
 * is no rhythm until eight new intervals were seen.
 *
 * Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
    REEF_RHYTHM = 8,        /* intervals looked at */
    REEF_RHYTHM_SHARE = 16, /* being ready ahead may take so much of an interval: 1 / SHARE */
    REEF_RHYTHM_MISSES = 2,
};

struct reef_rhythm {
    uint64_t last_ns; /* beginning of the last request; 0: none */
    uint64_t intervals_ns[REEF_RHYTHM];
    uint32_t seen;   /* intervals */
    uint32_t missed; /* in a row */
};

/** The time in which a request is expected, and for which all is to be ready. */
struct reef_beat {
    uint64_t from_ns, until_ns;
};

/** A request begins. */
void reef_rhythm_begins(struct reef_rhythm *rhythm, uint64_t now_ns);
/** The one that was expected has not come. */
void reef_rhythm_missed(struct reef_rhythm *rhythm);
/** When the next one is expected, if making ready takes @lead_ns and nobody is to be ready for
 * longer than @most_ns before it is due. False: there is no rhythm. */
bool reef_rhythm_next(const struct reef_rhythm *rhythm, uint64_t lead_ns, uint64_t most_ns,
                      struct reef_beat *beat);
