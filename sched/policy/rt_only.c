// SPDX-License-Identifier: Apache-2.0
/* Policy "rt-only": BE work never runs. What RT work is like alone; the others are compared to it.
 */
#include "sched/policy.h"

static enum reef_means on_rt(const struct reef_queue_view *queue)
{
    (void)queue;
    return REEF_MEANS_DRAIN;
}

const struct reef_policy_ops reef_policy_rt_only = {
    .name = "rt-only",
    .on_rt = on_rt,
    .never_opens = true,
};
