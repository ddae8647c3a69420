// SPDX-License-Identifier: Apache-2.0
/* From all that was seen of a kernel to what a launch needs: circles are understood as steps, and
 * only what addresses depend on is kept. See builder.h. */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/ranges/builder.h"

enum { DEPTH_MAX = 48 };

struct finish {
    struct range_builder *b;
    uint16_t phi_of[RANGE_NODES_MAX]; /* which PHI a node is, + 1 */
    uint16_t seen[RANGE_NODES_MAX];   /* stamp of the search that came by */
    uint16_t stamp;
    uint16_t kept[RANGE_NODES_MAX];   /* new number of a node that is needed */
    uint16_t wanted[RANGE_NODES_MAX]; /* kept, but not what they are made of */
    unsigned wants;
};

/* --- PHIs of 64 bits --- */

static bool make_wide_phi(struct finish *f, unsigned node)
{
    struct range_builder *b = f->b;
    const struct range_phi *low = &b->phi[b->node[b->node[node].a].value];
    const struct range_phi *high = &b->phi[b->node[b->node[node].b].value];
    if (b->phis == RANGE_PHIS_MAX)
        return false;
    struct range_phi *phi = &b->phi[b->phis];
    *phi = *low;
    phi->node = (uint16_t)node;
    for (unsigned i = 0; i < phi->ways; i++) {
        unsigned other = 0;
        while (other < high->ways && high->way[other].from != phi->way[i].from)
            other++;
        phi->way[i].value = other < high->ways
                                ? (uint16_t)range_pair(b, low->way[i].value, high->way[other].value)
                                : 0;
    }
    f->phi_of[node] = (uint16_t)++b->phis;
    return true;
}

/* Ways of it may be pairs that nobody had made before, so there may come more. */
static bool make_wide_phis(struct finish *f)
{
    for (unsigned node = 1; node < f->b->nodes; node++) {
        if (f->b->node[node].op == RANGE_PHI)
            f->phi_of[node] = (uint16_t)(f->b->node[node].value + 1);
        if (f->b->node[node].op == RANGE_PHI64 && !make_wide_phi(f, node))
            return false;
    }
    return true;
}

/* --- steps --- */

static bool reaches(struct finish *f, unsigned from, unsigned phi, unsigned depth)
{
    const struct range_node *node = &f->b->node[from];
    if (from == phi || depth == DEPTH_MAX)
        return true; /* to be on the safe side */
    if (from == 0 || f->seen[from] == f->stamp)
        return false;
    f->seen[from] = f->stamp;
    if (f->phi_of[from]) {
        const struct range_phi *at = &f->b->phi[f->phi_of[from] - 1];
        for (unsigned i = 0; i < at->ways; i++)
            if (reaches(f, at->way[i].value, phi, depth + 1))
                return true;
        return false;
    }
    return reaches(f, node->a, phi, depth + 1) || reaches(f, node->b, phi, depth + 1);
}

static bool depends(struct finish *f, unsigned from, unsigned phi)
{
    if (++f->stamp == 0) {
        memset(f->seen, 0, sizeof(f->seen));
        f->stamp = 1;
    }
    return reaches(f, from, phi, 0);
}

/* What is added to @phi to get @value; 0: it is something else. */
static unsigned step_of(struct finish *f, unsigned value, unsigned phi, unsigned depth)
{
    struct range_builder *b = f->b;
    const struct range_node node = b->node[value];
    bool wide = b->node[phi].op == RANGE_PHI64;
    if (value == phi)
        return wide ? range_wide_leaf(b, RANGE_CONST64, 0) : range_number(b, 0);
    if (depth == DEPTH_MAX || (node.op != (wide ? RANGE_ADD64 : RANGE_ADD) && node.op != RANGE_SUB))
        return 0;
    bool of_a = depends(f, node.a, phi), of_b = depends(f, node.b, phi);
    if (of_a == of_b || (of_b && node.op == RANGE_SUB))
        return 0;
    unsigned rest = of_a ? node.b : node.a;
    unsigned step = step_of(f, of_a ? node.a : node.b, phi, depth + 1);
    return wide ? range_binary64(b, RANGE_ADD64, step, rest)
                : range_binary(b, (enum range_op)node.op, step, rest);
}

/* --- what is needed --- */

static void want(struct finish *f, unsigned node)
{
    if (node == 0 || f->kept[node])
        return;
    f->kept[node] = 1;
    f->wanted[f->wants++] = (uint16_t)node;
}

static void want_conditions(struct finish *f, const struct range_conditions *c)
{
    for (unsigned i = 0; i < RANGE_CONDITIONS; i++)
        want(f, c->of[i]);
}

static void want_ways(struct finish *f, const struct range_phi *phi)
{
    for (unsigned i = 0; i < phi->ways; i++) {
        want(f, phi->way[i].value);
        want_conditions(f, &phi->way[i].conditions);
    }
}

/* With all that what is wanted is made of. */
static void keep_wanted(struct finish *f)
{
    while (f->wants > 0) {
        unsigned node = f->wanted[--f->wants];
        if (f->phi_of[node]) {
            want_ways(f, &f->b->phi[f->phi_of[node] - 1]);
            continue;
        }
        want(f, f->b->node[node].a);
        want(f, f->b->node[node].b);
    }
}

static void keep(struct finish *f, unsigned node)
{
    want(f, node);
    keep_wanted(f);
}

static void understand_ways(struct finish *f)
{
    for (unsigned n = 0; n < f->b->phis; n++) {
        struct range_phi *phi = &f->b->phi[n];
        if (!f->kept[phi->node])
            continue;
        for (unsigned i = 0; i < phi->ways; i++) {
            unsigned value = phi->way[i].value;
            phi->way[i].kind = RANGE_WAY_OTHER;
            if (value == phi->node)
                phi->way[i].kind = RANGE_WAY_SAME;
            else if (value && !depends(f, value, phi->node))
                phi->way[i].kind = RANGE_WAY_BEGINS;
            else if (value && (phi->way[i].step = (uint16_t)step_of(f, value, phi->node, 0)))
                phi->way[i].kind = RANGE_WAY_STEPS;
            keep(f, phi->way[i].step);
        }
    }
}

/* --- what conditions are about --- */

static bool is_compare(uint8_t op)
{
    return op >= RANGE_LESS_I && op <= RANGE_NOT_EQUAL;
}

/* Nodes come behind what they are made of. What a PHI is made of has its own conditions. */
static void find_subjects(struct reef_ranges *out)
{
    unsigned next = 0;
    for (unsigned i = 1; i < out->nodes; i++) {
        const struct range_node *node = &out->node[i];
        for (unsigned n = 0; n < 2 && is_compare(node->op); n++) {
            struct range_node *subject = &out->node[n ? node->b : node->a];
            if (!(subject->flags & RANGE_SUBJECT))
                subject->subjects = 1ull << (next++ % 64);
            subject->flags |= RANGE_SUBJECT;
        }
    }
    for (unsigned i = 1; i < out->nodes; i++)
        out->node[i].subjects |=
            out->node[out->node[i].a].subjects | out->node[out->node[i].b].subjects;
}

static uint64_t subjects_of(const struct reef_ranges *out, unsigned condition)
{
    const struct range_node *node = &out->node[condition];
    if (is_compare(node->op))
        return node->subjects;
    return node->op == RANGE_BOTH ? subjects_of(out, node->a) | subjects_of(out, node->b) : 0;
}

static void renumber(const struct finish *f, const struct reef_ranges *out,
                     struct range_conditions *c)
{
    for (unsigned i = 0; i < RANGE_CONDITIONS; i++) {
        c->of[i] = f->kept[c->of[i]];
        c->subjects |= subjects_of(out, c->of[i]);
    }
}

static void take_phi(const struct finish *f, struct reef_ranges *out, unsigned number)
{
    struct range_phi *phi = &out->phi[out->phis++];
    *phi = f->b->phi[number];
    phi->node = f->kept[phi->node];
    for (unsigned i = 0; i < phi->ways; i++) {
        phi->way[i].value = f->kept[phi->way[i].value];
        phi->way[i].step = f->kept[phi->way[i].step];
        renumber(f, out, &phi->way[i].conditions);
    }
}

static void take_nodes(struct finish *f, struct reef_ranges *out)
{
    for (unsigned node = 1; node < f->b->nodes; node++) {
        if (!f->kept[node])
            continue;
        struct range_node *to = &out->node[f->kept[node]];
        *to = f->b->node[node];
        to->a = f->kept[to->a];
        to->b = f->kept[to->b];
        uint32_t end = to->op == RANGE_ARGUMENT     ? (uint32_t)(to->value + 1) * 4
                       : to->op == RANGE_ARGUMENT64 ? (uint32_t)(to->value + 2) * 4
                                                    : 0;
        if (end > out->argument_bytes)
            out->argument_bytes = end;
    }
    find_subjects(out);
    for (unsigned node = 1; node < f->b->nodes; node++) {
        if (!f->kept[node] || !f->phi_of[node])
            continue;
        out->node[f->kept[node]].value = out->phis;
        take_phi(f, out, f->phi_of[node] - 1u);
    }
}

static struct reef_ranges *take(struct finish *f)
{
    struct range_builder *b = f->b;
    unsigned count = 1;
    for (unsigned i = 0; i < b->accesses; i++) {
        want(f, b->access[i].address);
        want_conditions(f, &b->access[i].conditions);
        keep_wanted(f);
    }
    understand_ways(f);
    for (unsigned node = 1; node < b->nodes; node++)
        if (f->kept[node])
            f->kept[node] = (uint16_t)count++;
    struct reef_ranges *out = count <= RANGE_KEPT_MAX ? calloc(1, sizeof(*out)) : NULL;
    if (!out)
        return NULL;
    out->nodes = (uint16_t)count;
    out->node = calloc(count, sizeof(*out->node));
    out->phi = calloc(b->phis + 1, sizeof(*out->phi));
    out->access = calloc(b->accesses, sizeof(*out->access));
    if (!out->node || !out->phi || !out->access) {
        reef_ranges_free(out);
        return NULL;
    }
    take_nodes(f, out);
    for (unsigned i = 0; i < b->accesses; i++) {
        struct range_access *access = &out->access[out->accesses++];
        *access = b->access[i];
        access->address = f->kept[access->address];
        renumber(f, out, &access->conditions);
        while (memcmp(&out->access[access->under].conditions, &access->conditions,
                      sizeof(access->conditions)) != 0)
            access->under++;
    }
    return out;
}

struct reef_ranges *range_finish(struct range_builder *b)
{
    struct finish *f = b->lost || b->accesses == 0 ? NULL : calloc(1, sizeof(*f));
    struct reef_ranges *out = NULL;
    if (!f)
        return NULL;
    f->b = b;
    if (make_wide_phis(f))
        out = take(f);
    free(f);
    return out;
}

void reef_ranges_free(struct reef_ranges *ranges)
{
    if (!ranges)
        return;
    free(ranges->node);
    free(ranges->phi);
    free(ranges->access);
    free(ranges);
}

uint32_t reef_ranges_argument_bytes(const struct reef_ranges *ranges)
{
    return ranges->argument_bytes;
}
