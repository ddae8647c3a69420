// SPDX-License-Identifier: Apache-2.0
/*
 * What RT work tells of itself for padding (REEF_PADDING=cu, docs/padding.md): how many compute
 * units it needs. A kernel needs as many as it has work-groups, so that each can have one to
 * itself, at most all. A queue needs what its largest kernel does, of those seen lately
 * (sched/need.h); queues add up, for their kernels may run at the same time.
 *
 * Each queue has three figures: its *window*, the largest kernel since the agent looked last; the
 * history of those; and what is *told* of it, which is never less than the window. A launching
 * thread reads the window and the packet it has just written, and stores only if the kernel is
 * larger than any before in this window. Only if it is larger than what was told has the board to
 * know, before the packet's doorbell is rung.
 *
 * Any thread, no lock; but for closing a window and forgetting a queue: gpu->lock.
 */
#include "shim/amd/vqueue.h"

enum { WINDOW_NS = 10000000 }; /* of RT work that does not pause */

/* Whoever changed the sum last sees to it that it is what is told. */
static void tell(struct reef_gpu *gpu)
{
    uint32_t sum = atomic_load(&gpu->need_sum), told;
    if (!atomic_load(&gpu->need_known))
        return;
    do {
        told = sum;
        reef_board_rt_needs(gpu->board, told == 0 ? 1 : told < gpu->cus ? told : gpu->cus);
        sum = atomic_load(&gpu->need_sum);
    } while (sum != told);
}

static void raise_to(struct reef_vqueue *q, uint32_t cus)
{
    uint32_t told = atomic_load(&q->need_told);
    while (told < cus && !atomic_compare_exchange_weak(&q->need_told, &told, cus))
        ;
    if (told >= cus)
        return;
    atomic_fetch_add(&q->gpu->need_sum, cus - told);
    tell(q->gpu);
}

static uint64_t groups_of(uint32_t grid, uint16_t group)
{
    uint64_t groups = group ? ((uint64_t)grid + group - 1) / group : 1;
    return groups ? groups : 1;
}

void reef_need_note_larger(struct reef_vqueue *q, const hsa_kernel_dispatch_packet_t *packet,
                           bool alone)
{
    uint64_t groups = alone ? groups_of(packet->grid_size_x, packet->workgroup_size_x) : UINT32_MAX;
    if (groups < q->gpu->cus)
        groups *= groups_of(packet->grid_size_y, packet->workgroup_size_y);
    if (groups < q->gpu->cus)
        groups *= groups_of(packet->grid_size_z, packet->workgroup_size_z);
    uint32_t cus = groups < q->gpu->cus ? (uint32_t)groups : q->gpu->cus;
    uint32_t window = atomic_load(&q->need_window);
    while (window < cus && !atomic_compare_exchange_weak(&q->need_window, &window, cus))
        ;
    if (window < cus && atomic_load(&q->need_told) < cus)
        raise_to(q, cus);
}

/*
 * A thread looks at what it has written, and at what others have written since the last look. What
 * is not written yet its own thread will look at. What the device has taken already (it was looked
 * at by another thread, mostly, or that rang behind it) is marked invalid, but the rest of it is
 * still there: only a dispatch has dimensions (hsa.h).
 */
void reef_need_look(struct reef_vqueue *q, uint64_t last)
{
    uint64_t looked = atomic_load_explicit(&q->need_looked, memory_order_relaxed);
    uint64_t from = looked <= last ? looked : last, written = last + 1;
    if (last - from > q->real_mask)
        from = last - q->real_mask;
    for (uint64_t i = from; i <= last; i++) {
        const union reef_packet *packet = &q->real_ring[i & q->real_mask];
        uint32_t head = atomic_load_explicit(&packet->head, memory_order_acquire);
        unsigned type = reef_packet_type(head);
        if (type == HSA_PACKET_TYPE_KERNEL_DISPATCH) {
            reef_need_note(q, &packet->dispatch, head);
        } else if (reef_unlikely(type == HSA_PACKET_TYPE_INVALID)) {
            bool taken = reef_hsa.hsa_queue_load_read_index_scacquire(q->real) > i;
            if (taken && packet->dispatch.setup != 0)
                reef_need_note_larger(q, &packet->dispatch, true);
            if (!taken && written > i)
                written = i;
        }
    }
    while (looked < written &&
           !atomic_compare_exchange_weak_explicit(&q->need_looked, &looked, written,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
}

/* In the order told, window; launching threads go the other way: so one of both sees that a kernel
 * is larger than what is told. */
static void close_window(struct reef_vqueue *q, uint32_t window)
{
    uint32_t cus = reef_need_window(&q->need, window);
    uint32_t told = atomic_exchange(&q->need_told, cus);
    atomic_fetch_add(&q->gpu->need_sum, cus - told); /* modulo 2^32 */
    raise_to(q, atomic_load(&q->need_window));
}

void reef_need_close(struct reef_gpu *gpu, uint64_t now_ns, bool over)
{
    bool any = false;
    if (!gpu->pads || (!over && now_ns - gpu->need_closed_ns < WINDOW_NS))
        return;
    gpu->need_closed_ns = now_ns;
    for (struct reef_vqueue *q = gpu->queues; q && !any; q = q->next)
        any = atomic_load(&q->need_window) > 0;
    for (struct reef_vqueue *q = gpu->queues; q && any; q = q->next)
        close_window(q, atomic_exchange(&q->need_window, 0));
    if (!any)
        return;
    atomic_store(&gpu->need_known, true);
    tell(gpu);
}

void reef_need_forget(struct reef_vqueue *q)
{
    atomic_fetch_sub(&q->gpu->need_sum, atomic_exchange(&q->need_told, 0));
    if (q->gpu->pads && q->gpu->board)
        tell(q->gpu);
}
