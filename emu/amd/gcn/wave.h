// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the interpreter: the state of a wave, a decoded instruction, and the helpers that the
 * opcode families (ops_*.c) share. Private to emu/amd/gcn/.
 */
#pragma once

#include "gcn.h"

#include "isa/gcn/isa.h"

#include <assert.h>
#include <string.h>

/* The names of the instruction table (isa/gcn/isa.h), as they are called here. The register file is
 * indexed by scalar operand numbers. */
enum {
    GCN_FLAT_SCRATCH = ISA_FLAT_SCRATCH,
    GCN_XNACK_MASK = ISA_XNACK_MASK,
    GCN_VCC = ISA_VCC,
    GCN_TTMP0 = ISA_TTMP0,
    GCN_M0 = ISA_M0,
    GCN_EXEC = ISA_EXEC,
    GCN_SGPRS = 128,
    GCN_CONSTANTS = ISA_INLINE, /* 128..248: inline constants, kept in the register file too */
    GCN_SRC_SHARED_BASE = ISA_SHARED_BASE,
    GCN_SRC_SHARED_LIMIT = ISA_SHARED_LIMIT,
    GCN_SRC_PRIVATE_BASE = ISA_PRIVATE_BASE,
    GCN_SRC_PRIVATE_LIMIT = ISA_PRIVATE_LIMIT,
    GCN_SRC_CONSTANT_LAST = ISA_INLINE_LAST,
    GCN_SRC_VCCZ = ISA_VCCZ,
    GCN_SRC_EXECZ = ISA_EXECZ,
    GCN_SRC_SCC = ISA_SCC,
    GCN_SRC_LITERAL = ISA_LITERAL,
    GCN_SRC_VGPR = ISA_VGPR, /* 256 + n: vector register n */
    GCN_SADDR_OFF = ISA_SADDR_OFF,
};

enum gcn_format {
    // clang-format off
    GCN_SOP1 = ISA_SOP1, GCN_SOP2 = ISA_SOP2, GCN_SOPC = ISA_SOPC, GCN_SOPK = ISA_SOPK,
    GCN_SOPP = ISA_SOPP, GCN_SMEM = ISA_SMEM, GCN_VOP1 = ISA_VOP1, GCN_VOP2 = ISA_VOP2,
    GCN_VOPC = ISA_VOPC, GCN_VOP3 = ISA_VOP3, GCN_VOP3P = ISA_VOP3P, GCN_DS = ISA_DS,
    GCN_FLAT = ISA_FLAT, GCN_GLOBAL = ISA_GLOBAL, GCN_SCRATCH = ISA_SCRATCH,
    GCN_MUBUF = ISA_MUBUF, GCN_MTBUF = ISA_MTBUF,
    // clang-format on
};

struct gcn_wave;
struct gcn_inst;

/** Executes one instruction. Program counter: the runner has already advanced wave->pc past the
 *  instruction; branches overwrite it. A fault is reported by gcn_fault_*(). Cost: the runner
 *  charges the opcode's issue cycles; a handler adds what depends on data (gcn_charge). */
typedef void (*gcn_handler)(struct gcn_wave *wave, const struct gcn_inst *inst);

/** What a row of the table does here. Each family file expands its rows of isa/gcn/ops_*.def to
 *  these. */
struct gcn_semantics {
    uint16_t id;          /* enum isa_id */
    uint8_t issue_cycles; /* of one wave alone; 4 for a plain instruction */
    gcn_handler handler;
};

/* struct gcn_inst.mods */
enum {
    GCN_MOD_CLAMP = ISA_MOD_CLAMP,
    GCN_MOD_DPP = ISA_MOD_DPP,
    GCN_MOD_SDWA = ISA_MOD_SDWA,
    GCN_MOD_VOP3 = ISA_MOD_VOP3,
    GCN_MOD_GLC = ISA_MOD_GLC,
    GCN_MOD_SLC = ISA_MOD_SLC,
    GCN_MOD_LDS = ISA_MOD_LDS,
    GCN_MOD_OFFEN = ISA_MOD_OFFEN,
    GCN_MOD_IDXEN = ISA_MOD_IDXEN,
    GCN_MOD_GDS = ISA_MOD_GDS,
    GCN_MOD_SOFFSET = ISA_MOD_SOFFSET,
    GCN_MOD_IMM = ISA_MOD_IMM,
    GCN_MOD_TFE = ISA_MOD_TFE,
};

/** A decoded instruction, one cache line of what struct isa_fields (isa/gcn/isa.h) explains.
 *
 *  VGPR indexing (s_set_gpr_idx_on) is the runner's work: handlers get an instruction whose
 *  register numbers are already moved. */
struct gcn_inst {
    gcn_handler handler;
    const struct isa_opcode *op;
    uint16_t src[3];
    uint16_t dst;
    uint16_t sdst;
    uint16_t mods;
    uint8_t size;      /* in dwords */
    uint8_t neg, abs;  /* bit n: source n */
    uint8_t omod;      /* 0 none, 1 *2, 2 *4, 3 /2 */
    uint8_t op_sel;    /* VOP3 op_sel bits 0..3; VOP3P op_sel */
    uint8_t op_sel_hi; /* VOP3P */
    uint8_t sdwa_dst_sel, sdwa_dst_unused, sdwa_sel[2], sdwa_sext;
    uint8_t dpp_row_mask, dpp_bank_mask, dpp_bound_ctrl;
    uint16_t dpp_ctrl;
    uint16_t offset1;
    uint8_t issue_cycles;
    int32_t imm;
    uint32_t literal;  /* value of GCN_SRC_LITERAL */
    uint32_t words[2]; /* the first two raw words, for reports */
};
static_assert(sizeof(struct gcn_inst) == 64, "one cache line per decoded instruction");

/* What a wave finds again in the vector cache: 16 KiB of lines of 64 bytes (Vega ISA guide), as if
 * it had the cache to itself. Only so does its time not depend on the order in which waves are run.
 */
enum { GCN_CACHE_LINES = 256 };

enum gcn_wave_state { GCN_WAVE_READY, GCN_WAVE_BARRIER, GCN_WAVE_ENDED };

struct gcn_workgroup;

struct gcn_wave {
    uint32_t sgpr[256 + 16]; /* by scalar operand number: SGPRs, FLAT_SCRATCH, VCC, TTMPs, M0, EXEC,
                                then the inline constants for 32-bit operations; some slack */
    uint64_t pc;
    uint64_t limit; /* the runner goes on while cycle < limit; see gcn_leave() */
    uint32_t scc;
    uint32_t mode;             /* hardware MODE register: FP round and denorm, ... */
    uint32_t vgprs;            /* allocated */
    uint32_t (*vgpr)[64];      /* part of the work-group's memory; always 256 + 16 rows, so that no
                                  register number of an instruction can leave it */
    struct gcn_workgroup *wg;  /* borrowed */
    struct gcn_thread *thread; /* the thread that runs it now */
    const struct gcn_dispatch *dispatch; /* borrowed */
    enum gcn_wave_state state;
    /* Time, in shader cycles since the work-group's start. */
    uint64_t cycle;
    uint64_t vm_ready[64]; /* arrival of the last 64 vector memory operations, ring */
    uint32_t vm_issued;
    uint64_t lgkm_ready[16]; /* the same of LDS and scalar memory operations */
    uint32_t lgkm_issued;
    uint32_t issue_scale_q8;
    struct gcn_pace pace;
    uint64_t memory_until_q8; /* when what it has asked of memory will have passed; cycles * 256 */
    uint64_t lds_until_q8;    /* the same of local memory */
    uint32_t fills;           /* lines of the present instruction that it has not touched lately */
    uint32_t line[GCN_CACHE_LINES]; /* touched lately; see gcn_touch */
    uint64_t spot_epoch;            /* uncached.c: of its last load past the cache */
    uint32_t index;                 /* in the work-group */
    uint64_t scratch_va;            /* this wave's slot of scratch backing memory */
    uint32_t scratch_offset;        /* the same, relative to the queue's scratch base */
    bool gws_waits; /* at a semaphore, or in ds_gws_barrier, which it entered in this phase */
    uint32_t gws_phase;
    struct gcn_fault fault;
};

struct gcn_workgroup {
    const struct gcn_dispatch *dispatch;
    uint32_t id[3];
    uint32_t waves;
    uint32_t lds_bytes;  /* allocated, in granules of 512 bytes */
    char *lds;           /* part of this work-group's memory block, as @wave is */
    uint64_t cycle;      /* local time: that of the most advanced wave */
    uint64_t base_cycle; /* device cycle of local time 0, in the present slice */
    uint32_t size_class; /* of the memory block */
    struct gcn_workgroup *next_free;
    struct gcn_wave *wave; /* @waves of them */
};

enum { GCN_RANGES = 16 };

struct gcn_thread {
    struct gcn_range range[GCN_RANGES]; /* most recently used first; forgotten at slice begin */
    uint64_t generation;                /* of the ranges */
    uint64_t instructions;
};

static inline uint64_t gcn_exec(const struct gcn_wave *w)
{
    uint64_t v;
    memcpy(&v, &w->sgpr[GCN_EXEC], sizeof(v));
    return v;
}

static inline uint64_t gcn_sgpr64(const struct gcn_wave *w, unsigned n)
{
    uint64_t v;
    memcpy(&v, &w->sgpr[n], sizeof(v));
    return v;
}

static inline void gcn_set_sgpr64(struct gcn_wave *w, unsigned n, uint64_t v)
{
    memcpy(&w->sgpr[n], &v, sizeof(v));
}

/** The same as gcn_scalar32 for what is no register or inline constant. */
uint32_t gcn_scalar32_slow(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code);

/** Scalar value of operand @code (< 256) as a 32-bit integer or single-precision operation sees
 *  it. */
static inline uint32_t gcn_scalar32(const struct gcn_wave *w, const struct gcn_inst *inst,
                                    unsigned code)
{
    if (__builtin_expect(code <= GCN_SRC_CONSTANT_LAST, 1))
        return w->sgpr[code];
    return gcn_scalar32_slow(w, inst, code);
}

/** The same for a 64-bit operation: integer constants are sign-extended, floating-point constants
 *  are doubles, a literal is zero-extended (as b64 and u64 operations want it; an i64 operation
 *  sign-extends and an f64 operation shifts it to the upper half itself: inst->literal). */
uint64_t gcn_scalar64(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code);

/** Slow path of gcn_translate: asks the address space and remembers the range. NULL: unmapped or,
 *  for a write, read-only; the fault is then recorded in the wave. */
void *gcn_translate_slow(struct gcn_wave *w, uint64_t va, uint32_t size, bool write);

/** Host address of @size bytes at device address @va, or NULL with the wave's fault set. */
static inline void *gcn_translate(struct gcn_wave *w, uint64_t va, uint32_t size, bool write)
{
    const struct gcn_range *r = &w->thread->range[0];
    const uint64_t offset = va - r->start, length = r->end - r->start;

    if (__builtin_expect(offset < length && length - offset >= size && (r->writable || !write), 1))
        return r->host + offset;
    return gcn_translate_slow(w, va, size, write);
}

/** Adds data-dependent issue cost. */
static inline void gcn_charge(struct gcn_wave *w, uint32_t cycles)
{
    w->cycle += (uint64_t)cycles * w->issue_scale_q8 >> 8;
}

static inline uint64_t gcn_later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Records an operation that arrives at @ready in a ring of @size, for s_waitcnt. Results arrive in
 * order, so none is ready before the one issued ahead of it; and there are no more on the way than
 * the ring holds (the hardware's counters have 6 and 4 bits): one more waits for the oldest. */
static inline void gcn_issue(struct gcn_wave *w, uint64_t *ring, unsigned size, uint32_t *issued,
                             uint64_t ready)
{
    uint64_t *slot = &ring[*issued % size];

    w->cycle = gcn_later(w->cycle, *slot);
    *slot = gcn_later(ready, ring[(*issued - 1) % size]);
    ++*issued;
}

/** A vector memory operation that arrives at @ready. */
static inline void gcn_issue_vmem(struct gcn_wave *w, uint64_t ready)
{
    gcn_issue(w, w->vm_ready, 64, &w->vm_issued, ready);
}

/** An LDS or scalar memory operation that arrives at @ready. */
static inline void gcn_issue_lgkm(struct gcn_wave *w, uint64_t ready)
{
    gcn_issue(w, w->lgkm_ready, 16, &w->lgkm_issued, ready);
}

/** The wave's share of something is busy with another operation for @cost_q8. Returns until when.
 * Of a share that it has not used, a wave may make use for so many cycles afterwards: meanwhile
 * others used it, and have left theirs. */
static inline uint64_t gcn_pace(const struct gcn_wave *w, uint64_t *until_q8, uint64_t cost_q8)
{
    enum { CREDIT = 8192 };
    uint64_t least_q8 = w->cycle > CREDIT ? (w->cycle - CREDIT) << 8 : 0;

    *until_q8 = gcn_later(*until_q8, least_q8) + cost_q8;
    return *until_q8 >> 8;
}

/** The wave touches the line (address / 64): counts it in w->fills if it has not lately. Lines at
 * any power of two from one another find places of their own, as the hardware's four ways and the
 * cache behind it would have. */
static inline void gcn_touch(struct gcn_wave *w, uint64_t line)
{
    uint32_t *slot = &w->line[(line + (line >> 8) * 37 + (line >> 16) * 101) % GCN_CACHE_LINES];
    uint32_t tag = (uint32_t)line; /* no two within 256 GiB; 0: none yet */

    w->fills += *slot != tag;
    *slot = tag;
}

/** Makes the runner look at the wave's state and fault after this instruction. */
static inline void gcn_leave(struct gcn_wave *w)
{
    w->limit = 0;
}

/** Reports the present instruction as not implemented (or illegal). */
void gcn_fault_illegal(struct gcn_wave *w, const struct gcn_inst *inst);
/** Reports a fault of @kind at device address @va (or with trap code @va). The first fault of a
 * wave is kept; pc and words are filled in by the runner. */
void gcn_fault_raise(struct gcn_wave *w, enum gcn_fault_kind kind, uint64_t va);

/* struct gcn_wave.mode, the hardware's MODE register */
enum {
    GCN_MODE_ROUND32 = 3 << 0,  /* 0 nearest even, 1 +inf, 2 -inf, 3 zero */
    GCN_MODE_ROUND64 = 3 << 2,  /* also of half precision */
    GCN_MODE_DENORM32 = 3 << 4, /* bit 0: keep denormal sources, bit 1: keep denormal results */
    GCN_MODE_DENORM64 = 3 << 6, /* also of half precision */
    GCN_MODE_DX10_CLAMP = 1 << 8,
    GCN_MODE_IEEE = 1 << 9,
    GCN_MODE_FP16_OVFL = 1 << 23,
    GCN_MODE_GPR_IDX = 1 << 27,
};

/** Semantics of the rows, one table per family file; the decoder (decode.c) joins them. */
extern const struct gcn_semantics gcn_ops_salu[], gcn_ops_smem[], gcn_ops_mem[];
extern const unsigned gcn_ops_salu_count, gcn_ops_smem_count, gcn_ops_mem_count;
/** Vector ALU handlers are compiled twice (plain and AVX2); the decoder picks by CPU. */
extern const struct gcn_semantics gcn_ops_valu_plain[], gcn_ops_valu_avx2[];
extern const unsigned gcn_ops_valu_count;
/** For tests: true before the first instruction is decoded: every CPU uses the plain handlers. */
extern bool gcn_vector_plain;

/** Decodes the instruction at @words (@available dwords, at least 1). Returns its size in dwords,
 *  or 0 if it is cut off or is no instruction; an instruction that exists but is not implemented
 *  gets a handler that faults. */
unsigned gcn_decode(const uint32_t *words, unsigned available, struct gcn_inst *inst);
