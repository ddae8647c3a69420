// SPDX-License-Identifier: Apache-2.0
/*
 * The gfx906 instruction set as one table, a decoder and a disassembler made from it.
 *
 * What it is for: the emulator decodes with it, libreef analyses code objects with it, `reef
 * doctor` lists what an emulated GPU lacks with it. So there is one truth of what an instruction
 * is.
 *
 * Pure: no allocation, no state, no I/O; any function may be called from any thread. It reads no
 * more words than it is given, whatever they hold.
 *
 * Sources: "AMD Vega 7nm Instruction Set Architecture" (microcode formats, instructions). What an
 * encoding is and how it is written, llvm-mc-15 and llvm-objdump-15 --mcpu=gfx906 decide. Not in
 * the table: images, exports, parameter interpolation (graphics only).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum isa_format {
    // clang-format off
    ISA_SOP1, ISA_SOP2, ISA_SOPC, ISA_SOPK, ISA_SOPP, ISA_SMEM,
    ISA_VOP1, ISA_VOP2, ISA_VOPC, ISA_VOP3, ISA_VOP3P,
    ISA_DS, ISA_FLAT, ISA_GLOBAL, ISA_SCRATCH, ISA_MUBUF, ISA_MTBUF,
    ISA_FORMATS,
    // clang-format on
};

/* Type of an operand: how wide it is, and how constants and modifiers act on it. P16 and PF16 are
 * two halves in a dword (VOP3P). Those after B512 are not registers: what SOPK's and SOPP's
 * constant or another field means. */
#define ISA_TYPES(T)                                                                               \
    T(NONE, 0)                                                                                     \
    T(B16, 1)                                                                                      \
    T(U16, 1)                                                                                      \
    T(I16, 1)                                                                                      \
    T(F16, 1)                                                                                      \
    T(E16, 1) /* exponent of v_ldexp_f16: LLVM writes its constants as of 32 bits */               \
    T(P16, 1)                                                                                      \
    T(PF16, 1)                                                                                     \
    T(U16K, 1) /* a result that leaves the other half of its register alone */                     \
    T(I16K, 1)                                                                                     \
    T(F16K, 1)                                                                                     \
    T(B32, 1)                                                                                      \
    T(U32, 1)                                                                                      \
    T(I32, 1)                                                                                      \
    T(F32, 1)                                                                                      \
    T(E32, 1) /* an integer beside a real: v_ldexp_f32 and a few more */                           \
    T(B64, 2)                                                                                      \
    T(U64, 2)                                                                                      \
    T(I64, 2)                                                                                      \
    T(F64, 2)                                                                                      \
    T(B96, 3)                                                                                      \
    T(B128, 4)                                                                                     \
    T(B256, 8)                                                                                     \
    T(B512, 16)                                                                                    \
    T(SIMM16, 0)                                                                                   \
    T(UIMM16, 0)                                                                                   \
    T(CODE, 0) /* of s_endpgm: absent if 0 */                                                      \
    T(UIMM7, 0)                                                                                    \
    T(TARGET, 0)                                                                                   \
    T(WAITCNT, 0)                                                                                  \
    T(MESSAGE, 0)                                                                                  \
    T(HWREG, 0)                                                                                    \
    T(GPRIDX, 0)                                                                                   \
    T(LITERAL, 0)
enum isa_type {
#define ISA_TYPE_ENUM(name, dwords) ISA_TYPE_##name,
    ISA_TYPES(ISA_TYPE_ENUM)
#undef ISA_TYPE_ENUM
};
/** Registers that a value of @type takes. */
unsigned isa_type_dwords(enum isa_type type);

enum isa_access { ISA_ACCESS_NONE, ISA_ACCESS_LOAD, ISA_ACCESS_STORE, ISA_ACCESS_ATOMIC };

/* Effects of a row, and what its encoding does with its operands. */
enum {
    ISA_SCC_R = 1 << 0, /* implicit reads and writes: registers that no operand names */
    ISA_SCC_W = 1 << 1,
    ISA_VCC_R = 1 << 2,
    ISA_EXEC_R = 1 << 3,
    ISA_EXEC_W = 1 << 4,
    ISA_M0_R = 1 << 5,
    ISA_M0_W = 1 << 6,
    ISA_DST_R = 1 << 7,  /* the destination is read too (or kept in part) */
    ISA_DST_RO = 1 << 8, /* the destination field is a source */
    ISA_BRANCH = 1 << 9, /* changes pc; without a TARGET operand to what a register holds */
    ISA_CONDITIONAL = 1 << 10,
    ISA_CALL = 1 << 11, /* a branch that saves the return address in its destination */
    ISA_END = 1 << 12,  /* the wave ends */
    ISA_BARRIER = 1 << 13,
    ISA_WAIT = 1 << 14, /* s_waitcnt */
    ISA_TRAP = 1 << 15,
    ISA_MESSAGE = 1 << 16,
    ISA_TWO = 1 << 17,        /* DS: two addresses, offsets of 8 bits that count elements */
    ISA_ST64 = 1 << 18,       /* ... or 64 elements */
    ISA_NO_ADDRESS = 1 << 19, /* DS: no address register */
    ISA_TYPED = 1 << 20,      /* MUBUF, MTBUF: converts by data format */
    /* From here on, what makes the encodings of a vector row look alike. */
    ISA_SDST = 1 << 21,     /* VOP3b: also writes a lane mask (carry, scale flag); not VOPC, which
                               always writes one */
    ISA_CARRY_IN = 1 << 22, /* VOP2: source 2 is a lane mask: VCC but in VOP3 */
    ISA_MAC = 1 << 23,      /* source 2 is the destination (v_mac, v_fmac) */
    ISA_MADMK = 1 << 24,    /* VOP2: D = S0 * literal + S1: becomes src = {S0, literal, S1} */
    ISA_MADAK = 1 << 25,    /* VOP2: D = S0 * S1 + literal: becomes src = {S0, S1, literal} */
    ISA_SGPR_DST = 1 << 26, /* VOP1, VOP3: the destination is an SGPR */
    ISA_NO_VOP3 = 1 << 27,  /* VOP1, VOP2: no VOP3 encoding */
    ISA_LANE = 1 << 28,     /* works on single lanes whatever EXEC says */
    ISA_NO_E64 = 1 << 29,   /* VOP1: the VOP3 encoding is written without _e64 */
};

/** A row of the table. VOP1, VOP2 and VOPC rows serve the e32, VOP3, SDWA and DPP encodings: the
 *  VOP3 number is that of VOPC + 0x000, VOP2 + 0x100, VOP1 + 0x140. */
struct isa_opcode {
    const char *name; /* mnemonic without _e32, _e64, _sdwa, _dpp */
    uint8_t format;   /* enum isa_format */
    uint8_t dst;      /* enum isa_type: of the destination or data field; VOPC: NONE */
    uint8_t src[3];   /* by format: SOP, VOP: sources. SMEM: base. DS: data 0, data 1. FLAT: data */
    uint8_t access;   /* enum isa_access */
    uint8_t bytes;    /* accessed per lane and address; of a TYPED one, at most */
    uint16_t number;
    uint32_t flags;
    const char *refused; /* why the emulator does not execute it, or NULL */
};

/** Index of each row, ISA_ID_<mnemonic>; 0 is no row. */
enum isa_id {
    ISA_ID_NONE,
#define ISA_ROW(format, number, name, ...) ISA_ID_##name,
#include "ops_all.def"
#undef ISA_ROW
    ISA_IDS
};
extern const struct isa_opcode isa_opcodes[ISA_IDS];

static inline enum isa_id isa_id(const struct isa_opcode *op)
{
    return (enum isa_id)(op - isa_opcodes);
}

/** Format and opcode number of what begins with @word; false: no compute instruction begins so. The
 *  number need not have a row. */
bool isa_classify(uint32_t word, enum isa_format *format, unsigned *number);
/** Row of an opcode number of a format, or NULL. For VOP3: also rows of VOP1, VOP2 and VOPC. */
const struct isa_opcode *isa_find(enum isa_format format, unsigned number);
const char *isa_format_name(enum isa_format format);

/* Scalar operand numbers (ISA guide, "Scalar operands"). A source is such a number, or
 * ISA_VGPR + n. */
enum {
    ISA_FLAT_SCRATCH = 102,
    ISA_XNACK_MASK = 104,
    ISA_VCC = 106,
    ISA_TTMP0 = 108,
    ISA_M0 = 124,
    ISA_EXEC = 126,
    ISA_INLINE = 128, /* 128..208 integers, 240..248 reals */
    ISA_SHARED_BASE = 235,
    ISA_SHARED_LIMIT = 236,
    ISA_PRIVATE_BASE = 237,
    ISA_PRIVATE_LIMIT = 238,
    ISA_POPS_EXITING_WAVE_ID = 239,
    ISA_INLINE_LAST = 248,
    ISA_SDWA = 249, /* never in a decoded instruction */
    ISA_DPP = 250,  /* likewise */
    ISA_VCCZ = 251,
    ISA_EXECZ = 252,
    ISA_SCC = 253,
    ISA_LDS_DIRECT = 254,
    ISA_LITERAL = 255,
    ISA_VGPR = 256,
    ISA_SADDR_OFF = 0x7f, /* saddr of GLOBAL and SCRATCH: none */
};

/* struct isa_fields.mods */
enum {
    ISA_MOD_CLAMP = 1 << 0,
    ISA_MOD_DPP = 1 << 1,
    ISA_MOD_SDWA = 1 << 2,
    ISA_MOD_VOP3 = 1 << 3,
    ISA_MOD_GLC = 1 << 4,
    ISA_MOD_SLC = 1 << 5,
    ISA_MOD_LDS = 1 << 6, /* FLAT, MUBUF: the data goes to LDS, at M0 */
    ISA_MOD_OFFEN = 1 << 7,
    ISA_MOD_IDXEN = 1 << 8,
    ISA_MOD_GDS = 1 << 9,
    ISA_MOD_SOFFSET = 1 << 10, /* SMEM: the offset is, or has besides, an SGPR */
    ISA_MOD_IMM = 1 << 11,     /* SMEM: the offset is an immediate */
    ISA_MOD_TFE = 1 << 12,     /* MUBUF, MTBUF: partially resident textures */
};

/** The fields of an instruction, normalised. Those that a format does not have are 0. By format:
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
 *  VOP1   dst = VGPR (ISA_SGPR_DST: SGPR), src[0]
 *  VOP2   dst, src[0], src[1] (e32: 256 + vsrc1); src[2] by ISA_CARRY_IN, MAC (256 + dst), MADMK,
 *         MADAK; ISA_SDST: sdst = VCC (e32, SDWA, DPP) or the VOP3b field. So a user sees no
 *         difference between encodings but for the modifiers.
 *  VOPC   sdst = VCC (e32), SDWA's field or VCC, VOP3's vdst field; src[0], src[1]
 *  VOP3   as the row it derives from, or dst, src[0..2]; neg, abs, omod, CLAMP, op_sel; ISA_SDST
 *         (VOP3b): sdst, and no abs or op_sel. No literals (gfx9). mods has MOD_VOP3.
 *  VOP3P  dst, src[0..2], op_sel, op_sel_hi, neg = neg_lo, abs = neg_hi, CLAMP
 *  SDWA   (VOP1/VOP2/VOPC rows, MOD_SDWA) src[0], src[1] are registers (256 + n, or < 128: SGPR, or
 *         constants), sdwa_sel[n]: 0..3 byte, 4..5 word, 6 dword, sdwa_sext, neg, abs;
 *         sdwa_dst_sel likewise, sdwa_dst_unused: 0 pad with 0, 1 sign-extend, 2 preserve; omod,
 *         CLAMP
 *  DPP    (MOD_DPP) src[0] = 256 + n is the permuted one; dpp_*, neg, abs
 *  DS     src[0] = addr VGPR, src[1] = data0, src[2] = data1, dst = vdst; imm = all 16 offset bits,
 *         offset1 = its upper 8: an operation with two addresses uses imm & 0xff and offset1;
 *         MOD_GDS
 *  FLAT, GLOBAL, SCRATCH  src[0] = addr VGPR, src[1] = data VGPR, src[2] = saddr SGPR or
 *         ISA_SADDR_OFF, dst = vdst, imm = offset (FLAT 12 bits unsigned, others 13 bits signed),
 *         MOD_GLC, SLC, LDS
 *  MUBUF  dst = vdata (of loads and stores), src[0] = vaddr VGPR, src[1] = srsrc SGPR number
 *         (already * 4), src[2] = soffset (scalar operand), imm = 12-bit offset, MOD_OFFEN, IDXEN,
 *         GLC, SLC, LDS, TFE
 *  MTBUF  the same; offset1 = dfmt | nfmt << 4 */
struct isa_fields {
    uint16_t src[3];
    uint16_t dst;
    uint16_t sdst;
    uint16_t mods;
    uint8_t neg, abs; /* bit n: source n */
    uint8_t omod;     /* 0 none, 1 *2, 2 *4, 3 /2 */
    uint8_t op_sel;   /* VOP3 op_sel bits 0..3; VOP3P op_sel */
    uint8_t op_sel_hi;
    uint8_t sdwa_dst_sel, sdwa_dst_unused, sdwa_sel[2], sdwa_sext;
    uint8_t dpp_row_mask, dpp_bank_mask, dpp_bound_ctrl;
    uint16_t dpp_ctrl;
    uint16_t offset1;
    int32_t imm;
    uint32_t literal; /* value of ISA_LITERAL */
};

enum isa_kind {
    ISA_KIND_SGPR, /* s0..s101 */
    ISA_KIND_VGPR,
    ISA_KIND_VCC, /* this and the following to M0: also halves of them, by number */
    ISA_KIND_EXEC,
    ISA_KIND_FLAT_SCRATCH,
    ISA_KIND_XNACK_MASK,
    ISA_KIND_TTMP, /* trap temporaries */
    ISA_KIND_M0,
    ISA_KIND_SPECIAL,   /* what can only be read: apertures, VCCZ, EXECZ, SCC, LDS_DIRECT */
    ISA_KIND_CONSTANT,  /* inline constant: value */
    ISA_KIND_LITERAL,   /* value: the 32 bits behind the instruction */
    ISA_KIND_IMMEDIATE, /* a field, which the type explains: value */
    ISA_KIND_TARGET,    /* of a branch: value is the address */
    ISA_KIND_OFF,       /* no register here ("off") */
    ISA_KIND_INVALID,   /* no such operand in the ISA */
};

enum { ISA_READ = 1, ISA_WRITE = 2 };

struct isa_operand {
    uint8_t kind;   /* enum isa_kind */
    uint8_t type;   /* enum isa_type */
    uint8_t dwords; /* registers reg .. reg + dwords - 1 */
    uint8_t access; /* ISA_READ, ISA_WRITE, both: also if it is written in part or perhaps not */
    int8_t source;  /* which source's modifiers (neg, abs, sel) are its: 0..2, or -1 */
    uint16_t reg;   /* VGPR number; otherwise the scalar operand number: VCC_HI is ISA_VCC + 1 */
    uint64_t value; /* of a constant, as the operation sees it; literals are not extended */
};

enum isa_segment {
    ISA_SEGMENT_NONE,
    ISA_SEGMENT_SCALAR, /* through the scalar cache: s_load, s_buffer_load (which has a resource) */
    ISA_SEGMENT_FLAT,   /* global, LDS or private memory, as the address says */
    ISA_SEGMENT_GLOBAL,
    ISA_SEGMENT_SCRATCH,
    ISA_SEGMENT_BUFFER,
    ISA_SEGMENT_LDS,
    ISA_SEGMENT_GDS,
};

/** The memory access of an instruction. Operand indices are -1 where there is none. */
struct isa_memory {
    uint8_t access;    /* enum isa_access */
    uint8_t segment;   /* enum isa_segment */
    uint8_t bytes;     /* per lane and address */
    uint8_t addresses; /* 1, or 2 (ds_read2 and the like) */
    bool returns;      /* an atomic that returns what was in memory */
    bool lds_dma;      /* a load whose result goes to LDS (at M0) instead of registers */
    int8_t result;     /* operand that is loaded */
    int8_t address;    /* VGPR address; of a buffer: index and/or offset; of GLOBAL with a base: a
                          32-bit offset */
    int8_t base;       /* SGPR pair, or resource (4 SGPRs); of SCRATCH: an SGPR offset */
    int8_t soffset;    /* scalar offset */
    int8_t data[2];    /* what is stored; of an atomic: its operands */
    int32_t offset[2]; /* constant byte offset of each address */
};

enum { ISA_OPERANDS = 6 };

struct isa_inst {
    const struct isa_opcode *op;
    uint8_t format; /* of the encoding: a VOP2 row may stand in VOP3 */
    uint8_t bytes;  /* 4, 8 or 12 */
    uint8_t operands;
    struct isa_operand operand[ISA_OPERANDS]; /* in the order of LLVM's text */
    struct isa_memory memory;
    uint32_t implicit; /* ISA_SCC_R .. ISA_M0_W: not among the operands */
    uint64_t address;  /* what isa_decode was given */
    struct isa_fields fields;
};

enum isa_result {
    ISA_OK,
    ISA_TRUNCATED, /* longer than what was given */
    ISA_UNKNOWN,   /* no such instruction, or one of graphics */
};

/** Decodes the instruction at @words, of which @available may be read; @address is where it lies on
 *  the device, for branch targets. @inst is set with ISA_OK only. Bits that an encoding does not
 *  use are ignored. */
enum isa_result isa_decode(const uint32_t *words, size_t available, uint64_t address,
                           struct isa_inst *inst);

/** Only row, size and fields; no operands. What an emulator wants, sooner. */
enum isa_result isa_decode_fields(const uint32_t *words, size_t available, struct isa_inst *inst);

/** Address of a branch with a TARGET operand. */
uint64_t isa_target(const struct isa_inst *inst);

/** Writes the instruction as llvm-objdump-15 does, without its comment, to @text of @size bytes
 *  (always terminated). Returns the length that it has, as snprintf does. 192 bytes are enough. */
size_t isa_print(const struct isa_inst *inst, char *text, size_t size);

/** Mnemonic with its encoding suffix: "v_add_f32_e64". Same conventions. */
size_t isa_print_mnemonic(const struct isa_inst *inst, char *text, size_t size);
