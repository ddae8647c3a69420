// SPDX-License-Identifier: Apache-2.0
/* A kernel's copy with guards, while it is made. Private to inside*.c. */
#pragma once

#include "isa/gcn/isa.h"
#include "shim/amd/code/inside.h"

enum { INSIDE_LOOPS_MAX = 64 };

/* A loop, known by its way back: the edge from instruction @tail to @head. */
struct loop {
    unsigned tail, head;
    bool falls;     /* without a branch: @head is behind @tail */
    uint8_t *body;  /* borrowed; by instruction: whether it is in the loop */
    uint32_t round; /* cycles, about */
};

struct copy {
    struct loop *loop; /* owned */
    unsigned loops;
    uint8_t *bodies;       /* owned */
    struct isa_inst *inst; /* owned */
    unsigned count, capacity;
    uint32_t *words;    /* owned: the code, then stubs */
    uint32_t *original; /* owned: the code as it was */
    size_t used;        /* words */
    size_t room;
    unsigned s; /* first SGPR of the stubs */
};

enum scc { SCC_DEAD, SCC_0, SCC_1, SCC_UNKNOWN };

static inline bool inside_is_branch(const struct isa_inst *inst)
{
    return (inst->op->flags & ISA_BRANCH) != 0;
}

/** inside_loops.c: finds all loops and what a round of them takes. False: no memory. */
bool inside_find_loops(struct copy *c);
/** Whether a loop is to look at the flag. */
bool inside_wants_stub(const struct copy *c, const struct loop *loop);
/** Whether on some way from instruction @from SCC is read before it is written. True if there is no
 *  memory to find out. */
bool inside_scc_matters(const struct copy *c, unsigned from);
/** What SCC is in the stub of @loop. */
enum scc inside_scc(const struct copy *c, const struct loop *loop);
