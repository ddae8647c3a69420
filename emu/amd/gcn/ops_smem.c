// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar memory: loads and stores of 1 to 16 dwords through plain addresses or buffer descriptors,
 * and the two clocks. Data is transferred when the instruction issues; s_waitcnt waits for the
 * modelled arrival.
 */
#include "ops_mem.h"
#include "uncached.h"

/* Byte offset from the base: an immediate, an SGPR, or their sum. */
static uint64_t offset_of(const struct gcn_wave *w, const struct gcn_inst *inst)
{
    uint64_t offset = 0;

    if (inst->mods & GCN_MOD_IMM)
        offset += (int64_t)inst->imm;
    if (inst->mods & GCN_MOD_SOFFSET)
        offset += w->sgpr[inst->src[1]];
    return offset;
}

/* Destination or data registers must lie within the register file. */
static bool registers_ok(struct gcn_wave *w, const struct gcn_inst *inst, unsigned dwords)
{
    if (inst->dst + dwords <= GCN_SGPRS)
        return true;
    gcn_fault_illegal(w, inst);
    return false;
}

static void copy(struct gcn_wave *w, const struct gcn_inst *inst, uint64_t va, unsigned dwords,
                 bool store)
{
    void *host = gcn_translate(w, va, dwords * 4, store);

    if (!host)
        return;
    if (store)
        memcpy(host, &w->sgpr[inst->dst], dwords * 4);
    else
        memcpy(&w->sgpr[inst->dst], host, dwords * 4);
}

static void load_uncached(struct gcn_wave *w, const struct gcn_inst *inst, uint64_t va,
                          unsigned dwords)
{
    const uint32_t *host = gcn_translate(w, va, dwords * 4, false);

    if (!host)
        return;
    gcn_uncached_read(w, &w->sgpr[inst->dst], host, dwords);
    gcn_issue_lgkm(w, w->cycle + gcn_uncached_latency(w, va, w->thread->range[0].system));
}

static inline void scalar(struct gcn_wave *w, const struct gcn_inst *inst, unsigned dwords,
                          bool store)
{
    const uint64_t va = gcn_sgpr64(w, inst->src[0]) + offset_of(w, inst);

    if (!registers_ok(w, inst, dwords))
        return;
    if (!store && inst->mods & GCN_MOD_GLC) {
        load_uncached(w, inst, va & ~3ull, dwords);
        return;
    }
    copy(w, inst, va & ~3ull, dwords, store);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

/* Buffer descriptor: base in bits 47:0, stride in 61:48, size in the third dword, in bytes or, with
 * a stride, in records. Dwords out of range read as 0 and are not written. */
struct scalar_buffer {
    uint64_t base, size;
};

static inline struct scalar_buffer buffer_of(const struct gcn_wave *w, const struct gcn_inst *inst)
{
    const uint32_t *v = &w->sgpr[inst->src[0]];
    const uint32_t stride = v[1] >> 16 & 0x3fff;

    return (struct scalar_buffer){
        .base = (v[0] | (uint64_t)(v[1] & 0xffff) << 32) & ~3ull,
        .size = (uint64_t)v[2] * (stride ? stride : 1),
    };
}

static inline void buffer(struct gcn_wave *w, const struct gcn_inst *inst, unsigned dwords,
                          bool store)
{
    const struct scalar_buffer b = buffer_of(w, inst);
    const uint64_t offset = offset_of(w, inst) & ~3ull;
    unsigned inside = 0;

    if (!registers_ok(w, inst, dwords))
        return;
    while (inside < dwords && offset + (inside + 1) * 4 <= b.size)
        inside++;
    if (inside)
        copy(w, inst, b.base + offset, inside, store);
    if (!store)
        memset(&w->sgpr[inst->dst + inside], 0, (dwords - inside) * 4);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

#define LOAD(n)                                                                                    \
    static void scalar_load_##n(struct gcn_wave *w, const struct gcn_inst *inst)                   \
    {                                                                                              \
        scalar(w, inst, n, false);                                                                 \
    }                                                                                              \
    static void buffer_load_##n(struct gcn_wave *w, const struct gcn_inst *inst)                   \
    {                                                                                              \
        buffer(w, inst, n, false);                                                                 \
    }
#define STORE(n)                                                                                   \
    static void scalar_store_##n(struct gcn_wave *w, const struct gcn_inst *inst)                  \
    {                                                                                              \
        scalar(w, inst, n, true);                                                                  \
    }                                                                                              \
    static void buffer_store_##n(struct gcn_wave *w, const struct gcn_inst *inst)                  \
    {                                                                                              \
        buffer(w, inst, n, true);                                                                  \
    }
LOAD(1)
LOAD(2)
LOAD(4)
LOAD(8)
LOAD(16)
STORE(1)
STORE(2)
STORE(4)

/* Atomics: the operands are in the data registers, where with the glc bit the old value goes. Like
 * those of vector memory they must be naturally aligned; of a buffer, one that is out of range does
 * nothing and gives 0. */
static void atomic_at(struct gcn_wave *w, const struct gcn_inst *inst, uint64_t va,
                      enum mem_atomic op, unsigned bits)
{
    uint32_t *data = &w->sgpr[inst->dst];
    const void *host = va % (bits / 8) ? NULL : gcn_translate(w, va, bits / 8, true);
    uint64_t old;

    if (va % (bits / 8))
        gcn_fault_raise(w, GCN_FAULT_UNMAPPED, va);
    if (!host)
        return;
    if (bits == 32)
        old = gcn_mem_rmw32((uint32_t *)host, op, data[0], data[1]);
    else
        old = gcn_mem_rmw64((uint64_t *)host, op, gcn_sgpr64(w, inst->dst),
                            gcn_sgpr64(w, inst->dst + 2));
    if (inst->mods & GCN_MOD_GLC)
        memcpy(data, &old, bits / 8);
}

static void scalar_atomic(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_atomic op,
                          unsigned bits)
{
    const uint64_t va = gcn_sgpr64(w, inst->src[0]) + offset_of(w, inst);

    if (!registers_ok(w, inst, bits / 32 * (op == MEM_CMPSWAP ? 2 : 1)))
        return;
    atomic_at(w, inst, va, op, bits);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

static void buffer_atomic(struct gcn_wave *w, const struct gcn_inst *inst, enum mem_atomic op,
                          unsigned bits)
{
    const struct scalar_buffer b = buffer_of(w, inst);
    const uint64_t offset = offset_of(w, inst);

    if (!registers_ok(w, inst, bits / 32 * (op == MEM_CMPSWAP ? 2 : 1)))
        return;
    if (offset + bits / 8 <= b.size)
        atomic_at(w, inst, b.base + offset, op, bits);
    else if (inst->mods & GCN_MOD_GLC)
        memset(&w->sgpr[inst->dst], 0, bits / 8);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

#define ATOMIC(name, kind, op, bits)                                                               \
    static void name(struct gcn_wave *w, const struct gcn_inst *inst)                              \
    {                                                                                              \
        kind(w, inst, op, bits);                                                                   \
    }
#define ATOMICS(what, op)                                                                          \
    ATOMIC(atomic_##what, scalar_atomic, op, 32)                                                   \
    ATOMIC(atomic_##what##_x2, scalar_atomic, op, 64)                                              \
    ATOMIC(buffer_atomic_##what, buffer_atomic, op, 32)                                            \
    ATOMIC(buffer_atomic_##what##_x2, buffer_atomic, op, 64)
// clang-format off
ATOMICS(swap, MEM_SWAP)
ATOMICS(cmpswap, MEM_CMPSWAP)
ATOMICS(add, MEM_ADD)
ATOMICS(sub, MEM_SUB)
ATOMICS(smin, MEM_SMIN)
ATOMICS(umin, MEM_UMIN)
ATOMICS(smax, MEM_SMAX)
ATOMICS(umax, MEM_UMAX)
ATOMICS(and, MEM_AND)
ATOMICS(or, MEM_OR)
ATOMICS(xor, MEM_XOR)
ATOMICS(inc, MEM_INC)
ATOMICS(dec, MEM_DEC)
// clang-format on

static void s_memtime(struct gcn_wave *w, const struct gcn_inst *inst)
{
    if (!registers_ok(w, inst, 2))
        return;
    gcn_set_sgpr64(w, inst->dst, w->wg->base_cycle + w->cycle);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

/* The constant clock of the device ticks at 100 MHz. */
static void s_memrealtime(struct gcn_wave *w, const struct gcn_inst *inst)
{
    const uint64_t cycles = w->wg->base_cycle + w->cycle;
    const uint32_t mhz = w->dispatch->clock_mhz ? w->dispatch->clock_mhz : 1;

    if (!registers_ok(w, inst, 2))
        return;
    gcn_set_sgpr64(w, inst->dst, cycles / mhz * 100 + cycles % mhz * 100 / mhz);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->smem_latency);
}

/* Cache maintenance: there are no caches, and what a line that is discarded held may have been
 * written back before. Address probes: only warm up translations. */
static void do_nothing(struct gcn_wave *w, const struct gcn_inst *inst) {}

#define SMEM(number, name, data, base, access, bytes, flags, cycles, handler)                      \
    {ISA_ID_##name, cycles, handler},
#define REFUSED(...)
const struct gcn_semantics gcn_ops_smem[] = {
#include "isa/gcn/ops_smem.def"
};
const unsigned gcn_ops_smem_count = sizeof(gcn_ops_smem) / sizeof(gcn_ops_smem[0]);
