// SPDX-License-Identifier: Apache-2.0
/* Adaptive hysteresis. See linger.h. */
#include "sched/linger.h"

enum { MEMORY = 8 };
#define LONGEST_NS 3600000000000ull /* keeps the sum far from overflow */

static int64_t bounded(uint64_t ns)
{
    return (int64_t)(ns < LONGEST_NS ? ns : LONGEST_NS);
}

void reef_linger_init(struct reef_linger *linger, uint64_t linger_ns, uint64_t restore_ns)
{
    *linger = (struct reef_linger){.linger_ns = linger_ns, .restore_ns = restore_ns};
}

void reef_linger_arrived(struct reef_linger *linger, uint64_t now_ns)
{
    if (linger->idle_since_ns == 0)
        return;
    uint64_t gap_ns = now_ns > linger->idle_since_ns ? now_ns - linger->idle_since_ns : 0;
    int64_t gain_ns =
        gap_ns <= linger->linger_ns ? bounded(linger->restore_ns) : -bounded(linger->linger_ns);
    linger->gain_ns += gain_ns - linger->gain_ns / MEMORY;
    linger->idle_since_ns = 0;
}

uint64_t reef_linger_idle(struct reef_linger *linger, uint64_t now_ns)
{
    linger->idle_since_ns = now_ns ? now_ns : 1;
    if (linger->restore_ns > 0 && linger->gain_ns <= 0)
        return 0;
    return linger->linger_ns;
}
