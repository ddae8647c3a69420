// SPDX-License-Identifier: Apache-2.0
/*
 * Decoded code, as the parser leaves it and the interpreter runs it. Private to emu/nvidia/ptx/.
 *
 * Registers: a virtual register of a function has a slot of 32 lanes in the frame of a warp's call:
 * 4 bytes a lane for types up to 32 bits (narrower ones zero-extended), 8 for 64 bits; predicates
 * are one word with a bit for each lane. Constants and special registers are such vectors too, so
 * an operand is nothing but a place: two bits that say whose, and an offset in bytes.
 */
#pragma once

#include "arena.h"
#include "ptx.h"

struct ptx_warp;
struct ptx_insn;

/** Carries the instruction out for the lanes of @mask (not 0). */
typedef void ptx_exec(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask);

enum ptx_where { PTX_FRAME, PTX_CONSTANT, PTX_SPECIAL };
enum { PTX_WHERE_SHIFT = 30 };
#define PTX_PLACE(where, offset) ((uint32_t)(where) << PTX_WHERE_SHIFT | (uint32_t)(offset))
#define PTX_NO_PLACE             UINT32_MAX

enum ptx_kind {
    PTX_PLAIN,
    PTX_MEMORY, /* may fault */
    PTX_BRANCH,
    PTX_BRANCH_INDEXED,
    PTX_CALL,
    PTX_RETURN,
    PTX_EXIT,
    PTX_TRAP,
    PTX_BARRIER,
    PTX_WARP_SYNC, /* its lanes have to be together; see aux of each */
};

struct ptx_insn {
    ptx_exec *fn;
    uint32_t d, a, b, c; /* places; vectors: index into the pool's lists in d */
    uint32_t aux;        /* the opcode's own */
    int32_t imm;         /* offset of an address; target of a branch */
    uint32_t guard;      /* place of a predicate */
    uint32_t
        members; /* PTX_WARP_SYNC: place of the membership mask, PTX_NO_PLACE: whoever is here */
    uint8_t guarded; /* 0: no, 1: if it is true, 2: if it is false */
    uint8_t kind;    /* enum ptx_kind */
    uint8_t waits;   /* needs what memory was asked for before */
    uint8_t cost;    /* cycles of issue for a warp alone */
    uint32_t line;
};

struct ptx_call_value {
    bool in_memory; /* a .param variable: @place is its offset in the frame, lane by lane */
    uint32_t place; /* else of a register or constant */
    uint32_t bytes;
};

struct ptx_call {
    uint32_t function; /* index; PTX_NO_PLACE: indirect, through place @pointer */
    uint32_t pointer;
    uint32_t argument_count, result_count;
    struct ptx_call_value *arguments, *results;
};

struct ptx_body {
    struct ptx_insn *code;
    uint32_t count;
    uint32_t frame_bytes;
    uint32_t local_bytes; /* of this function's own variables */
    /* Formal parameters of a .func, as a caller fills them. */
    uint32_t argument_count, result_count;
    struct ptx_call_value *arguments, *results;
};

/* A constant: its 32 lanes are filled when the image is made. */
struct ptx_constant {
    uint64_t value;
    uint32_t offset;
    uint32_t bytes;  /* a lane: 4 or 8 */
    uint32_t symbol; /* PTX_NO_PLACE, or its value is added */
};

/* What functions of a module refer to. Grows while parsing; not in the arena. */
struct ptx_pool {
    struct ptx_constant *constants;
    uint32_t constant_count, constant_size, constant_bytes;
    uint32_t *lists; /* places of vector operands, branch targets */
    uint32_t list_count, list_size;
    struct ptx_call *calls;
    uint32_t call_count, call_size;
};

struct ptx_image {
    const struct ptx_module *module;
    uint64_t *address;  /* owned; of the variables */
    uint8_t *constants; /* owned; pool.constant_bytes */
};

/* Special registers: offsets in a warp's area, each 32 lanes of 4 bytes. */
#define PTX_SPECIALS(X)                                                                            \
    X(TID_X, "%tid.x")                                                                             \
    X(TID_Y, "%tid.y")                                                                             \
    X(TID_Z, "%tid.z")                                                                             \
    X(NTID_X, "%ntid.x")                                                                           \
    X(NTID_Y, "%ntid.y")                                                                           \
    X(NTID_Z, "%ntid.z")                                                                           \
    X(CTAID_X, "%ctaid.x")                                                                         \
    X(CTAID_Y, "%ctaid.y")                                                                         \
    X(CTAID_Z, "%ctaid.z")                                                                         \
    X(NCTAID_X, "%nctaid.x")                                                                       \
    X(NCTAID_Y, "%nctaid.y")                                                                       \
    X(NCTAID_Z, "%nctaid.z")                                                                       \
    X(LANEID, "%laneid")                                                                           \
    X(WARPID, "%warpid")                                                                           \
    X(NWARPID, "%nwarpid")                                                                         \
    X(SMID, "%smid")                                                                               \
    X(NSMID, "%nsmid")                                                                             \
    X(GRIDID, "%gridid")                                                                           \
    X(LANEMASK_EQ, "%lanemask_eq")                                                                 \
    X(LANEMASK_LE, "%lanemask_le")                                                                 \
    X(LANEMASK_LT, "%lanemask_lt")                                                                 \
    X(LANEMASK_GE, "%lanemask_ge")                                                                 \
    X(LANEMASK_GT, "%lanemask_gt")                                                                 \
    X(DYNAMIC_SMEM, "%dynamic_smem_size")                                                          \
    X(TOTAL_SMEM, "%total_smem_size")                                                              \
    X(WARP_SIZE, "WARP_SZ")                                                                        \
    X(ZERO, "%tid.w")                                                                              \
    X(ZERO_CTAID, "%ctaid.w")                                                                      \
    X(ONE_NTID, "%ntid.w")                                                                         \
    X(ONE_NCTAID, "%nctaid.w")                                                                     \
    X(DYNAMIC_32, "%_dynamic32") /* where dynamic shared memory begins */                          \
    X(DYNAMIC_64, "%_dynamic64") /* the same in lanes of 8 bytes */                                \
    X(DYNAMIC_64_END, "%_dynamic64_end")

enum ptx_special {
#define X(name, text) PTX_##name,
    PTX_SPECIALS(X)
#undef X
        PTX_SPECIAL_COUNT
};
