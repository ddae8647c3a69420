// SPDX-License-Identifier: Apache-2.0
/*
 * Resident work-groups, from the moment the device has placed them to the moment their place is
 * given back. The engine's lock is held in all of this.
 */
#include "engine.h"

#include "gcn/uncached.h"

#include <string.h>

/* ---- which places are ours ---- */

static void set_live(const struct emu_work *work, bool live)
{
    uint64_t bit = 1ull << work->resident % 64;

    if (live)
        emu_engine.live[work->resident / 64] |= bit;
    else
        emu_engine.live[work->resident / 64] &= ~bit;
}

/* The next work-group of the queue from index @from on, or NULL. */
static struct emu_work *next_of(const struct emu_queue *queue, unsigned from)
{
    for (unsigned i = from / 64; i < EMU_MAX_RESIDENTS / 64; i++) {
        uint64_t bits = emu_engine.live[i];

        if (i == from / 64)
            bits &= UINT64_MAX << from % 64;
        for (; bits; bits &= bits - 1) {
            struct emu_work *work = &emu_engine.work[i * 64 + (unsigned)__builtin_ctzll(bits)];

            if (work->dispatch->queue == queue)
                return work;
        }
    }
    return NULL;
}

#define FOR_WORK_OF(work, queue)                                                                   \
    for (struct emu_work *work = next_of(queue, 0); work; work = next_of(queue, work->resident + 1))

/* ---- time ---- */

uint64_t emu_work_least_local(void)
{
    uint64_t least = emu_engine.heap_used ? emu_engine.heap[0]->local_ns : EMU_NEVER;

    for (unsigned i = 0; i < emu_engine.threads; i++) {
        if (emu_engine.slice[i] && emu_engine.slice[i]->local_ns < least)
            least = emu_engine.slice[i]->local_ns;
    }
    return least;
}

/* The whole time of a work-group whose duration is given, in its present company. */
static uint32_t given_ns(const struct emu_device *dev, const struct emu_work *work)
{
    const struct emu_dispatch *dispatch = work->dispatch;
    uint64_t ns = emu_curve_at(dispatch->curve_ns, dispatch->curve_length, dispatch->shape.waves,
                               emu_device_waves_on_unit(dev, (int)work->resident));

    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* What an issue costs a wave that shares its SIMD with others: a SIMD issues for one of its waves
 * in four cycles; a wave alone gets every other of these slots (dependent instructions), so two
 * waves beside each other lose nothing and k of them take k / 2 times as long. In units of 1/256.
 */
static uint32_t issue_scale(const struct emu_device *dev, const struct emu_work *work)
{
    uint32_t scale = 128 * emu_device_waves_beside(dev, (int)work->resident);

    return scale < 256 ? 256 : scale;
}

/* What the work-group pays in its present company; @units have work. */
static struct emu_work_cost cost_of(const struct emu_device *dev, const struct emu_work *work,
                                    uint32_t units)
{
    struct emu_memory_share share;

    if (work->dispatch->curve_length)
        return (struct emu_work_cost){.scale = given_ns(dev, work)};
    share =
        emu_memory_share(&emu_engine.profile, emu_device_waves_on_unit(dev, (int)work->resident),
                         units, work->dispatch->in_l2);
    return (struct emu_work_cost){
        .scale = issue_scale(dev, work),
        .pace = {share.line_q8, share.fill_q8, share.lds_q8},
    };
}

static void start_ticking(uint64_t now)
{
    if (emu_engine.ticking)
        return;
    emu_engine.ticking = true;
    emu_engine.epoch = now / emu_engine.epoch_ns;
    gcn_uncached_epoch(emu_engine.epoch);
    emu_engine.run_until_ns = (emu_engine.epoch + 2) * emu_engine.epoch_ns;
    emu_engine_schedule((emu_engine.epoch + 1) * emu_engine.epoch_ns, EMU_DUE_TICK, NULL);
}

static void sample(const struct emu_device *dev, struct emu_work *work, uint32_t units)
{
    work->cost[0] = work->cost[1];
    work->cost[1] = cost_of(dev, work, units);
}

void emu_work_tick(uint64_t now)
{
    const struct emu_device *dev;
    bool any = emu_engine.heap_used > 0;
    uint32_t units;

    emu_engine.ticking = false;
    for (unsigned i = 0; i < emu_engine.threads; i++)
        any |= emu_engine.slice[i] != NULL;
    if (!any)
        return;
    start_ticking(now);
    dev = emu_segment_lock();
    units = emu_device_units_in_use(dev, emu_segment_process());
    for (size_t i = 0; i < emu_engine.heap_used; i++)
        sample(dev, emu_engine.heap[i], units);
    for (unsigned i = 0; i < emu_engine.threads; i++) {
        if (emu_engine.slice[i])
            sample(dev, emu_engine.slice[i], units);
    }
    emu_segment_unlock();
    pthread_cond_broadcast(&emu_engine.work_cond);
}

static void move_to(struct emu_work *work, uint64_t now)
{
    if (work->local_ns >= now)
        return;
    work->base_ns += now - work->local_ns;
    work->local_ns = now;
}

void emu_work_catch_up(uint64_t now)
{
    size_t count = emu_engine.heap_used;

    emu_calendar_advance(&emu_engine.calendar, now);
    /* Raising several equally keeps a heap in order but for ties, which go by index. */
    emu_engine.heap_used = 0;
    for (size_t i = 0; i < count; i++) {
        struct emu_work *work = emu_engine.heap[i];

        move_to(work, now);
        emu_heap_push(work);
    }
    for (unsigned i = 0; i < emu_engine.threads; i++) {
        if (emu_engine.slice[i])
            move_to(emu_engine.slice[i], now);
    }
}

static void delay(struct emu_work *work, uint64_t delay_ns)
{
    work->base_ns += delay_ns;
    work->local_ns += delay_ns;
}

void emu_work_delay(uint64_t delay_ns)
{
    /* Raising all equally keeps a heap in order. */
    for (size_t i = 0; i < emu_engine.heap_used; i++)
        delay(emu_engine.heap[i], delay_ns);
    for (unsigned i = 0; i < emu_engine.threads; i++) {
        if (emu_engine.slice[i])
            delay(emu_engine.slice[i], delay_ns);
    }
}

/* ---- beginning, and going on ---- */

static void park(struct emu_work *work, uint64_t now)
{
    work->lead_ns = work->local_ns > now ? work->local_ns - now : 0;
    work->state = EMU_WORK_PARKED;
}

/* The resident's work-group begins at @at_ns, unless it has to wait. */
static void begin(struct emu_work *work, uint64_t now, uint64_t at_ns)
{
    move_to(work, at_ns > emu_engine.mapped_ns ? at_ns : emu_engine.mapped_ns);
    if (work->dispatch->queue->suspended) {
        park(work, now);
    } else if (!emu_scratch_take(work)) {
        struct emu_work **link = &work->dispatch->queue->scratch_waiters;

        while (*link)
            link = &(*link)->next;
        *link = work;
        work->next = NULL;
        work->state = EMU_WORK_SCRATCH;
    } else {
        start_ticking(now);
        emu_heap_push(work);
    }
}

/* A parked work-group goes on at @at_ns where it was. */
static void unpark(struct emu_work *work, uint64_t now, uint64_t at_ns)
{
    uint64_t local_ns = at_ns + work->lead_ns;

    if (local_ns > work->local_ns)
        delay(work, local_ns - work->local_ns);
    if (work->through) {
        work->through = false;
        work->state = EMU_WORK_ENDED;
        emu_engine_schedule(work->local_ns, EMU_DUE_WORK_END, work);
    } else {
        begin(work, now, at_ns); /* one that never ran may still need scratch */
    }
}

/* A work-group whose waves had been saved has a place again. */
static void restore(struct emu_work *work, uint64_t now)
{
    if (work->dispatch->queue->suspended) /* again */
        return;
    unpark(work, now, now + emu_settings()->restore_ns);
}

void emu_work_adopt(struct emu_device *dev, uint64_t now)
{
    static struct emu_work *taken[EMU_MAX_RESIDENTS];
    int me = emu_segment_process();
    unsigned count = 0;
    uint32_t units;
    int r;

    while ((r = emu_device_take_placed(dev, me)) >= 0) {
        const struct emu_resident *resident = &dev->residents[r];
        struct emu_work *work = &emu_engine.work[r];

        taken[count++] = work;
        if (work->state == EMU_WORK_PARKED)
            continue;
        memset(work, 0, sizeof(*work));
        work->resident = (uint32_t)r;
        set_live(work, true);
        work->workgroup = resident->workgroup;
        work->dispatch = emu_engine.dispatches[resident->dispatch];
        work->scratch_slot = -1;
        work->left_q32 = work->dispatch->curve_length ? 1ull << 32 : 0;
        work->base_ns = work->local_ns = resident->placed_ns;
        if (work->dispatch->start_ns == EMU_NEVER)
            work->dispatch->start_ns = resident->placed_ns;
    }
    units = count > 0 ? emu_device_units_in_use(dev, me) : 0;
    for (unsigned i = 0; i < count; i++) {
        taken[i]->cost[0] = taken[i]->cost[1] = cost_of(dev, taken[i], units);
        if (taken[i]->state == EMU_WORK_PARKED)
            restore(taken[i], now);
        else
            begin(taken[i], now, now);
    }
    for (unsigned i = 0; i < EMU_MAX_QUEUES && emu_engine.queue_count; i++) {
        struct emu_queue *queue = emu_engine.queues[i];
        const struct emu_device_queue *placing;

        if (!queue || queue->state != EMU_CP_PLACE)
            continue;
        placing = &dev->queues[queue->device_queue];
        if (placing->next_workgroup >= placing->total_workgroups)
            queue->state = EMU_CP_FETCH;
    }
}

/* ---- end ---- */

/* Scratch slots have become free: those who wait for them go on. */
static void serve_scratch_waiters(struct emu_queue *queue, uint64_t now)
{
    struct emu_work *work = queue->suspended ? NULL : queue->scratch_waiters;

    while (work) {
        struct emu_work *next = work->next;

        if (!emu_scratch_take(work))
            break;
        queue->scratch_waiters = next;
        move_to(work, now);
        start_ticking(now);
        emu_heap_push(work);
        work = next;
    }
}

static void report_fault(const struct emu_work *work, uint64_t now)
{
    const struct gcn_fault *fault = &work->fault;
    struct emu_queue *queue = work->dispatch->queue;
    uint64_t code = EMU_QUEUE_ILLEGAL_INSTRUCTION;

    switch (fault->kind) {
    case GCN_FAULT_UNMAPPED:
    case GCN_FAULT_READ_ONLY:
        emu_report("queue %u: %s at pc 0x%llx: address 0x%llx is %s", queue->id, fault->text,
                   (unsigned long long)fault->pc, (unsigned long long)fault->va,
                   fault->kind == GCN_FAULT_UNMAPPED ? "not mapped" : "read-only");
        emu_event_memory_fault(fault->va, fault->kind == GCN_FAULT_UNMAPPED,
                               fault->kind == GCN_FAULT_READ_ONLY);
        code = 0;
        break;
    case GCN_FAULT_TRAP:
        emu_report("queue %u: trap %llu at pc 0x%llx", queue->id, (unsigned long long)fault->va,
                   (unsigned long long)fault->pc);
        code = EMU_QUEUE_TRAP;
        break;
    case GCN_FAULT_ILLEGAL_INSTRUCTION:
        emu_missing("instruction %s", fault->text);
        emu_report("queue %u: illegal instruction 0x%08x 0x%08x at pc 0x%llx", queue->id,
                   fault->words[0], fault->words[1], (unsigned long long)fault->pc);
        break;
    case GCN_FAULT_NONE: /* of the emulator itself, reported */
        break;
    }
    emu_aql_error(queue, code, now);
}

/* Remembers the first fault of each queue: one stops it. */
static unsigned note_fault(struct emu_work *faulted, unsigned count, const struct emu_work *work)
{
    for (unsigned i = 0; i < count; i++) {
        if (faulted[i].dispatch->queue == work->dispatch->queue)
            return count;
    }
    faulted[count] = *work;
    return count + 1;
}

void emu_work_ended(struct emu_work **list, unsigned count, uint64_t now)
{
    static int residents[EMU_MAX_RESIDENTS];
    static struct emu_work faulted[EMU_MAX_QUEUES]; /* copies: the places are given away below */
    struct emu_device *dev = emu_segment_lock();
    unsigned faults = 0;

    for (unsigned i = 0; i < count; i++) {
        struct emu_work *work = list[i];

        residents[i] = (int)work->resident;
        emu_scratch_give(work);
        work->state = EMU_WORK_NONE;
        set_live(work, false);
        if (work->status == GCN_FAULT) {
            faults = note_fault(faulted, faults, work);
            emu_device_withdraw(dev, work->dispatch->queue->device_queue);
        } else if (++work->dispatch->ended == work->dispatch->workgroups) {
            emu_engine_schedule(now + emu_engine.profile.completion_ns +
                                    emu_settings()->completion_delay_ns,
                                EMU_DUE_COMPLETION, work->dispatch);
        }
    }
    emu_device_release_many(dev, residents, count, now);
    emu_work_adopt(dev, now);
    emu_segment_unlock();
    for (unsigned i = 0; i < EMU_MAX_QUEUES; i++) {
        if (emu_engine.queues[i] && emu_engine.queues[i]->scratch_waiters)
            serve_scratch_waiters(emu_engine.queues[i], now);
    }
    for (unsigned i = 0; i < faults; i++)
        report_fault(&faulted[i], now);
}

/* ---- kill, park ---- */

void emu_work_kill(struct emu_queue *queue, uint64_t now)
{
    static int residents[EMU_MAX_RESIDENTS];
    struct emu_device *dev = emu_segment_lock();
    unsigned count = 0;

    emu_device_withdraw(dev, queue->device_queue);
    emu_work_adopt(dev, now); /* another process may just have made room for some */
    emu_segment_unlock();
    FOR_WORK_OF(work, queue)
    {
        if (work->state == EMU_WORK_READY)
            emu_heap_remove(work);
        if (work->state == EMU_WORK_ENDED)
            emu_calendar_drop(&emu_engine.calendar, EMU_DUE_WORK_END, work);
        gcn_workgroup_destroy(work->wg);
        work->wg = NULL;
        work->state = EMU_WORK_NONE;
        set_live(work, false);
        residents[count++] = (int)work->resident;
    }
    queue->scratch_waiters = NULL;
    memset(queue->scratch_used, 0, sizeof(queue->scratch_used));
    for (uint32_t d = 0; d < EMU_MAX_DISPATCHES; d++) {
        struct emu_dispatch *dispatch = emu_engine.dispatches[d];

        if (!dispatch || dispatch->queue != queue)
            continue;
        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_COMPLETION, dispatch);
        emu_dispatch_free(dispatch);
    }
    queue->launching = NULL;
    queue->in_flight = 0;
    dev = emu_segment_lock();
    emu_device_release_many(dev, residents, count, now);
    emu_work_adopt(dev, now);
    emu_segment_unlock();
}

void emu_work_end_all(uint64_t now)
{
    static struct emu_work *list[EMU_MAX_RESIDENTS];
    unsigned count = 0;
    struct emu_device *dev = emu_segment_lock();

    emu_work_adopt(dev, now);
    emu_segment_unlock();
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        struct emu_work *work = &emu_engine.work[i];

        if (work->state != EMU_WORK_READY && work->state != EMU_WORK_SCRATCH)
            continue; /* saved, or its end has a date already */
        if (work->state == EMU_WORK_READY)
            emu_heap_remove(work);
        gcn_workgroup_destroy(work->wg);
        work->wg = NULL;
        work->status = GCN_DONE;
        list[count++] = work;
    }
    for (unsigned i = 0; i < EMU_MAX_QUEUES; i++) {
        if (emu_engine.queues[i])
            emu_engine.queues[i]->scratch_waiters = NULL;
    }
    emu_work_ended(list, count, now);
}

bool emu_work_any(const struct emu_queue *queue)
{
    return next_of(queue, 0) != NULL;
}

bool emu_work_park(struct emu_queue *queue, uint64_t now)
{
    bool any = false;

    FOR_WORK_OF(work, queue)
    {
        any = true;
        if (work->state == EMU_WORK_PARKED)
            continue; /* since it was suspended before: it has had no place meanwhile */
        if (work->state == EMU_WORK_READY)
            emu_heap_remove(work);
        work->through = work->state == EMU_WORK_ENDED;
        if (work->through)
            emu_calendar_drop(&emu_engine.calendar, EMU_DUE_WORK_END, work);
        park(work, now);
    }
    queue->scratch_waiters = NULL; /* they ask again when they begin */
    return any;
}

void emu_work_resume(struct emu_queue *queue, uint64_t now, uint64_t at_ns)
{
    struct emu_device *dev = emu_segment_lock();
    uint32_t units = emu_device_units_in_use(dev, emu_segment_process());

    FOR_WORK_OF(work, queue)
    {
        if (work->state != EMU_WORK_PARKED ||
            dev->residents[work->resident].used != EMU_RESIDENT_TAKEN)
            continue;
        work->cost[0] = work->cost[1] = cost_of(dev, work, units);
        unpark(work, now, at_ns);
    }
    emu_segment_unlock();
}
