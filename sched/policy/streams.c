// SPDX-License-Identifier: Apache-2.0
/*
 * Policy "streams": no scheduling, as several streams on a bare GPU: BE is never held, and only the
 * count bounds the device queue. RT and BE share the GPU as the hardware will have it. The
 * baseline.
 */
#include "sched/policy.h"

#include <stddef.h>

static bool may_submit(const struct reef_queue_view *queue, const struct reef_candidate *next,
                       uint64_t depth_ns)
{
    (void)queue;
    (void)next;
    (void)depth_ns;
    return true;
}

const struct reef_policy_ops reef_policy_streams = {
    .name = "streams",
    .on_rt = NULL, /* never holds */
    .may_submit = may_submit,
};
