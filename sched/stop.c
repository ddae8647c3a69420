// SPDX-License-Identifier: Apache-2.0
/*
 * How one BE queue is stopped when RT work comes, by each means, and goes on when that is gone: the
 * state machine of core.h. What is in the device queue is kept in queue.c.
 */
#include "sched/queue.h"

/* --- going on --- */

/* Its RESUME is due, or its suspension has not begun. */
static void continue_suspended(struct reef_queue *q)
{
    q->suspend_due = false;
    if (!q->off)
        return;
    q->off = false;
    for (uint64_t seq = q->retired; seq < q->next; seq++) {
        struct reef_entry *entry = reef_queue_entry(q, seq);
        if (entry->place == REEF_ENTRY_IN && q->core->now_ns > q->off_ns)
            entry->away_ns += q->core->now_ns - q->off_ns;
    }
    q->core->in_flight += q->view.in_flight;
    q->resume_due = true;
    reef_core_list(q->core, q);
}

static void resume(struct reef_queue *q)
{
    if (q->state == REEF_QUEUE_SUSPENDED)
        continue_suspended(q);
    if (q->beside && q->view.in_flight > 0) { /* reef_queue_settle() goes on from here */
        if (q->state == REEF_QUEUE_PADDING)
            reef_queue_leave_padding(q, q->core->now_ns);
        return;
    }
    if (q->beside)
        reef_queue_unpad(q);
    q->evict_end_ns = UINT64_MAX;
    /* What was evicted must not be overtaken by what is still in the DQ: reef_queue_settle() goes
     * on from here. */
    if (q->evicted && q->view.in_flight > 0) {
        q->state = REEF_QUEUE_EVICTING;
        return;
    }
    if (q->evicted)
        q->next = q->retired;
    if (q->raised) {
        q->raised = q->evicted = q->evict_due = false;
        q->allow_due = true;
        reef_core_list(q->core, q);
    }
    q->state = q->next < q->fresh ? REEF_QUEUE_RESTORING : REEF_QUEUE_OPEN;
    if (!q->core->policy->whole_tasks) /* there, whose turn it is is decided for all (core.c) */
        reef_queue_feed(q);
}

void reef_queue_release(struct reef_queue *q)
{
    /* A reset, or a suspension, that is under way must end first: stopped() goes on from here. */
    bool suspending = q->state == REEF_QUEUE_SUSPENDED && !q->off && !q->suspend_due;
    bool untouched = q->state == REEF_QUEUE_EVICTING && q->view.evictable > 0 && !q->evicted;
    if (q->state == REEF_QUEUE_HELD || q->state == REEF_QUEUE_DRAINING ||
        q->state == REEF_QUEUE_FINISHING || q->state == REEF_QUEUE_PADDING || untouched ||
        (q->state == REEF_QUEUE_SUSPENDED && !suspending))
        resume(q);
}

void reef_queue_settle(struct reef_queue *q)
{
    if (q->view.in_flight > 0)
        return;
    if (q->state == REEF_QUEUE_DRAINING) {
        q->state = REEF_QUEUE_HELD;
        if (!q->core->held) /* it was its padding queue */
            resume(q);
    } else if (q->state == REEF_QUEUE_EVICTING && q->raised) {
        q->next = q->retired;
        q->state = REEF_QUEUE_HELD;
        q->core->stats.evictions++;
        if (!q->core->held)
            resume(q);
    }
    reef_queue_try_padding(q);
}

/* --- stopping --- */

/* In state EVICTING or DRAINING: there is another means for what does not end soon. */
static void be_patient(struct reef_queue *q, uint64_t now_ns)
{
    struct reef_core *core = q->core;
    bool other = core->config.suspend || (core->config.reset && q->state == REEF_QUEUE_EVICTING);
    if (core->config.evict_patience_ns == 0 || !other)
        return;
    q->evict_end_ns = now_ns + core->config.evict_patience_ns;
    if (q->evict_end_ns < core->evict_end_ns) {
        core->evict_end_ns = q->evict_end_ns;
        core->timer_due = true;
    }
}

/* The evict flag goes up. @reported: something was evicted already. */
static void evict(struct reef_queue *q, bool reported, uint64_t now_ns)
{
    q->state = REEF_QUEUE_EVICTING;
    q->evict_due = true;
    q->raised = q->view.evictable > 0 || reported;
    reef_core_list(q->core, q);
    if (q->raised)
        be_patient(q, now_ns);
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

/* Where nothing runs there is nothing to save. */
static bool may_suspend(const struct reef_queue *q)
{
    return q->view.suspend_exists && q->view.kernels > 0 && !q->beside;
}

/* It may still have to be continued, from the last time: one comes behind the other. */
static void suspend(struct reef_queue *q)
{
    q->state = REEF_QUEUE_SUSPENDED;
    q->suspend_due = true;
    reef_core_list(q->core, q);
}

/* The usual time of the kernels in front of the first one that the evict flag ends. */
static uint64_t stubborn_ns(struct reef_queue *q)
{
    uint64_t sum_ns = 0;
    for (uint64_t seq = q->retired; seq < q->next; seq++) {
        const struct reef_entry *entry = reef_queue_entry(q, seq);
        if (entry->place != REEF_ENTRY_IN || entry->key == 0)
            continue;
        if (reef_entry_evictable(q, entry))
            break;
        sum_ns += entry->estimate.typical_ns;
    }
    return sum_ns;
}

/* It was suspended and is being waited for since, because something behind was evicted; and RT work
 * comes again. */
static void hold_evicting(struct reef_queue *q, uint64_t now_ns)
{
    if (!q->evicted || q->view.in_flight == 0)
        return;
    if (may_suspend(q) && stubborn_ns(q) >= q->view.suspend_worth_ns)
        suspend(q);
    else
        be_patient(q, now_ns);
}

void reef_queue_leave_padding(struct reef_queue *q, uint64_t now_ns)
{
    if (q->view.in_flight == 0)
        q->state = REEF_QUEUE_HELD;
    else if (q->view.evictable > 0)
        evict(q, false, now_ns);
    else
        q->state = REEF_QUEUE_DRAINING; /* barriers that wait for nothing */
}

void reef_queue_hold(struct reef_queue *q, uint64_t now_ns)
{
    if (q->state == REEF_QUEUE_EVICTING)
        hold_evicting(q, now_ns);
    if (!reef_queue_flowing(q) || q->state == REEF_QUEUE_FINISHING)
        return;
    q->view.waiting = q->enqueued - q->next;
    q->view.stubborn_ns = stubborn_ns(q);
    enum reef_means means = q->core->policy->on_rt(&q->view);
    if (means == REEF_MEANS_NONE)
        return;
    if (means == REEF_MEANS_FINISH && q->core->turn == q) {
        q->state = REEF_QUEUE_FINISHING;
        return;
    }
    if (q->view.in_flight == 0) {
        q->state = REEF_QUEUE_HELD;
        reef_queue_try_padding(q);
        return;
    }
    if (means == REEF_MEANS_EVICT && q->view.evict_exists &&
        (q->view.evictable > 0 || q->view.not_restartable == 0)) {
        evict(q, false, now_ns);
    } else if (means == REEF_MEANS_RESET && may_reset(q)) {
        reset(q);
    } else if (means == REEF_MEANS_SUSPEND && may_suspend(q)) {
        suspend(q);
    } else {
        drain(q);
        be_patient(q, now_ns);
    }
}

void reef_queue_lose_patience(struct reef_queue *q, uint64_t now_ns)
{
    bool waiting = q->state == REEF_QUEUE_EVICTING || q->state == REEF_QUEUE_DRAINING;
    if (!waiting)
        q->evict_end_ns = UINT64_MAX;
    if (q->evict_end_ns > now_ns)
        return;
    q->evict_end_ns = UINT64_MAX;
    if (q->state == REEF_QUEUE_EVICTING && may_reset(q))
        reset(q);
    else if (q->core->held && may_suspend(q))
        suspend(q);
}

/* --- what came of it --- */

void reef_queue_evicted(struct reef_queue *q, uint64_t seq, uint64_t now_ns)
{
    if (seq < q->retired || seq >= q->fresh)
        return;
    struct reef_entry *entry = reef_queue_entry(q, seq);
    if (entry->place != REEF_ENTRY_IN)
        return;
    if (q->state != REEF_QUEUE_EVICTING && q->state != REEF_QUEUE_RESETTING &&
        q->state != REEF_QUEUE_SUSPENDED)
        evict(q, true,
              now_ns); /* the device raised its flag by itself, or it was not quite lowered */
    reef_queue_count(q, entry, -1); /* before its kills change */
    entry->place = REEF_ENTRY_OUT;
    q->core->stats.evicted++;
    if (!q->evicted && !q->beside && entry->key != 0 && entry->kills < UINT16_MAX)
        entry->kills++; /* the others did not begin */
    q->evicted = q->raised = true;
    reef_queue_settle(q);
}

/* Takes everything out of the DQ. An eviction kills nothing: what ran it was waited for. */
static void take_back(struct reef_queue *q, bool killed)
{
    bool oldest = killed && !q->beside;
    for (uint64_t seq = q->retired; seq < q->next; seq++) {
        struct reef_entry *entry = reef_queue_entry(q, seq);
        if (entry->place != REEF_ENTRY_IN)
            continue;
        reef_queue_count(q, entry, -1); /* before its kills change */
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

/* The commands stay where they are. */
static void note_suspended(struct reef_queue *q)
{
    for (uint64_t seq = q->retired; seq < q->next; seq++) {
        struct reef_entry *entry = reef_queue_entry(q, seq);
        entry->paused = entry->paused || entry->place == REEF_ENTRY_IN;
    }
    q->off = true;
    q->off_ns = q->core->now_ns;
    q->core->in_flight -= q->view.in_flight;
    q->core->stats.suspensions++;
}

static bool stopping(const struct reef_queue *q)
{
    return q->state == REEF_QUEUE_RESETTING || q->state == REEF_QUEUE_EVICTING ||
           (q->state == REEF_QUEUE_SUSPENDED && !q->off);
}

void reef_queue_stopped(struct reef_queue *q)
{
    if (!stopping(q))
        return;
    if (q->state == REEF_QUEUE_SUSPENDED) {
        q->suspend_due = false;
        note_suspended(q);
        if (!q->core->held)
            resume(q);
        return;
    }
    bool reset = q->state == REEF_QUEUE_RESETTING;
    q->reset_due = q->evict_due = false;
    q->core->stats.resets += reset;
    q->core->stats.evictions += !reset;
    take_back(q, reset);
    if (!q->core->held) {
        resume(q);
        return;
    }
    q->state = REEF_QUEUE_HELD;
    reef_queue_try_padding(q);
}

void reef_queue_reset_failed(struct reef_queue *q)
{
    if (!stopping(q))
        return;
    q->reset_due = q->evict_due = q->suspend_due = false;
    q->evict_end_ns = UINT64_MAX; /* the other means are not tried as well */
    if (q->evicted) {             /* and the rest of the DQ is waited for */
        q->state = REEF_QUEUE_EVICTING;
        reef_queue_settle(q);
    } else if (!q->core->held && !(q->beside && q->view.in_flight > 0)) {
        resume(q);
    } else if (q->view.in_flight == 0) {
        q->state = REEF_QUEUE_HELD;
    } else {
        drain(q);
    }
}
