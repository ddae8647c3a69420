// SPDX-License-Identifier: Apache-2.0
/*
 * Policy "reef-n": the restricted REEF for GPUs whose running kernels cannot be killed (REEF,
 * OSDI'22, section 4.4). What is queued in the device queue runs to nothing, what runs is waited
 * for; so the device queue is kept short.
 */
#include "sched/policy.h"

static enum reef_means on_rt(const struct reef_queue_view *queue)
{
    bool safe = queue->evict_exists && queue->not_restartable == 0;
    return safe ? REEF_MEANS_EVICT : REEF_MEANS_DRAIN;
}

const struct reef_policy_ops reef_policy_reef_n = {
    .name = "reef-n",
    .on_rt = on_rt,
};
