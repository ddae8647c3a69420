// SPDX-License-Identifier: Apache-2.0
/*
 * Queues of the copy engine: what their packets do is sdma.c's, when they do it is decided here. A
 * packet is carried out at the end of its decoding; what it copied takes its time before the next
 * one begins.
 */
#include "engine.h"

/* The packet's words, or NULL if the ring is gone. The copy engine pads the ring with NOPs to its
 * end, so packets do not wrap. */
static const uint32_t *words_at(const struct emu_queue *queue, size_t *available)
{
    uint64_t offset = queue->fetch % queue->args.ring_bytes;
    uint64_t bytes = emu_doorbell(queue) - queue->fetch;

    if (bytes > queue->args.ring_bytes - offset)
        bytes = queue->args.ring_bytes - offset;
    *available = bytes;
    return emu_vm_host(queue->args.ring_va + offset, bytes);
}

bool emu_dma_ready(const struct emu_queue *queue)
{
    size_t available;
    const uint32_t *words;

    if (queue->state == EMU_CP_FETCH)
        return emu_doorbell(queue) > queue->fetch;
    if (queue->state != EMU_CP_SIGNALS)
        return false;
    /* Only a poll packet gets here; trying it changes nothing. */
    words = words_at(queue, &available);
    return !words || !emu_sdma_run(words, available, 0).again;
}

static void stop(struct emu_queue *queue, uint64_t va)
{
    emu_report("queue %u (SDMA): stopped at byte %llu of its ring", queue->id,
               (unsigned long long)queue->fetch);
    queue->state = EMU_CP_STOPPED;
    emu_event_memory_fault(va, true, false);
}

static void execute(struct emu_queue *queue, uint64_t now)
{
    size_t available;
    const uint32_t *words = words_at(queue, &available);
    uint64_t cost;

    if (!words) {
        stop(queue, queue->args.ring_va);
        return;
    }
    /* A large copy takes a while: the interpreters go on meanwhile. */
    pthread_mutex_unlock(&emu_engine.lock);
    queue->step = emu_sdma_run(words, available, now);
    pthread_mutex_lock(&emu_engine.lock);
    if (queue->step.fault) {
        /* A bad packet has no address of its own: name its place in the ring. */
        stop(queue, queue->step.fault_va
                        ? queue->step.fault_va
                        : queue->args.ring_va + queue->fetch % queue->args.ring_bytes);
        return;
    }
    if (queue->step.again) {
        queue->state = EMU_CP_SIGNALS;
        return;
    }
    cost = queue->step.copied_bytes * 1000 / emu_engine.profile.copy_bytes_per_us;
    queue->state = EMU_CP_COPY;
    queue->event = true;
    emu_engine_schedule(now + cost, EMU_DUE_QUEUE, queue);
}

/* A copy says that it is complete with an atomic operation on its signal (ROCr's
 * BlitSdma::BuildAtomicDecrementCommand). */
static uint64_t delay(const struct emu_queue *queue)
{
    uint64_t delay_ns = emu_settings()->completion_delay_ns;
    size_t available;
    const uint32_t *words = delay_ns ? words_at(queue, &available) : NULL;

    return words && (words[0] & 0xff) == EMU_SDMA_ATOMIC ? delay_ns : 0;
}

void emu_dma_run(struct emu_queue *queue, uint64_t now)
{
    if (queue->state == EMU_CP_SIGNALS) {
        execute(queue, now);
        return;
    }
    queue->state = EMU_CP_DECODE;
    queue->event = true;
    emu_engine_schedule(now + emu_engine.profile.packet_ns + delay(queue), EMU_DUE_QUEUE, queue);
}

static void finish(struct emu_queue *queue)
{
    uint64_t *read_pointer = emu_vm_host(queue->args.read_pointer_va, sizeof(*read_pointer));

    emu_trace("queue %u: SDMA packet of %u bytes at %llu, copied %llu bytes", queue->id,
              queue->step.consumed_bytes, (unsigned long long)queue->fetch,
              (unsigned long long)queue->step.copied_bytes);
    queue->fetch += queue->step.consumed_bytes;
    if (read_pointer)
        __atomic_store_n(read_pointer, queue->fetch, __ATOMIC_RELEASE);
    if (queue->step.trap)
        emu_event_set(queue->step.trap_event);
    queue->state = EMU_CP_FETCH;
}

void emu_dma_event(struct emu_queue *queue, uint64_t now)
{
    if (queue->state == EMU_CP_DECODE)
        execute(queue, now);
    else
        finish(queue);
}
