// SPDX-License-Identifier: Apache-2.0
/*
 * The core: its queues, when they are held and released together, the linger timer, and the list of
 * actions. What happens inside one queue is in queue.c.
 */
#include "sched/core.h"

#include <errno.h>
#include <stdlib.h>

#include "sched/queue.h"

enum { QUEUES_MAX = 1024, CAPACITY_MAX = 1 << 24 };

struct reef_core *reef_core_create(const struct reef_core_config *config)
{
    const struct reef_policy_ops *policy = reef_policy_find(config->policy);
    if (!policy || config->depth_count == 0)
        return NULL;
    struct reef_core *core = calloc(1, sizeof(*core));
    if (!core)
        return NULL;
    core->config = *config;
    core->config.policy = policy->name;
    core->policy = policy;
    if (config->kill_limit == 0) /* "nothing is ever killed", told apart from "spent at once" */
        core->config.reset = false;
    if (core->config.kill_limit == 0 || core->config.kill_limit > UINT16_MAX)
        core->config.kill_limit = UINT16_MAX;
    core->evict_end_ns = UINT64_MAX;
    reef_estimator_init(&core->estimator, config->unknown_ns);
    reef_linger_init(&core->linger, config->linger_ns, config->restore_ns);
    core->held = policy->never_opens;
    return core;
}

void reef_core_destroy(struct reef_core *core)
{
    if (!core)
        return;
    for (uint32_t i = 0; i < core->queue_count; i++)
        reef_queue_destroy(core->queues[i]);
    free(core->queues);
    free(core);
}

static struct reef_queue *find(const struct reef_core *core, uint32_t queue)
{
    return queue < core->queue_count ? core->queues[queue] : NULL;
}

/* --- the list of actions --- */

void reef_core_list(struct reef_core *core, struct reef_queue *q)
{
    if (q->listed)
        return;
    q->listed = true;
    q->list_next = NULL;
    if (core->list_tail)
        core->list_tail->list_next = q;
    else
        core->list_head = q;
    core->list_tail = q;
}

static void unlist(struct reef_core *core, struct reef_queue *q)
{
    struct reef_queue *before = NULL;
    if (!q->listed)
        return;
    for (struct reef_queue *at = core->list_head; at != q; at = at->list_next)
        before = at;
    if (before)
        before->list_next = q->list_next;
    else
        core->list_head = q->list_next;
    if (core->list_tail == q)
        core->list_tail = before;
    q->listed = false;
}

/* Takes the next action of @q: in the order in which they can come about. */
static bool queue_next(struct reef_queue *q, struct reef_action *action)
{
    struct reef_range *range = q->resubmit.count > 0 ? &q->resubmit : &q->submit;
    if (q->unpad_due) {
        *action = (struct reef_action){.type = REEF_ACTION_UNPAD, .queue = q->number};
        q->unpad_due = false;
        return true;
    }
    if (q->allow_due) {
        *action = (struct reef_action){.type = REEF_ACTION_ALLOW, .queue = q->number};
        q->allow_due = false;
        return true;
    }
    if (q->pad_due) {
        *action = (struct reef_action){.type = REEF_ACTION_PAD, .queue = q->number};
        q->pad_due = false;
        return true;
    }
    if (q->resume_due) {
        *action = (struct reef_action){.type = REEF_ACTION_RESUME, .queue = q->number};
        q->resume_due = false;
        return true;
    }
    if (range->count > 0) {
        *action = (struct reef_action){
            .type = range == &q->resubmit ? REEF_ACTION_RESUBMIT : REEF_ACTION_SUBMIT,
            .queue = q->number,
            .first = range->first,
            .count = range->count,
        };
        range->count = 0;
        return true;
    }
    if (q->evict_due) {
        *action = (struct reef_action){.type = REEF_ACTION_EVICT, .queue = q->number};
        q->evict_due = false;
        return true;
    }
    if (q->reset_due) {
        *action = (struct reef_action){.type = REEF_ACTION_RESET, .queue = q->number};
        q->reset_due = false;
        return true;
    }
    if (q->suspend_due) {
        *action = (struct reef_action){.type = REEF_ACTION_SUSPEND, .queue = q->number};
        q->suspend_due = false;
        return true;
    }
    return false;
}

static bool queue_has_action(const struct reef_queue *q)
{
    return q->resubmit.count > 0 || q->submit.count > 0 || q->allow_due || q->resume_due ||
           q->evict_due || q->reset_due || q->suspend_due || q->pad_due || q->unpad_due;
}

static uint64_t next_timer(const struct reef_core *core)
{
    uint64_t at_ns = core->lingering ? core->linger_end_ns : UINT64_MAX;
    return core->evict_end_ns < at_ns ? core->evict_end_ns : at_ns;
}

bool reef_core_next(struct reef_core *core, struct reef_action *action)
{
    while (core->list_head) {
        struct reef_queue *q = core->list_head;
        bool found = queue_next(q, action);
        if (!queue_has_action(q))
            unlist(core, q);
        if (found) /* not, if an answer came before the RESET was taken */
            return true;
    }
    if (core->timer_due) {
        core->timer_due = false;
        *action = (struct reef_action){.type = REEF_ACTION_ARM_TIMER, .at_ns = next_timer(core)};
        return true;
    }
    return false;
}

/* --- queues --- */

static int grow(struct reef_core *core)
{
    if (core->queue_count >= QUEUES_MAX)
        return -ENOSPC;
    uint32_t grown_count = core->queue_count ? core->queue_count * 2 : 8;
    struct reef_queue **grown = realloc(core->queues, grown_count * sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    for (uint32_t i = core->queue_count; i < grown_count; i++)
        grown[i] = NULL;
    core->queues = grown;
    core->queue_count = grown_count;
    return 0;
}

int reef_core_queue_open(struct reef_core *core, uint32_t capacity)
{
    uint32_t number = 0;
    if (capacity == 0 || capacity > CAPACITY_MAX)
        return -EINVAL;
    while (number < core->queue_count && core->queues[number])
        number++;
    if (number == core->queue_count) {
        int error = grow(core);
        if (error)
            return error;
    }
    struct reef_queue *q = reef_queue_create(core, number, capacity);
    if (!q)
        return -ENOMEM;
    core->queues[number] = q;
    if (core->held)
        reef_queue_hold(q, 0); /* its DQ is empty */
    return (int)number;
}

void reef_core_queue_close(struct reef_core *core, uint32_t queue)
{
    struct reef_queue *q = find(core, queue);
    if (!q)
        return;
    unlist(core, q);
    for (uint64_t seq = q->retired; seq < q->enqueued; seq++)
        core->outstanding -= q->entries[seq & q->mask].place != REEF_ENTRY_DONE;
    core->in_flight -= q->off ? 0 : q->view.in_flight;
    core->queues[queue] = NULL;
    bool had_turn = core->turn == q;
    reef_queue_destroy(q);
    if (had_turn) {
        core->turn = NULL;
        reef_core_pass_turn(core);
    }
}

void reef_core_pass_turn(struct reef_core *core)
{
    for (uint32_t i = 1; i <= core->queue_count && !core->turn && !core->held; i++) {
        struct reef_queue *q = core->queues[(core->turn_last + i) % core->queue_count];
        if (q && q->next < q->enqueued)
            reef_queue_feed(q);
    }
}

/* --- events --- */

/* Launching threads may be a little behind. */
static void note_time(struct reef_core *core, uint64_t now_ns)
{
    if (now_ns > core->now_ns)
        core->now_ns = now_ns;
}

uint64_t reef_core_enqueued(struct reef_core *core, uint32_t queue,
                            const struct reef_command *command, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    return q ? reef_queue_enqueue(q, command) : REEF_CORE_FULL;
}

/* After events that may have emptied the last DQ: RT had to wait until then. */
static void note_clear(struct reef_core *core, uint64_t now_ns)
{
    if (!core->clearing || core->in_flight > 0)
        return;
    core->clearing = false;
    if (core->rt_active)
        reef_padding_charge(&core->pad_account, now_ns - core->arrived_ns);
}

void reef_core_completed(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t duration_ns,
                         uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    if (q)
        reef_queue_complete(q, seq, duration_ns);
    note_clear(core, now_ns);
}

void reef_core_evicted(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    if (q)
        reef_queue_evicted(q, seq, now_ns);
}

void reef_core_unguarded(struct reef_core *core, uint32_t queue, uint64_t seq)
{
    struct reef_queue *q = find(core, queue);
    if (q)
        reef_queue_unguarded(q, seq);
}

static void hold(struct reef_core *core, uint64_t now_ns)
{
    core->held = true;
    note_time(core, now_ns);
    reef_gaps_end(&core->gaps, now_ns);
    reef_gaps_begin(&core->holds, now_ns);
    for (uint32_t i = 0; i < core->queue_count; i++)
        if (core->queues[i])
            reef_queue_hold(core->queues[i], now_ns);
}

static void release(struct reef_core *core, uint64_t now_ns)
{
    note_time(core, now_ns);
    core->lingering = false;
    core->timer_due = core->evict_end_ns != UINT64_MAX;
    if (core->policy->never_opens)
        return;
    core->held = false;
    reef_gaps_begin(&core->gaps, now_ns);
    reef_gaps_end(&core->holds, now_ns);
    for (uint32_t i = 0; i < core->queue_count; i++)
        if (core->queues[i])
            reef_queue_release(core->queues[i]);
    if (core->policy->whole_tasks)
        reef_core_pass_turn(core);
}

void reef_core_rt(struct reef_core *core, bool active, uint64_t now_ns)
{
    if (active == core->rt_active)
        return;
    core->rt_active = active;
    if (!core->policy->on_rt)
        return;
    if (active) {
        reef_linger_arrived(&core->linger, now_ns);
        core->clearing = core->in_flight > 0;
        core->arrived_ns = now_ns;
        core->lingering = false;
        core->timer_due = core->evict_end_ns != UINT64_MAX;
        core->stats.preemptions += core->outstanding > 0;
        if (!core->held)
            hold(core, now_ns);
        return;
    }
    uint64_t linger_ns = reef_linger_idle(&core->linger, now_ns);
    if (linger_ns == 0) {
        release(core, now_ns);
    } else {
        core->lingering = true;
        core->linger_end_ns = now_ns + linger_ns;
        if (core->linger_end_ns < now_ns)
            core->linger_end_ns = UINT64_MAX;
        core->timer_due = true;
    }
}

/* Resets or suspends the queues that are not empty in time; when to look again. */
static void lose_patience(struct reef_core *core, uint64_t now_ns)
{
    core->evict_end_ns = UINT64_MAX;
    for (uint32_t i = 0; i < core->queue_count; i++) {
        struct reef_queue *q = core->queues[i];
        if (!q)
            continue;
        reef_queue_lose_patience(q, now_ns);
        if (q->evict_end_ns < core->evict_end_ns)
            core->evict_end_ns = q->evict_end_ns;
    }
}

void reef_core_timer(struct reef_core *core, uint64_t now_ns)
{
    if (core->evict_end_ns <= now_ns)
        lose_patience(core, now_ns);
    if (core->lingering && now_ns >= core->linger_end_ns)
        release(core, now_ns);
    /* Too early, or a timer armed for an earlier linger, or the other's. */
    core->timer_due = core->lingering || core->evict_end_ns != UINT64_MAX;
}

void reef_core_stopped(struct reef_core *core, uint32_t queue, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    if (q)
        reef_queue_stopped(q);
    note_clear(core, now_ns);
}

void reef_core_reset_failed(struct reef_core *core, uint32_t queue, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    if (q)
        reef_queue_reset_failed(q);
}

void reef_core_room(struct reef_core *core, uint32_t cus, uint64_t now_ns)
{
    note_time(core, now_ns);
    core->room = cus;
    for (uint32_t i = 0; i < core->queue_count; i++)
        if (core->queues[i])
            reef_queue_room_changed(core->queues[i], now_ns);
}

void reef_core_padding_queue(struct reef_core *core, uint32_t queue, uint32_t cus, uint64_t now_ns)
{
    struct reef_queue *q = find(core, queue);
    note_time(core, now_ns);
    if (!q || q->pad_cus == cus)
        return;
    q->pad_cus = cus;
    reef_queue_room_changed(q, now_ns);
}

/* --- questions --- */

enum reef_queue_state reef_core_queue_state(const struct reef_core *core, uint32_t queue)
{
    const struct reef_queue *q = find(core, queue);
    return q ? q->state : REEF_QUEUE_HELD;
}

uint32_t reef_core_in_flight(const struct reef_core *core, uint32_t queue)
{
    const struct reef_queue *q = find(core, queue);
    return q ? q->view.in_flight : 0;
}

bool reef_core_clear(const struct reef_core *core)
{
    return core->in_flight == 0;
}

bool reef_core_evictable(const struct reef_core *core, uint32_t queue, uint64_t seq)
{
    const struct reef_queue *q = find(core, queue);
    return q && reef_queue_evictable(q, seq);
}

bool reef_core_would_submit(const struct reef_core *core, uint32_t queue, uint64_t key)
{
    const struct reef_queue *q = find(core, queue);
    return q && reef_queue_would_submit(q, key);
}

uint64_t reef_core_waiting(const struct reef_core *core, uint32_t queue)
{
    const struct reef_queue *q = find(core, queue);
    return q ? q->enqueued - q->next : 0;
}

uint64_t reef_core_backlog_ns(const struct reef_core *core, uint32_t queue)
{
    const struct reef_queue *q = find(core, queue);
    return q ? q->view.typical_ns : 0;
}

uint64_t reef_core_oldest_ns(const struct reef_core *core, uint32_t queue)
{
    const struct reef_queue *q = find(core, queue);
    for (uint64_t seq = q ? q->retired : 0; q && seq < q->next; seq++) {
        const struct reef_entry *entry = &q->entries[seq & q->mask];
        if (entry->place == REEF_ENTRY_IN && entry->key != 0)
            return entry->estimate.typical_ns;
    }
    return 0;
}

void reef_core_set_depth(struct reef_core *core, uint64_t depth_ns)
{
    core->config.depth_ns = depth_ns;
}

void reef_core_stats(const struct reef_core *core, struct reef_core_stats *stats)
{
    *stats = core->stats;
}
