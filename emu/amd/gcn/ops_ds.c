// SPDX-License-Identifier: Apache-2.0
/*
 * DS: local data share.
 *
 * LDS belongs to one work-group and one thread runs it, so nothing here needs host atomics. An
 * access that does not lie wholly inside the work-group's allocation reads 0 or is dropped, as the
 * hardware does (ISA guide, "LDS access": out-of-range). Address plus offset wraps at 32 bits.
 * Unaligned accesses are allowed (the driver selects unaligned mode on gfx9). Global data share and
 * global wave sync are refused.
 */
#include "ops_mem.h"

/** Lanes' pieces of LDS of one size. */
struct lds_view {
    char *base;
    uint32_t count; /* an access may begin at [0, count) */
};

MEM_INLINE struct lds_view lds_open(const struct gcn_wave *w, uint32_t size)
{
    uint32_t bytes = w->wg->lds_bytes;

    return (struct lds_view){w->wg->lds, bytes >= size ? bytes - size + 1 : 0};
}

MEM_INLINE char *lds_at(const struct lds_view *lds, uint32_t address)
{
    return __builtin_expect(address < lds->count, 1) ? lds->base + address : NULL;
}

/** Where 64 consecutive dwords lie, or NULL if not all of them are in range. */
MEM_INLINE char *lds_row(const struct gcn_wave *w, uint32_t address)
{
    struct lds_view all = lds_open(w, 256);

    return lds_at(&all, address);
}

MEM_INLINE void zero_lane(uint32_t (*reg)[64], unsigned lane, enum mem_kind kind)
{
    static const uint8_t zero[16];

    mem_put(reg, lane, kind, zero);
}

MEM_INLINE void lds_load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint32_t *addr,
                         uint32_t offset, uint64_t mask)
{
    struct lds_view lds = lds_open(w, mem_bytes(kind));
    uint32_t(*reg)[64] = &w->vgpr[dst];
    unsigned lane;

    if (kind == MEM_B32 && mask == ~0ull && mem_consecutive(addr)) {
        const char *p = lds_row(w, addr[0] + offset);

        if (p) {
            memcpy(reg[0], p, 256);
            return;
        }
    }
    if (mask == ~0ull) { /* usual, and the compiler makes more of it */
        for (lane = 0; lane < 64; lane++) {
            const char *p = lds_at(&lds, addr[lane] + offset);

            if (p)
                mem_put(reg, lane, kind, p);
            else
                zero_lane(reg, lane, kind);
        }
        return;
    }
    MEM_FOR_LANES(lane, mask)
    {
        const char *p = lds_at(&lds, addr[lane] + offset);

        if (p)
            mem_put(reg, lane, kind, p);
        else
            zero_lane(reg, lane, kind);
    }
}

MEM_INLINE void lds_store(struct gcn_wave *w, enum mem_kind kind, unsigned data,
                          const uint32_t *addr, uint32_t offset, uint64_t mask)
{
    struct lds_view lds = lds_open(w, mem_bytes(kind));
    uint32_t(*reg)[64] = &w->vgpr[data];
    unsigned lane;

    if (kind == MEM_B32 && mask == ~0ull && mem_consecutive(addr)) {
        char *p = lds_row(w, addr[0] + offset);

        if (p) {
            memcpy(p, reg[0], 256);
            return;
        }
    }
    MEM_FOR_LANES(lane, mask)
    {
        char *p = lds_at(&lds, addr[lane] + offset);

        if (p)
            mem_get(reg, lane, kind, p);
    }
}

/** Flushes a denormal float to 0 of its sign unless @allow. */
MEM_INLINE uint32_t flush_float(uint32_t v, bool allow)
{
    return allow || v & 0x7f800000 ? v : v & 0x80000000;
}

/** A float operation on LDS obeys the wave's single-precision denormal mode, MODE[5:4] (bit 4:
 * inputs may be denormal, bit 5: results); it always rounds to nearest even. Doubles are never
 * flushed. */
MEM_INLINE uint32_t lds_compute32(const struct gcn_wave *w, enum mem_atomic op, uint32_t old,
                                  uint32_t a, uint32_t b)
{
    if (op == MEM_FADD || op == MEM_FMIN || op == MEM_FMAX) {
        bool in = w->mode >> 4 & 1, out = w->mode >> 5 & 1; /* of GCN_MODE_DENORM32 */

        old = flush_float(old, in);
        return flush_float(mem_compute32(op, old, flush_float(a, in), b), out);
    }
    return mem_compute32(op, old, a, b);
}

MEM_INLINE void lds_atomic(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst,
                           unsigned data0, unsigned data1, const uint32_t *addr, uint32_t offset,
                           uint64_t mask)
{
    struct lds_view lds = lds_open(w, bits / 8);
    uint32_t(*a)[64] = &w->vgpr[data0], (*b)[64] = &w->vgpr[data1];
    unsigned lane;

    MEM_FOR_LANES(lane, mask)
    {
        char *p = lds_at(&lds, addr[lane] + offset);
        uint64_t old = 0, new;

        if (p) {
            memcpy(&old, p, bits / 8);
            if (bits == 32)
                new = lds_compute32(w, op, (uint32_t)old, a[0][lane], b[0][lane]);
            else
                new = mem_compute64(op, old, mem_lane64(a, lane), mem_lane64(b, lane));
            memcpy(p, &new, bits / 8);
        }
        if (dst >= 0) {
            w->vgpr[dst][lane] = (uint32_t)old;
            if (bits == 64)
                w->vgpr[dst + 1][lane] = (uint32_t)(old >> 32);
        }
    }
}

/* ---- for FLAT ---- */

void gcn_lds_load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint32_t addr[64],
                  uint64_t mask)
{
    lds_load(w, kind, dst, addr, 0, mask);
}

void gcn_lds_store(struct gcn_wave *w, enum mem_kind kind, unsigned data, const uint32_t addr[64],
                   uint64_t mask)
{
    lds_store(w, kind, data, addr, 0, mask);
}

void gcn_lds_atomic(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst, unsigned data,
                    const uint32_t addr[64], uint64_t mask)
{
    lds_atomic(w, op, bits, dst, data, data + bits / 32, addr, 0, mask);
}

/* ---- between memory and LDS ---- */

static void stage_addresses(const struct gcn_wave *w, const struct gcn_inst *inst,
                            uint32_t addr[64])
{
    for (unsigned lane = 0; lane < 64; lane++)
        addr[lane] = (w->sgpr[GCN_M0] & 0xffff) + (uint32_t)inst->imm + 4 * lane;
}

void gcn_mem_stage_to_lds(struct gcn_wave *w, const struct gcn_inst *inst)
{
    uint32_t addr[64];

    if (w->fault.kind != GCN_FAULT_NONE)
        return;
    stage_addresses(w, inst, addr);
    lds_store(w, MEM_B32, MEM_STAGE, addr, 0, gcn_exec(w));
}

void gcn_mem_stage_from_lds(struct gcn_wave *w, const struct gcn_inst *inst)
{
    uint32_t addr[64];

    stage_addresses(w, inst, addr);
    lds_load(w, MEM_B32, MEM_STAGE, addr, 0, gcn_exec(w));
}

/* ---- instructions ---- */

/** Books the operation, which moves @bytes for each lane. False, with the fault set, if the
 * instruction means global data share. */
MEM_INLINE bool ds_begin(struct gcn_wave *w, const struct gcn_inst *inst, uint32_t bytes)
{
    uint64_t exec = gcn_exec(w), cost;

    if (__builtin_expect(inst->mods & GCN_MOD_GDS, 0)) {
        gcn_fault_illegal(w, inst);
        return false;
    }
    /* A bank gives a dword at a time, however little of it is asked for. */
    cost = exec == ~0ull ? 64 : (unsigned)__builtin_popcountll(exec);
    cost = cost * (bytes < 4 ? 4 : bytes) * w->pace.lds_q8 / 64;
    gcn_issue_lgkm(
        w, gcn_later(w->cycle + w->dispatch->lds_latency, gcn_pace(w, &w->lds_until_q8, cost)));
    return true;
}

MEM_INLINE void ds_load(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind)
{
    if (ds_begin(w, inst, mem_bytes(kind)))
        lds_load(w, kind, inst->dst, w->vgpr[inst->src[0]], (uint32_t)inst->imm, gcn_exec(w));
}

MEM_INLINE void ds_store(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind)
{
    if (ds_begin(w, inst, mem_bytes(kind)))
        lds_store(w, kind, inst->src[1], w->vgpr[inst->src[0]], (uint32_t)inst->imm, gcn_exec(w));
}

/** Two loads; the offsets count elements, or 64 elements (@scale). */
MEM_INLINE void ds_load2(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind,
                         uint32_t scale)
{
    uint32_t size = mem_bytes(kind), addr[64];

    if (!ds_begin(w, inst, 2 * size))
        return;
    /* The first result may overwrite the address register. */
    memcpy(addr, w->vgpr[inst->src[0]], sizeof(addr));
    lds_load(w, kind, inst->dst, addr, ((uint32_t)inst->imm & 0xff) * size * scale, gcn_exec(w));
    lds_load(w, kind, inst->dst + size / 4, addr, inst->offset1 * size * scale, gcn_exec(w));
}

MEM_INLINE void ds_store2(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind,
                          uint32_t scale)
{
    const uint32_t *addr = w->vgpr[inst->src[0]];
    uint32_t unit = mem_bytes(kind) * scale;

    if (!ds_begin(w, inst, 2 * mem_bytes(kind)))
        return;
    lds_store(w, kind, inst->src[1], addr, ((uint32_t)inst->imm & 0xff) * unit, gcn_exec(w));
    lds_store(w, kind, inst->src[2], addr, inst->offset1 * unit, gcn_exec(w));
}

MEM_INLINE void ds_atomic(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_atomic op,
                          unsigned bits, bool returns)
{
    if (ds_begin(w, inst, bits / 8))
        lds_atomic(w, op, bits, returns ? inst->dst : -1, inst->src[1], inst->src[2],
                   w->vgpr[inst->src[0]], (uint32_t)inst->imm, gcn_exec(w));
}

/** The lower 15 bits, sign-extended. */
MEM_INLINE int32_t sign15(uint32_t bits)
{
    return (int32_t)(bits << 17) >> 17;
}

/** The second operand is in LDS as well: so many dwords from the first as the instruction's 15 bits
 * of offset say or, with its 16th, the 15 bits in front of the address of 17 (ISA guide,
 * DS_ADD_SRC2_U32). */
MEM_INLINE void ds_src2(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_atomic op,
                        unsigned bits)
{
    const uint32_t *addr = w->vgpr[inst->src[0]], offset = (uint32_t)inst->imm;
    struct lds_view lds = lds_open(w, bits / 8);
    unsigned lane;

    if (!ds_begin(w, inst, bits / 4))
        return;
    MEM_FOR_LANES(lane, gcn_exec(w))
    {
        bool far = offset >> 15 & 1;
        uint32_t first = far ? addr[lane] & 0x1ffff : addr[lane];
        int32_t dwords = sign15(far ? addr[lane] >> 17 : offset);
        char *p = lds_at(&lds, first), *q = lds_at(&lds, first + (uint32_t)dwords * 4);
        uint64_t old = 0, second = 0;

        if (!p)
            continue;
        memcpy(&old, p, bits / 8);
        if (q)
            memcpy(&second, q, bits / 8);
        if (bits == 32)
            old = lds_compute32(w, op, (uint32_t)old, (uint32_t)second, 0);
        else
            old = mem_compute64(op, old, second, 0);
        memcpy(p, &old, bits / 8);
    }
}

MEM_INLINE void ds_exchange2(struct gcn_wave *w, const struct gcn_inst *inst, unsigned bits,
                             uint32_t scale)
{
    uint32_t unit = bits / 8 * scale, addr[64], second[2][64];
    unsigned lane, dst = inst->dst, dwords = bits / 32;
    struct lds_view lds = lds_open(w, bits / 8);

    if (!ds_begin(w, inst, bits / 4))
        return;
    /* The results may overwrite the address or the second data register. */
    memcpy(addr, w->vgpr[inst->src[0]], sizeof(addr));
    memcpy(second, w->vgpr[inst->src[2]], sizeof(second));
    lds_atomic(w, MEM_SWAP, bits, (int)dst, inst->src[1], inst->src[1], addr,
               ((uint32_t)inst->imm & 0xff) * unit, gcn_exec(w));
    MEM_FOR_LANES(lane, gcn_exec(w))
    {
        char *p = lds_at(&lds, addr[lane] + inst->offset1 * unit);
        uint64_t old = 0, new = mem_lane64(second, lane);

        if (p) {
            memcpy(&old, p, bits / 8);
            memcpy(p, &new, bits / 8);
        }
        w->vgpr[dst + dwords][lane] = (uint32_t)old;
        if (bits == 64)
            w->vgpr[dst + dwords + 1][lane] = (uint32_t)(old >> 32);
    }
}

/** Address from M0 and the lane number instead of a register. */
static void ds_addtid(struct gcn_wave *w, const struct gcn_inst *inst, bool write)
{
    uint32_t addr[64], base = (w->sgpr[GCN_M0] & 0xffff) + (uint32_t)inst->imm;

    if (!ds_begin(w, inst, 4))
        return;
    for (unsigned lane = 0; lane < 64; lane++)
        addr[lane] = base + 4 * lane;
    if (write)
        lds_store(w, MEM_B32, inst->src[1], addr, 0, gcn_exec(w));
    else
        lds_load(w, MEM_B32, inst->dst, addr, 0, gcn_exec(w));
}

/** Adds or subtracts the number of active lanes at M0 + offset; each lane gets the old value. LLVM
 * puts the whole LDS address into M0 (AMDGPUISelDAGToDAG, SelectDSAppendConsume). */
static void ds_append(struct gcn_wave *w, const struct gcn_inst *inst, bool add)
{
    struct lds_view lds = lds_open(w, 4);
    char *p = lds_at(&lds, (w->sgpr[GCN_M0] & 0xffff) + (uint32_t)inst->imm);
    uint64_t exec = gcn_exec(w);
    uint32_t old = 0, new, active = (uint32_t)__builtin_popcountll(exec);
    unsigned lane;

    if (!ds_begin(w, inst, 4))
        return;
    if (p) {
        old = mem_read32(p);
        new = add ? old + active : old - active;
        memcpy(p, &new, sizeof(new));
    }
    MEM_FOR_LANES(lane, exec)
    w->vgpr[inst->dst][lane] = old;
}

static void ds_nop(struct gcn_wave *w, const struct gcn_inst *inst)
{
    ds_begin(w, inst, 4);
}

/** Fills @source: which lane's value each lane of a ds_swizzle_b32 with offset @mode reads (ISA
 * guide, DS_SWIZZLE_B32). */
static void swizzle_sources(uint32_t mode, uint8_t source[64])
{
    unsigned mask = mode & 0x1f, set = mode >> 5 & 0x1f, flip = mode >> 10 & 0x1f, i, j;

    if (mode >= 0xe000) { /* FFT: reversed bits above those of the mask */
        for (i = 0; i < 64; i++) {
            j = (i & 1) << 4 | (i & 2) << 2 | (i & 4) | (i & 8) >> 2 | (i & 16) >> 4;
            source[i] = (uint8_t)(j >> __builtin_popcount(mask) | (i & mask) | (i & 0x20));
        }
    } else if (mode >= 0xc000) { /* rotate by bits 9:5, downwards with bit 10 */
        for (i = 0; i < 64; i++) {
            j = flip & 1 ? i - set : i + set;
            source[i] = (uint8_t)((i & mask) | (j & ~mask & 0x1f) | (i & 0x20));
        }
    } else if (mode & 0x8000) { /* any of the four lanes of a quad */
        for (i = 0; i < 64; i++)
            source[i] = (uint8_t)((i & ~3u) | (mode >> 2 * (i & 3) & 3));
    } else {
        for (i = 0; i < 64; i++)
            source[i] = (uint8_t)((((i & mask) | set) ^ flip) | (i & 0x20));
    }
}

/* Swizzle, permute and bpermute go through the LDS crossbar, not through LDS memory. A lane that is
 * not active contributes 0. */

/** Copies VGPR @reg with 0 in the lanes that are not active. */
static void active_lanes(const struct gcn_wave *w, unsigned reg, uint32_t out[64])
{
    uint64_t inactive = ~gcn_exec(w);
    unsigned lane;

    memcpy(out, w->vgpr[reg], 64 * sizeof(*out));
    MEM_FOR_LANES(lane, inactive)
    out[lane] = 0;
}

/** Writes @values to the active lanes of VGPR @reg. */
static void set_active_lanes(struct gcn_wave *w, unsigned reg, const uint32_t values[64])
{
    unsigned lane;

    if (gcn_exec(w) == ~0ull)
        memcpy(w->vgpr[reg], values, 64 * sizeof(*values));
    else
        MEM_FOR_LANES(lane, gcn_exec(w))
    w->vgpr[reg][lane] = values[lane];
}

static void ds_swizzle(struct gcn_wave *w, const struct gcn_inst *inst)
{
    uint32_t in[64], out[64];
    uint8_t source[64];

    if (!ds_begin(w, inst, 4))
        return;
    swizzle_sources((uint32_t)inst->imm & 0xffff, source);
    active_lanes(w, inst->src[0], in);
    for (unsigned lane = 0; lane < 64; lane++)
        out[lane] = in[source[lane]];
    set_active_lanes(w, inst->dst, out);
}

static void ds_permute(struct gcn_wave *w, const struct gcn_inst *inst)
{
    const uint32_t *addr = w->vgpr[inst->src[0]], *data = w->vgpr[inst->src[1]];
    uint32_t out[64] = {0};
    unsigned lane;

    if (!ds_begin(w, inst, 4))
        return;
    MEM_FOR_LANES(lane, gcn_exec(w)) /* of several lanes that write one, the highest wins */
    out[(addr[lane] + (uint32_t)inst->imm) / 4 % 64] = data[lane];
    set_active_lanes(w, inst->dst, out);
}

static void ds_bpermute(struct gcn_wave *w, const struct gcn_inst *inst)
{
    const uint32_t *addr = w->vgpr[inst->src[0]];
    uint32_t in[64], out[64];

    if (!ds_begin(w, inst, 4))
        return;
    active_lanes(w, inst->src[1], in);
    for (unsigned lane = 0; lane < 64; lane++)
        out[lane] = in[(addr[lane] + (uint32_t)inst->imm) / 4 % 64];
    set_active_lanes(w, inst->dst, out);
}

#define DS(number, name, D, A, B, access, bytes, flags, cycles, ...)                               \
    void gcn_##name(struct gcn_wave *w, const struct gcn_inst *inst)                               \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#define REFUSED(...)
#include "isa/gcn/ops_ds.def"
