// SPDX-License-Identifier: Apache-2.0
/*
 * How many compute units a queue of RT work will need, from what it needed lately: the most of the
 * last windows (a window is a burst of RT work, or a part of a long one). So one that has a large
 * kernel now and then counts as large, until it had none for REEF_NEED_WINDOWS windows.
 *
 * Pure.
 */
#pragma once

#include <stdint.h>

enum { REEF_NEED_WINDOWS = 8 };

struct reef_need { /* starts as zeroes */
    uint32_t last[REEF_NEED_WINDOWS];
    uint32_t seen;
};

/** A window is over in which the largest kernel needed @cus units (0: there was none). Returns the
 *  most of the last windows. */
static inline uint32_t reef_need_window(struct reef_need *need, uint32_t cus)
{
    uint32_t most = 0;
    need->last[need->seen++ % REEF_NEED_WINDOWS] = cus;
    for (unsigned i = 0; i < REEF_NEED_WINDOWS; i++)
        most = need->last[i] > most ? need->last[i] : most;
    return most;
}
