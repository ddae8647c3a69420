// SPDX-License-Identifier: Apache-2.0
/*
 * Doorbells. An AQL doorbell holds the index of the last packet written, an SDMA doorbell the write
 * pointer in bytes. The program stores there and tells nobody, so the device thread looks.
 *
 * Threads that share an AQL queue may ring in another order than that of their packets (HSA System
 * Architecture 1.2, "User mode queuing": only single-producer queues ring in order), and hardware
 * sees every store where polling sees the last. A late store of an old index may so hide a newer
 * one: the greatest value seen is kept, and a packet that is there, counted in write_dispatch_id
 * and not rung for after a while counts as rung. That is allowed: a packet belongs to the packet
 * processor from the moment its header is valid.
 *
 * With REEF_EMU_DOORBELL_DELAY_US the queue learns of a value that much later than it was seen. A
 * further one that is stored meanwhile is seen when the first has arrived.
 */
#include "engine.h"

#define HIDDEN_NS 2000000ull /* of wall time; a program rings at once */

static uint64_t stored(const struct emu_queue *queue)
{
    return __atomic_load_n(&emu_vm_doorbells()[queue->id], __ATOMIC_ACQUIRE);
}

static bool after(uint64_t a, uint64_t b)
{
    return (int64_t)(a - b) > 0;
}

/* The greatest value that is known. */
static uint64_t seen(const struct emu_queue *queue)
{
    uint64_t now = stored(queue);

    return queue->args.type == EMU_QUEUE_AQL && after(queue->ring_seen, now) ? queue->ring_seen
                                                                             : now;
}

void emu_doorbell_reset(struct emu_queue *queue)
{
    queue->rung = queue->args.type == EMU_QUEUE_AQL ? UINT64_MAX : 0;
    queue->ring_seen = queue->rung;
    __atomic_store_n(&emu_vm_doorbells()[queue->id], queue->rung, __ATOMIC_RELEASE);
}

uint64_t emu_doorbell(const struct emu_queue *queue)
{
    return emu_settings()->doorbell_delay_ns ? queue->rung : seen(queue);
}

bool emu_doorbell_look(struct emu_queue *queue, uint64_t wall_ns)
{
    const amd_queue_t *aql = emu_aql_queue(queue);
    uint64_t write;

    queue->ring_seen = seen(queue);
    if (queue->state != EMU_CP_FETCH || queue->fetch != queue->ring_seen + 1 || !aql)
        goto nothing;
    write = __atomic_load_n(&aql->write_dispatch_id, __ATOMIC_ACQUIRE);
    if (!after(write, queue->fetch) || !emu_aql_valid(queue, queue->fetch))
        goto nothing;
    if (queue->hidden_since_ns == 0)
        queue->hidden_since_ns = wall_ns;
    if (wall_ns - queue->hidden_since_ns < HIDDEN_NS)
        return true;
    emu_trace("queue %u: packet %llu was not rung for", queue->id,
              (unsigned long long)queue->fetch);
    queue->ring_seen = write - 1;
nothing:
    queue->hidden_since_ns = 0;
    return false;
}

bool emu_doorbell_rings(const struct emu_queue *queue)
{
    return emu_settings()->doorbell_delay_ns && !queue->ringing && seen(queue) != queue->rung;
}

void emu_doorbell_notice(struct emu_queue *queue, uint64_t now)
{
    queue->ringing = true;
    queue->ring_value = seen(queue);
    emu_engine_schedule(now + emu_settings()->doorbell_delay_ns, EMU_DUE_DOORBELL, queue);
}

void emu_doorbell_event(struct emu_queue *queue)
{
    queue->ringing = false;
    queue->rung = queue->ring_value;
}
