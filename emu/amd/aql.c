// SPDX-License-Identifier: Apache-2.0
/*
 * The packet processor of AQL queues. Packets are taken in order; a kernel dispatch leaves the
 * processor when all its work-groups have places, so dispatches overlap unless the barrier bit of a
 * later packet forbids it. Packets are retired in order: the slot becomes INVALID and
 * read_dispatch_id goes on only when everything before is complete, because kernels read their
 * packet while they run.
 *
 * Sources: HSA System Architecture 1.2 (queues, packets, barrier bit), hsa/hsa.h and
 * hsa/hsa_ext_amd.h (layouts), ROCr's AqlQueue (doorbell, vendor packets, queue_inactive_signal).
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { PACKET_BYTES = 64, VENDOR_PM4_IB = 1 };

/* PM4 type 3 packets (Linux amdgpu soc15d.h): opcode in bits 15:8, count - 1 in bits 29:16. */
enum { PM4_NOP = 0x10, PM4_INDIRECT_BUFFER = 0x3f, PM4_ACQUIRE_MEM = 0x58 };

static uint64_t packets(const struct emu_queue *queue)
{
    return queue->args.ring_bytes / PACKET_BYTES;
}

amd_queue_t *emu_aql_queue(const struct emu_queue *queue)
{
    return emu_vm_host(queue->queue_va, sizeof(amd_queue_t));
}

int emu_aql_open(struct emu_queue *queue)
{
    const struct emu_queue_args *args = &queue->args;
    uint8_t *done;

    queue->queue_va = args->read_pointer_va - offsetof(amd_queue_t, read_dispatch_id);
    if (args->write_pointer_va != queue->queue_va + offsetof(amd_queue_t, write_dispatch_id) ||
        !emu_aql_queue(queue)) {
        emu_missing("AQL queues whose indices do not lie in an amd_queue_t");
        return -EINVAL;
    }
    if (args->ring_bytes < PACKET_BYTES || (args->ring_bytes & (args->ring_bytes - 1)))
        return -EINVAL;
    done = calloc(packets(queue), 1);
    if (!done)
        return -ENOMEM;
    free(queue->done);
    queue->done = done;
    return 0;
}

static uint64_t slot_va(const struct emu_queue *queue, uint64_t packet)
{
    return queue->args.ring_va + (packet & (packets(queue) - 1)) * PACKET_BYTES;
}

void *emu_aql_slot(const struct emu_queue *queue, uint64_t packet)
{
    return emu_vm_host(slot_va(queue, packet), PACKET_BYTES);
}

static unsigned packet_type(uint16_t header)
{
    return header >> HSA_PACKET_HEADER_TYPE & ((1u << HSA_PACKET_HEADER_WIDTH_TYPE) - 1);
}

/* ---- dependencies ---- */

static bool condition_holds(const hsa_amd_barrier_value_packet_t *packet)
{
    int64_t value;

    if (packet->signal.handle == 0)
        return true;
    if (!emu_signal_load(packet->signal.handle, &value))
        return true; /* reported when the packet goes on */
    value &= packet->mask;
    switch (packet->cond) {
    case HSA_SIGNAL_CONDITION_EQ:
        return value == packet->value;
    case HSA_SIGNAL_CONDITION_NE:
        return value != packet->value;
    case HSA_SIGNAL_CONDITION_LT:
        return value < packet->value;
    default:
        return value >= packet->value;
    }
}

/* AND: every signal is 0. OR: at least one is, or there is none. A null signal does not count. */
static bool dependencies_met(const hsa_barrier_and_packet_t *packet, bool all)
{
    unsigned given = 0, met = 0;

    for (unsigned i = 0; i < 5; i++) {
        int64_t value = 0;

        if (packet->dep_signal[i].handle == 0)
            continue;
        given++;
        met += !emu_signal_load(packet->dep_signal[i].handle, &value) || value == 0;
    }
    return all ? met == given : met > 0 || given == 0;
}

static bool signals_met(const struct emu_queue *queue)
{
    const void *packet = &queue->packet;

    switch (packet_type(queue->packet.header)) {
    case HSA_PACKET_TYPE_BARRIER_AND:
        return dependencies_met(packet, true);
    case HSA_PACKET_TYPE_BARRIER_OR:
        return dependencies_met(packet, false);
    default:
        return condition_holds(packet);
    }
}

/* For whoever looks for a deadlock: what a barrier packet waits for. */
static void trace_dependencies(const struct emu_queue *queue)
{
    const hsa_barrier_and_packet_t *packet = (const void *)&queue->packet;

    if (!emu_settings()->trace)
        return;
    for (unsigned i = 0; i < 5; i++) {
        int64_t value = 0;

        if (packet->dep_signal[i].handle && emu_signal_load(packet->dep_signal[i].handle, &value) &&
            value != 0)
            emu_report("queue %u: packet %llu waits for signal 0x%llx, now %lld", queue->id,
                       (unsigned long long)queue->fetch,
                       (unsigned long long)packet->dep_signal[i].handle, (long long)value);
    }
}

/* ---- polling ---- */

bool emu_aql_valid(const struct emu_queue *queue, uint64_t packet)
{
    const uint16_t *header = emu_aql_slot(queue, packet);

    /* A ring that is gone: go on, and find out. */
    return !header ||
           packet_type(__atomic_load_n(header, __ATOMIC_ACQUIRE)) != HSA_PACKET_TYPE_INVALID;
}

bool emu_aql_written(const struct emu_queue *queue, uint64_t packet)
{
    return (int64_t)(emu_doorbell(queue) + 1 - packet) > 0 &&
           packet - queue->retired < packets(queue) && emu_aql_valid(queue, packet);
}

static bool packet_waits(const struct emu_queue *queue)
{
    return emu_prefetched(queue) || emu_aql_written(queue, queue->fetch);
}

static bool runtime_answered(const struct emu_queue *queue)
{
    const amd_queue_t *aql = emu_aql_queue(queue);
    int64_t value;

    return aql && emu_signal_load(aql->queue_inactive_signal.handle, &value) && value == 0;
}

static bool scratch_taken_back(const struct emu_queue *queue)
{
    const amd_queue_t *aql = emu_aql_queue(queue);

    return runtime_answered(queue) && aql &&
           !(__atomic_load_n(&aql->queue_properties, __ATOMIC_ACQUIRE) &
             AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE);
}

bool emu_aql_ready(const struct emu_queue *queue)
{
    switch (queue->state) {
    case EMU_CP_FETCH:
        return queue->reclaim ? queue->in_flight == 0 : packet_waits(queue);
    case EMU_CP_BARRIER:
        return queue->in_flight == 0;
    case EMU_CP_SIGNALS:
        return signals_met(queue);
    case EMU_CP_HEAD:
        return queue->retired == queue->fetch && queue->in_flight == 0;
    case EMU_CP_SCRATCH:
        return runtime_answered(queue);
    case EMU_CP_RECLAIM:
        return scratch_taken_back(queue);
    default:
        return false;
    }
}

/* ---- retiring ---- */

static void retire(struct emu_queue *queue, uint64_t packet)
{
    uint64_t mask = packets(queue) - 1;
    amd_queue_t *aql = emu_aql_queue(queue);

    queue->done[packet & mask] = 1;
    while (queue->retired < queue->fetch && queue->done[queue->retired & mask]) {
        uint16_t *header = emu_aql_slot(queue, queue->retired);

        queue->done[queue->retired & mask] = 0;
        if (header)
            __atomic_store_n(header, HSA_PACKET_TYPE_INVALID, __ATOMIC_RELEASE);
        queue->retired++;
    }
    if (aql)
        __atomic_store_n(&aql->read_dispatch_id, queue->retired, __ATOMIC_RELEASE);
}

void emu_aql_launched(struct emu_queue *queue, uint64_t packet)
{
    if (emu_settings()->read_index_at_launch)
        retire(queue, packet);
}

void emu_aql_complete(struct emu_queue *queue, uint64_t packet)
{
    if (!emu_settings()->read_index_at_launch)
        retire(queue, packet);
}

/* The present packet, which is no dispatch, is complete. */
static void complete_present(struct emu_queue *queue, uint64_t now)
{
    uint64_t signal = queue->packet.completion_signal.handle;
    uint64_t packet = queue->fetch++;

    queue->state = EMU_CP_FETCH;
    retire(queue, packet);
    if (signal)
        emu_signal_complete(signal, queue->decoded_ns, now);
}

/* The same, as late as completions are said to be. */
static void end_present(struct emu_queue *queue, uint64_t now)
{
    uint64_t delay = emu_settings()->completion_delay_ns;

    if (!delay) {
        complete_present(queue, now);
        return;
    }
    queue->state = EMU_CP_RETIRE;
    queue->event = true;
    emu_engine_schedule(now + delay, EMU_DUE_QUEUE, queue);
}

void emu_aql_error(struct emu_queue *queue, uint64_t code, uint64_t now)
{
    const amd_queue_t *aql = emu_aql_queue(queue);

    if (queue->state == EMU_CP_STOPPED)
        return;
    if (queue->event)
        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);
    queue->event = false;
    queue->state = EMU_CP_STOPPED;
    emu_engine_stop_queue(queue);
    emu_work_kill(queue, now);
    emu_report("queue %u: stopped at packet %llu (error 0x%llx)", queue->id,
               (unsigned long long)queue->retired, (unsigned long long)code);
    if (code && aql)
        emu_signal_store(aql->queue_inactive_signal.handle, (int64_t)code);
}

/* ---- vendor packets ---- */

/* True if the commands do nothing but invalidate caches, which is all that ROCr sends this way. */
static bool only_cache_commands(const struct emu_queue *queue)
{
    uint32_t packet[PACKET_BYTES / 4];
    uint64_t va;
    uint32_t words;
    const uint32_t *ib;

    memcpy(packet, &queue->packet, sizeof(packet));
    if ((packet[1] >> 8 & 0xff) != PM4_INDIRECT_BUFFER || packet[1] >> 30 != 3)
        return false;
    va = (packet[2] & ~3u) | (uint64_t)(packet[3] & 0xffff) << 32;
    words = packet[4] & 0xfffff;
    ib = emu_vm_host(va, words * sizeof(*ib));
    for (uint32_t i = 0; ib && i < words; i += (ib[i] >> 16 & 0x3fff) + 2) {
        uint32_t opcode = ib[i] >> 8 & 0xff;

        if (ib[i] >> 30 != 3 || (opcode != PM4_NOP && opcode != PM4_ACQUIRE_MEM)) {
            emu_missing("PM4 command 0x%02x in an AQL queue", opcode);
            return false;
        }
    }
    return ib != NULL;
}

/* The instruction caches are this process's decoded code. */
static void invalidate_caches(void)
{
    emu_engine_pause();
    gcn_code_invalidate(emu_engine.code);
    emu_engine_unpause();
}

static void run_vendor(struct emu_queue *queue, uint64_t now)
{
    hsa_amd_vendor_packet_header_t header;

    memcpy(&header, &queue->packet, sizeof(header));
    if (header.AmdFormat == HSA_AMD_PACKET_TYPE_BARRIER_VALUE) {
        queue->state = EMU_CP_SIGNALS;
        return;
    }
    if (header.AmdFormat == VENDOR_PM4_IB && only_cache_commands(queue)) {
        invalidate_caches();
        end_present(queue, now);
        return;
    }
    if (header.AmdFormat != VENDOR_PM4_IB)
        emu_missing("vendor packet of format %u", header.AmdFormat);
    emu_aql_error(queue, EMU_QUEUE_INVALID_VENDOR_PACKET, now);
}

/* ---- one packet ---- */

static void run_dispatch(struct emu_queue *queue, uint64_t now)
{
    switch (emu_dispatch_prepare(queue, now)) {
    case EMU_PREPARED:
        queue->state = EMU_CP_LAUNCH;
        queue->event = true;
        emu_engine_schedule(now + emu_engine.profile.dispatch_ns, EMU_DUE_QUEUE, queue);
        break;
    case EMU_NEEDS_SCRATCH:
        queue->state = EMU_CP_HEAD;
        break;
    case EMU_REFUSED:
        break;
    }
}

/* The packet has been decoded and its barrier bit is satisfied. */
static void run_packet(struct emu_queue *queue, uint64_t now)
{
    unsigned type = packet_type(queue->packet.header);

    switch (type) {
    case HSA_PACKET_TYPE_KERNEL_DISPATCH:
        run_dispatch(queue, now);
        break;
    case HSA_PACKET_TYPE_BARRIER_AND:
    case HSA_PACKET_TYPE_BARRIER_OR:
        trace_dependencies(queue);
        queue->state = EMU_CP_SIGNALS;
        break;
    case HSA_PACKET_TYPE_VENDOR_SPECIFIC:
        run_vendor(queue, now);
        break;
    default:
        emu_report("queue %u: packet %llu has type %u", queue->id, (unsigned long long)queue->fetch,
                   type);
        emu_aql_error(queue, EMU_QUEUE_INVALID_PACKET, now);
    }
}

/* In state FETCH: either the scratch goes back first, or the packet is fetched. */
static void begin_fetch(struct emu_queue *queue, uint64_t now)
{
    const amd_queue_t *aql = emu_aql_queue(queue);

    if (queue->reclaim && aql) {
        queue->reclaim = false;
        queue->state = EMU_CP_RECLAIM;
        emu_signal_store(aql->queue_inactive_signal.handle, EMU_QUEUE_RECLAIM_SCRATCH);
        return;
    }
    queue->state = EMU_CP_DECODE;
    queue->event = true;
    emu_engine_schedule(now + emu_engine.profile.packet_ns, EMU_DUE_QUEUE, queue);
}

/* Has the runtime allocate scratch; it looks at the packet at read_dispatch_id for how much. */
static void ask_for_scratch(struct emu_queue *queue)
{
    const amd_queue_t *aql = emu_aql_queue(queue);

    queue->state = EMU_CP_SCRATCH;
    if (aql)
        emu_signal_store(aql->queue_inactive_signal.handle, EMU_QUEUE_NEEDS_SCRATCH);
    emu_trace("queue %u: packet %llu needs %u bytes of scratch per work-item", queue->id,
              (unsigned long long)queue->fetch, queue->packet.private_segment_size);
}

void emu_aql_run(struct emu_queue *queue, uint64_t now)
{
    switch (queue->state) {
    case EMU_CP_FETCH:
        begin_fetch(queue, now);
        break;
    case EMU_CP_BARRIER:
    case EMU_CP_SCRATCH:
        run_packet(queue, now);
        break;
    case EMU_CP_SIGNALS:
        end_present(queue, now);
        break;
    case EMU_CP_HEAD:
        ask_for_scratch(queue);
        break;
    case EMU_CP_RECLAIM:
        queue->state = EMU_CP_FETCH;
        break;
    default:
        break;
    }
}

/* A packet that goes wrong on order (REEF_EMU_FAIL_PACKET). */
static void fail_packet(struct emu_queue *queue, enum emu_fail_packet how, uint64_t now)
{
    if (how == EMU_FAIL_HANG) { /* what runs goes on; nothing else does, and nobody is told */
        queue->state = EMU_CP_STOPPED;
        return;
    }
    if (how == EMU_FAIL_MEMORY)
        emu_event_memory_fault(slot_va(queue, queue->fetch), true, false);
    emu_aql_error(queue, how == EMU_FAIL_MEMORY ? 0 : EMU_QUEUE_INVALID_PACKET, now);
}

static void decoded(struct emu_queue *queue, uint64_t now)
{
    enum emu_fail_packet failure;

    if (!emu_prefetch_take(queue)) {
        emu_report("queue %u: its ring is not mapped", queue->id);
        emu_event_memory_fault(slot_va(queue, queue->fetch), true, false);
        emu_aql_error(queue, 0, now);
        return;
    }
    queue->decoded_ns = now;
    emu_trace("queue %u: packet %llu, header 0x%04x", queue->id, (unsigned long long)queue->fetch,
              queue->packet.header);
    failure = emu_inject_packet();
    if (failure != EMU_FAIL_NONE)
        fail_packet(queue, failure, now);
    else if (queue->packet.header >> HSA_PACKET_HEADER_BARRIER & 1)
        queue->state = EMU_CP_BARRIER;
    else
        run_packet(queue, now);
}

void emu_aql_event(struct emu_queue *queue, uint64_t now)
{
    if (queue->state == EMU_CP_DECODE)
        decoded(queue, now);
    else if (queue->state == EMU_CP_RETIRE)
        complete_present(queue, now);
    else
        emu_dispatch_launch(queue, now);
}

void emu_aql_unmap(struct emu_queue *queue)
{
    emu_prefetch_drop(queue);
    switch (queue->state) {
    case EMU_CP_LAUNCH:
        emu_dispatch_free(queue->launching);
        queue->launching = NULL;
        break;
    case EMU_CP_DECODE:
    case EMU_CP_BARRIER:
    case EMU_CP_SIGNALS:
    case EMU_CP_HEAD:
        break;
    default: /* nothing fetched, or it has taken effect */
        return;
    }
    if (queue->event)
        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);
    queue->event = false;
    queue->state = EMU_CP_FETCH;
}
