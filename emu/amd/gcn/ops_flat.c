// SPDX-License-Identifier: Apache-2.0
/*
 * FLAT, GLOBAL and SCRATCH.
 *
 * Address of a lane: FLAT: a 64-bit VGPR pair + offset. GLOBAL: the same, or an SGPR pair + a
 * 32-bit VGPR
 * + offset. SCRATCH: a 32-bit VGPR or an SGPR + offset, within the lane's private memory. A FLAT
 * address in the shared aperture means LDS, in the private aperture private memory (apertures of 4
 * GiB).
 *
 * Private memory of a wave on gfx9 (LLVM AMDGPU usage guide, "Memory Spaces", "Flat Scratch"): byte
 * b of lane l lies at FLAT_SCRATCH + (b / 4) * 64 * 4 + l * 4 + b % 4. A kernel's prologue sets
 * FLAT_SCRATCH to the wave's part of the queue's backing memory, which is the same as what its
 * MUBUF descriptor addresses (swizzled by elements of 4 bytes, index stride 64), so both may be
 * mixed.
 */
#include "ops_mem.h"

enum { SCRATCH_STEP = 64 * 4 };

static const uint32_t zero_row[64];

/** False, with the fault set, if the instruction has the lds bit and must not have it. */
static inline bool flat_begin(struct gcn_wave *w, const struct gcn_inst *inst)
{
    if (__builtin_expect(inst->mods & GCN_MOD_LDS, 0)) {
        gcn_fault_illegal(w, inst);
        return false;
    }
    return true;
}

static inline void global_addresses(const struct gcn_wave *w, const struct gcn_inst *inst,
                                    unsigned segment, uint64_t addr[64])
{
    bool pair = segment == GCN_FLAT || inst->src[2] == GCN_SADDR_OFF;
    const uint32_t *low = w->vgpr[inst->src[0]];
    const uint32_t *high = pair ? w->vgpr[inst->src[0] + 1] : zero_row;
    uint64_t base = (uint64_t)(int64_t)inst->imm + (pair ? 0 : gcn_sgpr64(w, inst->src[2]));

    for (unsigned lane = 0; lane < 64; lane++)
        addr[lane] = base + (low[lane] | (uint64_t)high[lane] << 32);
}

static inline uint64_t scratch_address(uint64_t base, uint32_t offset, unsigned lane)
{
    return base + (uint64_t)(offset >> 2) * SCRATCH_STEP + lane * 4 + (offset & 3);
}

static void scratch_addresses(const struct gcn_wave *w, const struct gcn_inst *inst,
                              uint64_t addr[64])
{
    bool vector = inst->src[2] == GCN_SADDR_OFF;
    const uint32_t *offset = vector ? w->vgpr[inst->src[0]] : zero_row;
    uint32_t base = (uint32_t)inst->imm + (vector ? 0 : w->sgpr[inst->src[2]]);
    uint64_t memory = gcn_sgpr64(w, GCN_FLAT_SCRATCH);

    for (unsigned lane = 0; lane < 64; lane++)
        addr[lane] = scratch_address(memory, base + offset[lane], lane);
}

/** True if a SCRATCH access of whole dwords is to one offset in all lanes; its first row is at @va.
 */
static bool scratch_row(const struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind,
                        uint64_t *va)
{
    uint32_t offset;

    if (kind < MEM_B32)
        return false;
    if (inst->src[2] != GCN_SADDR_OFF)
        offset = w->sgpr[inst->src[2]];
    else if (!mem_uniform(w->vgpr[inst->src[0]], gcn_exec(w), &offset))
        return false;
    offset += (uint32_t)inst->imm;
    *va = scratch_address(gcn_sgpr64(w, GCN_FLAT_SCRATCH), offset, 0);
    return !(offset & 3);
}

/** True if the access is to consecutive dwords of global memory in all lanes, from @va on. */
static inline bool global_row(const struct gcn_wave *w, const struct gcn_inst *inst,
                              unsigned segment, enum mem_kind kind, uint64_t *va)
{
    bool pair = segment == GCN_FLAT || inst->src[2] == GCN_SADDR_OFF;
    const uint32_t *low = w->vgpr[inst->src[0]];
    uint32_t high = 0;

    if (kind != MEM_B32 || gcn_exec(w) != ~0ull || !mem_consecutive(low))
        return false;
    if (pair && !mem_uniform(w->vgpr[inst->src[0] + 1], ~0ull, &high))
        return false;
    *va = (low[0] | (uint64_t)high << 32) + (uint64_t)(int64_t)inst->imm +
          (pair ? 0 : gcn_sgpr64(w, inst->src[2]));
    return !(segment == GCN_FLAT && *va >> 48);
}

/** Where the lanes of a FLAT instruction go. */
struct flat_split {
    uint64_t global, shared, private; /* lanes; disjoint */
    uint32_t lds[64];
    uint64_t scratch[64];
};

/** True if any active lane may be in an aperture. Inactive lanes hold anything, but seldom that. */
static inline bool flat_needs_split(const uint64_t addr[64])
{
    uint64_t high = 0;

    for (unsigned lane = 0; lane < 64; lane++)
        high |= addr[lane] >> 48;
    return high;
}

static void flat_split(const struct gcn_wave *w, const uint64_t addr[64], uint64_t mask,
                       struct flat_split *split)
{
    uint64_t memory = gcn_sgpr64(w, GCN_FLAT_SCRATCH);
    unsigned lane;

    split->shared = split->private = 0;
    MEM_FOR_LANES(lane, mask)
    {
        uint64_t high = addr[lane] >> 32;

        if (high == GCN_SHARED_APERTURE >> 32) {
            split->shared |= 1ull << lane;
            split->lds[lane] = (uint32_t)addr[lane];
        } else if (high == GCN_PRIVATE_APERTURE >> 32) {
            split->private |= 1ull << lane;
            split->scratch[lane] = scratch_address(memory, (uint32_t)addr[lane], lane);
        }
    }
    split->global = mask & ~(split->shared | split->private);
}

/** Books a FLAT operation: it counts as vector memory and as LDS operation. */
static inline void flat_issue(struct gcn_wave *w, unsigned segment, int lines)
{
    uint64_t ready = mem_arrival(w, lines);

    gcn_issue_vmem(w, ready);
    if (segment == GCN_FLAT)
        gcn_issue_lgkm(w, ready);
}

static inline void flat_access(struct gcn_wave *w, const struct gcn_inst *inst, unsigned segment,
                               enum mem_kind kind, unsigned reg,
                               const struct mem_direction *direction)
{
    uint64_t addr[64], mask = gcn_exec(w), va;
    struct flat_split split;
    int lines = 0, more;

    if (!flat_begin(w, inst))
        return;
    if (segment == GCN_SCRATCH ? scratch_row(w, inst, kind, &va)
                               : global_row(w, inst, segment, kind, &va)) {
        lines = direction->rows(w, mem_bytes(kind) / 4, reg, va, mask);
    } else if (segment == GCN_SCRATCH) {
        scratch_addresses(w, inst, addr);
        lines = direction->swizzled(w, kind, reg, addr, SCRATCH_STEP, mask);
    } else {
        global_addresses(w, inst, segment, addr);
        if (segment == GCN_FLAT && flat_needs_split(addr)) {
            flat_split(w, addr, mask, &split);
            direction->lds(w, kind, reg, split.lds, split.shared);
            lines = direction->swizzled(w, kind, reg, split.scratch, SCRATCH_STEP, split.private);
            mask = split.global;
        }
        more = lines < 0 ? -1 : direction->linear(w, kind, reg, addr, mask);
        lines = more < 0 ? -1 : lines + more;
    }
    if (lines >= 0)
        flat_issue(w, segment, lines);
}

static inline void flat_load(struct gcn_wave *w, const struct gcn_inst *inst, unsigned segment,
                             enum mem_kind kind)
{
    const bool whole = kind <= MEM_I16 || kind == MEM_B32;

    if (__builtin_expect(inst->mods & GCN_MOD_LDS && whole && segment != GCN_FLAT, 0)) {
        const struct gcn_inst load = mem_staged(inst);

        flat_access(w, &load, segment, kind, MEM_STAGE, &gcn_mem_loads);
        gcn_mem_stage_to_lds(w, inst);
        return;
    }
    flat_access(w, inst, segment, kind, inst->dst, &gcn_mem_loads);
}

static inline void flat_store(struct gcn_wave *w, const struct gcn_inst *inst, unsigned segment,
                              enum mem_kind kind)
{
    flat_access(w, inst, segment, kind, inst->src[1], &gcn_mem_stores);
}

static inline void flat_atomic(struct gcn_wave *w, const struct gcn_inst *inst, unsigned segment,
                               enum mem_atomic op, unsigned bits)
{
    uint64_t addr[64], mask = gcn_exec(w);
    int dst = inst->mods & GCN_MOD_GLC ? inst->dst : -1;
    struct flat_split split;
    int lines = 0, more;

    if (!flat_begin(w, inst))
        return;
    global_addresses(w, inst, segment, addr);
    if (segment == GCN_FLAT && flat_needs_split(addr)) {
        flat_split(w, addr, mask, &split);
        gcn_lds_atomic(w, op, bits, dst, inst->src[1], split.lds, split.shared);
        lines = gcn_mem_atomic_swizzled(w, op, bits, dst, inst->src[1], split.scratch, SCRATCH_STEP,
                                        split.private);
        mask = split.global;
    }
    more = lines < 0 ? -1 : gcn_mem_atomic(w, op, bits, dst, inst->src[1], addr, mask);
    if (more >= 0)
        flat_issue(w, segment, lines + more);
}

#define FLAT(format, number, name, D, A, access, bytes, flags, cycles, ...)                        \
    void gcn_##name(struct gcn_wave *w, const struct gcn_inst *inst)                               \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#define REFUSED(...)
#include "isa/gcn/ops_flat.def"
