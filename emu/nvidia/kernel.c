// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels on the device: from the front of their stream to their last block's end. A kernel gets a
 * queue of the device while it runs, with the priority of its launch; at most 128 of a process do
 * at a time, as on hardware. Blocks are placed by the device model.
 *
 * While another process has its turn, blocks keep where they are and go on from there.
 */
#include "channel.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>

enum { PRIORITY_BASE = 8 };

/* ---- time ---- */

uint64_t nv_work_least_local(void)
{
    uint64_t least = EMU_NEVER;

    if (nv_engine.parked)
        return least;
    if (nv_engine.heap_used)
        least = nv_engine.heap[0]->local_ns;
    for (unsigned i = 0; i < nv_engine.threads; i++) {
        if (nv_engine.slice[i] && nv_engine.slice[i]->local_ns < least)
            least = nv_engine.slice[i]->local_ns;
    }
    return least;
}

/* A scheduler of a multiprocessor issues for one of its warps at a time; one alone gets every other
 * slot (dependent instructions), so two lose nothing, and k of them take k / 2 times as long. */
static uint32_t issue_scale(const struct emu_device *dev, const struct nv_work *work)
{
    uint32_t scale = 128 * emu_device_waves_beside(dev, (int)work->resident);

    return scale < 256 ? 256 : scale;
}

static void start_ticking(uint64_t now)
{
    if (nv_engine.ticking)
        return;
    nv_engine.ticking = true;
    nv_engine.epoch = now / nv_engine.epoch_ns;
    nv_engine.run_until_ns = (nv_engine.epoch + 2) * nv_engine.epoch_ns;
    nv_schedule((nv_engine.epoch + 1) * nv_engine.epoch_ns, EMU_DUE_TICK, NULL);
}

static void sample(const struct emu_device *dev, struct nv_work *work)
{
    work->scale[0] = work->scale[1];
    work->scale[1] = issue_scale(dev, work);
}

void nv_work_tick(uint64_t now)
{
    const struct emu_device *dev;
    bool any = nv_engine.heap_used > 0;

    nv_engine.ticking = false;
    for (unsigned i = 0; i < nv_engine.threads; i++)
        any |= nv_engine.slice[i] != NULL;
    if (!any || nv_engine.parked)
        return;
    start_ticking(now);
    dev = emu_segment_lock();
    for (size_t i = 0; i < nv_engine.heap_used; i++)
        sample(dev, nv_engine.heap[i]);
    for (unsigned i = 0; i < nv_engine.threads; i++) {
        if (nv_engine.slice[i])
            sample(dev, nv_engine.slice[i]);
    }
    emu_segment_unlock();
    pthread_cond_broadcast(&nv_engine.work_cond);
}

static void move_by(struct nv_work *work, uint64_t ns)
{
    work->base_ns += ns;
    work->local_ns += ns;
}

static void move_to(struct nv_work *work, uint64_t now)
{
    if (work->local_ns < now)
        move_by(work, now - work->local_ns);
}

/* Raising several equally keeps a heap in order but for ties, which go by index. */
static void rebuild_heap(void)
{
    size_t count = nv_engine.heap_used;

    nv_engine.heap_used = 0;
    for (size_t i = 0; i < count; i++)
        nv_heap_push(nv_engine.heap[i]);
}

void nv_work_catch_up(uint64_t now)
{
    emu_calendar_advance(&nv_engine.calendar, now);
    for (size_t i = 0; i < nv_engine.heap_used; i++)
        move_to(nv_engine.heap[i], now);
    rebuild_heap();
    for (unsigned i = 0; i < nv_engine.threads; i++) {
        if (nv_engine.slice[i])
            move_to(nv_engine.slice[i], now);
    }
}

/* ---- turns ---- */

static uint64_t never(const void *what, uint64_t at_ns)
{
    return EMU_NEVER;
}

static uint64_t own_date(const void *what, uint64_t at_ns)
{
    return ((const struct nv_work *)what)->local_ns;
}

void nv_work_park(uint64_t now)
{
    if (nv_engine.parked)
        return;
    nv_engine.parked = true;
    nv_engine.parked_ns = now;
    nv_slices_settle(NULL);
    emu_calendar_redate(&nv_engine.calendar, EMU_DUE_WORK_END, never);
}

void nv_work_resume(uint64_t now)
{
    uint64_t ns = now - nv_engine.parked_ns;

    if (!nv_engine.parked)
        return;
    nv_engine.parked = false;
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        struct nv_work *work = &nv_engine.work[i];

        if (work->state == NV_WORK_READY && !work->block && work->cycles == 0)
            move_to(work, now);
        else if (work->state == NV_WORK_READY || work->state == NV_WORK_ENDED)
            move_by(work, ns);
    }
    rebuild_heap();
    emu_calendar_redate(&nv_engine.calendar, EMU_DUE_WORK_END, own_date);
    if (nv_engine.heap_used)
        start_ticking(now);
    pthread_cond_broadcast(&nv_engine.work_cond);
}

/* ---- blocks ---- */

void nv_work_adopt(struct emu_device *dev, uint64_t now)
{
    static struct nv_work *taken[EMU_MAX_RESIDENTS];
    int me = emu_segment_process(), r;
    unsigned count = 0;

    while ((r = emu_device_take_placed(dev, me)) >= 0) {
        const struct emu_resident *resident = &dev->residents[r];
        struct nv_work *work = &nv_engine.work[r];

        memset(work, 0, sizeof(*work));
        work->resident = (uint32_t)r;
        work->index = resident->workgroup;
        work->unit = resident->cu;
        work->run = nv_engine.runs[resident->dispatch];
        work->base_ns = work->local_ns = resident->placed_ns;
        if (work->run->start_ns == EMU_NEVER) {
            work->run->start_ns = resident->placed_ns;
            nv_engine.unbegun--;
        }
        taken[count++] = work;
    }
    for (unsigned i = 0; i < count; i++) {
        taken[i]->scale[0] = taken[i]->scale[1] = issue_scale(dev, taken[i]);
        move_to(taken[i], now);
        if (!nv_engine.parked)
            start_ticking(now);
        nv_heap_push(taken[i]);
    }
}

static CUresult error_of(enum ptx_fault_kind kind)
{
    switch (kind) {
    case PTX_FAULT_ADDRESS:
        return CUDA_ERROR_ILLEGAL_ADDRESS;
    case PTX_FAULT_MISALIGNED:
        return CUDA_ERROR_MISALIGNED_ADDRESS;
    case PTX_FAULT_SPACE:
        return CUDA_ERROR_INVALID_ADDRESS_SPACE;
    case PTX_FAULT_ASSERT:
        return CUDA_ERROR_ASSERT;
    case PTX_FAULT_PC:
        return CUDA_ERROR_INVALID_PC;
    case PTX_FAULT_STACK:
        return CUDA_ERROR_HARDWARE_STACK_ERROR;
    case PTX_FAULT_HANG:
        return CUDA_ERROR_LAUNCH_TIMEOUT;
    case PTX_FAULT_MISSING:
        return CUDA_ERROR_ILLEGAL_INSTRUCTION;
    default:
        return CUDA_ERROR_LAUNCH_FAILED;
    }
}

static void report(const struct nv_run *run, const struct ptx_fault *fault)
{
    if (fault->kind == PTX_FAULT_MISSING)
        emu_missing("PTX: %s", fault->text);
    emu_report("kernel %s, line %u of its PTX: %s (0x%llx)", run->launch.entry->name, fault->line,
               fault->text, (unsigned long long)fault->va);
}

void nv_work_ended(struct nv_work **list, unsigned count, uint64_t now)
{
    static int residents[EMU_MAX_RESIDENTS];
    struct emu_device *dev = emu_segment_lock();
    struct nv_context *broken = NULL;
    CUresult error = CUDA_SUCCESS;

    for (unsigned i = 0; i < count; i++) {
        struct nv_work *work = list[i];
        struct nv_run *run = work->run;

        residents[i] = (int)work->resident;
        work->state = NV_WORK_NONE;
        if (work->status == PTX_FAULT && !broken) {
            broken = run->command->op.ctx;
            error = error_of(work->fault.kind);
            report(run, &work->fault);
        }
        if (++run->ended == run->blocks)
            nv_schedule(now + nv_profile.completion_ns, EMU_DUE_COMPLETION, run);
    }
    emu_device_release_many(dev, residents, count, now);
    nv_work_adopt(dev, now);
    emu_segment_unlock();
    if (broken)
        nv_context_break(broken, error);
}

/* ---- kernels ---- */

static void free_run(struct nv_run *run)
{
    struct emu_device *dev;

    if (run->device_queue >= 0) {
        dev = emu_segment_lock();
        emu_device_queue_close(dev, run->device_queue);
        emu_segment_unlock();
        nv_engine.runs[run->id] = NULL;
    }
    nv_engine.kernels--;
    nv_engine.unbegun -= run->start_ns == EMU_NEVER;
    run->command->run = NULL;
    nv_command_release(run->command);
    nv_module_release(run->module);
    free(run);
}

static bool find_range(void *context, uint64_t va, struct ptx_range *range)
{
    const struct nv_memory *memory = nv_memory_find(va);

    if (!memory)
        return false;
    *range = memory->range;
    return true;
}

static void print(void *context, const char *text)
{
    extern void nv_print(const char *text);

    nv_print(text);
}

static struct nv_run *make_run(struct nv_command *command)
{
    const struct nv_kernel_args *args = &command->op.kernel;
    struct nv_function *function = args->function;
    struct nv_run *run = calloc(1, sizeof(*run));

    if (!run)
        return NULL;
    run->command = nv_command_retain(command);
    run->module = function->module;
    run->module->refs++;
    run->device_queue = -1;
    run->start_ns = EMU_NEVER;
    run->launch = (struct ptx_launch){
        .image = run->module->linked,
        .entry = function->ptx,
        .dynamic_shared_bytes = args->shared_bytes,
        .local_limit_bytes = command->stack_bytes,
        .params = args->params,
        .global_latency = nv_profile.vmem_latency,
        .shared_latency = nv_profile.lds_latency,
        .const_latency = nv_profile.smem_latency,
        .clock_mhz = nv_profile.clock_mhz,
        .units = nv_profile.compute_units,
        .grid_id = command->number,
        .find_range = find_range,
        .print = print,
        .condition = nv_condition_set,
        .texture = nv_texture,
        .references = nv_bindings_objects(args->bindings),
    };
    memcpy(run->launch.grid, args->grid, sizeof(args->grid));
    memcpy(run->launch.block, args->block, sizeof(args->block));
    run->blocks = ptx_launch_blocks(&run->launch);
    nv_engine.kernels++;
    nv_engine.unbegun++;
    run->shape = nv_shape(function, args->block, args->shared_bytes);
    return run;
}

/* Gives the run a name and a queue on the device and offers its blocks. False: all are taken. */
static bool offer(struct nv_run *run, uint64_t now)
{
    struct emu_device *dev;
    int priority = PRIORITY_BASE - run->command->op.kernel.priority;

    while (run->id < NV_MAX_RUNS && nv_engine.runs[run->id])
        run->id++;
    if (run->id == NV_MAX_RUNS) {
        run->id = 0;
        return false;
    }
    dev = emu_segment_lock();
    run->device_queue = emu_device_queue_open(dev, emu_segment_process(), (uint32_t)priority);
    if (run->device_queue >= 0) {
        const struct emu_units *units = nv_green_units(run->command->op.ctx);

        if (units)
            emu_device_queue_set_units(dev, run->device_queue, units);
        nv_engine.runs[run->id] = run;
        emu_device_dispatch(dev, run->device_queue, run->id, &run->shape, run->blocks, now);
        nv_work_adopt(dev, now);
    }
    emu_segment_unlock();
    return run->device_queue >= 0;
}

void nv_kernel_start(struct nv_command *command, uint64_t now)
{
    nv_channel_group_schedule(command->op.ctx->channel_group);
    command->run = make_run(command);
    if (!command->run) {
        nv_context_break(command->op.ctx, CUDA_ERROR_OUT_OF_MEMORY);
        nv_command_done(command, now);
        return;
    }
    if (command->op.kernel.event && command->op.kernel.event_at_start) {
        command->op.kernel.event->time_ns = now;
        command->op.kernel.event->timed = true;
    }
    nv_schedule(now + nv_profile.packet_ns + nv_profile.dispatch_ns, EMU_DUE_QUEUE, command);
}

void nv_kernel_dispatch(struct nv_command *command, uint64_t now)
{
    struct nv_run *run = command->run;

    if (command->op.ctx->sticky != CUDA_SUCCESS) {
        nv_kernel_complete(run, now); /* its context broke meanwhile */
        return;
    }
    if (nv_engine.waiting || !offer(run, now)) {
        run->next_waiting = NULL;
        if (nv_engine.waiting)
            nv_engine.waiting_last->next_waiting = run;
        else
            nv_engine.waiting = run;
        nv_engine.waiting_last = run;
    }
}

static void serve_waiting(uint64_t now)
{
    while (nv_engine.waiting && offer(nv_engine.waiting, now))
        nv_engine.waiting = nv_engine.waiting->next_waiting;
}

void nv_kernel_complete(struct nv_run *run, uint64_t now)
{
    struct nv_command *command = nv_command_retain(run->command);

    nv_turn_kernel_ends(run);
    free_run(run);
    serve_waiting(now);
    nv_command_done(command, now);
    nv_command_release(command);
}

/* ---- killing ---- */

static void kill_run(struct nv_run *run, uint64_t now)
{
    static int residents[EMU_MAX_RESIDENTS];
    struct emu_device *dev = emu_segment_lock();
    struct nv_command *command = nv_command_retain(run->command);
    unsigned count = 0;

    if (run->device_queue >= 0)
        emu_device_withdraw(dev, run->device_queue);
    nv_work_adopt(dev, now);
    emu_segment_unlock();
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        struct nv_work *work = &nv_engine.work[i];

        if (work->state == NV_WORK_NONE || work->run != run)
            continue;
        if (work->state == NV_WORK_READY)
            nv_heap_remove(work);
        if (work->state == NV_WORK_ENDED)
            emu_calendar_drop(&nv_engine.calendar, EMU_DUE_WORK_END, work);
        ptx_block_destroy(work->block);
        work->block = NULL;
        work->state = NV_WORK_NONE;
        residents[count++] = (int)work->resident;
    }
    emu_calendar_drop(&nv_engine.calendar, EMU_DUE_COMPLETION, run);
    emu_calendar_drop(&nv_engine.calendar, EMU_DUE_QUEUE, command);
    dev = emu_segment_lock();
    emu_device_release_many(dev, residents, count, now);
    nv_work_adopt(dev, now);
    emu_segment_unlock();
    free_run(run);
    nv_command_done(command, now);
    nv_command_release(command);
}

void nv_kernels_kill(struct nv_context *ctx, uint64_t now)
{
    struct nv_run **link = &nv_engine.waiting;

    for (unsigned i = 0; i < NV_MAX_RUNS; i++) {
        if (nv_engine.runs[i] && nv_engine.runs[i]->command->op.ctx == ctx)
            nv_engine.runs[i]->dying = true;
    }
    nv_slices_settle(ctx);
    while (*link) {
        struct nv_run *run = *link;

        if (run->command->op.ctx == ctx) {
            *link = run->next_waiting;
            kill_run(run, now);
            link = &nv_engine.waiting;
        } else {
            nv_engine.waiting_last = run;
            link = &run->next_waiting;
        }
    }
    for (unsigned i = 0; i < NV_MAX_RUNS; i++) {
        if (nv_engine.runs[i] && nv_engine.runs[i]->command->op.ctx == ctx)
            kill_run(nv_engine.runs[i], now);
    }
    serve_waiting(now);
}
