// SPDX-License-Identifier: Apache-2.0
/*
 * Policy "reef": reset-based preemption (REEF, OSDI'22, section 4). When RT work arrives, what runs
 * is killed and run again later: by the evict flag where something in the device queue has a guard
 * that answers to it, else by a reset if all of the device queue allows that. What may not be
 * killed is suspended if it is worth that, else drained. BE kernels may fill what RT kernels leave
 * free (padding). "reef-nopad" is the same without padding.
 *
 * Barriers alone in the device queue are taken out too: what they wait for may be in another queue,
 * which is being held, so draining could last as long as the RT work.
 */
#include "sched/policy.h"

static enum reef_means on_rt(const struct reef_queue_view *queue)
{
    bool safe = queue->reset_exists && queue->not_restartable == 0 && queue->spent == 0;
    bool worth = queue->suspend_exists && queue->stubborn_ns > 0 &&
                 queue->stubborn_ns >= queue->suspend_worth_ns;
    if (worth && !safe)
        return REEF_MEANS_SUSPEND;
    if (queue->evictable > 0)
        return REEF_MEANS_EVICT;
    return safe ? REEF_MEANS_RESET : REEF_MEANS_DRAIN;
}

const struct reef_policy_ops reef_policy_reef = {
    .name = "reef",
    .on_rt = on_rt,
    .pads = true,
};

const struct reef_policy_ops reef_policy_reef_nopad = {
    .name = "reef-nopad",
    .on_rt = on_rt,
};
