// SPDX-License-Identifier: Apache-2.0
/* What is known where ways meet: states and their joins. See state.h and program.h. */
#include "shim/amd/code/analysis/program.h"

bool state_make(const struct analysis *a, struct state *s)
{
    s->scalar = calloc(SCALAR_SLOTS + vector_count(a), sizeof(struct value));
    s->vector = s->scalar ? s->scalar + SCALAR_SLOTS : NULL;
    memset(s->loop_mask, -1, sizeof(s->loop_mask));
    return s->scalar != NULL;
}

void state_copy(const struct analysis *a, struct state *to, const struct state *from)
{
    struct value *scalar = to->scalar, *vector = to->vector;
    size_t bytes = a->vgprs * sizeof(struct value);
    for (uint32_t left = to->sets & ~from->sets; left; left &= left - 1)
        memset(&vector[(unsigned)__builtin_ctz(left) * a->vgprs], 0, bytes);
    for (uint32_t left = from->sets; left; left &= left - 1) {
        unsigned first = (unsigned)__builtin_ctz(left) * a->vgprs;
        memcpy(&vector[first], &from->vector[first], bytes);
    }
    memcpy(scalar, from->scalar, SCALAR_SLOTS * sizeof(struct value));
    *to = *from;
    to->scalar = scalar;
    to->vector = vector;
}

/* Most registers of most sets: nothing wrote them on either way. */
static inline bool nothing_there(const struct value *to, const struct value *from)
{
    return (to->kinds | from->kinds) == 0;
}

/* Whether it is the same on both ways, and joined with itself too. */
static inline bool alike(const struct value *to, const struct value *from)
{
    return memcmp(to, from, sizeof(*to)) == 0 && !(to->kinds & V_KERNARG);
}

static inline bool join_one(struct value *to, const struct value *from)
{
    if (nothing_there(to, from) || alike(to, from))
        return false;
    struct value joined = value_join(*to, *from);
    if (value_same(joined, *to))
        return false;
    *to = joined;
    return true;
}

/* The same of a register, slot @slot, which may get an expression of its own here. One that has it
 * may get another way. */
static inline bool join_slot(struct analysis *a, const struct edge *edge, uint32_t slot,
                             unsigned family, struct value *to, const struct value *from)
{
    if (nothing_there(to, from))
        return false;
    if (alike(to, from) && !(a->numbers && a->numbers->node[to->number].op == RANGE_PHI))
        return false;
    struct value joined = value_join(*to, *from);
    if (a->numbers && to->kinds && from->kinds)
        joined.number =
            range_meet(a->numbers, edge->number, edge->to->loop, slot, family,
                       family ? &edge->to->of_lanes : &edge->to->of_wavefront, to->number,
                       edge->from, from->number, family ? &edge->of_lanes : &edge->of_wavefront);
    if (value_same(joined, *to))
        return false;
    *to = joined;
    return true;
}

/* Joins set @from of one state to set @to of another. */
static bool join_vector(const struct analysis *a, struct state *s, unsigned to,
                        const struct state *other, unsigned from)
{
    bool changed = false;
    if (!(other->sets >> from & 1))
        return false;
    s->sets |= 1u << to;
    for (unsigned i = 0; i < a->vgprs; i++)
        changed |= join_one(&s->vector[to * a->vgprs + i], &other->vector[from * a->vgprs + i]);
    return changed;
}

/* The same set of two states. Lanes of one set step together (ranges/nodes.h: family). */
static bool join_set(struct analysis *a, const struct edge *edge, struct state *to,
                     const struct state *from, unsigned set)
{
    bool changed = false;
    if (!(from->sets >> set & 1))
        return false;
    to->sets |= 1u << set;
    for (uint32_t i = set * a->vgprs; i < (set + 1) * a->vgprs; i++)
        changed |= join_slot(a, edge, SCALAR_SLOTS + i, set + 1, &to->vector[i], &from->vector[i]);
    return changed;
}

static void note_edge(struct range_edges *edges, int32_t from,
                      const struct range_conditions *conditions)
{
    unsigned n = 0;
    while (n < edges->count && n < RANGE_WAYS && edges->from[n] != from)
        n++;
    if (n >= RANGE_WAYS) {
        edges->count = RANGE_WAYS + 1; /* too many */
        return;
    }
    edges->from[n] = from;
    edges->conditions[n] = *conditions;
    edges->count += n == edges->count;
}

/* The loops of @from are found or put among those of @to; if there is no room, their lanes may come
 * back at any time. */
static bool join_loops(const struct analysis *a, struct state *to, const struct state *from)
{
    bool changed = false;
    for (unsigned i = 0; i < LOOPS; i++) {
        int found = -1;
        if (from->loop_mask[i] < 0)
            continue;
        for (int j = LOOPS - 1; j >= 0; j--)
            if (to->loop_mask[j] == from->loop_mask[i] || (to->loop_mask[j] < 0 && found < 0))
                found = j;
        for (int j = 0; j < LOOPS; j++)
            if (to->loop_mask[j] == from->loop_mask[i])
                found = j;
        if (found < 0) {
            changed |= join_vector(a, to, SET_LOST, from, SET_LOOP + i);
            continue;
        }
        if (to->loop_mask[found] != from->loop_mask[i] ||
            to->loop_depth[found] < from->loop_depth[i]) {
            to->loop_mask[found] = from->loop_mask[i];
            to->loop_depth[found] = from->loop_depth[i];
            changed = true;
        }
        changed |= join_vector(a, to, SET_LOOP + (unsigned)found, from, SET_LOOP + i);
    }
    return changed;
}

/* The first state that comes to a block, where it is known which registers get expressions of
 * their own there. */
static void enter(struct analysis *a, const struct edge *edge)
{
    struct state *s = &edge->to->in;
    for (unsigned i = 0; a->numbers && i < a->numbers->phis; i++) {
        struct range_phi *phi = &a->numbers->phi[i];
        if (!phi->real || phi->block != edge->number)
            continue;
        struct value *value =
            phi->slot < SCALAR_SLOTS ? &s->scalar[phi->slot] : &s->vector[phi->slot - SCALAR_SLOTS];
        if (value->kinds)
            value->number = range_enter(a->numbers, phi, edge->from, value->number,
                                        phi->family ? &edge->of_lanes : &edge->of_wavefront);
    }
}

static bool state_join(struct analysis *a, const struct edge *edge, const struct state *from)
{
    struct state *to = &edge->to->in;
    bool changed = false;
    if (!to->reached) {
        state_copy(a, to, from);
        enter(a, edge);
        return true;
    }
    if (to->depth != from->depth) {
        analysis_fail(a, "ways meet that are not nested alike");
        return false;
    }
    for (unsigned i = 0; i < SCALAR_SLOTS; i++)
        changed |= join_slot(a, edge, i, 0, &to->scalar[i], &from->scalar[i]);
    for (unsigned i = 0; i < SET_LOOP; i++)
        changed |= join_set(a, edge, to, from, i);
    changed |= join_loops(a, to, from);
    changed |= join_vector(a, to, SET_LOST, from, SET_LOST);
    changed |= symbolic_join_conditions(to, from);
    return changed;
}

/* The same as expressions: the packet's address, work-group ids behind the user SGPRs, and
 * work-item ids. */
static void number_entry(const struct analysis *a, struct state *s, const uint8_t *descriptor,
                         uint16_t properties)
{
    uint32_t rsrc2;
    memcpy(&rsrc2, descriptor + REEF_KD_RSRC2, sizeof(rsrc2));
    unsigned next = rsrc2 >> 1 & 31, packet = properties & 1 ? 4 : 0;
    for (unsigned part = 0; part < 2 && properties & 2; part++)
        s->scalar[packet + part].number = range_leaf(a->numbers, RANGE_DISPATCH, part, 0);
    for (unsigned i = 0; i < 3; i++) {
        if (rsrc2 >> (7 + i) & 1)
            s->scalar[next++].number = range_leaf(a->numbers, RANGE_GROUP, i, 0);
        if (i <= (rsrc2 >> 11 & 3) && i < a->vgprs)
            s->vector[i].number = range_leaf(a->numbers, RANGE_ITEM, i, RANGE_LANES);
    }
}

/* What the hardware sets up (LLVM AMDGPU usage guide, "Initial Kernel Execution State"): user SGPRs
 * in the order of the bits of kernel_code_properties. The rest are numbers. */
void state_at_entry(const struct analysis *a, struct state *s, const uint8_t *descriptor)
{
    static const struct {
        uint8_t count;
        uint16_t kind;
    } user[] = {{4, V_SCRATCH}, {2, V_HOST},   {2, V_HOST},  {2, V_KERNARG},
                {2, V_NUMBER},  {2, V_NUMBER}, {1, V_NUMBER}};
    uint16_t properties;
    unsigned next = 0;
    memcpy(&properties, descriptor + REEF_KD_PROPERTIES, sizeof(properties));
    for (unsigned i = 0; i < SCALAR_SLOTS; i++)
        s->scalar[i] = value_of(V_NUMBER);
    for (unsigned i = 0; i < a->vgprs; i++)
        s->vector[i] = value_of(V_NUMBER);
    s->sets = 1u << SET_ACTIVE;
    for (unsigned i = 0; i < sizeof(user) / sizeof(user[0]); i++)
        for (unsigned part = 0; properties >> i & 1 && part < user[i].count; part++)
            s->scalar[next++] = value_of(user[i].kind);
    s->reached = true;
    if (a->numbers)
        number_entry(a, s, descriptor, properties);
}

void state_forget(const struct analysis *a, struct block *block)
{
    struct state *s = &block->in;
    struct value *scalar = s->scalar, *vector = s->vector;
    memset(scalar, 0, SCALAR_SLOTS * sizeof(*scalar));
    for (uint32_t left = s->sets; left; left &= left - 1)
        memset(&vector[(unsigned)__builtin_ctz(left) * a->vgprs], 0, a->vgprs * sizeof(*vector));
    memset(s, 0, sizeof(*s));
    s->scalar = scalar;
    s->vector = vector;
    memset(s->loop_mask, -1, sizeof(s->loop_mask));
    memset(&block->of_lanes, 0, sizeof(block->of_lanes));
    memset(&block->of_wavefront, 0, sizeof(block->of_wavefront));
    block->visits = 0;
}

bool state_meet(struct analysis *a, const struct edge *edge, const struct state *from)
{
    bool changed = state_join(a, edge, from);
    note_edge(&edge->to->of_lanes, edge->from, &edge->of_lanes);
    note_edge(&edge->to->of_wavefront, edge->from, &edge->of_wavefront);
    return changed;
}
