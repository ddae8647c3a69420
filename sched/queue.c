// SPDX-License-Identifier: Apache-2.0
/*
 * One BE queue: the window of commands, the depth rule, and the state machine. See queue.h for the
 * sequence numbers and core.h for the rules.
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
    return q;
}

void reef_queue_destroy(struct reef_queue *q)
{
    free(q);
}

static struct reef_entry *entry_at(struct reef_queue *q, uint64_t seq)
{
    return &q->entries[seq & q->mask];
}

static bool spent(const struct reef_queue *q, const struct reef_entry *entry)
{
    return entry->kills >= q->core->config.kill_limit;
}

static bool may_be_evicted(const struct reef_queue *q, const struct reef_entry *entry)
{
    return entry->key != 0 && entry->flags & REEF_COMMAND_EVICTABLE && q->core->config.evict &&
           !spent(q, entry);
}

/* Whether @entry may stand behind what may be evicted: see "Guards" in core.h. */
static bool follows(const struct reef_entry *entry)
{
    if (entry->key != 0)
        return (entry->flags & REEF_COMMAND_GUARDED) != 0;
    return entry->flags & REEF_COMMAND_RESTARTABLE && !(entry->flags & REEF_COMMAND_WAITS);
}

/* Counts @entry in (+1) or out of (-1) what is in the DQ. */
static void count(struct reef_queue *q, const struct reef_entry *entry, int sign)
{
    struct reef_queue_view *view = &q->view;
    view->in_flight += (uint32_t)sign;
    q->core->in_flight += (uint64_t)(int64_t)sign;
    view->not_restartable += entry->flags & REEF_COMMAND_RESTARTABLE ? 0 : (uint32_t)sign;
    view->evictable += may_be_evicted(q, entry) ? (uint32_t)sign : 0;
    if (entry->key == 0)
        return;
    view->kernels += (uint32_t)sign;
    view->spent += spent(q, entry) ? (uint32_t)sign : 0;
    view->bound_ns += (uint64_t)(sign * (int64_t)entry->estimate.bound_ns);
    view->typical_ns += (uint64_t)(sign * (int64_t)entry->estimate.typical_ns);
}

/* --- the depth rule --- */

/* A spent kernel needs no rule of its own to enter: it was the oldest in the DQ, so all before it
 * is complete or a barrier. */
static bool fits(const struct reef_queue *q, const struct reef_candidate *next)
{
    const struct reef_core *core = q->core;
    const struct reef_queue_view *view = &q->view;
    if (view->in_flight == 0)
        return true;
    if (view->in_flight >= core->config.depth_count || view->spent > 0)
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

void reef_queue_feed(struct reef_queue *q)
{
    bool any = false, whole_tasks = q->core->policy->whole_tasks;
    if (whole_tasks && !has_turn(q))
        return;
    while (q->next < q->enqueued && (!whole_tasks || q->mid_task)) {
        struct reef_entry *entry = entry_at(q, q->next);
        bool again = q->next < q->fresh;
        if (entry->place == REEF_ENTRY_OUT) {
            struct reef_candidate candidate = {.kernel = entry->key != 0, .again = again};
            struct reef_estimate estimate = reef_estimator_get(&q->core->estimator, entry->key);
            candidate.bound_ns = estimate.bound_ns;
            q->view.waiting = q->enqueued - q->next;
            if (!fits(q, &candidate) || entry->groups_out > 0 ||
                (q->view.evictable > 0 && !follows(entry)))
                break;
            entry->estimate = estimate;
            entry->place = REEF_ENTRY_IN;
            count(q, entry, 1);
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

static void resume(struct reef_queue *q)
{
    if (q->raised) {
        q->raised = q->evicted = q->evict_due = false;
        q->allow_due = true;
        reef_core_list(q->core, q);
    }
    q->state = q->next < q->fresh ? REEF_QUEUE_RESTORING : REEF_QUEUE_OPEN;
    if (!q->core->policy->whole_tasks) /* there, whose turn it is is decided for all (core.c) */
        reef_queue_feed(q);
}

static bool flowing(const struct reef_queue *q)
{
    return q->state == REEF_QUEUE_OPEN || q->state == REEF_QUEUE_RESTORING ||
           q->state == REEF_QUEUE_FINISHING;
}

bool reef_queue_evictable(const struct reef_queue *q, uint64_t seq)
{
    const struct reef_entry *entry = &q->entries[seq & q->mask];
    return seq >= q->retired && seq < q->fresh && entry->place == REEF_ENTRY_IN &&
           may_be_evicted(q, entry);
}

bool reef_queue_would_submit(const struct reef_queue *q, uint64_t key)
{
    if (q->state != REEF_QUEUE_OPEN || q->next != q->enqueued ||
        q->enqueued - q->retired >= q->capacity)
        return false;
    if (q->core->policy->whole_tasks && q->core->turn && q->core->turn != q)
        return false;
    struct reef_candidate candidate = {
        .kernel = key != 0,
        .bound_ns = reef_estimator_get(&q->core->estimator, key).bound_ns,
    };
    return fits(q, &candidate);
}

/* --- events --- */

uint64_t reef_queue_enqueue(struct reef_queue *q, const struct reef_command *command)
{
    if (q->enqueued - q->retired >= q->capacity)
        return REEF_CORE_FULL;
    uint64_t seq = q->enqueued++;
    *entry_at(q, seq) = (struct reef_entry){
        .key = command->key,
        .place = REEF_ENTRY_OUT,
        .flags = (uint8_t)command->flags,
        .pad = command->pad,
    };
    q->core->outstanding++;
    q->core->stats.enqueued++;
    if (flowing(q))
        reef_queue_feed(q);
    return seq;
}

/* The DQ of a held queue may have become empty. */
static void settle(struct reef_queue *q)
{
    if (q->view.in_flight > 0)
        return;
    if (q->state == REEF_QUEUE_DRAINING) {
        q->state = REEF_QUEUE_HELD;
    } else if (q->state == REEF_QUEUE_EVICTING && q->raised) {
        q->next = q->retired;
        q->state = REEF_QUEUE_HELD;
        q->core->stats.evictions++;
        if (!q->core->held)
            resume(q);
    }
}

static void complete(struct reef_queue *q, uint64_t seq, uint64_t duration_ns)
{
    struct reef_core *core = q->core;
    struct reef_entry *entry = entry_at(q, seq);
    if (entry->place == REEF_ENTRY_IN)
        count(q, entry, -1);
    entry->place = REEF_ENTRY_DONE;
    core->outstanding--;
    core->stats.completed++;
    reef_estimator_learn(&core->estimator, entry->key, duration_ns);

    while (q->retired < q->fresh && entry_at(q, q->retired)->place == REEF_ENTRY_DONE)
        q->retired++;
    if (q->next < q->retired) /* late completions of what a reset took out */
        q->next = q->retired;

    if (flowing(q))
        reef_queue_feed(q);
    else
        settle(q);
    if (core->policy->whole_tasks)
        end_turn(q);
}

void reef_queue_complete(struct reef_queue *q, uint64_t seq, uint64_t duration_ns)
{
    if (seq >= q->retired && seq < q->fresh && entry_at(q, seq)->place != REEF_ENTRY_DONE)
        complete(q, seq, duration_ns);
}

struct reef_entry *reef_queue_pad_candidate(struct reef_queue *q)
{
    if (q->state != REEF_QUEUE_HELD || q->retired == q->enqueued)
        return NULL;
    struct reef_entry *entry = entry_at(q, q->retired);
    bool free_to_run = entry->pad && (entry->flags & REEF_COMMAND_RESTARTABLE) &&
                       entry->groups_out == 0 && entry->groups_done < entry->pad->groups;
    return free_to_run ? entry : NULL;
}

void reef_queue_padded(struct reef_queue *q, uint64_t seq)
{
    if (seq < q->retired || seq >= q->enqueued || entry_at(q, seq)->groups_out == 0)
        return;
    struct reef_entry *entry = entry_at(q, seq);
    entry->groups_done += entry->groups_out;
    entry->groups_out = 0;
    if (entry->groups_done < entry->pad->groups || entry->place == REEF_ENTRY_DONE) {
        if (flowing(q)) /* it may have stood in the way */
            reef_queue_feed(q);
        return;
    }
    if (q->fresh <= seq) /* it is the oldest: nothing before it is left out */
        q->fresh = seq + 1;
    q->core->stats.padded++;
    complete(q, seq, 0);
}

/* The evict flag goes up. @reported: something was evicted already. */
static void evict(struct reef_queue *q, bool reported, uint64_t now_ns)
{
    struct reef_core *core = q->core;
    q->state = REEF_QUEUE_EVICTING;
    q->evict_due = true;
    q->raised = q->view.evictable > 0 || reported;
    reef_core_list(core, q);
    q->evict_end_ns = UINT64_MAX;
    if (core->config.evict_patience_ns == 0 || !core->config.reset || !q->raised)
        return;
    q->evict_end_ns = now_ns + core->config.evict_patience_ns;
    if (q->evict_end_ns < core->evict_end_ns) {
        core->evict_end_ns = q->evict_end_ns;
        core->timer_due = true;
    }
}

void reef_queue_evicted(struct reef_queue *q, uint64_t seq, uint64_t now_ns)
{
    if (seq < q->retired || seq >= q->fresh)
        return;
    struct reef_entry *entry = entry_at(q, seq);
    if (entry->place != REEF_ENTRY_IN)
        return;
    if (q->state != REEF_QUEUE_EVICTING && q->state != REEF_QUEUE_RESETTING)
        evict(q, true,
              now_ns);   /* the device raised its flag by itself, or it was not quite lowered */
    count(q, entry, -1); /* before its kills change */
    entry->place = REEF_ENTRY_OUT;
    q->core->stats.evicted++;
    if (!q->evicted && entry->key != 0 && entry->kills < UINT16_MAX)
        entry->kills++; /* the others did not begin */
    q->evicted = q->raised = true;
    settle(q);
}

static void drain(struct reef_queue *q)
{
    q->state = REEF_QUEUE_DRAINING;
    q->core->stats.drains++;
}

/* Whatever a policy says: what may not be killed is not killed. */
static bool may_reset(const struct reef_queue *q)
{
    return q->view.reset_exists && q->view.not_restartable == 0 && q->view.spent == 0;
}

static void reset(struct reef_queue *q)
{
    q->state = REEF_QUEUE_RESETTING;
    q->reset_due = true;
    reef_core_list(q->core, q);
}

void reef_queue_hold(struct reef_queue *q, uint64_t now_ns)
{
    if (!flowing(q) || q->state == REEF_QUEUE_FINISHING)
        return;
    q->view.waiting = q->enqueued - q->next;
    enum reef_means means = q->core->policy->on_rt(&q->view);
    if (means == REEF_MEANS_NONE)
        return;
    if (means == REEF_MEANS_FINISH && q->core->turn == q) {
        q->state = REEF_QUEUE_FINISHING;
        return;
    }
    if (q->view.in_flight == 0) {
        q->state = REEF_QUEUE_HELD;
        return;
    }
    if (means == REEF_MEANS_EVICT && q->view.evict_exists &&
        (q->view.evictable > 0 || q->view.not_restartable == 0))
        evict(q, false, now_ns);
    else if (means == REEF_MEANS_RESET && may_reset(q))
        reset(q);
    else
        drain(q);
}

void reef_queue_lose_patience(struct reef_queue *q, uint64_t now_ns)
{
    if (q->state == REEF_QUEUE_EVICTING && q->evict_end_ns <= now_ns) {
        q->evict_end_ns = UINT64_MAX;
        if (may_reset(q))
            reset(q);
    }
}

void reef_queue_release(struct reef_queue *q)
{
    /* A reset that is under way must end first: stopped() goes on from here. What was evicted must
     * not be overtaken by what is still in the DQ: settle() goes on from there. */
    bool untouched = q->state == REEF_QUEUE_EVICTING && q->view.evictable > 0 && !q->evicted;
    if (q->state == REEF_QUEUE_HELD || q->state == REEF_QUEUE_DRAINING ||
        q->state == REEF_QUEUE_FINISHING || untouched)
        resume(q);
}

/* Takes everything out of the DQ. An eviction kills nothing: what ran it was waited for. */
static void take_back(struct reef_queue *q, bool killed)
{
    bool oldest = killed;
    for (uint64_t seq = q->retired; seq < q->next; seq++) {
        struct reef_entry *entry = entry_at(q, seq);
        if (entry->place != REEF_ENTRY_IN)
            continue;
        count(q, entry, -1); /* before its kills change */
        entry->place = REEF_ENTRY_OUT;
        q->core->stats.killed += killed;
        if (entry->key == 0 || !oldest || q->evicted)
            continue;
        oldest = false;
        if (entry->kills < UINT16_MAX)
            entry->kills++;
    }
    q->next = q->retired;
}

static bool stopping(const struct reef_queue *q)
{
    return q->state == REEF_QUEUE_RESETTING || q->state == REEF_QUEUE_EVICTING;
}

void reef_queue_stopped(struct reef_queue *q)
{
    if (!stopping(q))
        return;
    bool reset = q->state == REEF_QUEUE_RESETTING;
    q->reset_due = q->evict_due = false;
    q->core->stats.resets += reset;
    q->core->stats.evictions += !reset;
    take_back(q, reset);
    if (q->core->held)
        q->state = REEF_QUEUE_HELD;
    else
        resume(q);
}

void reef_queue_reset_failed(struct reef_queue *q)
{
    if (!stopping(q))
        return;
    q->reset_due = q->evict_due = false;
    if (q->evicted) { /* and the rest of the DQ is waited for */
        q->state = REEF_QUEUE_EVICTING;
        q->evict_end_ns = UINT64_MAX;
        settle(q);
    } else if (!q->core->held)
        resume(q);
    else if (q->view.in_flight == 0)
        q->state = REEF_QUEUE_HELD;
    else
        drain(q);
}
