// SPDX-License-Identifier: Apache-2.0
/*
 * Policy "wait": wait-based preemption. When RT work arrives nothing more is submitted, and what is
 * in the device queue runs to its end: RT waits for at most the depth. Kills nothing, so it suits
 * any program; what the others are measured against.
 */
#include "sched/policy.h"

static enum reef_means on_rt(const struct reef_queue_view *queue)
{
    (void)queue;
    return REEF_MEANS_DRAIN;
}

const struct reef_policy_ops reef_policy_wait = {
    .name = "wait",
    .on_rt = on_rt,
};
