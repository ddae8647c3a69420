// SPDX-License-Identifier: Apache-2.0
/* The gaps between RT work. See gaps.h. */
#include "sched/gaps.h"

enum { ENOUGH = 2 };

void reef_gaps_begin(struct reef_gaps *gaps, uint64_t now_ns)
{
    gaps->since_ns = now_ns ? now_ns : 1;
}

void reef_gaps_end(struct reef_gaps *gaps, uint64_t now_ns)
{
    if (gaps->since_ns == 0)
        return;
    gaps->last[gaps->seen++ % REEF_GAPS] = now_ns > gaps->since_ns ? now_ns - gaps->since_ns : 0;
    gaps->since_ns = 0;
}

uint64_t reef_gaps_longest(const struct reef_gaps *gaps)
{
    uint64_t longest_ns = 0;
    if (gaps->seen < ENOUGH)
        return UINT64_MAX;
    for (uint32_t i = 0; i < REEF_GAPS && i < gaps->seen; i++)
        longest_ns = gaps->last[i] > longest_ns ? gaps->last[i] : longest_ns;
    return longest_ns;
}
