// SPDX-License-Identifier: Apache-2.0
/*
 * MUBUF and MTBUF: memory through a buffer descriptor in four SGPRs.
 *
 * Descriptor on gfx9 (Vega ISA guide, "Buffer resource descriptor"; LLVM SIInstrInfo,
 * getScratchRsrcWords23): base 47:0, stride 61:48, swizzle enable 63; records 95:64; in the last
 * word dst_sel 11:0, number format 14:12, data format 18:15 (with ADD_TID: stride 17:14), index
 * stride 22:21 (8 << n), ADD_TID 23. The swizzle's element size is always 4 bytes on gfx9.
 *
 *   index  = (IDXEN ? VGPR : 0) + (ADD_TID ? lane : 0)
 *   offset = (OFFEN ? VGPR : 0) + instruction offset, of 32 bits: compilers fold constants into
 *            it where the VGPR is negative (LLVM AMDGPUISelDAGToDAG, SelectMUBUFScratchOffen)
 *   linear:   base + soffset + offset + stride * index
 *   swizzled: base + soffset + (index / index_stride * stride + offset / 4 * 4) * index_stride
 *             + index % index_stride * 4 + offset % 4
 *
 * Range (gfx9): with IDXEN and a stride, index >= records is out of range; otherwise records counts
 * bytes and an access must end at or before records - soffset. Out of range, loads give 0 and
 * stores and atomics do nothing. Loads and stores of several dwords are checked dword by dword;
 * formats and atomics as a whole.
 *
 * Format loads and stores convert (texel.h). TFE is refused.
 */
#include "texel.h"
#include "ops_mem.h"

struct buffer {
    uint64_t base;
    uint32_t stride, records, word3;
    unsigned log2_index_stride;
    bool swizzle, add_tid;
};

/** One instruction's lanes. */
struct buffer_access {
    uint64_t addr[64];
    uint64_t
        end[64]; /* offset behind the first byte's, in terms of @limit; structured: index + 1 */
    uint64_t limit;
    uint32_t step; /* from a lane's dword to its next */
    bool structured, swizzle;
};

static struct buffer buffer_descriptor(const struct gcn_wave *w, unsigned n)
{
    const uint32_t *word = &w->sgpr[n];
    struct buffer b = {
        .base = word[0] | (uint64_t)(word[1] & 0xffff) << 32,
        .stride = word[1] >> 16 & 0x3fff,
        .records = word[2],
        .word3 = word[3],
        .log2_index_stride = 3 + (word[3] >> 21 & 3),
        .swizzle = word[1] >> 31,
        .add_tid = word[3] >> 23 & 1,
    };

    if (b.add_tid)
        b.stride |= (word[3] >> 15 & 0xf) << 14;
    return b;
}

/** False, with the fault set, if the instruction is refused. */
static bool buffer_begin(struct gcn_wave *w, const struct gcn_inst *inst)
{
    if (inst->mods & GCN_MOD_TFE) {
        gcn_fault_illegal(w, inst);
        return false;
    }
    return true;
}

static void buffer_addresses(const struct gcn_wave *w, const struct gcn_inst *inst,
                             struct buffer_access *access)
{
    struct buffer b = buffer_descriptor(w, inst->src[1]);
    uint32_t soffset = gcn_scalar32(w, inst, inst->src[2]);
    bool idxen = inst->mods & GCN_MOD_IDXEN, offen = inst->mods & GCN_MOD_OFFEN;
    const uint32_t *vindex = w->vgpr[inst->src[0]], *voffset = w->vgpr[inst->src[0] + idxen];
    uint64_t base = b.base + soffset, offset[64];
    uint32_t index[64];

    access->swizzle = b.swizzle;
    access->step = b.swizzle ? 4 << b.log2_index_stride : 4;
    access->structured = idxen && b.stride;
    access->limit = b.records;
    for (unsigned lane = 0; lane < 64; lane++) {
        index[lane] = (idxen ? vindex[lane] : 0) + (b.add_tid ? lane : 0);
        offset[lane] = (offen ? voffset[lane] : 0) + (uint32_t)inst->imm;
    }
    if (b.swizzle)
        for (unsigned lane = 0; lane < 64; lane++) {
            uint64_t major = index[lane] >> b.log2_index_stride;
            uint32_t minor = index[lane] & ((1u << b.log2_index_stride) - 1);

            access->addr[lane] =
                base + ((major * b.stride + (offset[lane] & ~3ull)) << b.log2_index_stride) +
                minor * 4 + (offset[lane] & 3);
        }
    else
        for (unsigned lane = 0; lane < 64; lane++)
            access->addr[lane] = base + offset[lane] + (uint64_t)b.stride * index[lane];
    for (unsigned lane = 0; lane < 64; lane++)
        access->end[lane] = access->structured ? (uint64_t)index[lane] + 1 : offset[lane] + soffset;
}

/** True if this is private memory as compilers address it (ADD_TID, swizzled by 64 lanes) and all
 * lanes access whole dwords at one offset, in range; the first row is at @va. */
static bool buffer_row(const struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind,
                       uint64_t *va)
{
    struct buffer b = buffer_descriptor(w, inst->src[1]);
    uint64_t soffset = gcn_scalar32(w, inst, inst->src[2]);
    uint32_t offset = 0;

    if (kind < MEM_B32 || !b.swizzle || !b.add_tid || b.log2_index_stride != 6 ||
        inst->mods & GCN_MOD_IDXEN)
        return false;
    if (inst->mods & GCN_MOD_OFFEN && !mem_uniform(w->vgpr[inst->src[0]], gcn_exec(w), &offset))
        return false;
    uint64_t at = offset + (uint32_t)inst->imm;

    *va = b.base + soffset + (at << 6);
    return !(at & 3) && at + soffset + mem_bytes(kind) <= b.records;
}

/** Lanes of @mask whose bytes [first, first + size) are in range. */
static uint64_t buffer_in_range(const struct buffer_access *access, uint32_t first, uint32_t size,
                                uint64_t mask)
{
    uint64_t in = 0, out = 0, limit = access->limit - (access->structured ? 0 : first + size);

    /* No term exceeds 2^34: a difference below 0 shows in bit 63. Usually all lanes are in range.
     */
    for (unsigned lane = 0; lane < 64; lane++)
        out |= limit - access->end[lane];
    if (!(out >> 63))
        return mask;
    for (unsigned lane = 0; lane < 64; lane++)
        in |= (uint64_t) !((limit - access->end[lane]) >> 63) << lane;
    return in & mask;
}

/** Moves what @access points to, from or to the registers from @reg on. */
static int buffer_move(struct gcn_wave *w, const struct buffer_access *access, enum mem_kind kind,
                       unsigned reg, uint64_t mask, const struct mem_direction *direction)
{
    if (access->swizzle)
        return direction->swizzled(w, kind, reg, access->addr, access->step, mask);
    return direction->linear(w, kind, reg, access->addr, mask);
}

/** Dword by dword, each with its own range check. Moves the addresses on. */
static int buffer_move_dwords(struct gcn_wave *w, struct buffer_access *access, unsigned count,
                              unsigned reg, const struct mem_direction *direction)
{
    uint64_t exec = gcn_exec(w);
    int lines = 0;

    for (unsigned n = 0; n < count; n++) {
        uint64_t in = buffer_in_range(access, 4 * n, 4, exec);
        int more = buffer_move(w, access, MEM_B32, reg + n, in, direction);

        if (more < 0)
            return -1;
        if (!direction->write)
            gcn_mem_load_zero(w, MEM_B32, reg + n, exec & ~in);
        lines += more;
        for (unsigned lane = 0; lane < 64; lane++)
            access->addr[lane] += access->step;
    }
    return lines;
}

static void buffer_access(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind,
                          const struct mem_direction *direction)
{
    uint64_t exec = gcn_exec(w), in, va;
    uint32_t size = mem_bytes(kind);
    struct buffer_access access;
    int lines;

    if (!buffer_begin(w, inst))
        return;
    if (buffer_row(w, inst, kind, &va)) {
        lines = direction->rows(w, size / 4, inst->dst, va, exec);
        if (lines >= 0)
            mem_issue(w, lines);
        return;
    }
    buffer_addresses(w, inst, &access);
    in = buffer_in_range(&access, 0, size, exec);
    if (in == exec || size <= 4) {
        lines = buffer_move(w, &access, kind, inst->dst, in, direction);
        if (!direction->write && lines >= 0)
            gcn_mem_load_zero(w, kind, inst->dst, exec & ~in);
    } else {
        lines = buffer_move_dwords(w, &access, size / 4, inst->dst, direction);
    }
    if (lines >= 0)
        mem_issue(w, lines);
}

static void buffer_load(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind)
{
    if (__builtin_expect(inst->mods & GCN_MOD_LDS, 0)) {
        const struct gcn_inst load = mem_staged(inst);

        buffer_access(w, &load, kind, &gcn_mem_loads);
        gcn_mem_stage_to_lds(w, inst);
        return;
    }
    buffer_access(w, inst, kind, &gcn_mem_loads);
}

static void buffer_store(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_kind kind)
{
    buffer_access(w, inst, kind, &gcn_mem_stores);
}

static void buffer_store_lds(struct gcn_wave *w, const struct gcn_inst *inst)
{
    const struct gcn_inst store = mem_staged(inst);

    gcn_mem_stage_from_lds(w, inst);
    buffer_access(w, &store, MEM_B32, &gcn_mem_stores);
}

static void buffer_atomic(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_atomic op,
                          unsigned bits)
{
    uint64_t exec = gcn_exec(w), in;
    int lines, dst = inst->mods & GCN_MOD_GLC ? inst->dst : -1;
    struct buffer_access access;

    if (!buffer_begin(w, inst))
        return;
    buffer_addresses(w, inst, &access);
    in = buffer_in_range(&access, 0, bits / 8, exec);
    if (access.swizzle)
        lines = gcn_mem_atomic_swizzled(w, op, bits, dst, inst->dst, access.addr, access.step, in);
    else
        lines = gcn_mem_atomic(w, op, bits, dst, inst->dst, access.addr, in);
    if (lines < 0)
        return;
    if (dst >= 0)
        gcn_mem_load_zero(w, bits == 64 ? MEM_B64 : MEM_B32, inst->dst, exec & ~in);
    mem_issue(w, lines);
}

/** What a format load or store is about. */
struct buffer_typed {
    struct gcn_texel format;
    uint8_t select[4]; /* what goes to each register: 0, 1, or 4 + component */
    unsigned count;    /* components that the instruction names */
    bool half;         /* D16: two to a register */
    bool high;         /* of them, the upper half */
};

/** False, with the fault set, if there is no such format. MTBUF has it in the instruction. */
static bool buffer_typed_begin(struct gcn_wave *w, const struct gcn_inst *inst,
                               struct buffer_typed *typed)
{
    bool own = inst->op->format == GCN_MTBUF;
    uint32_t word3 = buffer_descriptor(w, inst->src[1]).word3;
    unsigned data = own ? inst->offset1 & 15 : word3 >> 15 & 15;
    unsigned number = own ? inst->offset1 >> 4 & 7 : word3 >> 12 & 7;

    if (!buffer_begin(w, inst))
        return false;
    for (unsigned n = 0; n < 4; n++)
        typed->select[n] = (uint8_t)(own ? 4 + n : word3 >> 3 * n & 7);
    if (gcn_texel_find(data, number, &typed->format))
        return true;
    gcn_fault_illegal(w, inst);
    return false;
}

/** Moves the lanes' texels to or from the staging registers, piece by piece. */
static bool buffer_move_texels(struct gcn_wave *w, const struct buffer_typed *typed,
                               struct buffer_access *access, uint64_t in,
                               const struct mem_direction *direction)
{
    unsigned bytes = typed->format.bytes, pieces = bytes < 4 ? 1 : bytes / 4;
    enum mem_kind kind = bytes == 1 ? MEM_U8 : bytes == 2 ? MEM_U16 : MEM_B32;
    int lines = 0;

    for (unsigned n = 0; n < pieces; n++) {
        int more = buffer_move(w, access, kind, MEM_STAGE + n, in, direction);

        if (more < 0)
            return false;
        lines += more;
        for (unsigned lane = 0; lane < 64; lane++)
            access->addr[lane] += access->step;
    }
    mem_issue(w, lines);
    return true;
}

/** Value of component @n of the instruction: a component that the format lacks reads 0, the fourth
 * 1. */
static uint32_t buffer_texel_value(const struct buffer_typed *typed, unsigned n,
                                   const uint32_t texel[4])
{
    unsigned select = typed->select[n], component = select - 4;
    uint32_t one = gcn_texel_is_integer(&typed->format) ? 1 : typed->half ? 0x3c00 : 0x3f800000;

    if (select >= 4 && component < typed->format.components)
        return gcn_texel_get(&typed->format, component, texel, typed->half);
    return select == 1 || select == 7 ? one : 0;
}

static void buffer_load_typed(struct gcn_wave *w, const struct gcn_inst *inst,
                              struct buffer_typed typed)
{
    uint64_t exec = gcn_exec(w), in;
    struct buffer_access access;
    unsigned lane;

    if (!buffer_typed_begin(w, inst, &typed))
        return;
    buffer_addresses(w, inst, &access);
    in = buffer_in_range(&access, 0, typed.format.bytes, exec);
    if (!buffer_move_texels(w, &typed, &access, in, &gcn_mem_loads))
        return;
    MEM_FOR_LANES(lane, exec)
    {
        uint32_t texel[4], (*to)[64] = &w->vgpr[inst->dst];

        for (unsigned n = 0; n < 4; n++)
            texel[n] = in >> lane & 1 ? w->vgpr[MEM_STAGE + n][lane] : 0;
        for (unsigned n = 0; n < typed.count; n++) {
            uint32_t value = buffer_texel_value(&typed, n, texel);

            if (!typed.half)
                to[n][lane] = value;
            else if (typed.count == 1)
                to[0][lane] = mem_merge(to[0][lane], value, typed.high);
            else
                to[n / 2][lane] = n & 1 ? to[n / 2][lane] | value << 16 : value;
        }
    }
}

/** The first components of the instruction go to those of the format; it must have that many. */
static void buffer_store_typed(struct gcn_wave *w, const struct gcn_inst *inst,
                               struct buffer_typed typed)
{
    uint64_t exec = gcn_exec(w), in;
    struct buffer_access access;
    unsigned lane;
    bool fits = true;

    if (!buffer_typed_begin(w, inst, &typed))
        return;
    MEM_FOR_LANES(lane, exec)
    {
        uint32_t values[4] = {0}, texel[4], (*from)[64] = &w->vgpr[inst->dst];

        for (unsigned n = 0; n < typed.count; n++)
            values[n] = !typed.half
                            ? from[n][lane]
                            : from[n / 2][lane] >> ((n & 1) || typed.high ? 16 : 0) & 0xffff;
        fits &= gcn_texel_put(&typed.format, values, typed.half, texel);
        for (unsigned n = 0; n < 4; n++)
            w->vgpr[MEM_STAGE + n][lane] = texel[n];
    }
    if (typed.count < typed.format.components || !fits) {
        gcn_fault_illegal(w, inst);
        return;
    }
    buffer_addresses(w, inst, &access);
    in = buffer_in_range(&access, 0, typed.format.bytes, exec);
    buffer_move_texels(w, &typed, &access, in, &gcn_mem_stores);
}

static void buffer_load_format(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count)
{
    buffer_load_typed(w, inst, (struct buffer_typed){.count = count});
}

static void buffer_store_format(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count)
{
    buffer_store_typed(w, inst, (struct buffer_typed){.count = count});
}

static void buffer_load_d16(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count,
                            bool high)
{
    buffer_load_typed(w, inst, (struct buffer_typed){.count = count, .half = true, .high = high});
}

static void buffer_store_d16(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count,
                             bool high)
{
    buffer_store_typed(w, inst, (struct buffer_typed){.count = count, .half = true, .high = high});
}

/** The caches that BUFFER_WBINVL1 drops do not exist here. Compilers emit it for acquire; on this
 * host it must only keep later loads behind earlier stores. */
static void buffer_invalidate(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#define BUFFER(format, number, name, D, access, bytes, flags, cycles, ...)                         \
    void gcn_##name(struct gcn_wave *w, const struct gcn_inst *inst)                               \
    {                                                                                              \
        __VA_ARGS__;                                                                               \
    }
#define REFUSED(...)
#include "isa/gcn/ops_buffer.def"
