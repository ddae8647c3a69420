// SPDX-License-Identifier: Apache-2.0
/*
 * What the memory families (ops_ds.c, ops_flat.c, ops_buffer.c) share: kinds of data that move
 * between memory and vector registers, atomic operations, and the engine (ops_mem.c) that carries
 * an access of up to 64 lanes out on device memory.
 *
 * Cost of a vector memory operation: its row's issue cycles, and it arrives vmem_latency shader
 * cycles later, or when the wave's share of the bandwidth has let its lines pass, whichever is
 * later (mem_arrival). Lines are the runs of successive lanes whose address lies in the same
 * 64-byte line (64 lanes at consecutive dwords: 4; a stride of 64 bytes or more: 64). LDS
 * operations arrive after lds_latency in the same way; bank conflicts are not modelled.
 *
 * A fault ends the instruction at the lane it happens in: earlier lanes are done, later ones are
 * not.
 */
#pragma once

#include "wave.h"

#include <stddef.h>

/* Data of one lane. D16 kinds write the lower or upper half of the register and keep the other
 * half; as a store, MEM_U8_D16_HI and MEM_U16_D16_HI take the upper half. */
enum mem_kind {
    MEM_U8,
    MEM_I8,
    MEM_U16,
    MEM_I16,
    MEM_U8_D16,
    MEM_U8_D16_HI,
    MEM_I8_D16,
    MEM_I8_D16_HI,
    MEM_U16_D16,
    MEM_U16_D16_HI,
    MEM_B32, /* whole dwords from here on */
    MEM_B64,
    MEM_B96,
    MEM_B128,
    MEM_KINDS,
};

/* Read-modify-write operations with operands a and b (first and second data register of the lane).
 */
enum mem_atomic {
    MEM_SWAP,
    MEM_CMPSWAP, /* FLAT, MUBUF: old == b ? a : old */
    MEM_ADD,
    MEM_SUB,
    MEM_SMIN,
    MEM_UMIN,
    MEM_SMAX,
    MEM_UMAX,
    MEM_AND,
    MEM_OR,
    MEM_XOR,
    MEM_INC,
    MEM_DEC,
    MEM_RSUB, /* this one and the following: DS only */
    MEM_MSKOR,
    MEM_CMPST, /* old == a ? b : old */
    MEM_WRAP,
    MEM_FCMPST,
    MEM_FMIN,
    MEM_FMAX,
    MEM_FADD,
};

#define MEM_FOR_LANES(lane, mask)                                                                  \
    for (uint64_t lanes_ = (mask); lanes_ && ((lane) = (unsigned)__builtin_ctzll(lanes_), true);   \
         lanes_ &= lanes_ - 1)

#define MEM_INLINE static inline __attribute__((always_inline))

/** Bytes of memory that one lane touches. */
static inline uint32_t mem_bytes(enum mem_kind kind)
{
    switch (kind) {
    case MEM_U8:
    case MEM_I8:
    case MEM_U8_D16:
    case MEM_U8_D16_HI:
    case MEM_I8_D16:
    case MEM_I8_D16_HI:
        return 1;
    case MEM_U16:
    case MEM_I16:
    case MEM_U16_D16:
    case MEM_U16_D16_HI:
        return 2;
    case MEM_B64:
        return 8;
    case MEM_B96:
        return 12;
    case MEM_B128:
        return 16;
    default:
        return 4;
    }
}

MEM_INLINE uint32_t mem_merge(uint32_t old, uint32_t half, bool high)
{
    return high ? (old & 0xffff) | half << 16 : (old & 0xffff0000) | (half & 0xffff);
}

MEM_INLINE uint32_t mem_read32(const void *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

/** Writes what lies at @p to lane @lane of the registers that start at @reg. */
MEM_INLINE void mem_put(uint32_t (*reg)[64], unsigned lane, enum mem_kind kind, const void *p)
{
    uint32_t *r = &reg[0][lane];
    uint16_t h = 0;
    uint64_t q;

    if (mem_bytes(kind) == 2)
        memcpy(&h, p, sizeof(h));
    switch (kind) {
    case MEM_U8:
        *r = *(const uint8_t *)p;
        break;
    case MEM_I8:
        *r = (uint32_t)(int32_t) * (const int8_t *)p;
        break;
    case MEM_U16:
        *r = h;
        break;
    case MEM_I16:
        *r = (uint32_t)(int32_t)(int16_t)h;
        break;
    case MEM_U8_D16:
    case MEM_U8_D16_HI:
        *r = mem_merge(*r, *(const uint8_t *)p, kind == MEM_U8_D16_HI);
        break;
    case MEM_I8_D16:
    case MEM_I8_D16_HI:
        *r = mem_merge(*r, (uint16_t) * (const int8_t *)p, kind == MEM_I8_D16_HI);
        break;
    case MEM_U16_D16:
    case MEM_U16_D16_HI:
        *r = mem_merge(*r, h, kind == MEM_U16_D16_HI);
        break;
    case MEM_B64: /* in one piece: an aligned pair must not tear */
        memcpy(&q, p, sizeof(q));
        reg[0][lane] = (uint32_t)q;
        reg[1][lane] = (uint32_t)(q >> 32);
        break;
    default:
        for (unsigned n = 0; n < mem_bytes(kind) / 4; n++)
            reg[n][lane] = mem_read32((const char *)p + 4 * n);
    }
}

/** Writes lane @lane of the registers that start at @reg to @p. */
MEM_INLINE void mem_get(uint32_t (*reg)[64], unsigned lane, enum mem_kind kind, void *p)
{
    uint32_t v = reg[0][lane];
    uint64_t q;

    if (kind == MEM_U8_D16_HI || kind == MEM_U16_D16_HI)
        v >>= 16;
    switch (mem_bytes(kind)) {
    case 1:
        *(uint8_t *)p = (uint8_t)v;
        break;
    case 2:
        memcpy(p, &v, 2);
        break;
    case 8:
        q = v | (uint64_t)reg[1][lane] << 32;
        memcpy(p, &q, sizeof(q));
        break;
    default:
        for (unsigned n = 0; n < mem_bytes(kind) / 4; n++)
            memcpy((char *)p + 4 * n, &reg[n][lane], 4);
    }
}

static inline float mem_float(uint32_t v)
{
    float f;

    memcpy(&f, &v, sizeof(f));
    return f;
}

static inline double mem_double(uint64_t v)
{
    double f;

    memcpy(&f, &v, sizeof(f));
    return f;
}

/** New value of a 32-bit memory word. Float operations: see ops_ds.c for denormals. */
MEM_INLINE uint32_t mem_compute32(enum mem_atomic op, uint32_t old, uint32_t a, uint32_t b)
{
    float sum;

    switch (op) {
    case MEM_SWAP:
        return a;
    case MEM_CMPSWAP:
        return old == b ? a : old;
    case MEM_ADD:
        return old + a;
    case MEM_SUB:
        return old - a;
    case MEM_RSUB:
        return a - old;
    case MEM_SMIN:
        return (int32_t)a < (int32_t)old ? a : old;
    case MEM_UMIN:
        return a < old ? a : old;
    case MEM_SMAX:
        return (int32_t)a > (int32_t)old ? a : old;
    case MEM_UMAX:
        return a > old ? a : old;
    case MEM_AND:
        return old & a;
    case MEM_OR:
        return old | a;
    case MEM_XOR:
        return old ^ a;
    case MEM_INC:
        return old >= a ? 0 : old + 1;
    case MEM_DEC:
        return old == 0 || old > a ? a : old - 1;
    case MEM_MSKOR:
        return (old & ~a) | b;
    case MEM_CMPST:
        return old == a ? b : old;
    case MEM_WRAP:
        return old >= a ? old - a : old + b;
    case MEM_FCMPST:
        return mem_float(old) == mem_float(a) ? b : old;
    case MEM_FMIN:
        return mem_float(a) < mem_float(old) ? a : old;
    case MEM_FMAX:
        return mem_float(a) > mem_float(old) ? a : old;
    case MEM_FADD:
        sum = mem_float(old) + mem_float(a);
        memcpy(&old, &sum, sizeof(old));
        return old;
    }
    return old;
}

/** New value of a 64-bit memory word. */
MEM_INLINE uint64_t mem_compute64(enum mem_atomic op, uint64_t old, uint64_t a, uint64_t b)
{
    switch (op) {
    case MEM_SWAP:
        return a;
    case MEM_CMPSWAP:
        return old == b ? a : old;
    case MEM_ADD:
        return old + a;
    case MEM_SUB:
        return old - a;
    case MEM_RSUB:
        return a - old;
    case MEM_SMIN:
        return (int64_t)a < (int64_t)old ? a : old;
    case MEM_UMIN:
        return a < old ? a : old;
    case MEM_SMAX:
        return (int64_t)a > (int64_t)old ? a : old;
    case MEM_UMAX:
        return a > old ? a : old;
    case MEM_AND:
        return old & a;
    case MEM_OR:
        return old | a;
    case MEM_XOR:
        return old ^ a;
    case MEM_INC:
        return old >= a ? 0 : old + 1;
    case MEM_DEC:
        return old == 0 || old > a ? a : old - 1;
    case MEM_MSKOR:
        return (old & ~a) | b;
    case MEM_CMPST:
        return old == a ? b : old;
    case MEM_FCMPST:
        return mem_double(old) == mem_double(a) ? b : old;
    case MEM_FMIN:
        return mem_double(a) < mem_double(old) ? a : old;
    case MEM_FMAX:
        return mem_double(a) > mem_double(old) ? a : old;
    case MEM_WRAP: /* 32-bit only */
    case MEM_FADD:
        break;
    }
    return old;
}

MEM_INLINE uint64_t mem_lane64(uint32_t (*reg)[64], unsigned lane)
{
    return reg[0][lane] | (uint64_t)reg[1][lane] << 32;
}

/* ---- ops_mem.c: accesses of the lanes in @mask at device addresses @addr ----
 * Each returns the number of 64-byte line runs touched, or -1 with the wave's fault set. */

/** Loads into the registers from VGPR @dst on. */
int gcn_mem_load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint64_t addr[64],
                 uint64_t mask);
/** Stores from the registers from VGPR @data on. */
int gcn_mem_store(struct gcn_wave *w, enum mem_kind kind, unsigned data, const uint64_t addr[64],
                  uint64_t mask);
/** Atomic operation of @bits 32 or 64; operands from VGPR @data on. The old value goes to VGPR @dst
 * if
 *  @dst is not negative. Misaligned addresses fault. */
int gcn_mem_atomic(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst, unsigned data,
                   const uint64_t addr[64], uint64_t mask);

/** One host-atomic operation on naturally aligned memory; returns what was there. */
uint32_t gcn_mem_rmw32(uint32_t *p, enum mem_atomic op, uint32_t a, uint32_t b);
uint64_t gcn_mem_rmw64(uint64_t *p, enum mem_atomic op, uint64_t a, uint64_t b);

/* Rows: the dword of lane i lies at @va + 4 * i, its next dword 256 bytes further, @dwords in all.
 * Private memory looks like this when all lanes access the same offset; with one dword it is what
 * consecutive lanes do anywhere. */
int gcn_mem_load_rows(struct gcn_wave *w, unsigned dwords, unsigned dst, uint64_t va,
                      uint64_t mask);
int gcn_mem_store_rows(struct gcn_wave *w, unsigned dwords, unsigned data, uint64_t va,
                       uint64_t mask);

/** True if the lanes in @mask hold one value; it goes to @value. */
static inline bool mem_uniform(const uint32_t reg[64], uint64_t mask, uint32_t *value)
{
    uint32_t difference = 0, first = reg[mask ? __builtin_ctzll(mask) : 0];
    unsigned lane;

    *value = first;
    if (mask == ~0ull) {
        for (lane = 0; lane < 64; lane++)
            difference |= reg[lane] ^ first;
        return !difference;
    }
    MEM_FOR_LANES(lane, mask)
    difference |= reg[lane] ^ first;
    return !difference;
}

/** True if the registers of all 64 lanes ascend by 4, without a carry. */
static inline bool mem_consecutive(const uint32_t reg[64])
{
    uint32_t difference = 0;

    if (reg[63] - reg[0] != 252 || reg[0] > 0xffffffff - 252)
        return false;
    for (unsigned lane = 0; lane < 64; lane++)
        difference |= reg[lane] - reg[0] - 4 * lane;
    return !difference;
}

/* Swizzled memory (scratch): @addr is where the first byte lies; the dword after it, for the same
 * lane, lies @step bytes further. */
int gcn_mem_load_swizzled(struct gcn_wave *w, enum mem_kind kind, unsigned dst,
                          const uint64_t addr[64], uint32_t step, uint64_t mask);
int gcn_mem_store_swizzled(struct gcn_wave *w, enum mem_kind kind, unsigned data,
                           const uint64_t addr[64], uint32_t step, uint64_t mask);
int gcn_mem_atomic_swizzled(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst,
                            unsigned data, const uint64_t addr[64], uint32_t step, uint64_t mask);

/** What a load of lanes that are out of range gives: 0 (D16: in the half that is loaded). */
void gcn_mem_load_zero(struct gcn_wave *w, enum mem_kind kind, unsigned dst, uint64_t mask);

/** When a vector memory operation arrives that touches @lines, w->fills of them not lately. */
static inline uint64_t mem_arrival(struct gcn_wave *w, int lines)
{
    uint64_t pass = (uint64_t)(unsigned)lines * w->pace.line_q8;
    uint64_t fill = (uint64_t)w->fills * w->pace.fill_q8;

    w->fills = 0;
    return gcn_later(w->cycle + w->dispatch->vmem_latency,
                     gcn_pace(w, &w->memory_until_q8, gcn_later(pass, fill)));
}

/** Books such an operation. */
static inline void mem_issue(struct gcn_wave *w, int lines)
{
    gcn_issue_vmem(w, mem_arrival(w, lines));
}

/* ---- ops_ds.c: the same on LDS, for FLAT addresses in the shared aperture ---- */
void gcn_lds_load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint32_t addr[64],
                  uint64_t mask);
void gcn_lds_store(struct gcn_wave *w, enum mem_kind kind, unsigned data, const uint32_t addr[64],
                   uint64_t mask);
void gcn_lds_atomic(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst, unsigned data,
                    const uint32_t addr[64], uint64_t mask);

/** The two directions, for code that is the same in both. */
struct mem_direction {
    int (*linear)(struct gcn_wave *w, enum mem_kind kind, unsigned reg, const uint64_t addr[64],
                  uint64_t mask);
    int (*swizzled)(struct gcn_wave *w, enum mem_kind kind, unsigned reg, const uint64_t addr[64],
                    uint32_t step, uint64_t mask);
    int (*rows)(struct gcn_wave *w, unsigned dwords, unsigned reg, uint64_t va, uint64_t mask);
    void (*lds)(struct gcn_wave *w, enum mem_kind kind, unsigned reg, const uint32_t addr[64],
                uint64_t mask);
    bool write;
};
extern const struct mem_direction gcn_mem_loads, gcn_mem_stores;

/* Where what moves between memory and LDS is put in between: behind the registers (struct
 * gcn_wave.vgpr). */
enum { MEM_STAGE = 256 };

/** The load or store as it would be from or to registers. */
static inline struct gcn_inst mem_staged(const struct gcn_inst *inst)
{
    struct gcn_inst staged = *inst;

    staged.mods &= ~GCN_MOD_LDS;
    staged.dst = MEM_STAGE;
    return staged;
}

/** The LDS half of it (ops_ds.c): the dword of lane l lies at M0 + instruction offset + 4 * l (ISA
 * guide, "Memory buffer load to LDS"; LLVM, SIISelLowering, for global loads). */
void gcn_mem_stage_to_lds(struct gcn_wave *w, const struct gcn_inst *inst);
void gcn_mem_stage_from_lds(struct gcn_wave *w, const struct gcn_inst *inst);

/* Global wave sync (ops_gws.c). */
void mem_gws_init(struct gcn_wave *w, const struct gcn_inst *inst);
void mem_gws_barrier(struct gcn_wave *w, const struct gcn_inst *inst);
void mem_gws_v(struct gcn_wave *w, const struct gcn_inst *inst);
void mem_gws_br(struct gcn_wave *w, const struct gcn_inst *inst);
void mem_gws_p(struct gcn_wave *w, const struct gcn_inst *inst);
void mem_gws_release_all(struct gcn_wave *w, const struct gcn_inst *inst);

/* Handlers: gcn_<mnemonic>, one per row. */
#define DS(number, name, ...)             void gcn_##name(struct gcn_wave *w, const struct gcn_inst *inst);
#define FLAT(format, number, name, ...)   DS(number, name)
#define BUFFER(format, number, name, ...) DS(number, name)
#define REFUSED(...)
#include "isa/gcn/ops_ds.def"
#include "isa/gcn/ops_flat.def"
#include "isa/gcn/ops_buffer.def"
#undef DS
#undef FLAT
#undef BUFFER
#undef REFUSED
