// SPDX-License-Identifier: Apache-2.0
/*
 * Making, changing and destroying virtual queues. See vqueue.h.
 */
#include "shim/amd/vqueue.h"

#include <stdlib.h>
#include <string.h>

#include "shim/preload/log.h"
#include "shim/trace/trace.h"

/* Enough room in the hardware ring for what is in flight and for what the packet processor has
 * completed but not yet given back. */
static uint32_t real_ring_size(const struct reef_gpu *gpu, uint32_t size)
{
    uint32_t least = 64;
    while (least < 4 * gpu->depth)
        least *= 2;
    return size > least ? size : least;
}

/* An error of the hardware queue; ROCr calls this in a thread of its own. */
static void queue_error(hsa_status_t status, hsa_queue_t *source, void *data)
{
    struct reef_vqueue *q = data;
    if (source != __atomic_load_n(&q->real, __ATOMIC_ACQUIRE))
        return; /* one that was killed, or a spare */
    atomic_store(&q->failed, true);
    q->attributes.callback(status, &q->pub.hsa_queue, q->attributes.data);
}

static hsa_status_t create_real(struct reef_vqueue *q, uint32_t size, hsa_queue_t **real)
{
    const struct reef_queue_attributes *a = &q->attributes;
    return reef_hsa.hsa_queue_create(q->gpu->hsa_agent, size, a->type,
                                     a->callback ? queue_error : NULL, q, a->private_segment_size,
                                     a->group_segment_size, real);
}

static void set_profiling_for_class(struct reef_vqueue *q, hsa_queue_t *real)
{
    /* The durations of BE kernels feed the estimator: they are always recorded. */
    if (atomic_load(&q->class) == REEF_CLASS_BE)
        reef_hsa.hsa_amd_profiling_set_profiler_enabled(real, 1);
}

hsa_queue_t *reef_vqueue_make_real(struct reef_vqueue *q)
{
    hsa_queue_t *real;
    const struct reef_queue_attributes *a = &q->attributes;
    if (create_real(q, q->real_mask + 1, &real) != HSA_STATUS_SUCCESS)
        return NULL;
    if (a->priority != HSA_AMD_QUEUE_PRIORITY_NORMAL)
        reef_hsa.hsa_amd_queue_set_priority(real, a->priority);
    if (a->cu_mask)
        reef_hsa.hsa_amd_queue_cu_set_mask(real, a->cu_mask_bits, a->cu_mask);
    set_profiling_for_class(q, real);
    return real;
}

hsa_queue_t *reef_vqueue_make_padding(struct reef_vqueue *q)
{
    hsa_queue_t *real;
    if (create_real(q, reef_padding_own(q)->size, &real) != HSA_STATUS_SUCCESS)
        return NULL;
    reef_hsa.hsa_amd_queue_set_priority(real, HSA_AMD_QUEUE_PRIORITY_LOW);
    set_profiling_for_class(q, real);
    return real;
}

void reef_vqueue_install(struct reef_vqueue *q, hsa_queue_t *real)
{
    q->real_ring = real->base_address;
    q->real_mask = real->size - 1;
    q->real_write = 0;
    __atomic_store_n(&q->real, real, __ATOMIC_RELEASE);
}

bool reef_vqueue_more_slots(struct reef_vqueue *q, uint32_t count)
{
    uint32_t total = q->slot_count + count;
    struct reef_slot *slots = realloc(q->slots, total * sizeof(*slots));
    if (slots)
        q->slots = slots;
    uint16_t *live = realloc(q->live, total * sizeof(*live));
    if (live)
        q->live = live;
    uint16_t *free_slots = realloc(q->free, total * sizeof(*free_slots));
    if (free_slots)
        q->free = free_slots;
    if (!slots || !live || !free_slots || total > UINT16_MAX)
        return false;
    while (q->slot_count < total) {
        /* GPU only: the packet processor raises no interrupt for it; the agent looks at its value.
         */
        hsa_signal_t *signal = &q->slots[q->slot_count].signal;
        if (reef_hsa.hsa_amd_signal_create(0, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY, signal) !=
            HSA_STATUS_SUCCESS)
            return false;
        reef_slot_arm(&q->slots[q->slot_count]);
        q->free[q->free_count++] = (uint16_t)q->slot_count++;
    }
    return true;
}

static void free_queue(struct reef_vqueue *q)
{
    if (q->line >= 0)
        reef_guards_give_line(q->gpu->guards, q->line);
    for (uint32_t i = 0; i < q->slot_count; i++)
        reef_hsa.hsa_signal_destroy(q->slots[i].signal);
    if (q->probe.handle)
        reef_hsa.hsa_signal_destroy(q->probe);
    hsa_signal_t doorbell = q->pub.hsa_queue.doorbell_signal;
    if (doorbell.handle) {
        reef_vqueue_unmark_doorbell(doorbell);
        reef_signal(doorbell)->queue_ptr = NULL;
        reef_hsa.hsa_signal_destroy(doorbell);
    }
    memset(q->pub.reserved4, 0, sizeof(q->pub.reserved4));
    pthread_mutex_destroy(&q->direct_lock);
    free(q->attributes.cu_mask);
    free(q->ring);
    free(q->records);
    free(q->slots);
    free(q->live);
    free(q->free);
    free(q->virtual_of);
    free(q);
}

/* The application's side: a copy of the real queue's structure (it holds the apertures, which
 * ROCclr reads), with a ring, indices and a doorbell of its own. */
static bool make_public(struct reef_vqueue *q, const hsa_queue_t *real, uint32_t size)
{
    hsa_signal_t doorbell;
    q->mask = size - 1;
    q->ring = aligned_alloc(4096, (size_t)size * sizeof(*q->ring));
    q->records = calloc(size, sizeof(*q->records));
    q->virtual_of = calloc(real->size, sizeof(*q->virtual_of));
    if (!q->ring || !q->records || !q->virtual_of)
        return false;
    for (uint32_t i = 0; i < size; i++) {
        memset(&q->ring[i], 0, sizeof(q->ring[i]));
        atomic_store_explicit(&q->ring[i].head, HSA_PACKET_TYPE_INVALID, memory_order_relaxed);
    }
    if (reef_hsa.hsa_signal_create(0, 0, NULL, &doorbell) != HSA_STATUS_SUCCESS)
        return false;
    memcpy(&q->pub, real, sizeof(q->pub));
    q->pub.hsa_queue.base_address = q->ring;
    q->pub.hsa_queue.size = size;
    q->pub.hsa_queue.doorbell_signal = doorbell;
    q->pub.write_dispatch_id = 0;
    q->pub.read_dispatch_id = 0;

    struct reef_mark mark = {REEF_VQUEUE_MAGIC, q};
    memcpy(q->pub.reserved4, &mark, sizeof(mark));
    reef_signal(doorbell)->queue_ptr = &q->pub;
    return reef_vqueue_mark_doorbell(q, doorbell);
}

/* gpu->lock held. */
static bool link_queue(struct reef_gpu *gpu, struct reef_vqueue *q)
{
    q->core_queue = reef_core_queue_open(gpu->core, q->mask + 1);
    if (q->core_queue < 0)
        return false;
    unsigned needed = (unsigned)q->core_queue + 1;
    if (needed > gpu->by_core_count) {
        struct reef_vqueue **grown = realloc(gpu->by_core, needed * sizeof(*grown));
        if (!grown) {
            reef_core_queue_close(gpu->core, (uint32_t)q->core_queue);
            return false;
        }
        for (unsigned i = gpu->by_core_count; i < needed; i++)
            grown[i] = NULL;
        gpu->by_core = grown;
        gpu->by_core_count = needed;
    }
    gpu->by_core[q->core_queue] = q;
    REEF_TRACE_EVENT(REEF_TRACE_QUEUE, (uint32_t)q->core_queue, (uint64_t)atomic_load(&q->class), 0,
                     0, 0);
    gpu->maintain_wanted = true;
    q->next = gpu->queues;
    gpu->queues = q;
    return true;
}

static bool make_queue(struct reef_vqueue *q, hsa_queue_t *real, uint32_t size)
{
    if (!make_public(q, real, size) || !reef_vqueue_more_slots(q, q->gpu->depth))
        return false;
    if (reef_hsa.hsa_amd_signal_create(0, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY, &q->probe) !=
        HSA_STATUS_SUCCESS)
        return false;
    reef_vqueue_install(q, real);
    set_profiling_for_class(q, real);
    pthread_mutex_lock(&q->gpu->lock);
    bool linked = link_queue(q->gpu, q);
    pthread_mutex_unlock(&q->gpu->lock);
    return linked;
}

hsa_status_t reef_vqueue_create(struct reef_gpu *gpu,
                                const struct reef_queue_attributes *attributes,
                                enum reef_class class, hsa_queue_t **queue)
{
    struct reef_vqueue *q = aligned_alloc(64, (sizeof(*q) + 63) & ~(size_t)63);
    hsa_queue_t *real;
    if (!q)
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    memset(q, 0, sizeof(*q));
    q->gpu = gpu;
    q->line = -1;
    q->attributes = *attributes;
    q->class = q->wanted_class = (int)class;
    pthread_mutex_init(&q->direct_lock, NULL);
    uint32_t size = attributes->size < 64 ? 64 : attributes->size;
    hsa_status_t status = create_real(q, real_ring_size(gpu, attributes->size), &real);
    if (status != HSA_STATUS_SUCCESS) {
        free_queue(q);
        return status; /* the driver's own answer to the application's own call */
    }
    /* The one cooperative queue of a GPU outlives hsa_queue_destroy: it cannot be killed. */
    q->killable = attributes->type != HSA_QUEUE_TYPE_COOPERATIVE &&
                  (reef_state.config.reset == REEF_RESET_AUTO ||
                   reef_state.config.reset == REEF_RESET_QUEUE) &&
                  reef_config_restartable(&reef_state.config) != REEF_RESTARTABLE_NEVER;
    q->assume = reef_config_restartable(&reef_state.config) == REEF_RESTARTABLE_ASSUME;
    if (gpu->guards && class == REEF_CLASS_BE && attributes->type != HSA_QUEUE_TYPE_COOPERATIVE)
        q->line = reef_guards_take_line(gpu->guards);
    if (!make_queue(q, real, size)) {
        reef_hsa.hsa_queue_destroy(real);
        free_queue(q);
        reef_disable("no memory for a virtual queue");
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    }
    reef_debug("queue %p: %s, %u packets", (void *)q, class == REEF_CLASS_RT ? "rt" : "be", size);
    *queue = &q->pub.hsa_queue;
    reef_agent_notify(&gpu->agent); /* it makes the spare */
    return HSA_STATUS_SUCCESS;
}

uint64_t reef_vqueue_launches(const struct reef_vqueue *q)
{
    if (!q->watched)
        return __atomic_load_n(&q->launches, __ATOMIC_RELAXED);
    return reef_hsa.hsa_queue_load_write_index_relaxed(q->real) - q->probes;
}

void reef_vqueue_unlink(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    for (struct reef_vqueue **at = &gpu->queues; *at; at = &(*at)->next) {
        if (*at == q) {
            *at = q->next;
            break;
        }
    }
    if (q->core_queue >= 0) {
        gpu->by_core[q->core_queue] = NULL;
        reef_core_queue_close(gpu->core, (uint32_t)q->core_queue);
    }
    reef_need_forget(q);
    gpu->closed_launches[q->class] += reef_vqueue_launches(q);
}

/* After the last hsa_shut_down, or in a forked child: no lock may be taken (a thread that is gone
 * may hold it), and the real library would say the same. */
static bool is_over(const struct reef_vqueue *q)
{
    return atomic_load(&q->gpu->stopped);
}

hsa_status_t reef_vqueue_destroy(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&gpu->lock);
    q->closing = true;
    reef_vqueue_wait_unpinned(q);
    reef_padding_end(q);
    reef_vqueue_unlink(q);
    pthread_mutex_unlock(&gpu->lock);

    hsa_status_t status = HSA_STATUS_SUCCESS;
    if (q->real)
        status = reef_hsa.hsa_queue_destroy(q->real);
    if (q->spare)
        reef_hsa.hsa_queue_destroy(q->spare);
    if (q->dead)
        reef_hsa.hsa_queue_destroy(q->dead);
    if (q->aside.queue)
        reef_hsa.hsa_queue_destroy(q->aside.queue);
    free_queue(q);
    return status;
}

hsa_status_t reef_vqueue_inactivate(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    hsa_status_t status = HSA_STATUS_SUCCESS;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    atomic_store(&q->failed, true);
    pthread_mutex_lock(&gpu->lock);
    reef_vqueue_wait_unpinned(q);
    q->pins++;
    hsa_queue_t *real = reef_padding_own(q), *padding = q->padded ? q->real : NULL;
    pthread_mutex_unlock(&gpu->lock);
    if (padding)
        reef_hsa.hsa_queue_inactivate(padding);
    if (real)
        status = reef_hsa.hsa_queue_inactivate(real);
    pthread_mutex_lock(&gpu->lock);
    reef_vqueue_unpin(q);
    pthread_mutex_unlock(&gpu->lock);
    return status;
}

void reef_vqueue_wait_unpinned(struct reef_vqueue *q)
{
    while (q->pins > 0)
        pthread_cond_wait(&q->gpu->unpinned, &q->gpu->lock);
}

void reef_vqueue_unpin(struct reef_vqueue *q)
{
    q->pins--;
    pthread_cond_broadcast(&q->gpu->unpinned);
}

/*
 * Attributes go to the hardware queue and its spare, and are kept for their successors. These calls
 * do not wait for ROCr's threads, so they may be made under gpu->lock.
 */
hsa_status_t reef_vqueue_set_priority(struct reef_vqueue *q, hsa_amd_queue_priority_t priority)
{
    hsa_status_t status = HSA_STATUS_SUCCESS;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&q->gpu->lock);
    reef_vqueue_wait_unpinned(q);
    if (reef_padding_own(q))
        status = reef_hsa.hsa_amd_queue_set_priority(reef_padding_own(q), priority);
    if (status == HSA_STATUS_SUCCESS) {
        if (q->spare)
            reef_hsa.hsa_amd_queue_set_priority(q->spare, priority);
        q->attributes.priority = priority;
        bool rt = reef_state.config.priority == REEF_PRIORITY_RT ||
                  priority == HSA_AMD_QUEUE_PRIORITY_HIGH;
        atomic_store(&q->wanted_class, rt ? REEF_CLASS_RT : REEF_CLASS_BE);
        reef_feed_switch_class(q);
    }
    pthread_mutex_unlock(&q->gpu->lock);
    if (reef_vqueue_has_new(q)) /* left to the agent, which looks only after queues of class BE */
        reef_feed_doorbell(q);
    return status;
}

hsa_status_t reef_vqueue_set_cu_mask(struct reef_vqueue *q, uint32_t bits, const uint32_t *mask)
{
    hsa_status_t status = HSA_STATUS_SUCCESS;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    size_t bytes = (size_t)(bits + 31) / 32 * sizeof(*mask);
    uint32_t *copy = bits && mask ? malloc(bytes) : NULL;
    if (copy)
        memcpy(copy, mask, bytes);
    pthread_mutex_lock(&q->gpu->lock);
    reef_vqueue_wait_unpinned(q);
    reef_padding_stop(q); /* its units are not ours to choose */
    if (reef_padding_own(q))
        status = reef_hsa.hsa_amd_queue_cu_set_mask(reef_padding_own(q), bits, mask);
    if (status == HSA_STATUS_SUCCESS || status == (hsa_status_t)HSA_STATUS_CU_MASK_REDUCED) {
        if (q->spare)
            reef_hsa.hsa_amd_queue_cu_set_mask(q->spare, bits, mask);
        uint32_t *old = q->attributes.cu_mask;
        q->attributes.cu_mask = copy;
        q->attributes.cu_mask_bits = bits;
        copy = old;
    }
    pthread_mutex_unlock(&q->gpu->lock);
    free(copy);
    return status;
}

hsa_status_t reef_vqueue_set_profiling(struct reef_vqueue *q, int enable)
{
    hsa_status_t status = HSA_STATUS_SUCCESS;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&q->gpu->lock);
    reef_vqueue_wait_unpinned(q);
    hsa_queue_t *own = reef_padding_own(q);
    if (own && (enable || atomic_load(&q->class) == REEF_CLASS_RT))
        status = reef_hsa.hsa_amd_profiling_set_profiler_enabled(own, enable);
    pthread_mutex_unlock(&q->gpu->lock);
    return status;
}

hsa_status_t reef_vqueue_get_cu_mask(struct reef_vqueue *q, uint32_t bits, uint32_t *mask)
{
    hsa_status_t status = HSA_STATUS_ERROR_INVALID_QUEUE;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&q->gpu->lock);
    reef_vqueue_wait_unpinned(q);
    hsa_queue_t *own = reef_padding_own(q);
    if (own || q->spare)
        status = reef_hsa.hsa_amd_queue_cu_get_mask(own ? own : q->spare, bits, mask);
    pthread_mutex_unlock(&q->gpu->lock);
    return status;
}

hsa_status_t reef_vqueue_get_info(struct reef_vqueue *q, unsigned attribute, void *value)
{
    hsa_status_t status = HSA_STATUS_ERROR_INVALID_QUEUE;
    if (is_over(q))
        return HSA_STATUS_ERROR_NOT_INITIALIZED;
    pthread_mutex_lock(&q->gpu->lock);
    reef_vqueue_wait_unpinned(q);
    hsa_queue_t *own = reef_padding_own(q);
    if (own || q->spare)
        status = reef_hsa.hsa_amd_queue_get_info(own ? own : q->spare, attribute, value);
    pthread_mutex_unlock(&q->gpu->lock);
    return status;
}
