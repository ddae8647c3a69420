// SPDX-License-Identifier: Apache-2.0
/*
 * Adaptive hysteresis: is it worth keeping BE held for a while after RT work went idle?
 *
 * Holding for linger_ns saves a preemption (restore_ns) when RT work comes back within that time,
 * and else wastes linger_ns. Which of the two RT work has done lately is added up, older gaps
 * counting less (1/8 each); BE lingers while the sum speaks for it. With restore_ns 0 it lingers
 * always.
 *
 * Pure; part of the core.
 */
#pragma once

#include <stdint.h>

struct reef_linger {
    uint64_t linger_ns, restore_ns;
    uint64_t idle_since_ns; /* 0: RT work exists, or never existed */
    int64_t gain_ns; /* what lingering would have gained lately, less what it would have cost */
};

void reef_linger_init(struct reef_linger *linger, uint64_t linger_ns, uint64_t restore_ns);
/** RT work came. */
void reef_linger_arrived(struct reef_linger *linger, uint64_t now_ns);
/** RT work is gone. Returns how long BE is to stay held. */
uint64_t reef_linger_idle(struct reef_linger *linger, uint64_t now_ns);
