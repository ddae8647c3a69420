// SPDX-License-Identifier: Apache-2.0
/*
 * Inside the interpreter: the state of a wave, a decoded instruction, and the helpers that the
 * opcode families (ops_*.c) share. Private to emu/amd/gcn/.
 */
#pragma once

#include "gcn.h"

#include <assert.h>
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
    GCN_CONSTANTS = 128, /* 128..248: inline constants, kept in the register file too */
    GCN_SRC_SHARED_BASE = 235,
    GCN_SRC_SHARED_LIMIT = 236,
    GCN_SRC_PRIVATE_BASE = 237,
    GCN_SRC_PRIVATE_LIMIT = 238,
    GCN_SRC_CONSTANT_LAST = 248,
    GCN_SRC_VCCZ = 251,
    GCN_SRC_EXECZ = 252,
    GCN_SRC_SCC = 253,
    GCN_SRC_LITERAL = 255,
    GCN_SRC_VGPR = 256, /* 256 + n: vector register n */
    GCN_SRC_SDWA = 249, /* never in a decoded instruction: resolved by the decoder */
    GCN_SRC_DPP = 250,  /* likewise */
};

enum { GCN_SADDR_OFF = 0x7f }; /* saddr of GLOBAL and SCRATCH: none */

enum gcn_format {
    // clang-format off
    GCN_SOP1, GCN_SOP2, GCN_SOPC, GCN_SOPK, GCN_SOPP, GCN_SMEM,
    GCN_VOP1, GCN_VOP2, GCN_VOPC, GCN_VOP3, GCN_VOP3P, GCN_VINTRP,
    GCN_DS, GCN_FLAT, GCN_GLOBAL, GCN_SCRATCH, GCN_MUBUF, GCN_MTBUF,
    GCN_FORMATS,
    // clang-format on
};

struct gcn_wave;
struct gcn_inst;

/** Executes one instruction. Program counter: the runner has already advanced wave->pc past the
 *  instruction; branches overwrite it. A fault is reported by gcn_fault_*(). Cost: the runner
 *  charges the opcode's issue cycles; a handler adds what depends on data (gcn_charge). */
typedef void (*gcn_handler)(struct gcn_wave *wave, const struct gcn_inst *inst);

/** One row of ops_*.def: OP(format, number, mnemonic, handler, issue_cycles, flags). VOP1/VOP2/VOPC
 *  rows serve the e32, VOP3, SDWA and DPP encodings; the decoder derives the VOP3 number (VOPC
 *  +0x000, VOP2 +0x100, VOP1 +0x140). */
struct gcn_opcode {
    const char *name;
    gcn_handler handler;
    uint8_t format;
    uint8_t issue_cycles; /* of one wave alone; 4 for a plain instruction */
    uint16_t number;
    uint32_t flags;
};

/* struct gcn_opcode.flags, shared by all families; families may add their own above bit 15. Those
 * from GCN_OP_CARRY_IN on let the decoder make the encodings of a vector row look alike. */
enum {
    GCN_OP_BRANCH = 1 << 0,   /* may change pc: ends a run of straight code */
    GCN_OP_SRC2 = 1 << 1,     /* has a third source (VOP3), or reads dst as one (mac) */
    GCN_OP_SDST = 1 << 2,     /* VOP3b: writes a scalar destination (carry, scale flag), inst->sdst;
                                 not for VOPC rows: those always have one */
    GCN_OP_CARRY_IN = 1 << 3, /* VOP2: source 2 is a lane mask: VCC in e32/SDWA/DPP (v_addc) */
    GCN_OP_MAC = 1 << 4,      /* VOP2/VOP3: source 2 is the destination (v_mac, v_fmac, v_dot2c) */
    GCN_OP_MADMK = 1 << 5,    /* VOP2: D = S0 * literal + S1: becomes src = {S0, literal, S1} */
    GCN_OP_MADAK = 1 << 6,    /* VOP2: D = S0 * S1 + literal: becomes src = {S0, S1, literal} */
    GCN_OP_SGPR_DST = 1 << 7, /* VOP1/VOP3: dst is an SGPR number (v_readlane, v_readfirstlane) */
    GCN_OP_NO_VOP3 = 1 << 8,  /* VOP1/VOP2: no VOP3 encoding (v_swap_b32; MADMK, MADAK imply it) */
};

/* struct gcn_inst.mods */
enum {
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

/** A decoded instruction. VOP/SOP sources use the ISA's 9-bit operand space (0..127 SGPR numbers,
 *  128..248 inline constants, 251..253 VCCZ EXECZ SCC, 255 literal, 256 + n VGPR n); memory formats
 *  hold plain register numbers. Fields that a format does not have are 0. By format:
 *
 *  SOP1   dst, src[0]
 *  SOP2   dst, src[0], src[1]
 *  SOPC   src[0], src[1] (s_set_gpr_idx_on: src[1] is the mode bits themselves)
 *  SOPK   dst (also the source of s_cmpk, s_setreg), imm = simm16 sign-extended;
 *         s_setreg_imm32_b32: literal
 *  SOPP   imm = simm16 sign-extended (s_waitcnt: use imm & 0xffff)
 *  SMEM   dst = first data SGPR (also of a store or atomic), src[0] = sbase SGPR number (already
 *         * 2), MOD_IMM: imm = signed 21-bit byte offset; MOD_SOFFSET: src[1] = SGPR number of a
 *         further offset
 *  VOP1   dst = VGPR (GCN_OP_SGPR_DST: SGPR), src[0]
 *  VOP2   dst, src[0], src[1] (e32: 256 + vsrc1); src[2] by GCN_OP_CARRY_IN, MAC (256 + dst),
 *         MADMK, MADAK; GCN_OP_SDST: sdst = VCC (e32, SDWA, DPP) or the VOP3b field. So a handler
 *         sees no difference between encodings but for the modifiers.
 *  VOPC   sdst = VCC (e32), SDWA's field or VCC, VOP3's vdst field; src[0], src[1]
 *  VOP3   as the row it derives from, or dst, src[0..2]; neg, abs, omod, CLAMP, op_sel;
 *         GCN_OP_SDST (VOP3b): sdst, and no abs or op_sel. No literals (gfx9). mods has MOD_VOP3.
 *  VOP3P  dst, src[0..2], op_sel, op_sel_hi, neg = neg_lo, abs = neg_hi, CLAMP
 *  SDWA   (VOP1/VOP2/VOPC rows, mods MOD_SDWA) src[0], src[1] are registers (256 + n, or < 128:
 *         SGPR, or constants), sdwa_sel[n]: 0..3 byte, 4..5 word, 6 dword, sdwa_sext, neg, abs;
 *         sdwa_dst_sel likewise, sdwa_dst_unused: 0 pad with 0, 1 sign-extend, 2 preserve; omod,
 *         CLAMP
 *  DPP    (mods MOD_DPP) src[0] = 256 + n is the permuted one; dpp_*, neg, abs
 *  DS     src[0] = addr VGPR, src[1] = data0, src[2] = data1, dst = vdst; imm = all 16 offset bits,
 *         offset1 = its upper 8: an operation with two addresses uses imm & 0xff and offset1;
 *         MOD_GDS
 *  FLAT, GLOBAL, SCRATCH  src[0] = addr VGPR, src[1] = data VGPR, src[2] = saddr SGPR or
 *         GCN_SADDR_OFF, dst = vdst, imm = offset (FLAT 12 bits unsigned, others 13 bits signed),
 *         MOD_GLC, SLC, LDS
 *  MUBUF  dst = vdata (of loads and stores), src[0] = vaddr VGPR, src[1] = srsrc SGPR number
 *         (already * 4), src[2] = soffset (scalar operand), imm = 12-bit offset, MOD_OFFEN, IDXEN,
 *         GLC, SLC, LDS
 *  MTBUF  the same; offset1 = dfmt | nfmt << 4
 *
 *  VGPR indexing (s_set_gpr_idx_on) is the runner's work: handlers get an instruction whose
 *  register numbers are already moved. */
struct gcn_inst {
    gcn_handler handler;
    const struct gcn_opcode *op;
    uint16_t src[3];
    uint16_t dst;
    uint16_t sdst;
    uint16_t mods;
    uint8_t size;      /* in dwords, 1..3 */
    uint8_t neg, abs;  /* bit n: source n */
    uint8_t omod;      /* 0 none, 1 *2, 2 *4, 3 /2 */
    uint8_t op_sel;    /* VOP3 op_sel bits 0..3; VOP3P op_sel */
    uint8_t op_sel_hi; /* VOP3P */
    uint8_t sdwa_dst_sel, sdwa_dst_unused, sdwa_sel[2], sdwa_sext;
    uint8_t dpp_row_mask, dpp_bank_mask, dpp_bound_ctrl;
    uint16_t dpp_ctrl;
    uint16_t offset1;
    uint8_t issue_cycles; /* op->issue_cycles, here for the runner */
    int32_t imm;
    uint32_t literal;  /* value of GCN_SRC_LITERAL */
    uint32_t words[2]; /* the first two raw words, for reports */
};
static_assert(sizeof(struct gcn_inst) == 64, "one cache line per decoded instruction");

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
    uint32_t index;          /* in the work-group */
    uint64_t scratch_va;     /* this wave's slot of scratch backing memory */
    uint32_t scratch_offset; /* the same, relative to the queue's scratch base */
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

/** Records an issued vector memory operation / LDS or scalar memory operation, for s_waitcnt.
 *  Results arrive in order, so none is ready before the one issued ahead of it. */
static inline void gcn_issue_vmem(struct gcn_wave *w, uint32_t latency)
{
    uint64_t ready = w->cycle + latency, before = w->vm_ready[(w->vm_issued - 1) % 64];

    w->vm_ready[w->vm_issued++ % 64] = ready > before ? ready : before;
}

static inline void gcn_issue_lgkm(struct gcn_wave *w, uint32_t latency)
{
    uint64_t ready = w->cycle + latency, before = w->lgkm_ready[(w->lgkm_issued - 1) % 16];

    w->lgkm_ready[w->lgkm_issued++ % 16] = ready > before ? ready : before;
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

/** Opcode tables, one per family file; the decoder (decode.c) joins them. */
extern const struct gcn_opcode gcn_ops_salu[], gcn_ops_smem[], gcn_ops_mem[];
extern const unsigned gcn_ops_salu_count, gcn_ops_smem_count, gcn_ops_mem_count;
/** Vector ALU handlers are compiled twice (plain and AVX2); the decoder picks by CPU. */
extern const struct gcn_opcode gcn_ops_valu_plain[], gcn_ops_valu_avx2[];
extern const unsigned gcn_ops_valu_count;
/** For tests: true before the first instruction is decoded: every CPU uses the plain handlers. */
extern bool gcn_vector_plain;

/** Decodes the instruction at @words (@available dwords, at least 1). Returns its size in dwords,
 *  or 0 if it is cut off or is no instruction; an instruction that exists but is not implemented
 *  gets a handler that faults. */
unsigned gcn_decode(const uint32_t *words, unsigned available, struct gcn_inst *inst);

/** "SOP1", ... */
const char *gcn_format_name(enum gcn_format format);
