// SPDX-License-Identifier: Apache-2.0
/*
 * Guards for the kernels of a PTX module: text with one more kernel for each, which is the same but
 * looks at flags of the host and ends early when they are up. The program's own kernels stay as
 * they are, and so does all that it can ask about them. Pure.
 *
 * A guarded kernel has three parameters more, of 64 bits each, addresses in global memory:
 *   chain   a word: not 0 if something before it in its stream was ended. Looked at by the first
 *           instructions only; then the kernel does nothing.
 *   flags   words that lie REEF_PTX_FLAG_STRIDE apart, REEF_PTX_FLAGS of them; a block looks at the
 *           one of its number, for all blocks reading one word are a hot spot. Looked at only by
 *           kernels that may be run again.
 *   record  a word of this launch's own, which the host has made 1. A thread or block that ends early
 *           stores 0 to it, and to the chain the lower half of its address, before it ends; a launch
 *           whose record is not 0 when it is over ran to its end. Nothing is written by what is not
 *           ended.
 *
 * So a launch whose chain is another launch's record runs if that one did not run to its end, and
 * does nothing if it did (guard_repeat.c).
 *
 * Where the flags are looked at (analysis.h):
 *   THREADS   by each thread, first, and on each loop's way back: after so many instructions the
 *             clock is read, and after so many cycles the flag.
 *   BARRIERS  the block's first thread sends for the flag now and then; each barrier of the block
 * is made one that also tells all threads whether it was up (bar.red.or), so they end together, or
 * not at all. ENTRY     first, in the same way.
 */
#pragma once

#include "shim/nvidia/ptx/analysis.h"

#define REEF_PTX_PREFIX "__reef_guarded_"

enum {
    REEF_PTX_FLAGS = 16,
    REEF_PTX_FLAG_STRIDE = 128,
    REEF_PTX_EXTRA_PARAMS = 3,
    REEF_PTX_EXTRA_BYTES = 24, /* aligned to 8 */
    REEF_PTX_ROUND = 256,      /* instructions of loops between two looks at the clock */
    REEF_PTX_CYCLES = 4096,    /* between two looks at the flag */
};

/** A guarded kernel. */
struct reef_ptx_guarded {
    char *name; /* owned: the program's name of it */
    struct reef_ptx_analysis analysis;
    uint32_t params, param_bytes; /* the program's own */
    struct reef_ptx_param *param; /* owned */
    uint32_t points;              /* places where flags are looked at, but for the first */
};

struct reef_ptx_rewritten {
    char *text; /* owned; ends with a NUL; NULL: there is nothing to guard */
    size_t size;
    struct reef_ptx_guarded *kernel; /* owned */
    uint32_t kernels;
    uint32_t unguarded;
    const char *reason; /* the module's, or of the last kernel that was not guarded; may be NULL */
};

/** What the user says of a kernel: 0: as analysed, 1: it may be run again, -1: it may not. */
typedef int reef_ptx_word(void *arg, const char *name, size_t length);

/** False: no memory. @word may be NULL. */
bool reef_ptx_rewrite(struct reef_ptx_rewritten *out, const char *text, size_t size,
                      reef_ptx_word *word, void *arg);
void reef_ptx_rewritten_free(struct reef_ptx_rewritten *r);
