// SPDX-License-Identifier: Apache-2.0
/*
 * A block: its warps, its shared memory, its local time. Its warps run in short stretches, always
 * the one that is furthest behind, so that warps which wait for each other's stores get them.
 */
#include "exec.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { STRETCH_CYCLES = 2048, SPECIAL_BYTES = PTX_SPECIAL_COUNT * PTX_LANES * 4 };

struct whole { /* a block as it is allocated */
    struct ptx_block block;
    uint64_t time; /* local, in cycles: worked out up to here */
    uint8_t state[];
};

uint32_t ptx_launch_blocks(const struct ptx_launch *launch)
{
    return launch->grid[0] * launch->grid[1] * launch->grid[2];
}

static uint32_t threads_of(const struct ptx_launch *launch)
{
    return launch->block[0] * launch->block[1] * launch->block[2];
}

uint32_t ptx_launch_warps(const struct ptx_launch *launch)
{
    return (threads_of(launch) + PTX_LANES - 1) / PTX_LANES;
}

static void set_special(struct ptx_warp *w, enum ptx_special which, uint32_t value)
{
    uint32_t *lanes = (uint32_t *)w->specials + which * PTX_LANES;

    for (unsigned l = 0; l < PTX_LANES; l++)
        lanes[l] = value;
}

static uint32_t *special_lanes(struct ptx_warp *w, enum ptx_special which)
{
    return (uint32_t *)w->specials + which * PTX_LANES;
}

static void fill_specials(struct ptx_warp *w, uint32_t number)
{
    const struct ptx_block *block = w->block;
    const struct ptx_launch *launch = block->launch;
    const uint32_t *size = launch->block, *grid = launch->grid;

    for (unsigned i = 0; i < 3; i++) {
        set_special(w, (enum ptx_special)(PTX_NTID_X + i), size[i]);
        set_special(w, (enum ptx_special)(PTX_NCTAID_X + i), grid[i]);
    }
    set_special(w, PTX_CTAID_X, block->index % grid[0]);
    set_special(w, PTX_CTAID_Y, block->index / grid[0] % grid[1]);
    set_special(w, PTX_CTAID_Z, block->index / grid[0] / grid[1]);
    set_special(w, PTX_WARPID, number);
    set_special(w, PTX_NWARPID, block->warps);
    set_special(w, PTX_SMID, block->unit);
    set_special(w, PTX_NSMID, launch->units);
    set_special(w, PTX_GRIDID, (uint32_t)launch->grid_id);
    set_special(w, PTX_DYNAMIC_SMEM, launch->dynamic_shared_bytes);
    set_special(w, PTX_TOTAL_SMEM, block->shared_bytes);
    set_special(w, PTX_WARP_SIZE, PTX_LANES);
    set_special(w, PTX_ONE_NTID, 1);
    set_special(w, PTX_ONE_NCTAID, 1);
    set_special(w, PTX_DYNAMIC_32, (launch->entry->shared_bytes + 15) & ~15u);
    for (unsigned l = 0; l < PTX_LANES; l++) {
        uint64_t begin = (launch->entry->shared_bytes + 15) & ~15u;

        memcpy(w->specials + (size_t)PTX_DYNAMIC_64 * PTX_LANES * 4 + 8 * l, &begin, 8);
    }
    for (unsigned l = 0; l < PTX_LANES; l++) {
        uint32_t thread = number * PTX_LANES + l, bit = 1u << l;

        special_lanes(w, PTX_TID_X)[l] = thread % size[0];
        special_lanes(w, PTX_TID_Y)[l] = thread / size[0] % size[1];
        special_lanes(w, PTX_TID_Z)[l] = thread / size[0] / size[1];
        special_lanes(w, PTX_LANEID)[l] = l;
        special_lanes(w, PTX_LANEMASK_EQ)[l] = bit;
        special_lanes(w, PTX_LANEMASK_LT)[l] = bit - 1;
        special_lanes(w, PTX_LANEMASK_LE)[l] = bit | (bit - 1);
        special_lanes(w, PTX_LANEMASK_GE)[l] = ~(bit - 1);
        special_lanes(w, PTX_LANEMASK_GT)[l] = ~(bit | (bit - 1));
    }
}

/* Whether any function of the module may use memory of the thread, and how much it then gets. */
static uint32_t local_stride(const struct ptx_launch *launch)
{
    const struct ptx_module *module = launch->image->module;
    uint32_t calls = module->pool->call_count, own = launch->entry->local_bytes;
    uint32_t stack = launch->local_limit_bytes;

    if (calls == 0)
        return (own + 15) & ~15u;
    return (own + (stack > own ? stack : own) + 15) & ~15u;
}

static bool start_warp(struct ptx_block *block, uint32_t number)
{
    struct ptx_warp *w = &block->warp[number];
    uint32_t first = number * PTX_LANES, count = block->threads - first;
    struct ptx_frame *frame;

    w->block = block;
    w->all = w->alive = count >= PTX_LANES ? UINT32_MAX : (1u << count) - 1;
    w->specials = calloc(1, SPECIAL_BYTES);
    w->local = block->local_stride ? calloc(PTX_LANES, block->local_stride) : NULL;
    if (!w->specials || (block->local_stride && !w->local))
        return false;
    frame = ptx_frame_enter(w, block->launch->entry, NULL, w->all);
    if (!frame)
        return false;
    w->base[PTX_CONSTANT] = block->launch->image->constants;
    w->base[PTX_SPECIAL] = w->specials;
    w->groups[0] = (struct ptx_group){.mask = w->all, .frame = frame};
    w->group_count = 1;
    fill_specials(w, number);
    return true;
}

struct ptx_block *ptx_block_create(const struct ptx_launch *launch, uint32_t index, uint32_t unit)
{
    uint32_t warps = ptx_launch_warps(launch);
    struct whole *whole = calloc(1, sizeof(*whole) + warps);
    struct ptx_block *block = &whole->block;

    if (!whole)
        return NULL;
    block->launch = launch;
    block->index = index;
    block->unit = unit;
    block->threads = block->alive = threads_of(launch);
    block->local_stride = local_stride(launch);
    block->shared_bytes =
        ((launch->entry->shared_bytes + 15) & ~15u) + launch->dynamic_shared_bytes;
    block->shared = calloc(1, block->shared_bytes + 16);
    block->warp = calloc(warps, sizeof(*block->warp));
    if (!block->shared || !block->warp) {
        ptx_block_destroy(block);
        return NULL;
    }
    block->warps = warps;
    for (uint32_t i = 0; i < warps; i++) {
        if (!start_warp(block, i)) {
            ptx_block_destroy(block);
            return NULL;
        }
    }
    return block;
}

static void free_warp(struct ptx_warp *w)
{
    struct ptx_frame *frame;

    /* Frames in use are reached from the groups; those lead to the entry's by their parents. */
    for (uint32_t i = 0; i < w->group_count; i++) {
        for (frame = w->groups[i].frame; frame; frame = frame->parent) {
            if (frame->lanes == UINT32_MAX && frame->depth == UINT32_MAX)
                break; /* met before */
            frame->lanes = frame->depth = UINT32_MAX;
            frame->free_next = w->free_frames;
            w->free_frames = frame;
        }
    }
    while ((frame = w->free_frames)) {
        w->free_frames = frame->free_next;
        free(frame->regs);
        free(frame);
    }
    free(w->specials);
    free(w->local);
}

void ptx_block_destroy(struct ptx_block *block)
{
    if (!block)
        return;
    for (uint32_t i = 0; i < block->warps; i++)
        free_warp(&block->warp[i]);
    free(block->warp);
    free(block->shared);
    free(block);
}

/* The ready warp that is furthest behind, and the time of the next one. */
static int pick_warp(const struct whole *whole, uint64_t *next)
{
    const struct ptx_block *block = &whole->block;
    int best = -1;

    *next = UINT64_MAX;
    for (uint32_t i = 0; i < block->warps; i++) {
        uint64_t cycles = block->warp[i].cycles;

        if (whole->state[i] == PTX_WARP_ENDED)
            continue;
        if (whole->state[i] == PTX_WARP_WAITS) {
            bool woken = false;

            for (uint32_t g = 0; g < block->warp[i].group_count; g++)
                woken |= block->warp[i].groups[g].state == PTX_GROUP_RUNS;
            if (!woken)
                continue;
        }
        if (best < 0 || cycles < block->warp[best].cycles) {
            if (best >= 0)
                *next = block->warp[best].cycles;
            best = (int)i;
        } else if (cycles < *next) {
            *next = cycles;
        }
    }
    return best;
}

static uint64_t latest(const struct ptx_block *block)
{
    uint64_t most = 0;

    for (uint32_t i = 0; i < block->warps; i++) {
        if (block->warp[i].cycles > most)
            most = block->warp[i].cycles;
    }
    return most;
}

static enum ptx_status finish(struct whole *whole, struct ptx_slice *slice, uint64_t time,
                              enum ptx_status status)
{
    if (time < whole->time)
        time = whole->time;
    slice->used_cycles = time - whole->time;
    whole->time = time;
    for (uint32_t i = 0; i < whole->block.warps; i++) {
        slice->instructions += whole->block.warp[i].instructions;
        whole->block.warp[i].instructions = 0;
    }
    return status;
}

static void begin(struct whole *whole, struct ptx_slice *slice)
{
    struct ptx_block *block = &whole->block;

    slice->used_cycles = slice->instructions = 0;
    slice->fault = (struct ptx_fault){0};
    block->clock_base = slice->start_cycle - whole->time;
    block->time_base = slice->start_ns - whole->time * 1000 / block->launch->clock_mhz;
    for (uint32_t i = 0; i < block->warps; i++)
        memset(block->warp[i].ranges, 0, sizeof(block->warp[i].ranges));
}

enum ptx_status ptx_block_run(struct ptx_block *block, struct ptx_slice *slice)
{
    struct whole *whole = (struct whole *)block;
    uint64_t limit = whole->time + slice->budget_cycles;

    begin(whole, slice);
    for (;;) {
        uint64_t next, until;
        int i = pick_warp(whole, &next);
        struct ptx_warp *w;

        if (block->alive == 0)
            return finish(whole, slice, latest(block), PTX_DONE);
        if (i < 0) {
            slice->fault = (struct ptx_fault){.kind = PTX_FAULT_HANG};
            snprintf(slice->fault.text, sizeof(slice->fault.text),
                     "all threads wait at barriers that cannot complete");
            return finish(whole, slice, latest(block), PTX_FAULT);
        }
        w = &block->warp[i];
        if (w->cycles >= limit)
            return finish(whole, slice, w->cycles, PTX_RUNNING);
        until = next == UINT64_MAX || next + STRETCH_CYCLES > limit ? limit : next + STRETCH_CYCLES;
        whole->state[i] = (uint8_t)ptx_warp_run(w, until, slice->issue_scale_q8, slice->stop);
        if (whole->state[i] == PTX_WARP_FAULT) {
            slice->fault = w->fault;
            return finish(whole, slice, w->cycles, PTX_FAULT);
        }
        if (slice->stop && atomic_load_explicit(slice->stop, memory_order_relaxed) &&
            whole->state[i] == PTX_WARP_READY)
            return finish(whole, slice, whole->time, PTX_STOPPED);
    }
}
