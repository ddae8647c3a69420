// SPDX-License-Identifier: Apache-2.0
/*
 * Watched queues. All queues of an RT process are RT for as long as they exist, so there is nothing
 * to hold back: the application gets the hardware queue itself, and a launch costs what it costs
 * without libreef. What remains to be seen is when RT work arrives (the doorbell's hook finds the
 * mark on the real doorbell) and when it is over (the agent reads the queue's indices; rt.c).
 *
 * To know that the last kernel is over, and not only its packet consumed, the agent puts a barrier
 * packet of its own behind it. So only queues of type MULTI are watched, into which several may
 * write at a time: an application sees there that another producer takes an index now and then, as
 * that type allows. Other queues, and all queues of a process that is recorded (REEF_TRACE), are
 * virtual.
 *
 * Watched queues are linked to their GPU as virtual ones are, under gpu->lock.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/vqueue.h"
#include "shim/preload/log.h"

/* An error of the hardware queue: the agent need not wait for its packets. ROCr's own thread. */
static void queue_error(hsa_status_t status, hsa_queue_t *source, void *data)
{
    struct reef_vqueue *q = data;
    atomic_store(&q->failed, true);
    if (q->attributes.callback)
        q->attributes.callback(status, source, q->attributes.data);
}

static void link_watched(struct reef_vqueue *q)
{
    pthread_mutex_lock(&q->gpu->lock);
    q->next = q->gpu->queues;
    q->gpu->queues = q;
    pthread_mutex_unlock(&q->gpu->lock);
}

hsa_status_t reef_watch_create(struct reef_gpu *gpu, const struct reef_queue_attributes *attributes,
                               hsa_queue_t **queue)
{
    hsa_queue_t *real = NULL;
    struct reef_vqueue *q = aligned_alloc(64, (sizeof(*q) + 63) & ~(size_t)63);
    if (!q)
        return HSA_STATUS_ERROR_OUT_OF_RESOURCES;
    memset(q, 0, sizeof(*q));
    q->gpu = gpu;
    q->attributes = *attributes;
    q->watched = true;
    q->tells = gpu->pads;
    q->class = q->wanted_class = REEF_CLASS_RT;
    q->core_queue = q->line = -1;
    hsa_status_t status =
        reef_hsa.hsa_amd_signal_create(0, 0, NULL, HSA_AMD_SIGNAL_AMD_GPU_ONLY, &q->probe);
    if (status == HSA_STATUS_SUCCESS)
        status = reef_hsa.hsa_queue_create(gpu->hsa_agent, attributes->size, attributes->type,
                                           attributes->callback ? queue_error : NULL, q,
                                           attributes->private_segment_size,
                                           attributes->group_segment_size, &real);
    if (status != HSA_STATUS_SUCCESS)
        goto err_queue;
    reef_vqueue_install(q, real);
    if (!reef_vqueue_mark_doorbell(q, real->doorbell_signal)) {
        status = HSA_STATUS_ERROR_OUT_OF_RESOURCES;
        reef_hsa.hsa_queue_destroy(real);
        goto err_queue;
    }
    link_watched(q);
    reef_debug("queue %p: rt, %u packets, watched", (void *)real, real->size);
    *queue = real;
    return HSA_STATUS_SUCCESS;

err_queue:
    if (q->probe.handle)
        reef_hsa.hsa_signal_destroy(q->probe);
    free(q);
    return status;
}

struct reef_vqueue *reef_watch_find(const hsa_queue_t *queue)
{
    struct reef_gpu *gpu = reef_gpu_first();
    struct reef_vqueue *q = queue && gpu ? reef_vqueue_of_doorbell(queue->doorbell_signal) : NULL;
    return q && q->watched && q->real == queue ? q : NULL;
}

hsa_status_t reef_watch_destroy(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    hsa_queue_t *real = q->real;
    if (atomic_load(&gpu->stopped)) /* the agent may have been left behind in the middle of it */
        return reef_hsa.hsa_queue_destroy(real);
    pthread_mutex_lock(&gpu->lock);
    reef_vqueue_unlink(q);
    pthread_mutex_unlock(&gpu->lock);
    reef_vqueue_unmark_doorbell(real->doorbell_signal);
    hsa_status_t status = reef_hsa.hsa_queue_destroy(real);
    reef_hsa.hsa_signal_destroy(q->probe);
    free(q);
    return status;
}

void reef_watch_doorbell(struct reef_vqueue *q, hsa_signal_value_t value,
                         void (*store)(hsa_signal_t signal, hsa_signal_value_t value))
{
    reef_rt_arrive(q->gpu);
    if (q->tells)
        reef_need_look(q, (uint64_t)value);
    if (!reef_put_off.active) {
        store(q->real->doorbell_signal, value);
        return;
    }
    if (reef_put_off.queue != q)
        reef_feed_flush();
    reef_put_off.queue = q;
    reef_put_off.value = value;
}

/*
 * Rings for everything that was put into the queue, the application's packets too: it may have
 * taken an index behind ours and rung before us, and then ours must not be what the doorbell says
 * last. Once the write index stands still around our store, whoever takes the next one rings after
 * us.
 */
static void ring_for_all(struct reef_vqueue *q)
{
    uint64_t write = reef_hsa.hsa_queue_load_write_index_scacquire(q->real), before;
    do {
        before = write;
        reef_hsa.hsa_signal_store_screlease(q->real->doorbell_signal,
                                            (hsa_signal_value_t)(write - 1));
        atomic_thread_fence(memory_order_seq_cst);
        write = reef_hsa.hsa_queue_load_write_index_scacquire(q->real);
    } while (write != before);
}

void reef_watch_ring_again(struct reef_vqueue *q, uint64_t read)
{
    /* The application may have been late to ring for a packet before ours. */
    if (read + 1 == q->probed)
        ring_for_all(q);
}

void reef_watch_probe(struct reef_vqueue *q)
{
    uint64_t read = reef_hsa.hsa_queue_load_read_index_scacquire(q->real);
    uint64_t write = q->write_seen;
    if (write - read > q->real_mask ||
        reef_hsa.hsa_queue_cas_write_index_scacq_screl(q->real, write, write + 1) != write)
        return; /* new work has come: the next look sees it */
    reef_packet_write_barrier(&q->real_ring[write & q->real_mask], q->probe);
    q->probed = write + 1;
    ring_for_all(q);
    __atomic_store_n(&q->probes, q->probes + 1, __ATOMIC_RELAXED);
}
