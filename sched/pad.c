// SPDX-License-Identifier: Apache-2.0
/* The core's part of padding: which commands are candidates, and what becomes of them. The choice
 * is in padding.c. See core.h. */
#include "sched/queue.h"

static struct reef_queue *find(const struct reef_core *core, uint32_t queue)
{
    return queue < core->queue_count ? core->queues[queue] : NULL;
}

unsigned reef_core_pad(struct reef_core *core, const struct reef_pad_kernel *rt,
                       struct reef_core_pad pads[REEF_PADS_MAX])
{
    enum { CANDIDATES = 64 };
    struct reef_pad_candidate candidates[CANDIDATES];
    struct reef_queue *queues[CANDIDATES];
    struct reef_pad chosen[REEF_PADS_MAX];
    unsigned count = 0;
    if (!core->policy->pads || core->config.padding.kernels == 0)
        return 0;
    for (uint32_t i = 0; i < core->queue_count && count < CANDIDATES; i++) {
        struct reef_entry *entry =
            core->queues[i] ? reef_queue_pad_candidate(core->queues[i]) : NULL;
        if (!entry)
            continue;
        queues[count] = core->queues[i];
        candidates[count++] = (struct reef_pad_candidate){
            .kernel = entry->pad,
            .groups = entry->pad->groups - entry->groups_done,
        };
    }
    unsigned n = reef_padding_choose(&core->config.device, &core->config.padding,
                                     &core->pad_account, rt, candidates, count, chosen);
    for (unsigned i = 0; i < n; i++) {
        struct reef_queue *q = queues[chosen[i].candidate];
        struct reef_entry *entry = reef_queue_pad_candidate(q);
        pads[i] = (struct reef_core_pad){
            .queue = q->number,
            .seq = q->retired,
            .first_group = entry->groups_done,
            .groups = chosen[i].groups,
            .first_cu = chosen[i].first_cu,
            .cus = chosen[i].cus,
            .each = chosen[i].each,
        };
        entry->groups_out = chosen[i].groups;
    }
    return n;
}

void reef_core_padded(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    (void)now_ns;
    if (q)
        reef_queue_padded(q, seq);
}

uint32_t reef_core_groups_done(const struct reef_core *core, uint32_t queue, uint64_t seq)
{
    const struct reef_queue *q = find(core, queue);
    if (!q || seq < q->retired || seq >= q->enqueued)
        return 0;
    return q->entries[seq & q->mask].groups_done;
}
