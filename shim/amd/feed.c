// SPDX-License-Identifier: Apache-2.0
/*
 * From the virtual ring to the device queue: what happens when an application rings a doorbell, and
 * how the core's actions are carried out. This is the hot path: no syscall, no allocation, and
 * gpu->lock is only ever held for short.
 */
#include <sched.h>
#include <string.h>

#include "shim/amd/prepare.h"
#include "shim/amd/vqueue.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

/* One writer at a time (under the lock of the queue's class); the agent reads it without that lock.
 */
static void count_launch(struct reef_vqueue *q)
{
    __atomic_store_n(&q->launches, q->launches + 1, __ATOMIC_RELAXED);
}

static uint64_t groups_of(uint32_t grid, uint16_t group)
{
    return group ? (grid + group - 1) / group : 1;
}

/* Packet q->taken, for the trace. Out of line: rarely wanted, on the hot path. */
__attribute__((noinline)) static void trace_packet(const struct reef_vqueue *q,
                                                   const union reef_packet *packet, unsigned type)
{
    const hsa_kernel_dispatch_packet_t *d = &packet->dispatch;
    if (type != HSA_PACKET_TYPE_KERNEL_DISPATCH) {
        reef_trace_put(REEF_TRACE_BARRIER, (uint32_t)q->core_queue, q->taken, 0, 0, 0);
        return;
    }
    uint64_t groups = groups_of(d->grid_size_x, d->workgroup_size_x) *
                      groups_of(d->grid_size_y, d->workgroup_size_y) *
                      groups_of(d->grid_size_z, d->workgroup_size_z);
    uint64_t threads = (uint64_t)d->workgroup_size_x * d->workgroup_size_y * d->workgroup_size_z;
    reef_trace_put(REEF_TRACE_LAUNCH, (uint32_t)q->core_queue, q->taken, d->kernel_object,
                   (groups & UINT32_MAX) | threads << 32, d->group_segment_size);
}

static void trace_if_wanted(const struct reef_vqueue *q, const union reef_packet *packet,
                            unsigned type)
{
    if (reef_unlikely(atomic_load_explicit(&reef_trace_active, memory_order_relaxed)))
        trace_packet(q, packet, type);
}

/* --- BE --- */

/* Kernels are told apart by their code and their size: the same code on another grid takes another
 * time. */
static uint64_t command_key(const hsa_kernel_dispatch_packet_t *packet)
{
    uint64_t grid = packet->grid_size_x * 0x9e3779b97f4a7c15ull;
    grid = (grid ^ packet->grid_size_y) * 0x9e3779b97f4a7c15ull;
    grid = (grid ^ packet->grid_size_z) * 0x9e3779b97f4a7c15ull;
    uint64_t key = packet->kernel_object ^ (grid >> 16);
    return key ? key : 1;
}

/* Work-groups of one wavefront have no wavefront that could wait for another. */
static bool one_wavefront(const hsa_kernel_dispatch_packet_t *packet)
{
    enum { WAVEFRONT = 64 };
    return (uint64_t)packet->workgroup_size_x * packet->workgroup_size_y *
               packet->workgroup_size_z <=
           WAVEFRONT;
}

/*
 * A kernel whose wavefronts need each other is not evicted: the flag may go up between two
 * wavefronts of a work-group, and the one that goes on would find the other's part of the local
 * memory not written. It may still not begin, and be killed with its queue.
 */
static uint32_t kernel_flags(const struct reef_vqueue *q, const struct reef_kernel *kernel,
                             const hsa_kernel_dispatch_packet_t *packet)
{
    uint32_t flags = 0;
    if (q->attributes.type == HSA_QUEUE_TYPE_COOPERATIVE)
        return 0; /* its work-groups wait for each other, and there is no second such queue */
    if (!kernel)
        return q->assume ? REEF_COMMAND_RESTARTABLE : 0;
    if (reef_restart_allowed(&kernel->rule, packet))
        flags |= REEF_COMMAND_RESTARTABLE;
    if (q->line < 0 || kernel->blocks == 0)
        return flags;
    flags |= REEF_COMMAND_GUARDED;
    if (flags & REEF_COMMAND_RESTARTABLE && (kernel->rule.independent || one_wavefront(packet)))
        flags |= REEF_COMMAND_EVICTABLE;
    /* The padding queue has no scratch memory; it would be allocated while RT work runs. */
    if (flags & REEF_COMMAND_EVICTABLE && q->gpu->pads && packet->private_segment_size == 0)
        flags |= REEF_COMMAND_PADDABLE;
    return flags;
}

/* A barrier writes nothing, so it may always be put into a queue again, if there is another queue.
 */
static uint32_t barrier_flags(const struct reef_vqueue *q, const hsa_barrier_and_packet_t *packet)
{
    uint32_t flags =
        q->attributes.type != HSA_QUEUE_TYPE_COOPERATIVE ? REEF_COMMAND_RESTARTABLE : 0;
    for (unsigned i = 0; i < 5; i++) {
        hsa_signal_t signal = packet->dep_signal[i];
        if (signal.handle && __atomic_load_n(&reef_signal(signal)->value, __ATOMIC_RELAXED) != 0)
            flags |= REEF_COMMAND_WAITS;
    }
    return flags;
}

/* What is known of the kernel that the packet launches; NULL: nothing. False: that is being found
 * out, until when the packet waits. */
static bool find_kernel(struct reef_vqueue *q, const union reef_packet *packet, unsigned type,
                        const struct reef_kernel **kernel)
{
    *kernel = NULL;
    if (type != HSA_PACKET_TYPE_KERNEL_DISPATCH || q->attributes.type == HSA_QUEUE_TYPE_COOPERATIVE)
        return true;
    uint64_t kernel_object = packet->dispatch.kernel_object;
    *kernel = reef_guards_find_cached(&q->gpu->kernels, kernel_object);
    if (reef_likely(!*kernel || !(*kernel)->pending))
        return true;
    *kernel = NULL;
    return !reef_prepare_want(q->gpu, kernel_object);
}

static struct reef_command describe(struct reef_vqueue *q, const struct reef_kernel *kernel,
                                    const union reef_packet *packet, unsigned type)
{
    struct reef_command command = {0};
    switch (type) {
    case HSA_PACKET_TYPE_KERNEL_DISPATCH:
        command.key = command_key(&packet->dispatch);
        command.flags = kernel_flags(q, kernel, &packet->dispatch);
        count_launch(q);
        break;
    case HSA_PACKET_TYPE_BARRIER_AND:
    case HSA_PACKET_TYPE_BARRIER_OR:
        command.flags = barrier_flags(q, &packet->barrier);
        break;
    default: /* PM4 and whatever else: not known, not restartable */
        break;
    }
    return command;
}

/* Enough that the core does not run dry, and few enough that whoever takes them is soon done. */
bool reef_feed_wants_more(const struct reef_vqueue *q)
{
    enum { AHEAD = 64 };
    return reef_core_waiting(q->gpu->core, (uint32_t)q->core_queue) < AHEAD ||
           atomic_load_explicit(&reef_trace_active, memory_order_relaxed);
}

bool reef_feed_rt_has_come(struct reef_gpu *gpu)
{
    if (reef_padding_is_stale(gpu))
        return true;
    return reef_unlikely(reef_board_rt_any(gpu->board)) && !gpu->rt_seen && !reef_disabled() &&
           reef_board_rt_active(gpu->board, reef_now_ns());
}

void reef_feed_take(struct reef_vqueue *q, uint64_t now_ns)
{
    uint64_t write = reef_vqueue_write_index(q);
    while (q->taken != write && q->taken - q->retired <= q->mask && reef_feed_wants_more(q) &&
           !reef_feed_rt_has_come(q->gpu)) {
        union reef_packet *packet = reef_packet_at(q, q->taken);
        uint32_t head = atomic_load_explicit(&packet->head, memory_order_acquire);
        unsigned type = reef_packet_type(head);
        if (type == HSA_PACKET_TYPE_INVALID)
            break; /* reserved, not written yet: as on the hardware, what is behind it waits */
        const struct reef_kernel *kernel;
        if (!find_kernel(q, packet, type, &kernel))
            break;
        struct reef_command command = describe(q, kernel, packet, type);
        trace_if_wanted(q, packet, type);
        q->records[q->taken & q->mask] = REEF_RECORD_QUEUED;
        q->taken++;
        reef_core_enqueued(q->gpu->core, (uint32_t)q->core_queue, &command, now_ns);
        reef_feed_actions(q->gpu);
    }
}

/* Waits until the packet processor has given back a slot. There is room for several times what is
 * in flight, so this is a matter of its last few writes. */
static bool wait_for_room(struct reef_vqueue *q)
{
    for (unsigned i = 0; i < 1000000; i++) {
        q->real_read_seen = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
        if (q->real_write - q->real_read_seen < q->real_mask)
            return true;
        sched_yield();
    }
    return false;
}

/* An acquire fence of at least agent scope, so that the scalar cache has nothing older (guard.h).
 */
static uint32_t with_acquire(uint32_t head)
{
    uint32_t mask = (1u << HSA_PACKET_HEADER_WIDTH_SCACQUIRE_FENCE_SCOPE) - 1;
    return head >> HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE & mask
               ? head
               : head | HSA_FENCE_SCOPE_AGENT << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE;
}

/*
 * Which descriptor the packet @to names, and whether it may run beside the one before it. Of a
 * kernel that follows (guard.h) all wavefronts must find the chain settled when they begin, so
 * neither what is before it nor what is behind it may run at the same time: an evicted one would
 * set it. With nothing evictable before it a kernel has nothing to follow, and needs no guard; but
 * what was evicted may be gone from the device queue already: the core may have let this packet
 * follow it while the same look at the signals found out (reef_complete_reap).
 */
static uint32_t choose_guard(struct reef_vqueue *q, struct reef_slot *slot, unsigned number,
                             union reef_packet *to, uint32_t head)
{
    struct reef_guards *guards = q->gpu->guards;
    slot->guarded = slot->evictable = false;
    if (reef_packet_type(head) != HSA_PACKET_TYPE_KERNEL_DISPATCH || q->line < 0)
        return head;
    bool alone = q->after_follow;
    q->after_follow = false;
    bool evictable =
        reef_core_evictable(q->gpu->core, (uint32_t)q->core_queue, slot->index - q->core_base);
    const struct reef_kernel *kernel =
        evictable || q->evictable_live > 0 || q->evicting
            ? reef_guards_find_cached(&q->gpu->kernels, to->dispatch.kernel_object)
            : NULL;
    if (kernel && kernel->blocks) {
        unsigned ticket = reef_guards_ticket(guards, q->line, number);
        *reef_guards_record(guards, ticket) = 0;
        to->dispatch.kernel_object = reef_kernel_guard(
            kernel, evictable ? REEF_GUARD_EVICT : REEF_GUARD_FOLLOW, ticket, &guards->layout);
        slot->guarded = true;
        slot->evictable = evictable;
        q->evictable_live += evictable;
        q->after_follow = !evictable;
        alone = alone || !evictable;
        head = with_acquire(head);
    }
    return alone ? head | 1 << HSA_PACKET_HEADER_BARRIER : head;
}

static void submit(struct reef_vqueue *q, uint64_t index)
{
    uint8_t *record = &q->records[index & q->mask];
    if (*record != REEF_RECORD_QUEUED || atomic_load_explicit(&q->failed, memory_order_relaxed))
        return;
    if (q->real_write - q->real_read_seen >= q->real_mask && !wait_for_room(q)) {
        atomic_store(&q->failed, true);
        reef_error("queue %p: its hardware queue does not take packets any more", (void *)q);
        return;
    }
    /* The core submits no more than the depth, for which there are slots from the start. */
    if (reef_unlikely(q->free_count == 0) && !reef_vqueue_more_slots(q, q->gpu->depth)) {
        atomic_store(&q->failed, true);
        reef_error("queue %p: no memory for completion records", (void *)q);
        return;
    }
    uint16_t number = q->free[--q->free_count];
    struct reef_slot *slot = &q->slots[number];
    slot->index = index;
    slot->paused = slot->killed = false;
    slot->first = q->emptied && !q->padded;
    q->emptied = q->emptied && q->padded;
    q->live[q->live_count++] = number;

    const union reef_packet *from = reef_packet_at(q, index);
    union reef_packet *to = &q->real_ring[q->real_write & q->real_mask];
    memcpy(to->words, from->words, sizeof(to->words));
    to->completion_signal = slot->signal;
    uint32_t head = atomic_load_explicit(&from->head, memory_order_relaxed);
    head = choose_guard(q, slot, number, to, head);
    atomic_store_explicit(&to->head, head, memory_order_release);
    q->real_write++;
    if (!q->doorbell_due) {
        q->doorbell_due = true;
        q->gpu->doorbells_due++;
    }
    *record = REEF_RECORD_IN_FLIGHT;
    /* The device has written there last: by the next launch these are back. */
    __builtin_prefetch(&q->real_ring[q->real_write & q->real_mask], 1);
    if (q->free_count > 0)
        __builtin_prefetch(&q->slots[q->free[q->free_count - 1]], 1);
}

static void submit_range(struct reef_vqueue *q, uint64_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        submit(q, q->core_base + first + i);
}

/* If something is in the device queue still, nothing of it was evicted yet. If it is now, then that
 * holds for what is behind it too, until the device queue is empty. */
static void allow(struct reef_vqueue *q)
{
    if (q->line < 0)
        return;
    reef_guards_lower(q->gpu->guards, q->line, q->live_count == 0);
    q->evicting = q->evicting && q->live_count > 0;
}

void reef_feed_actions(struct reef_gpu *gpu)
{
    struct reef_action action;
    while (reef_core_next(gpu->core, &action)) {
        if (action.type == REEF_ACTION_ARM_TIMER) {
            gpu->timer_ns = action.at_ns;
            continue;
        }
        struct reef_vqueue *q =
            action.queue < gpu->by_core_count ? gpu->by_core[action.queue] : NULL;
        if (!q)
            continue;
        switch (action.type) {
        case REEF_ACTION_RESUBMIT: /* submit() leaves out what is complete */
            REEF_TRACE_EVENT(REEF_TRACE_RESUBMIT, action.queue, q->core_base + action.first,
                             action.count, 0, 0);
            submit_range(q, action.first, action.count);
            break;
        case REEF_ACTION_SUBMIT:
            submit_range(q, action.first, action.count);
            break;
        case REEF_ACTION_RESET:
            REEF_TRACE_EVENT(REEF_TRACE_RESET, action.queue, 0, 0, 0, 0);
            q->reset_due = true; /* the agent's business: reset.c */
            break;
        case REEF_ACTION_SUSPEND: /* likewise: suspend.c */
            q->wanted_off = q->off_asked = true;
            break;
        case REEF_ACTION_RESUME:
            q->wanted_off = false;
            break;
        case REEF_ACTION_EVICT:
            REEF_TRACE_EVENT(REEF_TRACE_EVICT, action.queue, 0, 0, 0, 0);
            if (q->line >= 0)
                reef_guards_raise(gpu->guards, q->line);
            reef_debug("queue %p: evict flag raised at %llu ns", (void *)q,
                       (unsigned long long)reef_now_ns());
            break;
        case REEF_ACTION_ALLOW:
            allow(q);
            break;
        case REEF_ACTION_PAD:
            reef_padding_begin(q);
            break;
        case REEF_ACTION_UNPAD:
            reef_padding_end(q);
            break;
        case REEF_ACTION_ARM_TIMER:
            break;
        }
    }
}

static void ring_real(struct reef_vqueue *q)
{
    reef_hsa.hsa_queue_store_write_index_screlease(q->real, q->real_write);
    reef_hsa.hsa_signal_store_screlease(q->real->doorbell_signal,
                                        (hsa_signal_value_t)(q->real_write - 1));
}

static void ring_if_due(struct reef_vqueue *q)
{
    if (!q->doorbell_due)
        return;
    q->doorbell_due = false;
    q->gpu->doorbells_due--;
    ring_real(q);
    /* RT work has come since we looked: the last that was given to the device. */
    if (reef_unlikely(reef_board_rt_any(q->gpu->board)))
        q->gpu->fed_late_ns = reef_now_ns();
}

void reef_feed_ring_again(struct reef_vqueue *q)
{
    q->gpu->doorbells_due += !q->doorbell_due;
    q->doorbell_due = true;
}

void reef_feed_ring(struct reef_gpu *gpu)
{
    for (struct reef_vqueue *q = gpu->queues; q && gpu->doorbells_due > 0; q = q->next)
        ring_if_due(q);
}

/* --- RT --- */

void reef_feed_direct(struct reef_vqueue *q)
{
    uint64_t before = q->real_write;
    uint64_t write = reef_vqueue_write_index(q);
    while (q->taken != write) {
        union reef_packet *from = reef_packet_at(q, q->taken);
        uint32_t head = atomic_load_explicit(&from->head, memory_order_acquire);
        if (reef_packet_type(head) == HSA_PACKET_TYPE_INVALID)
            break;
        if (q->real_write - q->real_read_seen >= q->real_mask) {
            q->real_read_seen = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
            if (q->real_write - q->real_read_seen >= q->real_mask)
                break; /* full: goes on at the next look at the read index, or in the agent */
        }
        union reef_packet *to = &q->real_ring[q->real_write & q->real_mask];
        memcpy(to->words, from->words, sizeof(to->words));
        to->completion_signal = from->completion_signal;
        trace_if_wanted(q, from, reef_packet_type(head));
        __atomic_store_n(&q->virtual_of[q->real_write & q->real_mask], q->taken, __ATOMIC_RELAXED);
        __atomic_store_n(&q->virtual_of[(q->real_write + 1) & q->real_mask], q->taken + 1,
                         __ATOMIC_RELAXED);
        /* The slot must be free again before the read index can pass it. */
        atomic_store_explicit(&from->head, HSA_PACKET_TYPE_INVALID, memory_order_relaxed);
        atomic_store_explicit(&to->head, head, memory_order_release);
        if (reef_packet_type(head) == HSA_PACKET_TYPE_KERNEL_DISPATCH) {
            count_launch(q);
            if (reef_unlikely(q->gpu->pads))
                reef_need_note(q, &to->dispatch, head);
        }
        q->real_write++;
        q->taken++;
    }
    if (q->real_write != before)
        ring_real(q);
}

static void ring_direct(struct reef_vqueue *q)
{
    reef_rt_arrive(q->gpu);
    pthread_mutex_lock(&q->direct_lock);
    if (reef_likely(!atomic_load_explicit(&q->failed, memory_order_relaxed)))
        reef_feed_direct(q);
    pthread_mutex_unlock(&q->direct_lock);
}

uint64_t reef_feed_read_index(struct reef_vqueue *q)
{
    reef_feed_flush();
    if (atomic_load_explicit(&q->class, memory_order_acquire) == REEF_CLASS_BE ||
        reef_unlikely(atomic_load_explicit(&q->gpu->stopped, memory_order_relaxed)))
        return __atomic_load_n(&q->pub.read_dispatch_id, __ATOMIC_ACQUIRE);
    uint64_t real = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
    uint64_t read = __atomic_load_n(&q->virtual_of[real & q->real_mask], __ATOMIC_RELAXED);
    /* An application that waits for room while we wait for room in the real ring: go on. */
    if (reef_unlikely(reef_vqueue_write_index(q) - read > q->real_mask / 2) &&
        pthread_mutex_trylock(&q->direct_lock) == 0) {
        if (!atomic_load_explicit(&q->failed, memory_order_relaxed))
            reef_feed_direct(q);
        pthread_mutex_unlock(&q->direct_lock);
    }
    return read;
}

/* --- both --- */

void reef_feed_switch_class(struct reef_vqueue *q)
{
    int wanted = atomic_load(&q->wanted_class);
    if (wanted == atomic_load(&q->class) || !q->real)
        return;
    if (q->padded && q->taken == q->retired)
        reef_padding_stop(q);
    pthread_mutex_lock(&q->direct_lock);
    bool empty =
        wanted == REEF_CLASS_RT
            ? q->taken == q->retired && !q->reset_due && !q->off && !q->wanted_off && !q->padded
            : reef_hsa.hsa_queue_load_read_index_scacquire(q->real) == q->real_write;
    if (empty && wanted == REEF_CLASS_RT) {
        q->virtual_of[q->real_write & q->real_mask] = q->taken;
        q->last_read = q->probed = q->real_write;
        q->core_base = q->taken - q->core_base; /* how many commands the core has seen */
        atomic_store(&q->class, wanted);
        REEF_TRACE_EVENT(REEF_TRACE_QUEUE, (uint32_t)q->core_queue, REEF_TRACE_RT, 0, 0, 0);
    } else if (empty) {
        q->retired = q->taken;
        q->core_base = q->taken - q->core_base;
        __atomic_store_n(&q->pub.read_dispatch_id, q->taken, __ATOMIC_RELEASE);
        reef_hsa.hsa_amd_profiling_set_profiler_enabled(q->real, 1);
        atomic_store(&q->class, wanted);
        REEF_TRACE_EVENT(REEF_TRACE_QUEUE, (uint32_t)q->core_queue, REEF_TRACE_BE, 0, 0, 0);
    }
    pthread_mutex_unlock(&q->direct_lock);
}

/*
 * While packets wait in the virtual queue (the device queue is full, or BE is held), those behind
 * them will be given to the device by the agent in any case: so threads do nothing but write them.
 * That nothing is forgotten: a thread has moved the write index, by an atomic operation, before it
 * looks at `backlog`; and the agent, after it has cleared that, looks at the write index, and stays
 * awake while packets are written that it has not taken.
 */
bool reef_feed_note_backlog(struct reef_vqueue *q)
{
    bool before = atomic_load_explicit(&q->backlog, memory_order_relaxed);
    bool waiting = reef_core_waiting(q->gpu->core, (uint32_t)q->core_queue) > 0 &&
                   !atomic_load_explicit(&reef_trace_active, memory_order_relaxed);
    if (waiting != before)
        atomic_store_explicit(&q->backlog, waiting, memory_order_seq_cst);
    return before && !waiting;
}

/* gpu->lock held. */
static void take_held(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    uint64_t timer_ns = gpu->timer_ns;
    reef_feed_take(q, gpu->looked_ns);
    reef_feed_note_backlog(q);
    /* The agent is woken before the doorbell is rung. ROCclr takes it that a thread is past its own
     * bookkeeping of a launch before the launch can complete, so nothing slow may come after. */
    if (gpu->doorbells_due > 0 || gpu->timer_ns != timer_ns || gpu->agent_idle)
        reef_agent_notify_locked(&gpu->agent);
    ring_if_due(q);
    reef_feed_ring(gpu);
}

void reef_feed_resume(struct reef_gpu *gpu)
{
    pthread_mutex_lock(&gpu->lock);
    bool stopped = atomic_load(&gpu->stopped), rt = !stopped && reef_feed_rt_has_come(gpu);
    if (rt)
        reef_agent_notify_locked(&gpu->agent);
    for (struct reef_vqueue *q = stopped || rt ? NULL : gpu->queues; q; q = q->next)
        if (q->class == REEF_CLASS_BE && !q->failed && reef_vqueue_has_new(q))
            take_held(q);
    pthread_mutex_unlock(&gpu->lock);
}

static void ring_held(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    if (atomic_load_explicit(&q->backlog, memory_order_acquire))
        return;
    pthread_mutex_lock(&gpu->lock);
    if (reef_unlikely(atomic_load_explicit(&q->class, memory_order_relaxed) == REEF_CLASS_RT)) {
        pthread_mutex_unlock(&gpu->lock);
        ring_direct(q);
        return;
    }
    /* RT work that the agent has not told the core of yet: nothing more goes to the device, and the
     * packets stay where they are. The agent takes them when RT work is over. */
    if (reef_feed_rt_has_come(gpu))
        reef_agent_notify_locked(&gpu->agent);
    else
        take_held(q);
    pthread_mutex_unlock(&gpu->lock);
}

_Thread_local struct reef_put_off reef_put_off;

void reef_feed_put_off(void)
{
    reef_put_off.active = true;
}

void reef_feed_catch_up(void)
{
    reef_put_off.active = false;
    reef_feed_flush();
}

static void doorbell(struct reef_vqueue *q)
{
    if (reef_unlikely(atomic_load_explicit(&q->gpu->stopped, memory_order_relaxed)))
        return; /* after hsa_shut_down, or in a forked child */
    if (reef_unlikely(atomic_load_explicit(&q->class, memory_order_relaxed) !=
                      atomic_load_explicit(&q->wanted_class, memory_order_relaxed))) {
        pthread_mutex_lock(&q->gpu->lock);
        reef_feed_switch_class(q);
        pthread_mutex_unlock(&q->gpu->lock);
    }
    if (atomic_load_explicit(&q->class, memory_order_acquire) == REEF_CLASS_RT)
        ring_direct(q);
    else
        ring_held(q);
}

void reef_feed_doorbell(struct reef_vqueue *q)
{
    if (reef_unlikely(reef_put_off.active)) {
        if (reef_put_off.queue != q)
            reef_feed_flush();
        reef_put_off.queue = q;
        return;
    }
    doorbell(q);
}

void reef_feed_ring_put_off(struct reef_vqueue *q)
{
    reef_put_off.queue = NULL;
    if (q->watched)
        reef_hsa.hsa_signal_store_screlease(q->real->doorbell_signal, reef_put_off.value);
    else
        doorbell(q);
}
