// SPDX-License-Identifier: Apache-2.0
/*
 * Completion of BE packets. Each packet in the device queue carries a signal of ours; the agent
 * looks at them, tells the core, frees the virtual ring in order, and passes time stamps and
 * completion on to the application's signals (as soon as a packet is complete, which need not be in
 * order: neither is the hardware's, without barriers).
 *
 * Passing on happens under reef_complete_lock, and our hook of hsa_signal_destroy passes through
 * that lock: an application may destroy a signal as soon as it sees its value, when the call that
 * changed it is still busy waking waiters.
 */
#include "shim/amd/vqueue.h"

#include "shim/preload/log.h"
#include "shim/trace/trace.h"

enum {
    POLL_MIN_NS = 20000,   /* how soon and how late the agent looks again while something runs: */
    POLL_MAX_NS = 1000000, /* in between, a tenth of the time for which nothing completed */
    AWAKE_NS = 2000000,    /* and so long after the last work: a program that goes on soon, as most
                              do that wait for a result, need not wake it with a syscall */
    HELD_NS = 10000000,    /* while work is held: an RT process may have died without a word */
    IDLE_NS = 1000000000,
};

/* GPU ticks to nanoseconds: the ratio comes from ROCr's own translation, taken from a long kernel.
 */
static void calibrate(struct reef_gpu *gpu, hsa_signal_t signal, uint64_t ticks)
{
    hsa_amd_profiling_dispatch_time_t time;
    uint64_t frequency = 0;
    if (ticks < 4 * gpu->calibrated_ticks || ticks == 0)
        return;
    if (reef_hsa.hsa_amd_profiling_get_dispatch_time(gpu->hsa_agent, signal, &time) !=
            HSA_STATUS_SUCCESS ||
        reef_hsa.hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY, &frequency) !=
            HSA_STATUS_SUCCESS ||
        frequency == 0 || time.end <= time.start)
        return;
    double ns = (double)(time.end - time.start) * 1e9 / (double)frequency;
    gpu->ns_per_tick = ns / (double)ticks;
    gpu->calibrated_ticks = ticks;
}

static uint64_t duration_ns(struct reef_gpu *gpu, const struct reef_slot *slot)
{
    const amd_signal_t *done = reef_signal(slot->signal);
    if (done->start_ts == 0 || done->end_ts <= done->start_ts)
        return 0;
    uint64_t ticks = done->end_ts - done->start_ts;
    calibrate(gpu, slot->signal, ticks);
    return (uint64_t)((double)ticks * gpu->ns_per_tick);
}

static void keep_delivery(struct reef_vqueue *q, const struct reef_slot *slot)
{
    const union reef_packet *packet = reef_packet_at(q, slot->index);
    const amd_signal_t *done = reef_signal(slot->signal);
    if (packet->completion_signal.handle == 0)
        return;
    q->gpu->deliveries[q->gpu->delivery_count++] = (struct reef_delivery){
        .signal = packet->completion_signal, .start_ts = done->start_ts, .end_ts = done->end_ts};
}

static void retire(struct reef_vqueue *q)
{
    uint64_t before = q->retired;
    while (q->retired != q->taken && q->records[q->retired & q->mask] == REEF_RECORD_DONE) {
        atomic_store_explicit(&reef_packet_at(q, q->retired)->head, HSA_PACKET_TYPE_INVALID,
                              memory_order_relaxed);
        q->retired++;
    }
    if (q->retired != before)
        __atomic_store_n(&q->pub.read_dispatch_id, q->retired, __ATOMIC_RELEASE);
}

/* Reads the signals from the youngest packet to the oldest: what a packet had to wait for was then
 * over when it was looked at, if the packet was. */
static void look_at_signals(struct reef_vqueue *q)
{
    for (uint32_t i = q->live_count; i-- > 0;) {
        struct reef_slot *slot = &q->slots[q->live[i]];
        slot->seen = __atomic_load_n(&reef_signal(slot->signal)->value, __ATOMIC_ACQUIRE) < 1;
    }
}

/* Whether the packet, which the device is through with, is to be submitted again. A kernel's guard
 * says so; a barrier does not know, so it is taken for one that was behind an evicted kernel: it
 * writes nothing, and nobody was told that it is complete. */
static bool was_evicted(const struct reef_vqueue *q, uint16_t number)
{
    const struct reef_slot *slot = &q->slots[number];
    if (slot->killed)
        return true;
    if (slot->guarded)
        return *reef_guards_record(q->gpu->guards,
                                   reef_guards_ticket(q->gpu->guards, q->line, number)) != 0;
    uint32_t head =
        atomic_load_explicit(&reef_packet_at(q, slot->index)->head, memory_order_relaxed);
    return q->evicting && (reef_packet_type(head) == HSA_PACKET_TYPE_BARRIER_AND ||
                           reef_packet_type(head) == HSA_PACKET_TYPE_BARRIER_OR);
}

/* For reef bench preempt. */
static void log_restored(const struct reef_vqueue *q, const struct reef_slot *slot)
{
    uint64_t start_ts = reef_signal(slot->signal)->start_ts;
    if (start_ts)
        reef_debug("queue %p: went on at tick %llu", (const void *)q, (unsigned long long)start_ts);
}

void reef_complete_reap(struct reef_vqueue *q, uint64_t now_ns)
{
    struct reef_gpu *gpu = q->gpu;
    uint32_t kept = 0, live_count = q->live_count;
    look_at_signals(q);
    for (uint32_t i = 0; i < live_count; i++) {
        uint16_t number = q->live[i];
        struct reef_slot *slot = &q->slots[number];
        uint64_t seq = slot->index - q->core_base;
        if (!slot->seen || gpu->delivery_count == REEF_DELIVERIES) {
            q->live[kept++] = number;
            continue;
        }
        q->free[q->free_count++] = number;
        q->evictable_live -= slot->evictable;
        /* The core's answers are not carried out here: it may want to submit, which changes the
         * list. */
        uint64_t took_ns = duration_ns(gpu, slot), ran_ns = slot->paused ? 0 : took_ns;
        if (was_evicted(q, number)) {
            q->evicting = true;
            q->last_end = reef_signal(slot->signal)->end_ts;
            gpu->wasted_ns += ran_ns;
            q->records[slot->index & q->mask] = REEF_RECORD_QUEUED;
            reef_slot_arm(slot);
            reef_core_evicted(gpu->core, (uint32_t)q->core_queue, seq, now_ns);
            continue;
        }
        q->records[slot->index & q->mask] = REEF_RECORD_DONE;
        if (slot->first)
            log_restored(q, slot);
        keep_delivery(q, slot);
        reef_slot_arm(slot);
        gpu->done_ns += ran_ns;
        REEF_TRACE_EVENT(REEF_TRACE_COMPLETE, (uint32_t)q->core_queue, slot->index, ran_ns, 0, 0);
        reef_core_completed(gpu->core, (uint32_t)q->core_queue, seq, took_ns, now_ns);
    }
    q->live_count = kept;
    if (q->evicting && kept == 0 && live_count > 0)
        reef_debug("queue %p: evicted, the last packet ended at tick %llu", (void *)q,
                   (unsigned long long)q->last_end);
    if (kept != live_count) {
        q->progress_ns = now_ns;
        retire(q);
    }
}

void reef_complete_deliver(struct reef_gpu *gpu)
{
    for (unsigned i = 0; i < gpu->delivery_count; i++) {
        const struct reef_delivery *delivery = &gpu->deliveries[i];
        amd_signal_t *signal = reef_signal(delivery->signal);
        if (delivery->start_ts && signal->kind == AMD_SIGNAL_KIND_USER) {
            signal->start_ts = delivery->start_ts;
            signal->end_ts = delivery->end_ts;
        }
        reef_hsa.hsa_signal_subtract_screlease(delivery->signal, 1);
    }
    gpu->delivery_count = 0;
}

static void publish_stats(struct reef_gpu *gpu)
{
    struct reef_board_stats *to = reef_board_stats(gpu->board);
    struct reef_core_stats stats;
    uint64_t launches[2] = {gpu->closed_launches[0], gpu->closed_launches[1]};
    if (!to)
        return;
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next)
        launches[q->class] += reef_vqueue_launches(q);
    reef_core_stats(gpu->core, &stats);
    atomic_store_explicit(&to->launches_rt, launches[REEF_CLASS_RT], memory_order_relaxed);
    atomic_store_explicit(&to->launches_be, launches[REEF_CLASS_BE], memory_order_relaxed);
    atomic_store_explicit(&to->preemptions, stats.preemptions, memory_order_relaxed);
    atomic_store_explicit(&to->resets, stats.resets, memory_order_relaxed);
    atomic_store_explicit(&to->suspensions, stats.suspensions, memory_order_relaxed);
    atomic_store_explicit(&to->drains, stats.drains, memory_order_relaxed);
    atomic_store_explicit(&to->killed, stats.killed, memory_order_relaxed);
    atomic_store_explicit(&to->reexecuted, stats.resubmitted, memory_order_relaxed);
    struct reef_guard_counts counts = reef_guards_counts();
    atomic_store_explicit(&to->evictions, stats.evictions, memory_order_relaxed);
    atomic_store_explicit(&to->done_ns, gpu->done_ns, memory_order_relaxed);
    atomic_store_explicit(&to->wasted_ns, gpu->wasted_ns, memory_order_relaxed);
    atomic_store_explicit(&to->evicted, stats.evicted, memory_order_relaxed);
    atomic_store_explicit(&to->guarded, counts.kernels, memory_order_relaxed);
    atomic_store_explicit(&to->unguarded, counts.unguarded, memory_order_relaxed);
    atomic_store_explicit(&to->be_completed, stats.completed, memory_order_relaxed);
    atomic_store_explicit(&to->padded, stats.padded, memory_order_relaxed);
}

/* A tenth of the time since @since_ns, within bounds. */
static uint64_t poll_after(uint64_t since_ns, uint64_t now_ns)
{
    uint64_t poll_ns = since_ns < now_ns ? (now_ns - since_ns) / 10 : 0;
    return poll_ns < POLL_MIN_NS ? POLL_MIN_NS : poll_ns > POLL_MAX_NS ? POLL_MAX_NS : poll_ns;
}

/* After how long to look at @q again. */
static uint64_t queue_timeout(struct reef_vqueue *q, uint64_t now_ns)
{
    struct reef_gpu *gpu = q->gpu;
    if (q->live_count > 0) {
        gpu->be_busy_ns = now_ns;
        if (q->progress_ns == 0)
            q->progress_ns = now_ns;
        return poll_after(q->progress_ns, now_ns);
    }
    q->progress_ns = 0;
    if (reef_core_waiting(gpu->core, (uint32_t)q->core_queue) > 0 || (gpu->rt_seen && !q->padded))
        return HELD_NS;
    /* A packet that is being written now may have been left to us. */
    if (now_ns - gpu->be_busy_ns < AWAKE_NS || reef_vqueue_write_index(q) != q->taken)
        return poll_after(gpu->be_busy_ns, now_ns);
    return IDLE_NS;
}

static bool rt_active(struct reef_gpu *gpu, uint64_t now_ns)
{
    return !reef_disabled() && reef_board_rt_any(gpu->board) &&
           reef_board_rt_active(gpu->board, now_ns);
}

/* False if RT work has come or gone: that is reef_reset_run's business, at the next step. */
static bool reap_all(struct reef_gpu *gpu, uint64_t now_ns)
{
    bool rt = rt_active(gpu, now_ns), known = rt == gpu->rt_seen;
    for (struct reef_vqueue *q = gpu->queues; q && known; q = q->next)
        if (q->class == REEF_CLASS_BE && !q->failed)
            reef_feed_take(q, now_ns);
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        if (q->class != REEF_CLASS_BE || q->pins > 0)
            continue;
        if (reef_feed_rt_has_come(gpu))
            return false; /* and what completes must not make room for more */
        reef_complete_reap(q, now_ns);
        reef_feed_actions(gpu);
        if (reef_feed_note_backlog(q) && known && !q->failed) {
            reef_feed_take(q, now_ns);
            reef_feed_note_backlog(q);
        }
        reef_feed_ring(gpu);
    }
    return known;
}

uint64_t reef_complete_poll(struct reef_gpu *gpu, uint64_t now_ns)
{
    uint64_t timeout_ns = IDLE_NS;
    pthread_mutex_lock(&reef_complete_lock);
    reef_gpu_agent_lock(gpu);
    gpu->looked_ns = now_ns;
    if (!reap_all(gpu, now_ns)) {
        timeout_ns = 0;
    } else if (gpu->timer_ns && gpu->timer_ns <= now_ns) {
        gpu->timer_ns = 0;
        reef_core_timer(gpu->core, now_ns);
        reef_feed_actions(gpu);
    }
    reef_feed_ring(gpu);
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        uint64_t queue_ns = q->class == REEF_CLASS_BE ? queue_timeout(q, now_ns) : IDLE_NS;
        if (q->reset_due || (reef_suspend_due(q) && q->pins == 0))
            queue_ns = 0;
        timeout_ns = queue_ns < timeout_ns ? queue_ns : timeout_ns;
    }
    if (gpu->delivery_count == REEF_DELIVERIES)
        timeout_ns = 0;
    if (gpu->timer_ns && gpu->timer_ns - now_ns < timeout_ns)
        timeout_ns = gpu->timer_ns - now_ns;
    gpu->agent_idle = timeout_ns > HELD_NS;
    publish_stats(gpu);
    pthread_mutex_unlock(&gpu->lock);
    reef_complete_deliver(gpu);
    pthread_mutex_unlock(&reef_complete_lock);
    return timeout_ns;
}
