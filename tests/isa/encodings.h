// SPDX-License-Identifier: Apache-2.0
/*
 * Encodings to try: for every format, every opcode number with each field swept over its
 * interesting values, and random ones besides. Made from the layout of the formats, not from the
 * table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Groups of formats: what one run tries. */
enum encodings_group {
    ENCODINGS_SCALAR, /* SOP1, SOP2, SOPC, SOPK, SOPP, SMEM */
    ENCODINGS_VECTOR, /* VOP1, VOP2, VOPC, also with SDWA and DPP */
    ENCODINGS_VOP3,   /* VOP3, VOP3P */
    ENCODINGS_MEMORY, /* DS, FLAT, GLOBAL, SCRATCH, MUBUF, MTBUF */
    ENCODINGS_GROUPS,
};

typedef void (*encodings_take)(void *context, const uint32_t *words, unsigned count);

/** Every opcode number whose remainder by @of is @index: {0, 1} is all. What is random does not
 * depend on it. */
struct encodings_part {
    unsigned index, of;
};

/** Calls @take for each. @random 0: one field varied at a time. Otherwise also with some of the
 * others random, and @random ones per opcode number and layout with all of them random. */
void encodings_make(enum encodings_group group, unsigned random, uint64_t seed,
                    struct encodings_part part, encodings_take take, void *context);
