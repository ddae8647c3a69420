// SPDX-License-Identifier: Apache-2.0
/*
 * One BE queue: the window of commands and the depth rule. How a queue is stopped, and goes on, is
 * in stop.c. See queue.h for the sequence numbers and core.h for the rules.
 */
#include "sched/queue.h"

#include <stdlib.h>

struct reef_queue *reef_queue_create(struct reef_core *core, uint32_t number, uint32_t capacity)
{
    uint32_t size = 1;
    while (size < capacity)
        size <<= 1;
    struct reef_queue *q = calloc(1, sizeof(*q) + size * sizeof(q->entries[0]));
    if (!q)
        return NULL;
    q->core = core;
    q->number = number;
    q->capacity = capacity;
    q->mask = size - 1;
    q->state = REEF_QUEUE_OPEN;
    q->view.reset_exists = core->config.reset;
    q->view.evict_exists = core->config.evict;
    q->view.suspend_exists = core->config.suspend;
    q->view.suspend_worth_ns = core->config.suspend_worth_ns;
    q->evict_end_ns = UINT64_MAX;
    return q;
}

void reef_queue_destroy(struct reef_queue *q)
{
    free(q);
}

/* Whether @entry may stand behind what may be evicted: see "Guards" in core.h. */
static bool follows(const struct reef_entry *entry)
{
    if (entry->key != 0)
        return (entry->flags & REEF_COMMAND_GUARDED) != 0;
    return entry->flags & REEF_COMMAND_RESTARTABLE && !(entry->flags & REEF_COMMAND_WAITS);
}

void reef_queue_count(struct reef_queue *q, const struct reef_entry *entry, int sign)
{
    struct reef_queue_view *view = &q->view;
    view->in_flight += (uint32_t)sign;
    if (!q->off)
        q->core->in_flight += (uint64_t)(int64_t)sign;
    view->not_restartable += entry->flags & REEF_COMMAND_RESTARTABLE ? 0 : (uint32_t)sign;
    view->evictable += reef_entry_evictable(q, entry) ? (uint32_t)sign : 0;
    if (entry->key == 0)
        return;
    view->kernels += (uint32_t)sign;
    view->spent += reef_entry_spent(entry) ? (uint32_t)sign : 0;
    view->bound_ns += (uint64_t)(sign * (int64_t)entry->estimate.bound_ns);
    view->typical_ns += (uint64_t)(sign * (int64_t)entry->estimate.typical_ns);
}

/* --- the depth rule --- */

static bool fits(const struct reef_queue *q, const struct reef_candidate *next)
{
    const struct reef_core *core = q->core;
    const struct reef_queue_view *view = &q->view;
    if (view->in_flight == 0)
        return true;
    if (view->in_flight >= core->config.depth_count || view->spent > 0 ||
        (next->spent && view->kernels > 0))
        return false;
    if (!core->policy->may_submit)
        return reef_depth_allows(view, next, core->config.depth_ns);
    return core->policy->may_submit(view, next, core->config.depth_ns);
}

/* Adds command @seq to @range. RESUBMIT ranges may have complete commands in between, which the
 * caller leaves out; the others have no holes. */
static void range_add(struct reef_range *range, uint64_t seq)
{
    if (range->count == 0)
        range->first = seq;
    range->count = (uint32_t)(seq - range->first) + 1;
}

/* Policies of whole tasks: whether @q may go on with its task, or begin one. */
static bool has_turn(struct reef_queue *q)
{
    struct reef_core *core = q->core;
    if (!core->turn && !core->held && q->next < q->enqueued) {
        core->turn = q;
        core->turn_last = q->number;
        q->mid_task = true;
    }
    return core->turn == q && q->mid_task;
}

/* Policies of whole tasks: lets go of the device if the task, or all there is of it, is complete.
 */
static void end_turn(struct reef_queue *q)
{
    struct reef_core *core = q->core;
    if (core->turn != q || q->view.in_flight > 0 || (q->mid_task && q->next < q->enqueued))
        return;
    q->mid_task = false;
    core->turn = NULL;
    if (q->state == REEF_QUEUE_FINISHING)
        q->state = REEF_QUEUE_HELD;
    reef_core_pass_turn(core);
}

/* How often a kernel with this estimate may be killed in a row: core.h, "Progress". */
static uint16_t kills_max(const struct reef_core *core, const struct reef_estimate *estimate)
{
    bool fits_no_gap = (core->config.reset || core->config.evict) && estimate->known &&
                       estimate->typical_ns > reef_gaps_longest(&core->gaps);
    return fits_no_gap ? !core->config.suspend : (uint16_t)core->config.kill_limit;
}

void reef_queue_feed(struct reef_queue *q)
{
    bool any = false, whole_tasks = q->core->policy->whole_tasks;
    if (whole_tasks && !has_turn(q))
        return;
    while (q->next < q->enqueued && (!whole_tasks || q->mid_task)) {
        struct reef_entry *entry = reef_queue_entry(q, q->next);
        bool again = q->next < q->fresh;
        if (entry->place == REEF_ENTRY_OUT) {
            struct reef_candidate candidate = {.kernel = entry->key != 0, .again = again};
            struct reef_estimate estimate = reef_queue_estimate(q, entry->key);
            entry->kills_max = q->beside ? UINT16_MAX : kills_max(q->core, &estimate);
            candidate.bound_ns = estimate.bound_ns;
            candidate.spent = candidate.kernel && reef_entry_spent(entry);
            q->view.waiting = q->enqueued - q->next;
            if (!fits(q, &candidate) || entry->groups_out > 0 ||
                (q->view.evictable > 0 && !follows(entry)) ||
                (q->beside && !reef_queue_paddable(q, entry, &estimate)))
                break;
            entry->estimate = estimate;
            entry->place = REEF_ENTRY_IN;
            reef_queue_count(q, entry, 1);
            range_add(again ? &q->resubmit : &q->submit, q->next);
            q->core->stats.resubmitted += again;
            q->mid_task = !(entry->flags & REEF_COMMAND_TASK_END);
            any = true;
        }
        q->next++;
        if (q->fresh < q->next)
            q->fresh = q->next;
    }
    if (any)
        reef_core_list(q->core, q);
    if (q->state == REEF_QUEUE_RESTORING && q->next >= q->fresh)
        q->state = REEF_QUEUE_OPEN;
}

void reef_queue_unguarded(struct reef_queue *q, uint64_t seq)
{
    struct reef_entry *entry = reef_queue_entry(q, seq);
    if (seq < q->retired || seq >= q->fresh || entry->place != REEF_ENTRY_IN)
        return;
    reef_queue_count(q, entry, -1);
    entry->flags &= (uint8_t) ~(REEF_COMMAND_EVICTABLE | REEF_COMMAND_GUARDED |
                                REEF_COMMAND_RESTARTABLE); /* it is not reset either */
    reef_queue_count(q, entry, 1);
    if (reef_queue_flowing(q))
        reef_queue_feed(q);
}

bool reef_queue_evictable(const struct reef_queue *q, uint64_t seq)
{
    const struct reef_entry *entry = &q->entries[seq & q->mask];
    return seq >= q->retired && seq < q->fresh && entry->place == REEF_ENTRY_IN &&
           reef_entry_evictable(q, entry);
}

bool reef_queue_would_submit(const struct reef_queue *q, uint64_t key)
{
    if (q->state != REEF_QUEUE_OPEN || q->next != q->enqueued ||
        q->enqueued - q->retired >= q->capacity)
        return false;
    if (q->core->policy->whole_tasks && q->core->turn && q->core->turn != q)
        return false;
    struct reef_estimate estimate = reef_estimator_get(&q->core->estimator, key);
    struct reef_candidate candidate = {
        .kernel = key != 0,
        .bound_ns = estimate.bound_ns,
        .spent = key != 0 && kills_max(q->core, &estimate) == 0,
    };
    return fits(q, &candidate);
}

/* --- events --- */

uint64_t reef_queue_enqueue(struct reef_queue *q, const struct reef_command *command)
{
    if (q->enqueued - q->retired >= q->capacity)
        return REEF_CORE_FULL;
    uint64_t seq = q->enqueued++;
    *reef_queue_entry(q, seq) = (struct reef_entry){
        .key = command->key,
        .place = REEF_ENTRY_OUT,
        .flags = (uint8_t)command->flags,
        .pad = command->pad,
    };
    q->core->outstanding++;
    q->core->stats.enqueued++;
    if (reef_queue_flowing(q))
        reef_queue_feed(q);
    return seq;
}

/*
 * What a command took, without the time for which it was suspended. When that began and ended is
 * known from outside only, and nobody knows whether all of it lies between the command's time
 * stamps; so this may be too short. It is taken if it is longer than what was known: one that is
 * always suspended is found to be long.
 */
static uint64_t own_duration(const struct reef_core *core, const struct reef_entry *entry,
                             uint64_t duration_ns)
{
    if (!entry->paused)
        return duration_ns;
    struct reef_estimate before = reef_estimator_get(&core->estimator, entry->key);
    uint64_t own_ns = duration_ns > entry->away_ns ? duration_ns - entry->away_ns : 0;
    return !before.known || own_ns > before.typical_ns ? own_ns : 0;
}

static void complete(struct reef_queue *q, uint64_t seq, uint64_t duration_ns)
{
    struct reef_core *core = q->core;
    struct reef_entry *entry = reef_queue_entry(q, seq);
    if (entry->place == REEF_ENTRY_IN)
        reef_queue_count(q, entry, -1);
    entry->place = REEF_ENTRY_DONE;
    core->outstanding--;
    core->stats.completed++;
    core->stats.padded += q->beside && entry->key != 0;
    reef_queue_learn(q, entry->key, own_duration(core, entry, duration_ns));

    while (q->retired < q->fresh && reef_queue_entry(q, q->retired)->place == REEF_ENTRY_DONE)
        q->retired++;
    if (q->next < q->retired) /* late completions of what a reset took out */
        q->next = q->retired;

    if (reef_queue_flowing(q))
        reef_queue_feed(q);
    else
        reef_queue_settle(q);
    if (core->policy->whole_tasks)
        end_turn(q);
}

void reef_queue_complete(struct reef_queue *q, uint64_t seq, uint64_t duration_ns)
{
    if (seq >= q->retired && seq < q->fresh && reef_queue_entry(q, seq)->place != REEF_ENTRY_DONE)
        complete(q, seq, duration_ns);
}

struct reef_entry *reef_queue_pad_candidate(struct reef_queue *q)
{
    if (q->state != REEF_QUEUE_HELD || q->retired == q->enqueued)
        return NULL;
    struct reef_entry *entry = reef_queue_entry(q, q->retired);
    bool free_to_run = entry->pad && (entry->flags & REEF_COMMAND_RESTARTABLE) &&
                       entry->groups_out == 0 && entry->groups_done < entry->pad->groups;
    return free_to_run ? entry : NULL;
}

void reef_queue_padded(struct reef_queue *q, uint64_t seq)
{
    if (seq < q->retired || seq >= q->enqueued || reef_queue_entry(q, seq)->groups_out == 0)
        return;
    struct reef_entry *entry = reef_queue_entry(q, seq);
    entry->groups_done += entry->groups_out;
    entry->groups_out = 0;
    if (entry->groups_done < entry->pad->groups || entry->place == REEF_ENTRY_DONE) {
        if (reef_queue_flowing(q)) /* it may have stood in the way */
            reef_queue_feed(q);
        return;
    }
    if (q->fresh <= seq) /* it is the oldest: nothing before it is left out */
        q->fresh = seq + 1;
    q->core->stats.padded++;
    complete(q, seq, 0);
}
