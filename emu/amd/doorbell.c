// SPDX-License-Identifier: Apache-2.0
/*
 * Doorbells. An AQL doorbell holds the index of the last packet written, an SDMA doorbell the write
 * pointer in bytes. The program stores there and tells nobody, so the device thread looks.
 *
 * With REEF_EMU_DOORBELL_DELAY_US the queue learns of a value that much later than it was seen. A
 * further one that is stored meanwhile is seen when the first has arrived.
 */
#include "engine.h"

static uint64_t stored(const struct emu_queue *queue)
{
    return __atomic_load_n(&emu_vm_doorbells()[queue->id], __ATOMIC_ACQUIRE);
}

void emu_doorbell_reset(struct emu_queue *queue)
{
    queue->rung = queue->args.type == EMU_QUEUE_AQL ? UINT64_MAX : 0;
    __atomic_store_n(&emu_vm_doorbells()[queue->id], queue->rung, __ATOMIC_RELEASE);
}

uint64_t emu_doorbell(const struct emu_queue *queue)
{
    return emu_settings()->doorbell_delay_ns ? queue->rung : stored(queue);
}

bool emu_doorbell_rings(const struct emu_queue *queue)
{
    return emu_settings()->doorbell_delay_ns && !queue->ringing && stored(queue) != queue->rung;
}

void emu_doorbell_notice(struct emu_queue *queue, uint64_t now)
{
    queue->ringing = true;
    queue->ring_value = stored(queue);
    emu_engine_schedule(now + emu_settings()->doorbell_delay_ns, EMU_DUE_DOORBELL, queue);
}

void emu_doorbell_event(struct emu_queue *queue)
{
    queue->ringing = false;
    queue->rung = queue->ring_value;
}
