// SPDX-License-Identifier: Apache-2.0
/* What is known of a kernel's ways: its loops, and where SCC matters. See inside.h. Pure. */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

/* --- ways --- */

static int32_t find(const struct copy *c, uint64_t address)
{
    unsigned low = 0, high = c->count;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (c->inst[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->count && c->inst[low].address == address ? (int32_t)low : -1;
}

static bool falls(const struct isa_inst *inst)
{
    return !(inst->op->flags & ISA_END) &&
           (!inside_is_branch(inst) || inst->op->flags & ISA_CONDITIONAL);
}

static bool reads_scc(const struct isa_inst *inst)
{
    for (unsigned n = 0; n < inst->operands; n++)
        if (inst->operand[n].kind == ISA_KIND_SPECIAL)
            return true;
    return (inst->implicit & ISA_SCC_R) != 0;
}

/* From behind, until nothing is added. What runs out of the code: as good as any. */
static void find_scc(struct copy *c)
{
    bool more = true;
    while (more) {
        more = false;
        for (unsigned i = c->count; i-- > 0;) {
            const struct isa_inst *inst = &c->inst[i];
            const int32_t *next = c->next[i];
            bool out = i + 1 == c->count && falls(inst);
            bool behind =
                out || (next[0] >= 0 && c->scc[next[0]]) || (next[1] >= 0 && c->scc[next[1]]);
            bool matters = reads_scc(inst) || (behind && !(inst->implicit & ISA_SCC_W));
            more = more || matters != c->scc[i];
            c->scc[i] = matters;
        }
    }
}

bool inside_find_ways(struct copy *c)
{
    c->next = malloc(c->count * sizeof(*c->next));
    c->target = calloc(c->count, 1);
    c->scc = calloc(c->count, 1);
    if (!c->next || !c->target || !c->scc)
        return false;
    for (unsigned i = 0; i < c->count; i++) {
        const struct isa_inst *inst = &c->inst[i];
        c->next[i][0] = falls(inst) && i + 1 < c->count ? (int32_t)i + 1 : -1;
        c->next[i][1] = inside_is_branch(inst) ? find(c, isa_target(inst)) : -1;
        if (c->next[i][1] >= 0)
            c->target[c->next[i][1]] = 1;
    }
    find_scc(c);
    return true;
}

/* --- loops --- */

/* A way from @tail back to @head. */
static void add_way_back(struct copy *c, unsigned tail, unsigned head)
{
    unsigned n = 0;
    while (n < c->loops && c->loop[n].head != head)
        n++;
    if (n == INSIDE_LOOPS_MAX)
        return;
    if (n == c->loops)
        c->loop[c->loops++] =
            (struct loop){.head = head, .body = c->bodies + (size_t)n * c->count, .advance = 1};
    c->loop[n].body[head] = c->loop[n].body[tail] = 1;
}

/*
 * Finds the ways back of loops: edges to something on the way that led to them, in a depth-first
 * search. A branch backwards need not be one: compilers put blocks that are seldom needed behind
 * the rest. Those that it leaves last come first in the order. False: no memory.
 */
static bool find_loops(struct copy *c)
{
    enum { NEW, ON_THE_WAY, LEFT };
    uint8_t *mark = calloc(c->count, 2 * sizeof(*mark)), *tried = mark + c->count;
    unsigned *stack = malloc(c->count * sizeof(*stack)), depth = 0;
    c->loop = calloc(INSIDE_LOOPS_MAX, sizeof(*c->loop));
    c->bodies = calloc((size_t)INSIDE_LOOPS_MAX * c->count, sizeof(*c->bodies));
    c->order = malloc(c->count * sizeof(*c->order));
    unsigned left = c->count;
    bool enough = mark && stack && c->loop && c->bodies && c->order;
    if (enough) {
        stack[depth++] = 0;
        mark[0] = ON_THE_WAY;
    }
    while (depth > 0) {
        unsigned i = stack[depth - 1], nth = tried[i]++;
        if (nth == 2) {
            mark[i] = LEFT;
            c->order[--left] = i;
            depth--;
            continue;
        }
        int32_t next = c->next[i][nth];
        if (next < 0)
            continue;
        if (mark[next] == ON_THE_WAY)
            add_way_back(c, i, (unsigned)next);
        if (mark[next] != NEW)
            continue;
        mark[next] = ON_THE_WAY;
        stack[depth++] = (unsigned)next;
    }
    if (enough) {
        c->order_count = c->count - left;
        memmove(c->order, c->order + left, c->order_count * sizeof(*c->order));
    }
    free(mark);
    free(stack);
    return enough;
}

/* What can reach the ways back without passing the head, numbered. Ways are looked at until nothing
 * is added; code is mostly in order, so from behind a few times suffice. */
static void find_body(const struct copy *c, struct loop *loop)
{
    bool more = true;
    while (more) {
        more = false;
        for (unsigned i = c->count; i-- > 0;) {
            if (loop->body[i])
                continue;
            for (unsigned nth = 0; nth < 2; nth++) {
                int32_t next = c->next[i][nth];
                if (next < 0 || !loop->body[next] || next == (int32_t)loop->head)
                    continue;
                loop->body[i] = 1;
                more = true;
            }
        }
    }
    for (unsigned i = 0; i < c->count; i++) {
        if (!loop->body[i])
            continue;
        loop->body[i] = ++loop->size;
        loop->words += c->inst[i].bytes / 4 + 1; /* a branch behind it, perhaps */
    }
}

static bool within(const struct loop *inner, const struct loop *outer)
{
    return inner->head != outer->head && outer->body[inner->head];
}

struct loop *inside_loop_of(const struct copy *c, unsigned from, unsigned to)
{
    for (unsigned n = 0; n < c->loops; n++)
        if (c->loop[n].head == to && c->loop[n].body[from])
            return &c->loop[n];
    return NULL;
}

bool inside_find_loops(struct copy *c)
{
    if (!find_loops(c))
        return false;
    for (unsigned n = 0; n < c->loops; n++)
        find_body(c, &c->loop[n]);
    for (unsigned n = 0; n < c->loops; n++) {
        c->loop[n].innermost = true;
        for (unsigned m = 0; m < c->loops; m++)
            if (within(&c->loop[m], &c->loop[n]))
                c->loop[n].innermost = false;
    }
    return true;
}
