// SPDX-License-Identifier: Apache-2.0
/*
 * Padding queues of a best-effort process (REEF_PADDING=cu, docs/padding.md): a second hardware
 * queue for each guarded virtual queue, whose mask has the last compute units of the GPU only, as
 * many as real-time programs leave. The core decides what runs in it and when (sched/core.h, "The
 * padding queue"); to all else it is the device queue, for that time: the two change places when
 * the device queue is empty.
 *
 * Making a hardware queue, or giving it another mask, takes all queues off the GPU for a moment
 * (amdkfd maps them anew), so that is done as for spares: when there is no real-time work
 * (reset.c). While there is, nothing but packets and doorbells goes to the driver or the GPU.
 */
#include <string.h>

#include "shim/amd/vqueue.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

enum {
    LOOK_NS = 10000000, /* how often the board is added up anew though nothing was told */
    GROW_CUS = 8,       /* a padding queue gets more units only if it is so many */
};

/* --- how much room there is --- */

static uint32_t shader_engines(const struct reef_gpu *gpu)
{
    uint32_t count = 0;
    hsa_status_t status = reef_hsa.hsa_agent_get_info(
        gpu->hsa_agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_NUM_SHADER_ENGINES, &count);
    return status == HSA_STATUS_SUCCESS && count > 0 && count < gpu->cus ? count : 1;
}

void reef_padding_open(struct reef_gpu *gpu)
{
    gpu->pads = reef_state.config.padding == REEF_PADDING_CU &&
                !atomic_load(&reef_trace_active) && /* what is recorded is to be replayed alone */
                reef_hsa.hsa_agent_get_info(gpu->hsa_agent,
                                            (hsa_agent_info_t)HSA_AMD_AGENT_INFO_COMPUTE_UNIT_COUNT,
                                            &gpu->cus) == HSA_STATUS_SUCCESS &&
                gpu->cus > 0 && gpu->cus <= REEF_PADDING_CUS_MAX;
    gpu->cu_granule = gpu->pads ? shader_engines(gpu) : 1;
}

/* Other units than its padding queue has are wanted. */
static bool is_due(const struct reef_vqueue *q)
{
    uint32_t wanted = q->gpu->pad_wanted;
    return q->line >= 0 && wanted > 0 && !q->padded && !q->pad_failed && !q->attributes.cu_mask &&
           (wanted < q->pad_cus || q->pad_cus == 0 || wanted >= q->pad_cus + GROW_CUS);
}

/* The driver deals the bits of a mask out to the shader engines in turn, so a multiple of their
 * number takes as much from each. While nobody is there who has said what he needs, all stays as it
 * is. */
static void want(struct reef_gpu *gpu, uint32_t room)
{
    if (room == gpu->cus)
        return;
    gpu->pad_wanted = room / gpu->cu_granule * gpu->cu_granule;
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next)
        if (q->class == REEF_CLASS_BE && is_due(q))
            gpu->maintain_wanted = true;
}

void reef_padding_look(struct reef_gpu *gpu, bool rt, uint64_t now_ns)
{
    uint32_t changes = reef_board_room_changes(gpu->board);
    if (!gpu->pads || (changes == gpu->room_changes && now_ns - gpu->room_looked_ns < LOOK_NS))
        return;
    uint32_t room = reef_board_room(gpu->board, gpu->cus, now_ns);
    gpu->room_changes = changes;
    gpu->room_looked_ns = now_ns;
    if (!rt)
        want(gpu, room);
    reef_core_room(gpu->core, room, now_ns);
    reef_feed_actions(gpu);
}

/* --- the two device queues of a virtual queue --- */

static void swap(struct reef_vqueue *q)
{
    struct reef_device_queue in_use = {q->real, q->real_ring, q->real_mask, q->real_write,
                                       q->real_read_seen};
    q->real_ring = q->aside.ring;
    q->real_mask = q->aside.mask;
    q->real_write = q->aside.write;
    q->real_read_seen = q->aside.read_seen;
    __atomic_store_n(&q->real, q->aside.queue, __ATOMIC_RELEASE);
    q->aside = in_use;
    q->padded = !q->padded;
    q->gpu->padded_count += q->padded ? 1 : -1u;
    /* The board's word is up as long as RT work is there. */
    reef_guards_look_from(q->gpu->guards, q->line, !q->padded);
}

void reef_padding_begin(struct reef_vqueue *q)
{
    if (!q->padded && q->aside.queue)
        swap(q);
}

void reef_padding_end(struct reef_vqueue *q)
{
    if (q->padded)
        swap(q);
}

void reef_padding_stop(struct reef_vqueue *q)
{
    q->pad_cus = 0;
    if (q->core_queue >= 0)
        reef_core_padding_queue(q->gpu->core, (uint32_t)q->core_queue, 0, reef_now_ns());
    reef_feed_actions(q->gpu);
}

hsa_queue_t *reef_padding_lose(struct reef_vqueue *q, uint64_t now_ns)
{
    swap(q);
    hsa_queue_t *lost = q->aside.queue;
    q->aside = (struct reef_device_queue){0};
    q->pad_cus = 0;
    reef_core_padding_queue(q->gpu->core, (uint32_t)q->core_queue, 0, now_ns);
    return lost;
}

/* --- making them --- */

/* The last @cus units of the GPU: emulated or not, the dispatcher has no reason to prefer these. */
static bool set_mask(const struct reef_gpu *gpu, hsa_queue_t *queue, uint32_t cus)
{
    uint32_t mask[REEF_PADDING_CUS_MAX / 32] = {0};
    for (uint32_t cu = gpu->cus - cus; cu < gpu->cus; cu++)
        mask[cu / 32] |= 1u << cu % 32;
    return reef_hsa.hsa_amd_queue_cu_set_mask(queue, (gpu->cus + 31) / 32 * 32, mask) ==
           HSA_STATUS_SUCCESS;
}

bool reef_padding_due(const struct reef_vqueue *q)
{
    return q->gpu->pads && is_due(q);
}

/* It is pinned, so nobody else changes what is aside; the core does not use it meanwhile. */
void reef_padding_make(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    reef_gpu_agent_lock(gpu);
    bool due = is_due(q);
    uint32_t cus = gpu->pad_wanted;
    if (due)
        reef_padding_stop(q);
    pthread_mutex_unlock(&gpu->lock);
    if (!due)
        return;

    hsa_queue_t *made = q->aside.queue ? q->aside.queue : reef_vqueue_make_padding(q);
    bool masked = made && set_mask(gpu, made, cus);
    if (made && !masked)
        reef_hsa.hsa_queue_destroy(made);

    reef_gpu_agent_lock(gpu);
    if (made != q->aside.queue || !masked)
        q->aside = (struct reef_device_queue){0};
    if (masked && !q->aside.queue)
        q->aside = (struct reef_device_queue){
            .queue = made, .ring = made->base_address, .mask = made->size - 1};
    q->pad_failed = !masked;
    if (masked) {
        q->pad_cus = cus;
        reef_core_padding_queue(gpu->core, (uint32_t)q->core_queue, cus, reef_now_ns());
        reef_feed_actions(gpu);
        reef_feed_ring(gpu);
    }
    pthread_mutex_unlock(&gpu->lock);
    if (masked)
        reef_debug("queue %p: a padding queue of %u compute units", (void *)q, cus);
    else
        reef_info("no padding queue: none could be made with a mask of compute units");
}
