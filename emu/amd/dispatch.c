// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel dispatches: from the packet and the kernel descriptor to work-groups on the device, and
 * from the last one's end to the completion signal.
 *
 * Sources: LLVM AMDGPU usage guide ("Kernel Descriptor", "COMPUTE_PGM_RSRC1/2 for GFX6-GFX11"),
 * hsa/amd_hsa_queue.h (scratch fields), ROCr's AqlQueue::InitScratchSRD (COMPUTE_TMPRING_SIZE).
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_WORKGROUP_ITEMS = 1024, DESCRIPTOR_BYTES = 64 };

/** The kernel descriptor's fields that a dispatch needs, by their offsets. */
struct descriptor {
    uint32_t kernarg_bytes; /* 8 */
    int64_t entry_offset;   /* 16 */
    uint32_t rsrc3;         /* 44 */
    uint32_t rsrc1;         /* 48 */
    uint32_t rsrc2;         /* 52 */
    uint16_t properties;    /* 56 */
};

static enum emu_prepared refuse(struct emu_queue *queue, uint64_t code, const char *why,
                                uint64_t now)
{
    emu_report("queue %u: dispatch packet %llu: %s", queue->id, (unsigned long long)queue->fetch,
               why);
    emu_aql_error(queue, code, now);
    return EMU_REFUSED;
}

/* ---- what the packet says ---- */

/* Returns an error bit and a reason, or 0. */
static uint64_t check_sizes(const hsa_kernel_dispatch_packet_t *p, const char **why)
{
    uint64_t items = (uint64_t)p->workgroup_size_x * p->workgroup_size_y * p->workgroup_size_z;
    uint64_t groups;
    unsigned dimensions = p->setup & 3;

    *why = "bad number of dimensions, or an empty grid";
    if (dimensions == 0 || items == 0 || p->grid_size_x == 0 || p->grid_size_y == 0 ||
        p->grid_size_z == 0)
        return EMU_QUEUE_INVALID_DIM;
    *why = "too many work-groups";
    groups = ((uint64_t)p->grid_size_x + p->workgroup_size_x - 1) / p->workgroup_size_x;
    groups *= ((uint64_t)p->grid_size_y + p->workgroup_size_y - 1) / p->workgroup_size_y;
    if (groups > UINT32_MAX)
        return EMU_QUEUE_INVALID_DIM;
    groups *= ((uint64_t)p->grid_size_z + p->workgroup_size_z - 1) / p->workgroup_size_z;
    if (groups > UINT32_MAX)
        return EMU_QUEUE_INVALID_DIM;
    *why = "more than 1024 work-items in a work-group";
    if (items > MAX_WORKGROUP_ITEMS)
        return EMU_QUEUE_GROUP_TOO_LARGE;
    *why = "more group memory than a compute unit has";
    if (p->group_segment_size > emu_engine.profile.lds_bytes_per_cu)
        return EMU_QUEUE_INVALID_GROUP_MEMORY;
    *why = "no code object";
    if (p->kernel_object == 0)
        return EMU_QUEUE_INVALID_CODE;
    return 0;
}

static bool read_descriptor(uint64_t va, struct descriptor *d)
{
    const char *bytes = emu_vm_host(va, DESCRIPTOR_BYTES);

    if (!bytes)
        return false;
    memcpy(&d->kernarg_bytes, bytes + 8, sizeof(d->kernarg_bytes));
    memcpy(&d->entry_offset, bytes + 16, sizeof(d->entry_offset));
    memcpy(&d->rsrc3, bytes + 44, sizeof(d->rsrc3));
    memcpy(&d->rsrc1, bytes + 48, sizeof(d->rsrc1));
    memcpy(&d->rsrc2, bytes + 52, sizeof(d->rsrc2));
    memcpy(&d->properties, bytes + 56, sizeof(d->properties));
    return true;
}

/* The kernel's own interrupts carry the low byte of an event id; the driver then looks which of the
 * events with that byte have something in their slot. Waking one too many is harmless. */
static void kernel_interrupt(const struct gcn_dispatch *dispatch, uint32_t m0)
{
    enum { SIGNAL_EVENTS = 4096, BYTE = 256 };

    for (uint32_t id = m0 % BYTE; id < SIGNAL_EVENTS; id += BYTE)
        emu_event_signal(0, id);
}

static void fill(struct emu_dispatch *dispatch, const struct emu_queue *queue,
                 const struct descriptor *d, const amd_queue_t *aql)
{
    const hsa_kernel_dispatch_packet_t *p = &queue->packet;
    struct gcn_dispatch *g = &dispatch->gcn;
    uint64_t footprint;

    *g = (struct gcn_dispatch){
        .memory = emu_vm_memory(),
        .code = emu_engine.code,
        .packet_va = queue->args.ring_va + queue->fetch * 64 % queue->args.ring_bytes,
        .queue_va = queue->queue_va,
        .kernarg_va = (uint64_t)p->kernarg_address,
        .entry_va = p->kernel_object + (uint64_t)d->entry_offset,
        .dispatch_id = queue->fetch,
        .rsrc1 = d->rsrc1,
        .rsrc2 = d->rsrc2,
        .rsrc3 = d->rsrc3,
        .properties = d->properties,
        .dimensions = p->setup & 3,
        .workgroup_size = {p->workgroup_size_x, p->workgroup_size_y, p->workgroup_size_z},
        .grid_size = {p->grid_size_x, p->grid_size_y, p->grid_size_z},
        .group_segment_bytes = p->group_segment_size,
        .private_segment_bytes = p->private_segment_size,
        .scratch_base_va = aql->scratch_backing_memory_location,
        .scratch_wave_bytes = (aql->compute_tmpring_size >> 12 & 0x1fff) * 1024,
        .vmem_latency = emu_engine.profile.vmem_latency,
        .lds_latency = emu_engine.profile.lds_latency,
        .smem_latency = emu_engine.profile.smem_latency,
        .clock_mhz = emu_engine.profile.clock_mhz,
        .gws = queue->has_gws ? queue->gws : NULL,
        .interrupt = kernel_interrupt,
    };
    memcpy(g->scratch_resource, aql->scratch_resource_descriptor, sizeof(g->scratch_resource));
    dispatch->packet = queue->fetch;
    dispatch->completion_va = p->completion_signal.handle;
    dispatch->start_ns = EMU_NEVER;
    dispatch->workgroups = gcn_dispatch_workgroups(g);
    footprint = emu_footprint(g->kernarg_va, d->kernarg_bytes);
    dispatch->in_l2 = footprint > 0 && footprint <= emu_engine.profile.l2_bytes;
    dispatch->shape = (struct emu_shape){
        .waves = gcn_dispatch_waves(g),
        .vgprs = ((d->rsrc1 & 63) + 1) * 4,
        .sgprs = ((d->rsrc1 >> 6 & 15) / 2 + 1) * 16,
        .lds_bytes = p->group_segment_size,
    };
}

/* How long a work-group takes, if that is given. */
static void find_duration(struct emu_dispatch *dispatch, uint64_t kernel_object)
{
    char name[1024];
    const uint32_t *curve_ns;

    if (!emu_engine.durations || !emu_kernel_name(kernel_object, name, sizeof(name)))
        return;
    emu_trace("kernel %s", name);
    curve_ns = emu_durations_find(emu_engine.durations, name, &dispatch->curve_length);
    if (dispatch->curve_length > 1)
        memcpy(dispatch->curve_ns, curve_ns, dispatch->curve_length * sizeof(*curve_ns));
    if (dispatch->curve_length != 1)
        return;
    dispatch->curve_length = EMU_DURATION_POINTS;
    emu_curve_from_one(curve_ns[0], dispatch->shape.waves, emu_engine.profile.simds_per_cu,
                       EMU_DURATION_POINTS, dispatch->curve_ns);
}

/* Gives it a name on the device. */
static bool enter(struct emu_dispatch *dispatch)
{
    for (uint32_t i = 0; i < EMU_MAX_DISPATCHES; i++) {
        uint32_t id = emu_engine.next_dispatch++ % EMU_MAX_DISPATCHES;

        if (emu_engine.dispatches[id])
            continue;
        emu_engine.dispatches[id] = dispatch;
        dispatch->id = id;
        return true;
    }
    return false;
}

void emu_dispatch_free(struct emu_dispatch *dispatch)
{
    emu_engine.dispatches[dispatch->id] = NULL;
    free(dispatch);
}

enum emu_prepared emu_dispatch_prepare(struct emu_queue *queue, uint64_t now)
{
    const hsa_kernel_dispatch_packet_t *p = &queue->packet;
    const amd_queue_t *aql = emu_aql_queue(queue);
    struct emu_dispatch *dispatch;
    struct descriptor descriptor;
    const char *why;
    uint64_t code = check_sizes(p, &why);

    if (code)
        return refuse(queue, code, why, now);
    if (!aql || !read_descriptor(p->kernel_object, &descriptor)) {
        emu_event_memory_fault(p->kernel_object, true, false);
        return refuse(queue, 0, "its kernel descriptor is not mapped", now);
    }
    if (p->private_segment_size > aql->scratch_wave64_lane_byte_size)
        return EMU_NEEDS_SCRATCH;
    dispatch = calloc(1, sizeof(*dispatch));
    if (!dispatch || !enter(dispatch)) {
        free(dispatch);
        return refuse(queue, EMU_QUEUE_INVALID_PACKET, "too many dispatches at once", now);
    }
    dispatch->queue = queue;
    fill(dispatch, queue, &descriptor, aql);
    find_duration(dispatch, p->kernel_object);
    why = NULL;
    if (emu_occupancy(&emu_engine.profile, &dispatch->shape) == 0)
        why = "a work-group needs more registers than a compute unit has";
    else if (p->private_segment_size && (aql->compute_tmpring_size & 0xfff) < dispatch->shape.waves)
        why = "a work-group needs more scratch than the queue has";
    if (why) {
        emu_dispatch_free(dispatch);
        return refuse(queue, EMU_QUEUE_OUT_OF_REGISTERS, why, now);
    }
    queue->launching = dispatch;
    queue->reclaim =
        p->private_segment_size && (aql->queue_properties & AMD_QUEUE_PROPERTIES_USE_SCRATCH_ONCE);
    emu_trace("queue %u: packet %llu: %u work-groups of %u waves, %u vgprs, %u sgprs, %u B LDS, "
              "%u B scratch",
              queue->id, (unsigned long long)queue->fetch, dispatch->workgroups,
              dispatch->shape.waves, dispatch->shape.vgprs, dispatch->shape.sgprs,
              dispatch->shape.lds_bytes, p->private_segment_size);
    return EMU_PREPARED;
}

void emu_dispatch_launch(struct emu_queue *queue, uint64_t now)
{
    struct emu_dispatch *dispatch = queue->launching;
    struct emu_device *dev = emu_segment_lock();
    int rc = emu_device_dispatch(dev, queue->device_queue, dispatch->id, &dispatch->shape,
                                 dispatch->workgroups, now);

    queue->launching = NULL;
    if (rc == 0) {
        queue->in_flight++;
        queue->fetch++;
        queue->state = EMU_CP_PLACE;
        emu_aql_launched(queue, dispatch->packet);
        emu_work_adopt(dev, now);
    }
    emu_segment_unlock();
    if (rc != 0) { /* cannot be: the shape fits, and the queue had no work-groups waiting */
        emu_dispatch_free(dispatch);
        refuse(queue, EMU_QUEUE_INVALID_PACKET, "the device refuses it", now);
    }
}

void emu_dispatch_complete(struct emu_dispatch *dispatch, uint64_t now)
{
    struct emu_queue *queue = dispatch->queue;
    uint64_t signal = dispatch->completion_va;

    queue->in_flight--;
    emu_trace("queue %u: packet %llu complete: %llu ns", queue->id,
              (unsigned long long)dispatch->packet, (unsigned long long)(now - dispatch->start_ns));
    emu_aql_complete(queue, dispatch->packet);
    if (signal)
        emu_signal_complete(signal, dispatch->start_ns, now);
    emu_dispatch_free(dispatch);
}

/* ---- scratch slots ---- */

static bool slot_used(const struct emu_queue *queue, unsigned slot)
{
    return queue->scratch_used[slot / 64] >> slot % 64 & 1;
}

static void mark(struct emu_queue *queue, unsigned slot, unsigned count, bool used)
{
    for (unsigned i = slot; i < slot + count; i++) {
        if (used)
            queue->scratch_used[i / 64] |= 1ull << i % 64;
        else
            queue->scratch_used[i / 64] &= ~(1ull << i % 64);
    }
}

bool emu_scratch_take(struct emu_work *work)
{
    struct emu_queue *queue = work->dispatch->queue;
    const amd_queue_t *aql = emu_aql_queue(queue);
    unsigned waves = work->dispatch->shape.waves;
    unsigned limit, run = 0;

    if (work->dispatch->gcn.private_segment_bytes == 0 || work->scratch_slot >= 0 || !aql)
        return true;
    limit = aql->compute_tmpring_size & 0xfff;
    for (unsigned slot = 0; slot < limit; slot++) {
        run = slot_used(queue, slot) ? 0 : run + 1;
        if (run < waves)
            continue;
        work->scratch_slot = (int)(slot + 1 - waves);
        mark(queue, (unsigned)work->scratch_slot, waves, true);
        return true;
    }
    return false;
}

void emu_scratch_give(struct emu_work *work)
{
    if (work->scratch_slot < 0)
        return;
    mark(work->dispatch->queue, (unsigned)work->scratch_slot, work->dispatch->shape.waves, false);
    work->scratch_slot = -1;
}
