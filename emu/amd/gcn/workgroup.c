// SPDX-License-Identifier: Apache-2.0
/*
 * Work-groups: initial state of their waves, and the runner. Initial registers are those of the
 * LLVM AMDGPU usage guide, "Initial Kernel Execution State" (code object v3 to v4): user SGPRs
 * packed in the order of the descriptor's property bits, then work-group ids, work-group info and
 * the scratch wave offset; work-item ids in VGPR 0 to 2.
 *
 * Time: each wave has its own clock, in shader cycles since the work-group's start. A slice runs
 * every wave to a common point, a quantum at a time, so that waves which wait for one another by
 * polling LDS make progress; a barrier lifts all waves to the clock of the last that came.
 */
#include "code.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    VGPR_ROWS = 256 + 16,  /* see struct gcn_wave.vgpr */
    LDS_BYTES = 64 * 1024, /* of a compute unit */
    WAVES_MAX = 16,        /* of a work-group of 1024 work-items */
    CLASSES = 5,           /* memory blocks for 1, 2, 4, 8, 16 waves */
    KEPT_WAVES = 1024,     /* how many waves' worth of free blocks is kept */
    QUANTUM = 32768,       /* cycles that a wave runs before the next one gets its turn */
    CHECK_EVERY = 256,     /* instructions between two looks at the stop flag */
};

/* Free memory blocks by size class: making one anew costs page faults, more than a small
 * work-group's whole execution. protects: free_blocks, kept_waves. */
static pthread_mutex_t free_lock = PTHREAD_MUTEX_INITIALIZER;
static struct gcn_workgroup *free_blocks[CLASSES];
static unsigned kept_waves;

static size_t align_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* A block holds the work-group, its waves, their vector registers and LDS, in this order. */
static struct gcn_workgroup *block_take(unsigned waves)
{
    const size_t vgpr_bytes = sizeof(uint32_t[VGPR_ROWS][64]);
    unsigned size_class = 0;
    size_t waves_at, vgprs_at, lds_at, size;
    struct gcn_workgroup *wg;
    char *block;

    while (1u << size_class < waves)
        size_class++;
    pthread_mutex_lock(&free_lock);
    wg = free_blocks[size_class];
    if (wg) {
        free_blocks[size_class] = wg->next_free;
        kept_waves -= 1u << size_class;
    }
    pthread_mutex_unlock(&free_lock);
    waves_at = align_up(sizeof(*wg), 64);
    vgprs_at = align_up(waves_at + (sizeof(struct gcn_wave) << size_class), 4096);
    lds_at = vgprs_at + (vgpr_bytes << size_class);
    size = lds_at + LDS_BYTES;
    block = wg ? (char *)wg : aligned_alloc(4096, align_up(size, 4096));
    if (!block)
        return NULL;
    wg = (struct gcn_workgroup *)block;
    memset(wg, 0, sizeof(*wg));
    wg->size_class = size_class;
    wg->waves = waves;
    wg->wave = (struct gcn_wave *)(block + waves_at);
    wg->lds = block + lds_at;
    for (unsigned i = 0; i < waves; i++) {
        memset(&wg->wave[i], 0, sizeof(wg->wave[i]));
        wg->wave[i].vgpr = (uint32_t(*)[64])(block + vgprs_at + i * vgpr_bytes);
    }
    return wg;
}

void gcn_workgroup_destroy(struct gcn_workgroup *wg)
{
    bool keep;

    if (!wg)
        return;
    pthread_mutex_lock(&free_lock);
    keep = kept_waves + (1u << wg->size_class) <= KEPT_WAVES;
    if (keep) {
        kept_waves += 1u << wg->size_class;
        wg->next_free = free_blocks[wg->size_class];
        free_blocks[wg->size_class] = wg;
    }
    pthread_mutex_unlock(&free_lock);
    if (!keep)
        free(wg);
}

static uint32_t divide_up(uint32_t n, uint32_t by)
{
    return n / by + (n % by != 0);
}

uint32_t gcn_dispatch_waves(const struct gcn_dispatch *d)
{
    return divide_up((uint32_t)d->workgroup_size[0] * d->workgroup_size[1] * d->workgroup_size[2],
                     64);
}

uint32_t gcn_dispatch_workgroups(const struct gcn_dispatch *d)
{
    return divide_up(d->grid_size[0], d->workgroup_size[0]) *
           divide_up(d->grid_size[1], d->workgroup_size[1]) *
           divide_up(d->grid_size[2], d->workgroup_size[2]);
}

/* The inline constants as 32-bit operations see them. */
static void fill_constants(uint32_t *sgpr)
{
    static const float reals[] = {0.5f, -0.5f, 1.0f, -1.0f, 2.0f, -2.0f, 4.0f, -4.0f};

    for (int i = 0; i <= 64; i++)
        sgpr[GCN_CONSTANTS + i] = i;
    for (int i = 1; i <= 16; i++)
        sgpr[GCN_CONSTANTS + 64 + i] = -i;
    sgpr[GCN_SRC_SHARED_LIMIT] = 0xffffffffu; /* the low halves; those of the bases are 0 */
    sgpr[GCN_SRC_PRIVATE_LIMIT] = 0xffffffffu;
    memcpy(&sgpr[240], reals, sizeof(reals));
    sgpr[248] = 0x3e22f983; /* 1 / (2 pi) */
}

/* Appends to the packed user SGPRs as far as the descriptor has them allocated. */
static void put(uint32_t *sgpr, unsigned limit, unsigned *at, uint32_t value)
{
    if (*at < limit)
        sgpr[*at] = value;
    ++*at;
}

static void put64(uint32_t *sgpr, unsigned limit, unsigned *at, uint64_t value)
{
    put(sgpr, limit, at, (uint32_t)value);
    put(sgpr, limit, at, value >> 32);
}

static void set_sgprs(struct gcn_wave *w, const struct gcn_dispatch *d)
{
    enum { /* kernel descriptor, properties */
           PRIVATE_BUFFER = 1,
           DISPATCH_PTR = 2,
           QUEUE_PTR = 4,
           KERNARG_PTR = 8,
           DISPATCH_ID = 16,
           FLAT_SCRATCH_INIT = 32,
           PRIVATE_SIZE = 64,
    };
    const unsigned user = d->rsrc2 >> 1 & 31, all = GCN_FLAT_SCRATCH;
    unsigned at = 0;

    if (d->properties & PRIVATE_BUFFER)
        for (unsigned i = 0; i < 4; i++)
            put(w->sgpr, user, &at, d->scratch_resource[i]);
    if (d->properties & DISPATCH_PTR)
        put64(w->sgpr, user, &at, d->packet_va);
    if (d->properties & QUEUE_PTR)
        put64(w->sgpr, user, &at, d->queue_va);
    if (d->properties & KERNARG_PTR)
        put64(w->sgpr, user, &at, d->kernarg_va);
    if (d->properties & DISPATCH_ID)
        put64(w->sgpr, user, &at, d->dispatch_id);
    if (d->properties & FLAT_SCRATCH_INIT)
        put64(w->sgpr, user, &at, d->scratch_base_va);
    if (d->properties & PRIVATE_SIZE)
        put(w->sgpr, user, &at, d->private_segment_bytes);
    at = user;
    for (unsigned i = 0; i < 3; i++)
        if (d->rsrc2 >> (7 + i) & 1)
            put(w->sgpr, all, &at, w->wg->id[i]);
    if (d->rsrc2 >> 10 & 1) /* work-group info */
        put(w->sgpr, all, &at, w->wg->waves | (w->index == 0 ? 1u << 31 : 0));
    if (d->rsrc2 & 1)
        put(w->sgpr, all, &at, w->scratch_offset);
}

/* Work-item ids of the wave's lanes and EXEC; @size is that of this, perhaps partial, work-group.
 */
static void set_lanes(struct gcn_wave *w, const struct gcn_dispatch *d, const uint32_t size[3])
{
    const uint32_t count = size[0] * size[1] * size[2], ids = d->rsrc2 >> 11 & 3;
    const uint32_t first = w->index * 64, lanes = count - first < 64 ? count - first : 64;
    uint32_t x = first % size[0], y = first / size[0] % size[1], z = first / size[0] / size[1];

    for (unsigned lane = 0; lane < lanes; lane++) {
        w->vgpr[0][lane] = x;
        if (ids >= 1)
            w->vgpr[1][lane] = y;
        if (ids >= 2)
            w->vgpr[2][lane] = z;
        if (++x == size[0]) {
            x = 0;
            if (++y == size[1]) {
                y = 0;
                z++;
            }
        }
    }
    gcn_set_sgpr64(w, GCN_EXEC, lanes == 64 ? ~0ull : (1ull << lanes) - 1);
}

static void wave_init(struct gcn_workgroup *wg, unsigned index, uint32_t scratch_slot,
                      const uint32_t size[3])
{
    const struct gcn_dispatch *d = wg->dispatch;
    struct gcn_wave *w = &wg->wave[index];

    w->wg = wg;
    w->dispatch = d;
    w->index = index;
    w->pc = d->entry_va;
    w->vgprs = ((d->rsrc1 & 63) + 1) * 4;
    if (w->vgprs > 256)
        w->vgprs = 256;
    w->mode = (d->rsrc1 >> 12 & 0xff) | (d->rsrc1 >> 21 & 1 ? GCN_MODE_DX10_CLAMP : 0) |
              (d->rsrc1 >> 23 & 1 ? GCN_MODE_IEEE : 0) |
              (d->rsrc1 >> 26 & 1 ? GCN_MODE_FP16_OVFL : 0);
    w->scratch_offset = (scratch_slot + index) * d->scratch_wave_bytes;
    w->scratch_va = d->scratch_base_va + w->scratch_offset;
    w->state = GCN_WAVE_READY;
    /* The hardware leaves old values in registers; zeros make faulty programs repeatable. */
    memset(w->vgpr, 0, w->vgprs * sizeof(w->vgpr[0]));
    fill_constants(w->sgpr);
    set_sgprs(w, d);
    set_lanes(w, d, size);
}

struct gcn_workgroup *gcn_workgroup_create(const struct gcn_dispatch *d, uint32_t index,
                                           uint32_t scratch_slot)
{
    uint32_t id[3], size[3], rest = index, waves;
    struct gcn_workgroup *wg;

    for (unsigned i = 0; i < 3; i++) {
        uint32_t groups = divide_up(d->grid_size[i], d->workgroup_size[i]), left;

        id[i] = i < 2 ? rest % groups : rest;
        rest /= groups;
        left = d->grid_size[i] - id[i] * d->workgroup_size[i];
        size[i] = left < d->workgroup_size[i] ? left : d->workgroup_size[i];
    }
    waves = divide_up(size[0] * size[1] * size[2], 64);
    if (waves > WAVES_MAX || d->group_segment_bytes > LDS_BYTES)
        return NULL;
    wg = block_take(waves);
    if (!wg)
        return NULL;
    wg->dispatch = d;
    memcpy(wg->id, id, sizeof(id));
    wg->lds_bytes = align_up(d->group_segment_bytes, 512);
    memset(wg->lds, 0, wg->lds_bytes);
    for (unsigned i = 0; i < waves; i++)
        wave_init(wg, i, scratch_slot, size);
    return wg;
}

/* The instruction as it is under VGPR indexing: M0 holds the index and which operands it moves. */
static void apply_gpr_index(const struct gcn_wave *w, struct gcn_inst *inst)
{
    const uint32_t m0 = w->sgpr[GCN_M0], index = m0 & 0xff, which = m0 >> 12;
    bool vector_dst;

    if (!inst->op || inst->op->format < GCN_VOP1 || inst->op->format > GCN_VOP3P)
        return;
    for (unsigned i = 0; i < 3; i++)
        if (inst->src[i] >= GCN_SRC_VGPR && which >> i & 1)
            inst->src[i] = GCN_SRC_VGPR + (inst->src[i] - GCN_SRC_VGPR + index) % 256;
    vector_dst = inst->op->format != GCN_VOPC && !(inst->op->flags & ISA_SGPR_DST);
    if (vector_dst && which >> 3 & 1)
        inst->dst = (inst->dst + index) % 256;
}

static void complete_fault(struct gcn_wave *w, const struct gcn_code_page *page,
                           const struct gcn_inst *inst)
{
    struct gcn_fault *fault = &w->fault;

    fault->pc = page->va + (inst - page->inst) * 4;
    memcpy(fault->words, inst->words, sizeof(fault->words));
    if (!fault->text[0] && inst->op)
        strncpy(fault->text, inst->op->name, sizeof(fault->text) - 1);
}

/* Forgets translations if something was unmapped since they were made. */
static void forget_ranges(struct gcn_thread *thread, struct gcn_memory *memory)
{
    uint64_t generation = atomic_load_explicit(&memory->generation, memory_order_acquire);

    if (generation != thread->generation) {
        thread->generation = generation;
        memset(thread->range, 0, sizeof(thread->range));
    }
}

static bool stopped(const atomic_uint *stop)
{
    return stop && atomic_load_explicit(stop, memory_order_relaxed);
}

/* Runs @w until its clock reaches @until, or it waits, ends or faults; false: the stop flag was
 * seen. */
static bool run_wave(struct gcn_wave *w, uint64_t until, const atomic_uint *stop)
{
    struct gcn_code *code = w->dispatch->code;
    const struct gcn_code_page *page = NULL;
    const struct gcn_inst *inst = NULL;
    uint64_t page_va = w->pc + GCN_CODE_PAGE; /* so that the first look-up misses */
    unsigned count = 0;

    w->limit = until;
    for (;;) {
        while (w->cycle < w->limit && count < CHECK_EVERY) {
            uint64_t index = (w->pc - page_va) / 4;
            gcn_handler handler;

            if (__builtin_expect(index >= GCN_CODE_PAGE / 4, 0)) {
                page = gcn_code_page(code, w->pc);
                if (!page) {
                    gcn_fault_raise(w, GCN_FAULT_UNMAPPED, w->pc);
                    w->fault.pc = w->pc;
                    return true;
                }
                page_va = page->va;
                index = (w->pc - page_va) / 4;
            }
            inst = &page->inst[index];
            handler = __atomic_load_n(&inst->handler, __ATOMIC_ACQUIRE);
            if (__builtin_expect(!handler, 0))
                handler = gcn_code_fill(code, inst, w->pc);
            count++;
            w->pc += inst->size * 4;
            gcn_charge(w, inst->issue_cycles);
            if (__builtin_expect(w->mode & GCN_MODE_GPR_IDX, 0)) {
                struct gcn_inst moved = *inst;

                apply_gpr_index(w, &moved);
                handler(w, &moved);
            } else {
                handler(w, inst);
            }
        }
        w->thread->instructions += count;
        count = 0;
        if (w->fault.kind != GCN_FAULT_NONE) {
            complete_fault(w, page, inst);
            return true;
        }
        if (w->state != GCN_WAVE_READY || w->cycle >= until)
            return true;
        if (stopped(stop))
            return false;
        forget_ranges(w->thread, w->dispatch->memory);
        w->limit = until;
    }
}

/* Local time of the work-group, and the barrier: when every live wave waits, all go on. Returns the
 * number of live waves. */
static unsigned meet(struct gcn_workgroup *wg)
{
    unsigned live = 0, waiting = 0;

    for (unsigned i = 0; i < wg->waves; i++) {
        const struct gcn_wave *w = &wg->wave[i];

        live += w->state != GCN_WAVE_ENDED;
        waiting += w->state == GCN_WAVE_BARRIER;
        if (w->cycle > wg->cycle)
            wg->cycle = w->cycle;
    }
    if (waiting < live || live == 0)
        return live;
    uint64_t last = 0;

    for (unsigned i = 0; i < wg->waves; i++)
        if (wg->wave[i].state == GCN_WAVE_BARRIER && wg->wave[i].cycle > last)
            last = wg->wave[i].cycle;
    for (unsigned i = 0; i < wg->waves; i++)
        if (wg->wave[i].state == GCN_WAVE_BARRIER) {
            wg->wave[i].state = GCN_WAVE_READY;
            wg->wave[i].cycle = last;
        }
    return live;
}

/* One quantum: every wave that can runs to @until. */
static enum gcn_status run_quantum(struct gcn_workgroup *wg, uint64_t until,
                                   struct gcn_slice *slice)
{
    for (unsigned i = 0; i < wg->waves; i++) {
        struct gcn_wave *w = &wg->wave[i];

        if (w->state != GCN_WAVE_READY || w->cycle >= until)
            continue;
        if (stopped(slice->stop) || !run_wave(w, until, slice->stop)) {
            meet(wg);
            return GCN_STOPPED;
        }
        if (w->fault.kind != GCN_FAULT_NONE) {
            slice->fault = w->fault;
            meet(wg);
            return GCN_FAULT;
        }
    }
    return meet(wg) == 0 ? GCN_DONE : GCN_RUNNING;
}

enum gcn_status gcn_workgroup_run(struct gcn_workgroup *wg, struct gcn_thread *thread,
                                  struct gcn_slice *slice)
{
    struct gcn_memory *memory = wg->dispatch->memory;
    const uint64_t start = wg->cycle, limit = start + slice->budget_cycles;
    enum gcn_status status = GCN_RUNNING;

    memset(&slice->fault, 0, sizeof(slice->fault));
    wg->base_cycle = slice->start_cycle - start;
    thread->generation = atomic_load(&memory->generation);
    memset(thread->range, 0, sizeof(thread->range));
    for (unsigned i = 0; i < wg->waves; i++) {
        wg->wave[i].thread = thread;
        /* Never less than a cycle for an instruction of 4, or a loop would be free. */
        wg->wave[i].issue_scale_q8 = slice->issue_scale_q8 < 64 ? 64 : slice->issue_scale_q8;
        wg->wave[i].pace = slice->pace;
    }
    while (status == GCN_RUNNING && wg->cycle < limit) {
        uint64_t until = wg->cycle + QUANTUM;

        status = run_quantum(wg, until < limit ? until : limit, slice);
    }
    slice->used_cycles = wg->cycle - start;
    return status;
}
