// SPDX-License-Identifier: Apache-2.0
/*
 * Policy "sequential": one task at a time on the whole GPU, RT tasks first, nothing preempted. A BE
 * task that is under way when RT work arrives is finished first (REEF's baseline "SEQ").
 */
#include "sched/policy.h"

static enum reef_means on_rt(const struct reef_queue_view *queue)
{
    (void)queue;
    return REEF_MEANS_FINISH;
}

const struct reef_policy_ops reef_policy_sequential = {
    .name = "sequential",
    .on_rt = on_rt,
    .whole_tasks = true,
};
