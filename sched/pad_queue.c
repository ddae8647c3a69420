// SPDX-License-Identifier: Apache-2.0
/*
 * The padding queue: what of a held queue runs beside RT work, on the compute units that it leaves
 * (core.h, "The padding queue"). How a queue leaves it is in stop.c. Pure; part of the core.
 */
#include "sched/queue.h"

static bool has_room(const struct reef_queue *q)
{
    const struct reef_core *core = q->core;
    return core->held && core->config.evict && core->policy->pads && q->pad_cus > 0 &&
           core->room >= q->pad_cus;
}

/* The same kernel takes another time on fewer units, and its estimate when it has the GPU to itself
 * must not change for that. */
static uint64_t key_beside(const struct reef_queue *q, uint64_t key)
{
    uint64_t other = key ^ 0x9e3779b97f4a7c15ull * (q->pad_cus + 1);
    return key == 0 ? 0 : other ? other : 1;
}

/* Not seen beside RT work yet: as if only the number of units counted. */
static struct reef_estimate scaled(const struct reef_queue *q, struct reef_estimate whole)
{
    uint32_t cus = q->core->config.device.cus;
    if (whole.known && q->pad_cus > 0 && cus > q->pad_cus) {
        whole.bound_ns = whole.bound_ns / q->pad_cus * cus;
        whole.typical_ns = whole.typical_ns / q->pad_cus * cus;
    }
    return whole;
}

struct reef_estimate reef_queue_estimate(const struct reef_queue *q, uint64_t key)
{
    const struct reef_estimator *estimator = &q->core->estimator;
    if (!q->beside)
        return reef_estimator_get(estimator, key);
    struct reef_estimate seen = reef_estimator_get(estimator, key_beside(q, key));
    return seen.known ? seen : scaled(q, reef_estimator_get(estimator, key));
}

void reef_queue_learn(struct reef_queue *q, uint64_t key, uint64_t duration_ns)
{
    reef_estimator_learn(&q->core->estimator, q->beside ? key_beside(q, key) : key, duration_ns);
}

/* How long BE will stay held, about: as long as the longest time lately, and if that is over, as
 * long again as it has been. */
static uint64_t left_ns(const struct reef_core *core)
{
    uint64_t longest_ns = reef_gaps_longest(&core->holds), since_ns = core->holds.since_ns;
    uint64_t been_ns = core->now_ns > since_ns ? core->now_ns - since_ns : 0;
    uint64_t rest_ns = longest_ns > been_ns ? longest_ns - been_ns : 0;
    return rest_ns > been_ns ? rest_ns : been_ns;
}

bool reef_queue_paddable(const struct reef_queue *q, const struct reef_entry *entry,
                         const struct reef_estimate *estimate)
{
    if (entry->key == 0)
        return entry->flags & REEF_COMMAND_RESTARTABLE && !(entry->flags & REEF_COMMAND_WAITS);
    if (!(entry->flags & REEF_COMMAND_PADDABLE) || !(entry->flags & REEF_COMMAND_EVICTABLE))
        return false;
    if (!estimate->known)
        return q->view.kernels == 0;
    uint64_t left = left_ns(q->core);
    return estimate->typical_ns <= left && q->view.typical_ns <= left - estimate->typical_ns;
}

void reef_queue_try_padding(struct reef_queue *q)
{
    if (q->state != REEF_QUEUE_HELD)
        return;
    if (q->beside && q->pad_cus == 0)
        reef_queue_unpad(q); /* it is gone */
    if (!has_room(q))
        return;
    if (q->raised) {
        q->raised = q->evicted = q->evict_due = false;
        q->allow_due = true;
    }
    if (!q->beside) {
        q->beside = true;
        q->pad_due = !q->unpad_due;
        q->unpad_due = false;
    }
    q->state = REEF_QUEUE_PADDING;
    reef_core_list(q->core, q);
    reef_queue_feed(q);
}

void reef_queue_unpad(struct reef_queue *q)
{
    q->beside = false;
    q->unpad_due = !q->pad_due;
    q->pad_due = false;
    reef_core_list(q->core, q);
}

void reef_queue_room_changed(struct reef_queue *q, uint64_t now_ns)
{
    if (q->state == REEF_QUEUE_PADDING && !has_room(q))
        reef_queue_leave_padding(q, now_ns);
    else if (q->state == REEF_QUEUE_PADDING)
        reef_queue_feed(q); /* there may be more time than it seemed */
    reef_queue_try_padding(q);
}
