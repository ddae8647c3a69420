// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar memory: loads and stores of 1 to 16 dwords through plain addresses or buffer descriptors,
 * and the two clocks. Data is transferred when the instruction issues; s_waitcnt waits for the
 * modelled arrival.
 */
#include "wave.h"

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

static inline void scalar(struct gcn_wave *w, const struct gcn_inst *inst, unsigned dwords,
                          bool store)
{
    const uint64_t va = gcn_sgpr64(w, inst->src[0]) + offset_of(w, inst);

    if (!registers_ok(w, inst, dwords))
        return;
    copy(w, inst, va & ~3ull, dwords, store);
    gcn_issue_lgkm(w, w->dispatch->smem_latency);
}

/* Buffer descriptor: base in bits 47:0, stride in 61:48, size in the third dword, in bytes or, with
 * a stride, in records. Dwords out of range read as 0 and are not written. */
static inline void buffer(struct gcn_wave *w, const struct gcn_inst *inst, unsigned dwords,
                          bool store)
{
    const uint32_t *v = &w->sgpr[inst->src[0]];
    const uint64_t base = (v[0] | (uint64_t)(v[1] & 0xffff) << 32) & ~3ull;
    const uint32_t stride = v[1] >> 16 & 0x3fff;
    const uint64_t size = (uint64_t)v[2] * (stride ? stride : 1);
    const uint64_t offset = offset_of(w, inst) & ~3ull;
    unsigned inside = 0;

    if (!registers_ok(w, inst, dwords))
        return;
    while (inside < dwords && offset + (inside + 1) * 4 <= size)
        inside++;
    if (inside)
        copy(w, inst, base + offset, inside, store);
    if (!store)
        memset(&w->sgpr[inst->dst + inside], 0, (dwords - inside) * 4);
    gcn_issue_lgkm(w, w->dispatch->smem_latency);
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

static void s_memtime(struct gcn_wave *w, const struct gcn_inst *inst)
{
    if (!registers_ok(w, inst, 2))
        return;
    gcn_set_sgpr64(w, inst->dst, w->wg->base_cycle + w->cycle);
    gcn_issue_lgkm(w, w->dispatch->smem_latency);
}

/* The constant clock of the device ticks at 100 MHz. */
static void s_memrealtime(struct gcn_wave *w, const struct gcn_inst *inst)
{
    const uint64_t cycles = w->wg->base_cycle + w->cycle;
    const uint32_t mhz = w->dispatch->clock_mhz ? w->dispatch->clock_mhz : 1;

    if (!registers_ok(w, inst, 2))
        return;
    gcn_set_sgpr64(w, inst->dst, cycles / mhz * 100 + cycles % mhz * 100 / mhz);
    gcn_issue_lgkm(w, w->dispatch->smem_latency);
}

/* Cache maintenance: there are no caches. Address probes: only warm up translations. */
static void do_nothing(struct gcn_wave *w, const struct gcn_inst *inst) {}

#define SMEM(number, name, data, base, access, bytes, flags, cycles, handler)                      \
    {ISA_ID_##name, cycles, handler},
#define REFUSED(...)
const struct gcn_semantics gcn_ops_smem[] = {
#include "isa/gcn/ops_smem.def"
};
const unsigned gcn_ops_smem_count = sizeof(gcn_ops_smem) / sizeof(gcn_ops_smem[0]);
