// SPDX-License-Identifier: Apache-2.0
/* Which loops of a kernel look at the flag, and what a round of them takes. See inside.h. */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

static int find(const struct copy *c, uint64_t address)
{
    unsigned low = 0, high = c->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (c->inst[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->inst[low].address == address ? (int)low : -1;
}

/* The way @nth (0, 1) on from instruction @i, or -1. */
static int way(const struct copy *c, unsigned i, unsigned nth)
{
    const struct isa_inst *inst = &c->inst[i];
    if (nth == 1)
        return inside_is_branch(inst) ? find(c, isa_target(inst)) : -1;
    bool goes_on = !(inst->op->flags & ISA_END) &&
                   (!inside_is_branch(inst) || inst->op->flags & ISA_CONDITIONAL);
    return goes_on && i + 1 < c->count ? (int)i + 1 : -1;
}

static void add_loop(struct copy *c, unsigned tail, unsigned head, bool falls)
{
    if (c->loops < INSIDE_LOOPS_MAX)
        c->loop[c->loops++] = (struct loop){.tail = tail, .head = head, .falls = falls};
}

/*
 * Finds the ways back of loops: edges to something on the way that led to them, in a depth-first
 * search. A branch backwards need not be one: compilers put blocks that are seldom needed behind
 * the rest. False: no memory.
 */
static bool find_loops(struct copy *c)
{
    enum { NEW, ON_THE_WAY, LEFT };
    uint8_t *mark = calloc(c->count, 2 * sizeof(*mark)), *tried = mark + c->count;
    unsigned *stack = malloc(c->count * sizeof(*stack)), depth = 0;
    c->loop = calloc(INSIDE_LOOPS_MAX, sizeof(*c->loop));
    bool enough = mark && stack && c->loop;
    if (enough) {
        stack[depth++] = 0;
        mark[0] = ON_THE_WAY;
    }
    while (depth > 0) {
        unsigned i = stack[depth - 1], nth = tried[i]++;
        if (nth == 2) {
            mark[i] = LEFT;
            depth--;
            continue;
        }
        int next = way(c, i, nth);
        if (next < 0)
            continue;
        if (mark[next] == ON_THE_WAY)
            add_loop(c, i, (unsigned)next, nth == 0);
        if (mark[next] != NEW)
            continue;
        mark[next] = ON_THE_WAY;
        stack[depth++] = (unsigned)next;
    }
    free(mark);
    free(stack);
    return enough;
}

/* What can reach the tail without passing the head. Ways are looked at until nothing is added; code
 * is mostly in order, so from behind a few times suffice. */
static void find_body(const struct copy *c, struct loop *loop)
{
    bool more = true;
    loop->body[loop->head] = loop->body[loop->tail] = 1;
    while (more) {
        more = false;
        for (unsigned i = c->count; i-- > 0;) {
            if (loop->body[i])
                continue;
            for (unsigned nth = 0; nth < 2; nth++) {
                int next = way(c, i, nth);
                if (next < 0 || !loop->body[next] || next == (int)loop->head)
                    continue;
                loop->body[i] = 1;
                more = true;
            }
        }
    }
}

static bool within(const struct loop *inner, const struct loop *outer)
{
    return inner->head != outer->head && outer->body[inner->head] && outer->body[inner->tail];
}

/* What an instruction takes, about: a wait for memory commonly some hundred cycles, for LDS fewer.
 * s_waitcnt's vmcnt is in bits 3:0 and 15:14; all set: none. */
static uint32_t cycles_of(const struct isa_inst *inst)
{
    enum { ISSUE = 4, MEMORY = 300, LOCAL = 60, VMCNT = 0xc00f, SLEEP = 64 };
    if (isa_id(inst->op) == ISA_ID_s_sleep)
        return ((uint32_t)inst->fields.imm & 127) * SLEEP;
    if (!(inst->op->flags & ISA_WAIT))
        return ISSUE;
    return (inst->fields.imm & VMCNT) == VMCNT ? LOCAL : MEMORY;
}

/* A round's cycles without inner loops. */
static uint32_t round_cycles(const struct copy *c, const struct loop *loop)
{
    uint64_t cycles = 0;
    for (unsigned i = 0; i < c->count; i++) {
        bool inner = false;
        for (unsigned n = 0; n < c->loops && loop->body[i]; n++)
            inner = inner || (c->loop[n].body[i] && within(&c->loop[n], loop));
        if (loop->body[i] && !inner)
            cycles += cycles_of(&c->inst[i]);
    }
    return cycles < REEF_INSIDE_LONG ? (uint32_t)cycles : REEF_INSIDE_LONG;
}

/* Bodies and rounds of all loops. False: no memory. */
static bool measure_loops(struct copy *c)
{
    c->bodies = calloc(c->loops + 1, c->count);
    if (!c->bodies)
        return false;
    for (unsigned n = 0; n < c->loops; n++) {
        c->loop[n].body = c->bodies + (size_t)n * c->count;
        find_body(c, &c->loop[n]);
    }
    for (unsigned n = 0; n < c->loops; n++)
        c->loop[n].round = round_cycles(c, &c->loop[n]);
    return true;
}

/* A short loop within another is left to that one: looking would cost it more than a few percent.
 */
bool inside_wants_stub(const struct copy *c, const struct loop *loop)
{
    enum { SHORT = 300 };
    bool outer = false;
    for (unsigned n = 0; n < c->loops; n++)
        outer = outer || within(loop, &c->loop[n]);
    /* Without a branch the stub takes the place of the head's first instruction. */
    if (loop->falls && inside_is_branch(&c->inst[loop->head]))
        return false;
    return !outer || loop->round >= SHORT;
}

/* --- SCC --- */

static bool reads_scc(const struct isa_inst *inst)
{
    for (unsigned n = 0; n < inst->operands; n++)
        if (inst->operand[n].kind == ISA_KIND_SPECIAL)
            return true;
    return (inst->implicit & ISA_SCC_R) != 0;
}

bool inside_scc_matters(const struct copy *c, unsigned from)
{
    uint8_t *seen = calloc(c->count, sizeof(*seen));
    unsigned *open = malloc(c->count * sizeof(*open)), count = 0;
    bool matters = !seen || !open || from >= c->count; /* the end of the code: as good as any */
    if (!matters) {
        open[count++] = from;
        seen[from] = 1;
    }
    while (count > 0 && !matters) {
        unsigned i = open[--count];
        matters = reads_scc(&c->inst[i]);
        if (matters || c->inst[i].implicit & ISA_SCC_W)
            continue;
        for (unsigned nth = 0; nth < 2; nth++) {
            int next = way(c, i, nth);
            if (next < 0 || seen[next])
                continue;
            seen[next] = 1;
            open[count++] = (unsigned)next;
        }
    }
    free(seen);
    free(open);
    return matters;
}

enum scc inside_scc(const struct copy *c, const struct loop *loop)
{
    enum isa_id id = isa_id(c->inst[loop->tail].op);
    if (!inside_scc_matters(c, loop->head))
        return SCC_DEAD;
    if (loop->falls)
        return SCC_UNKNOWN;
    return id == ISA_ID_s_cbranch_scc0 ? SCC_0 : id == ISA_ID_s_cbranch_scc1 ? SCC_1 : SCC_UNKNOWN;
}

bool inside_find_loops(struct copy *c)
{
    return find_loops(c) && measure_loops(c);
}
