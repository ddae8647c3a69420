// SPDX-License-Identifier: Apache-2.0
/*
 * A warp as the instructions see it, and how they get at their operands. Private to
 * emu/nvidia/ptx/.
 */
#pragma once

#include "code.h"

#include <string.h>

struct ptx_frame {
    const struct ptx_function *function;
    struct ptx_frame *parent; /* NULL: the entry's */
    struct ptx_frame *free_next;
    int32_t return_pc; /* in the parent's code: the call itself */
    uint32_t lanes;    /* that are in it or in calls from it */
    uint32_t depth;
    uint32_t local_base; /* of its variables in each thread's local memory */
    uint8_t *regs;       /* owned; body->frame_bytes */
    uint32_t regs_size;
};

enum ptx_group_state { PTX_GROUP_RUNS, PTX_GROUP_BARRIER, PTX_GROUP_SYNC };

struct ptx_group {
    uint32_t mask;
    int32_t pc;
    struct ptx_frame *frame;
    uint8_t state;   /* enum ptx_group_state */
    uint8_t barrier; /* its number, in PTX_GROUP_BARRIER */
    uint32_t passed_over;
};

enum { PTX_RANGES = 4 };

struct ptx_warp {
    uint8_t *base[4]; /* by enum ptx_where */
    struct ptx_block *block;
    struct ptx_frame *frame; /* of the running group */
    uint64_t cycles;         /* local time since the block's beginning */
    uint64_t memory_at;      /* when what was asked of memory is there */
    uint64_t extra;          /* cycles that the present instruction adds */
    uint32_t carry;          /* condition code, a bit for each lane */
    uint32_t alive;          /* lanes that have not exited */
    uint32_t all;            /* lanes that exist */
    bool faulted;
    struct ptx_fault fault;
    uint8_t *local; /* owned; a stretch for each lane */
    uint32_t group_count, present, back_jumps;
    struct ptx_group groups[PTX_LANES];
    struct ptx_frame *free_frames;
    struct ptx_range ranges[PTX_RANGES]; /* what was found lately; forgotten at each slice */
    unsigned next_range;
    uint8_t *specials; /* owned */
    uint64_t instructions;
};

enum { PTX_BARRIERS = 16 };

struct ptx_barrier {
    uint32_t arrived, expected; /* threads; expected 0: all that live */
    uint32_t count_true;        /* of bar.red */
};

struct ptx_block {
    const struct ptx_launch *launch;
    uint32_t index, unit;
    uint32_t threads, alive, warps;
    uint32_t local_stride;
    uint8_t *shared;
    uint32_t shared_bytes;
    uint64_t clock_base, time_base; /* of the slice: what %clock shows at local time 0 */
    struct ptx_barrier barriers[PTX_BARRIERS];
    struct ptx_warp *warp; /* owned; @warps of them */
};

#define PTX_OFFSET_MASK ((1u << PTX_WHERE_SHIFT) - 1)

static inline void *ptx_at(const struct ptx_warp *w, uint32_t place)
{
    return w->base[place >> PTX_WHERE_SHIFT] + (place & PTX_OFFSET_MASK);
}
static inline uint32_t *ptx_u32(const struct ptx_warp *w, uint32_t place)
{
    return ptx_at(w, place);
}
static inline uint64_t *ptx_u64(const struct ptx_warp *w, uint32_t place)
{
    return ptx_at(w, place);
}
/** Predicates: all lanes in one word. */
static inline uint32_t ptx_pred(const struct ptx_warp *w, uint32_t place)
{
    return *(uint32_t *)ptx_at(w, place);
}
static inline void ptx_set_pred(struct ptx_warp *w, uint32_t place, uint32_t value, uint32_t mask)
{
    uint32_t *p = ptx_at(w, place);

    if (place != PTX_NO_PLACE)
        *p = (*p & ~mask) | (value & mask);
}

/** Runs @... for each lane l of @mask; all lanes at once is the common case and vectorizes. */
#define PTX_EACH(mask, ...)                                                                        \
    do {                                                                                           \
        if ((mask) == UINT32_MAX) {                                                                \
            for (unsigned l = 0; l < PTX_LANES; l++) {                                             \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        } else {                                                                                   \
            for (uint32_t left_ = (mask); left_; left_ &= left_ - 1) {                             \
                unsigned l = (unsigned)__builtin_ctz(left_);                                       \
                __VA_ARGS__                                                                        \
            }                                                                                      \
        }                                                                                          \
    } while (0)

void ptx_fault(struct ptx_warp *w, const struct ptx_insn *in, enum ptx_fault_kind kind, uint64_t va,
               const char *text);

/* ---- memory.c ---- */
/** Host address of @bytes at generic address @va for lane @lane, or NULL after a fault. */
void *ptx_resolve(struct ptx_warp *w, const struct ptx_insn *in, enum ptx_space space, uint64_t va,
                  uint32_t bytes, unsigned lane, bool write);

/* ---- builtin.c: functions that the device's run-time library has ---- */
/** Runs function @name for the lanes. False: there is none of this name. */
bool ptx_builtin_exists(const char *name);
void ptx_builtin(struct ptx_warp *w, const struct ptx_insn *in, const char *name,
                 const struct ptx_call *call, uint32_t mask);

/* ---- the opcode tables, one a file ops_*.c ---- */
struct ptx_opcode {
    const char *name; /* as the decoder spells it: base, modifiers and types that matter */
    ptx_exec *fn;
    uint8_t cost;
    uint8_t kind;
};
extern const struct ptx_opcode ptx_ops_int[], ptx_ops_bits[], ptx_ops_select[], ptx_ops_float[],
    ptx_ops_half[], ptx_ops_memory[], ptx_ops_atomic[], ptx_ops_warp[], ptx_ops_texture[];
