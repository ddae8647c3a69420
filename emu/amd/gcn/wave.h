// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the interpreter: the state of a wave, a decoded instruction, and the helpers that the opcode
 * families (ops_*.c) share. Private to emu/amd/gcn/.
 */
#pragma once

#include "gcn.h"

#include <string.h>

/* Scalar operand numbers (ISA guide, "Scalar operands"); the register file is indexed by them. */
enum {
    GCN_FLAT_SCRATCH = 102,
    GCN_XNACK_MASK = 104,
    GCN_VCC = 106,
    GCN_TTMP0 = 108,
    GCN_M0 = 124,
    GCN_EXEC = 126,
    GCN_SGPRS = 128,
    GCN_SRC_SHARED_BASE = 235,
    GCN_SRC_SHARED_LIMIT = 236,
    GCN_SRC_PRIVATE_BASE = 237,
    GCN_SRC_PRIVATE_LIMIT = 238,
    GCN_SRC_VCCZ = 251,
    GCN_SRC_EXECZ = 252,
    GCN_SRC_SCC = 253,
    GCN_SRC_LITERAL = 255,
    GCN_SRC_VGPR = 256, /* 256 + n: vector register n */
    GCN_SRC_SDWA = 249, /* never in a decoded instruction: resolved by the decoder */
    GCN_SRC_DPP = 250,  /* likewise */
};

enum gcn_format {
    GCN_SOP1, GCN_SOP2, GCN_SOPC, GCN_SOPK, GCN_SOPP, GCN_SMEM,
    GCN_VOP1, GCN_VOP2, GCN_VOPC, GCN_VOP3, GCN_VOP3P, GCN_VINTRP,
    GCN_DS, GCN_FLAT, GCN_GLOBAL, GCN_SCRATCH, GCN_MUBUF, GCN_MTBUF,
    GCN_FORMATS,
};

struct gcn_wave;
struct gcn_inst;

/** Executes one instruction. Program counter: the runner has already advanced wave->pc past the
 *  instruction; branches overwrite it. A fault is reported by gcn_fault_*(). Cost: the runner charges
 *  the opcode's issue cycles; a handler adds what depends on data (gcn_charge). */
typedef void (*gcn_handler)(struct gcn_wave *wave, const struct gcn_inst *inst);

/** One row of ops_*.def: OP(format, number, mnemonic, handler, issue_cycles, flags). VOP1/VOP2/VOPC rows
 *  serve the e32, VOP3, SDWA and DPP encodings; the decoder derives the VOP3 number (VOPC +0x000,
 *  VOP2 +0x100, VOP1 +0x140). */
struct gcn_opcode {
    const char *name;
    gcn_handler handler;
    uint8_t format;
    uint8_t issue_cycles; /* of one wave alone; 4 for a plain instruction */
    uint16_t number;
    uint32_t flags;
};

enum { /* struct gcn_opcode.flags, shared by all families; families may add their own above bit 15 */
    GCN_OP_BRANCH = 1 << 0,   /* may change pc: ends a run of straight code */
    GCN_OP_SRC2 = 1 << 1,     /* has a third source (VOP3), or reads dst as one (mac) */
    GCN_OP_SDST = 1 << 2,     /* VOP3b: writes a scalar destination (carry, compare mask) */
};

enum { /* struct gcn_inst.mods */
    GCN_MOD_CLAMP = 1 << 0,
    GCN_MOD_DPP = 1 << 1,
    GCN_MOD_SDWA = 1 << 2,
    GCN_MOD_VOP3 = 1 << 3,
    GCN_MOD_GLC = 1 << 4,
    GCN_MOD_SLC = 1 << 5,
    GCN_MOD_LDS = 1 << 6,
    GCN_MOD_OFFEN = 1 << 7,
    GCN_MOD_IDXEN = 1 << 8,
    GCN_MOD_GDS = 1 << 9,
    GCN_MOD_SOFFSET = 1 << 10, /* SMEM: offset field is an SGPR */
    GCN_MOD_IMM = 1 << 11,     /* SMEM: offset field is an immediate */
};

/** A decoded instruction. Sources use the ISA's 9-bit operand space; SDWA and DPP words are already
 *  taken apart (src0 then is the real register, 256 + n, or for SDWA also an SGPR). */
struct gcn_inst {
    gcn_handler handler;
    const struct gcn_opcode *op;
    uint16_t src[3];     /* VOP/SOP sources. DS: addr, data0, data1. FLAT: addr, data, saddr (0x7f: off).
                            MUBUF: vaddr, srsrc (SGPR number), soffset. SMEM: sbase (SGPR number), offset SGPR */
    uint16_t dst;        /* VGPR number for vector destinations, SGPR number for scalar ones */
    uint16_t sdst;       /* VOP3b/VOPC scalar destination; MUBUF/FLAT/DS: vdata of a store is in dst */
    uint16_t mods;
    uint8_t size;        /* in dwords, 1..3 */
    uint8_t neg, abs;    /* bit n: source n (VOP3, DPP, SDWA); VOP3P: neg = neg_lo, abs = neg_hi */
    uint8_t omod;        /* 0 none, 1 *2, 2 *4, 3 /2 */
    uint8_t op_sel;      /* VOP3 op_sel bits 0..3; VOP3P op_sel */
    uint8_t op_sel_hi;   /* VOP3P */
    uint8_t sdwa_dst_sel, sdwa_dst_unused, sdwa_sel[2], sdwa_sext; /* sext bit n: source n */
    uint8_t dpp_row_mask, dpp_bank_mask, dpp_bound_ctrl;
    uint16_t dpp_ctrl;
    uint16_t offset1;    /* DS: second 8-bit offset */
    int32_t imm;         /* SOPK/SOPP simm16; SMEM/FLAT/MUBUF/DS offset */
    uint32_t literal;    /* value of GCN_SRC_LITERAL */
    uint32_t words[2];   /* the first two raw words, for reports */
};

enum gcn_wave_state { GCN_WAVE_READY, GCN_WAVE_BARRIER, GCN_WAVE_ENDED };

struct gcn_workgroup;

struct gcn_wave {
    uint32_t sgpr[GCN_SGPRS]; /* with FLAT_SCRATCH, VCC, TTMPs, M0 and EXEC at their operand numbers */
    uint64_t pc;
    uint32_t scc;
    uint32_t mode;            /* hardware MODE register: FP round and denorm, ... */
    uint32_t vgprs;           /* allocated */
    uint32_t (*vgpr)[64];     /* owned */
    struct gcn_workgroup *wg; /* borrowed */
    struct gcn_thread *thread;/* the thread that runs it now */
    const struct gcn_dispatch *dispatch; /* borrowed */
    enum gcn_wave_state state;
    uint32_t gpr_idx;         /* s_set_gpr_idx_*: mode bits and index; see ops_salu.c */
    /* Time, in shader cycles since the work-group's start. */
    uint64_t cycle;
    uint64_t vm_ready[64];    /* arrival of the last 64 vector memory operations, ring */
    uint32_t vm_issued;
    uint64_t lgkm_ready;      /* arrival of the last LDS or scalar memory operation */
    uint32_t lgkm_issued;
    uint32_t issue_scale_q8;
    uint32_t index;           /* in the work-group */
    uint64_t scratch_va;      /* this wave's slot of scratch backing memory */
    uint32_t scratch_offset;  /* the same, relative to the queue's scratch base (scratch wave offset) */
    struct gcn_fault fault;
};

struct gcn_workgroup {
    const struct gcn_dispatch *dispatch;
    uint32_t id[3];
    uint32_t waves;
    uint32_t lds_bytes;
    char *lds;                /* owned */
    uint64_t base_cycle;      /* device cycle of local time 0 of the present slice */
    struct gcn_wave *wave;    /* owned, @waves of them */
};

enum { GCN_RANGES = 16 };

struct gcn_thread {
    uint64_t generation;      /* of the ranges below */
    struct gcn_range range[GCN_RANGES];
    uint32_t next_range;
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

/** Scalar value of operand @code (< 256) as a 32-bit integer or single-precision operation sees it. */
uint32_t gcn_scalar32(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code);
/** The same for a 64-bit scalar integer operation (literals and constants sign-extended). */
uint64_t gcn_scalar64(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code);

/** Slow path of gcn_translate: asks the address space and remembers the range. NULL: unmapped or, for
 *  a write, read-only; the fault is then recorded in the wave. */
void *gcn_translate_slow(struct gcn_wave *w, uint64_t va, uint32_t size, bool write);

/** Host address of @size bytes at device address @va, or NULL with the wave's fault set. */
static inline void *gcn_translate(struct gcn_wave *w, uint64_t va, uint32_t size, bool write)
{
    const struct gcn_range *r = &w->thread->range[0];

    if (va >= r->start && va + size <= r->end && (r->writable || !write))
        return r->host + (va - r->start);
    return gcn_translate_slow(w, va, size, write);
}

/** Adds data-dependent issue cost. */
static inline void gcn_charge(struct gcn_wave *w, uint32_t cycles)
{
    w->cycle += (uint64_t)cycles * w->issue_scale_q8 >> 8;
}

/** Records an issued vector memory operation / LDS or scalar memory operation, for s_waitcnt. */
static inline void gcn_issue_vmem(struct gcn_wave *w, uint32_t latency)
{
    w->vm_ready[w->vm_issued++ % 64] = w->cycle + latency;
}

static inline void gcn_issue_lgkm(struct gcn_wave *w, uint32_t latency)
{
    uint64_t ready = w->cycle + latency;

    w->lgkm_issued++;
    if (ready > w->lgkm_ready)
        w->lgkm_ready = ready;
}

/** Reports the present instruction as not implemented (or illegal). */
void gcn_fault_illegal(struct gcn_wave *w, const struct gcn_inst *inst);

/** Opcode tables, one per family file; the decoder (decode.c) joins them. */
extern const struct gcn_opcode gcn_ops_salu[], gcn_ops_mem[];
extern const unsigned gcn_ops_salu_count, gcn_ops_mem_count;
/** Vector ALU handlers are compiled twice (plain and AVX2); the decoder picks by CPU. */
extern const struct gcn_opcode gcn_ops_valu_plain[], gcn_ops_valu_avx2[];
extern const unsigned gcn_ops_valu_count;

/** Decodes the instruction at @words (@available dwords, at least 1). Returns its size in dwords, or
 *  0 if it is cut off or is no instruction; an instruction that exists but is not implemented gets a
 *  handler that faults. */
unsigned gcn_decode(const uint32_t *words, unsigned available, struct gcn_inst *inst);
