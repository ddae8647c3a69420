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
 *   offset = (OFFEN ? VGPR : 0) + instruction offset
 *   linear:   base + soffset + offset + stride * index
 *   swizzled: base + soffset + (index / index_stride * stride + offset / 4 * 4) * index_stride
 *             + index % index_stride * 4 + offset % 4
 *
 * Range (gfx9): with IDXEN and a stride, index >= records is out of range; otherwise records counts
 * bytes and an access must end at or before records - soffset. Out of range, loads give 0 and
 * stores and atomics do nothing. Loads and stores of several dwords are checked dword by dword;
 * formats and atomics as a whole.
 *
 * Format loads and stores know the 32-bit data formats with uint, sint or float numbers, which move
 * bits unchanged. TFE and other formats are refused.
 */
#include "ops_mem.h"

enum { /* data and number formats that are known here */
       FORMAT_32 = 4,
       FORMAT_32_32 = 11,
       FORMAT_32_32_32 = 13,
       FORMAT_32_32_32_32 = 14,
       NUMBER_UINT = 4,
       NUMBER_SINT = 5,
       NUMBER_FLOAT = 7,
};

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
        offset[lane] = (offen ? voffset[lane] : 0) + (uint64_t)(uint32_t)inst->imm;
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
    uint64_t at = offset + (uint64_t)(uint32_t)inst->imm;

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

/** Components of a known data format, 0 if it is not known here. */
static unsigned format_components(unsigned data_format, unsigned number_format)
{
    if (number_format != NUMBER_UINT && number_format != NUMBER_SINT &&
        number_format != NUMBER_FLOAT)
        return 0;
    switch (data_format) {
    case FORMAT_32:
        return 1;
    case FORMAT_32_32:
        return 2;
    case FORMAT_32_32_32:
        return 3;
    case FORMAT_32_32_32_32:
        return 4;
    default:
        return 0;
    }
}

struct buffer_format {
    unsigned components;
    uint32_t one;
    uint8_t select[4]; /* what goes to each register: 0, 1, or 4 + component */
};

/** False, with the fault set, if the format is not known. MTBUF has it in the instruction. */
static bool buffer_get_format(struct gcn_wave *w, const struct gcn_inst *inst,
                              struct buffer_format *format)
{
    bool typed = inst->op->format == GCN_MTBUF;
    uint32_t word3 = buffer_descriptor(w, inst->src[1]).word3;
    unsigned data = typed ? inst->offset1 & 15 : word3 >> 15 & 15;
    unsigned number = typed ? inst->offset1 >> 4 & 7 : word3 >> 12 & 7;

    format->components = format_components(data, number);
    format->one = number == NUMBER_FLOAT ? 0x3f800000 : 1;
    for (unsigned n = 0; n < 4; n++)
        format->select[n] = (uint8_t)(typed ? 4 + n : word3 >> 3 * n & 7);
    if (!format->components)
        gcn_fault_illegal(w, inst);
    return format->components;
}

/** Loads @count registers; a component that the format lacks reads 0, the fourth 1. */
static void buffer_load_format(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count)
{
    uint64_t exec = gcn_exec(w), in;
    struct buffer_access access;
    struct buffer_format format;
    uint64_t first[64];
    int lines = 0;
    unsigned lane;

    if (!buffer_begin(w, inst) || !buffer_get_format(w, inst, &format))
        return;
    buffer_addresses(w, inst, &access);
    memcpy(first, access.addr, sizeof(first));
    in = buffer_in_range(&access, 0, 4 * format.components, exec);
    for (unsigned n = 0; n < count; n++) {
        unsigned select = format.select[n], component = select - 4;
        bool memory = select >= 4 && component < format.components;
        uint32_t value = select == 1 || (select == 7 && !memory) ? format.one : 0;

        MEM_FOR_LANES(lane, exec)
        w->vgpr[inst->dst + n][lane] = memory ? 0 : value;
        if (!memory)
            continue;
        for (lane = 0; lane < 64; lane++)
            access.addr[lane] = first[lane] + component * access.step;
        int more = buffer_move(w, &access, MEM_B32, inst->dst + n, in, &gcn_mem_loads);

        if (more < 0)
            return;
        lines += more;
    }
    mem_issue(w, lines);
}

/** Stores @count registers to the first components of the format; it must have that many. */
static void buffer_store_format(struct gcn_wave *w, const struct gcn_inst *inst, unsigned count)
{
    uint64_t exec = gcn_exec(w), in;
    struct buffer_access access;
    struct buffer_format format;
    int lines = 0;

    if (!buffer_begin(w, inst) || !buffer_get_format(w, inst, &format))
        return;
    if (count < format.components) {
        gcn_fault_illegal(w, inst);
        return;
    }
    buffer_addresses(w, inst, &access);
    in = buffer_in_range(&access, 0, 4 * format.components, exec);
    for (unsigned n = 0; n < format.components; n++) {
        int more = buffer_move(w, &access, MEM_B32, inst->dst + n, in, &gcn_mem_stores);

        if (more < 0)
            return;
        lines += more;
        for (unsigned lane = 0; lane < 64; lane++)
            access.addr[lane] += access.step;
    }
    mem_issue(w, lines);
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
