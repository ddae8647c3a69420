// SPDX-License-Identifier: Apache-2.0
/*
 * Packets that the processor copies before their turn (REEF_EMU_PREFETCH): what the program writes
 * into their slots afterwards is not seen. The hardware's packet fetcher has several packets in
 * flight and throws away what it has behind an INVALID header or when the queue is unmapped; then
 * it fetches anew from the read index.
 */
#include "engine.h"

#include <string.h>

/* The first packet that the processor has not begun. */
static uint64_t first(const struct emu_queue *queue)
{
    switch (queue->state) {
    case EMU_CP_FETCH:
    case EMU_CP_DECODE:
    case EMU_CP_PLACE: /* of the packet before */
    case EMU_CP_RECLAIM:
        return queue->fetch;
    default:
        return queue->fetch + 1;
    }
}

/* False if the packet cannot be copied yet. */
static bool copy(struct emu_queue *queue, uint64_t packet)
{
    const void *slot = emu_aql_slot(queue, packet);

    if (!slot || !emu_aql_written(queue, packet))
        return false;
    memcpy(&queue->ahead[packet % EMU_MAX_PREFETCH], slot, sizeof(queue->ahead[0]));
    return true;
}

void emu_prefetch(struct emu_queue *queue)
{
    uint64_t next = first(queue), end = next + emu_settings()->prefetch_packets;

    if (next == end)
        return;
    if (queue->copied < next)
        queue->copied = next;
    while (queue->copied < end && copy(queue, queue->copied))
        queue->copied++;
}

bool emu_prefetched(const struct emu_queue *queue)
{
    return queue->copied > queue->fetch;
}

bool emu_prefetch_take(struct emu_queue *queue)
{
    const void *slot;

    if (emu_prefetched(queue)) {
        queue->packet = queue->ahead[queue->fetch % EMU_MAX_PREFETCH];
        return true;
    }
    slot = emu_aql_slot(queue, queue->fetch);
    if (slot)
        memcpy(&queue->packet, slot, sizeof(queue->packet));
    return slot != NULL;
}

void emu_prefetch_drop(struct emu_queue *queue)
{
    queue->copied = 0;
}
