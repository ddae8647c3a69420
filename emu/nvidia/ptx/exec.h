// SPDX-License-Identifier: Apache-2.0
/* What the executor's files share. Private to emu/nvidia/ptx/. */
#pragma once

#include "warp.h"

/* ---- group.c: which lanes of a warp run next ---- */
/** Makes the group that is to run the present one. False: none can run now. */
bool ptx_group_pick(struct ptx_warp *w);
/** The pc at which the present group meets another of its frame; INT32_MAX: none is ahead. */
int32_t ptx_group_meeting(const struct ptx_warp *w);
/** Splits the lanes @mask off the present group; they go on at @pc. */
void ptx_group_split(struct ptx_warp *w, uint32_t mask, int32_t pc, struct ptx_frame *frame);
/** The lanes leave the present group for good. */
void ptx_group_leave(struct ptx_warp *w, uint32_t mask);

/* ---- call.c ---- */
void ptx_call(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask);
/** The lanes return from the present group's frame, or exit if it is the entry's. */
void ptx_return(struct ptx_warp *w, uint32_t mask);
void ptx_exit(struct ptx_warp *w, uint32_t mask);
struct ptx_frame *ptx_frame_enter(struct ptx_warp *w, const struct ptx_function *function,
                                  struct ptx_frame *parent, uint32_t lanes);

/* ---- barrier.c ---- */
/** The lanes arrive; those that wait become a group in PTX_GROUP_BARRIER. */
void ptx_barrier_arrive(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask);
/** Threads have exited: barriers may be complete without them. */
void ptx_barriers_check(struct ptx_block *block);

/* aux of barriers */
enum {
    PTX_BAR_ARRIVE = 1,   /* goes on without waiting */
    PTX_BAR_COUNTED = 2,  /* b is the number of threads */
    PTX_BAR_REDUCE = 4,   /* c is a predicate, d the result */
    PTX_BAR_NOT = 8,      /* the predicate is negated */
    PTX_BAR_OP_SHIFT = 4, /* 0 popc, 1 and, 2 or */
};

/* ---- warp.c ---- */
enum ptx_warp_state { PTX_WARP_READY, PTX_WARP_WAITS, PTX_WARP_ENDED, PTX_WARP_FAULT };
/** Runs the warp until its local time reaches @limit or it cannot go on. */
enum ptx_warp_state ptx_warp_run(struct ptx_warp *w, uint64_t limit, uint32_t scale_q8,
                                 const _Atomic unsigned *stop);
