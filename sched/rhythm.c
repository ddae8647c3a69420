// SPDX-License-Identifier: Apache-2.0
/* When the next request is expected. See rhythm.h. */
#include "sched/rhythm.h"

void reef_rhythm_begins(struct reef_rhythm *rhythm, uint64_t now_ns)
{
    if (rhythm->last_ns != 0 && now_ns > rhythm->last_ns)
        rhythm->intervals_ns[rhythm->seen++ % REEF_RHYTHM] = now_ns - rhythm->last_ns;
    rhythm->last_ns = now_ns;
    rhythm->missed = 0;
}

void reef_rhythm_missed(struct reef_rhythm *rhythm)
{
    if (++rhythm->missed >= REEF_RHYTHM_MISSES)
        *rhythm = (struct reef_rhythm){0};
}

static void sort(uint64_t values[REEF_RHYTHM])
{
    for (int i = 1; i < REEF_RHYTHM; i++) {
        uint64_t value = values[i];
        int at = i;
        for (; at > 0 && values[at - 1] > value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
}

bool reef_rhythm_next(const struct reef_rhythm *rhythm, uint64_t lead_ns, uint64_t most_ns,
                      struct reef_beat *beat)
{
    uint64_t sorted[REEF_RHYTHM], off[REEF_RHYTHM];
    if (rhythm->seen < REEF_RHYTHM)
        return false;
    for (int i = 0; i < REEF_RHYTHM; i++)
        sorted[i] = rhythm->intervals_ns[i];
    sort(sorted);
    uint64_t interval_ns = sorted[REEF_RHYTHM / 2];
    for (int i = 0; i < REEF_RHYTHM; i++)
        off[i] = sorted[i] > interval_ns ? sorted[i] - interval_ns : interval_ns - sorted[i];
    sort(off);
    uint64_t ahead_ns = lead_ns + off[REEF_RHYTHM - 2];
    if (ahead_ns > interval_ns / REEF_RHYTHM_SHARE || ahead_ns > most_ns)
        return false;
    uint64_t due_ns = rhythm->last_ns + (rhythm->missed + 1) * interval_ns;
    *beat = (struct reef_beat){.from_ns = due_ns - ahead_ns, .until_ns = due_ns + ahead_ns};
    return true;
}
