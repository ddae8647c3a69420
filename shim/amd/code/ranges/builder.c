// SPDX-License-Identifier: Apache-2.0
/* Making expressions. See builder.h. */
#include "shim/amd/code/ranges/builder.h"

#include <stdlib.h>
#include <string.h>

/* Of BOTH and EITHER: each is gone through as often as it is used. */
enum { NESTED_MAX = 4 };

struct range_builder *range_builder_make(void)
{
    struct range_builder *b = calloc(1, sizeof(*b));
    if (b)
        b->nodes = 1; /* 0 is "not known" */
    return b;
}

static unsigned find_or_add(struct range_builder *b, struct range_node node)
{
    enum { PLACES = sizeof(b->hash) / sizeof(b->hash[0]) };
    uint64_t key = ((uint64_t)node.op << 56) ^ ((uint64_t)node.a << 16 | node.b) ^
                   (uint64_t)node.value * 0x9e3779b97f4a7c15ull;
    unsigned place = (unsigned)(key * 0x9e3779b97f4a7c15ull >> 40) % PLACES;
    for (; b->hash[place]; place = (place + 1) % PLACES) {
        const struct range_node *at = &b->node[b->hash[place]];
        if (at->op == node.op && at->a == node.a && at->b == node.b && at->value == node.value)
            return b->hash[place];
    }
    if (b->nodes == RANGE_NODES_MAX)
        return 0;
    node.flags |= b->node[node.a].flags | b->node[node.b].flags;
    b->node[b->nodes] = node;
    b->hash[place] = (uint16_t)b->nodes;
    return b->nodes++;
}

static unsigned make(struct range_builder *b, enum range_op op, unsigned x, unsigned y)
{
    return find_or_add(b,
                       (struct range_node){.op = (uint8_t)op, .a = (uint16_t)x, .b = (uint16_t)y});
}

unsigned range_leaf(struct range_builder *b, enum range_op op, int64_t value, unsigned flags)
{
    return find_or_add(
        b, (struct range_node){.op = (uint8_t)op, .flags = (uint8_t)flags, .value = value});
}

unsigned range_number(struct range_builder *b, int32_t value)
{
    return range_leaf(b, RANGE_CONST, value, 0);
}

static bool is_number(const struct range_builder *b, unsigned x, int64_t value)
{
    return b->node[x].op == RANGE_CONST && b->node[x].value == value;
}

unsigned range_binary(struct range_builder *b, enum range_op op, unsigned x, unsigned y)
{
    bool commutes = op == RANGE_ADD || op == RANGE_MUL || op == RANGE_AND || op == RANGE_OR;
    if (!x || !y || range_is_wide(b->node[x].op) || range_is_wide(b->node[y].op) ||
        range_is_condition(b->node[x].op) || range_is_condition(b->node[y].op))
        return 0;
    if ((op == RANGE_ADD || op == RANGE_OR) && is_number(b, x, 0))
        return y;
    if ((op == RANGE_ADD || op == RANGE_OR || op == RANGE_SUB || op == RANGE_SHL) &&
        is_number(b, y, 0))
        return x;
    return commutes && y < x ? make(b, op, y, x) : make(b, op, x, y);
}

unsigned range_select(struct range_builder *b, uint64_t where, unsigned x, unsigned y)
{
    if (!x || !y || range_is_wide(b->node[x].op) || range_is_wide(b->node[y].op) ||
        range_is_condition(b->node[x].op) || range_is_condition(b->node[y].op))
        return 0;
    return find_or_add(b, (struct range_node){.op = RANGE_SELECT,
                                              .flags = RANGE_VARIES | RANGE_LANES,
                                              .a = (uint16_t)x,
                                              .b = (uint16_t)y,
                                              .value = (int64_t)where});
}

/* --- 64 bits --- */

/* From what it is made of, whose lower halves are known. */
static unsigned make_low(struct range_builder *b, const struct range_node *node)
{
    switch (node->op) {
    case RANGE_CONST64:
        return range_number(b, (int32_t)node->value);
    case RANGE_ARGUMENT64:
        return range_leaf(b, RANGE_ARGUMENT, node->value, 0);
    case RANGE_ZERO_EXTEND:
    case RANGE_SIGN_EXTEND:
    case RANGE_PHI64:
        return node->a;
    case RANGE_ADD64:
        return range_binary(b, RANGE_ADD, b->low[node->a], b->low[node->b]);
    case RANGE_SHL64: /* by a number below 32 */
        return range_binary(b, RANGE_SHL, b->low[node->a], node->b);
    case RANGE_MUL64_U:
    case RANGE_MUL64_IU:
    case RANGE_MUL64_I:
        return range_binary(b, RANGE_MUL, node->a, node->b);
    case RANGE_OR64:
        return range_binary(b, RANGE_OR, b->low[node->a], node->b);
    default:
        return 0;
    }
}

static unsigned with_low(struct range_builder *b, unsigned wide)
{
    struct range_node node = b->node[wide];
    if (wide && !b->low[wide])
        b->low[wide] = (uint16_t)make_low(b, &node);
    return wide;
}

unsigned range_wide_leaf(struct range_builder *b, enum range_op op, int64_t value)
{
    return with_low(b, range_leaf(b, op, value, 0));
}

static unsigned make_wide(struct range_builder *b, enum range_op op, unsigned x, unsigned y)
{
    return with_low(b, make(b, op, x, y));
}

unsigned range_binary64(struct range_builder *b, enum range_op op, unsigned x, unsigned y)
{
    if (!x || !y)
        return 0;
    if (op == RANGE_ADD64 && b->node[x].op == RANGE_CONST64 && b->node[x].value == 0)
        return y;
    if (op == RANGE_ADD64 && b->node[y].op == RANGE_CONST64 && b->node[y].value == 0)
        return x;
    return op == RANGE_ADD64 && y < x ? make_wide(b, op, y, x) : make_wide(b, op, x, y);
}

unsigned range_low(const struct range_builder *b, unsigned wide)
{
    return b->low[wide];
}

unsigned range_high(struct range_builder *b, unsigned wide)
{
    const struct range_node node = b->node[wide];
    switch (node.op) {
    case RANGE_UNKNOWN:
        return 0;
    case RANGE_CONST64:
        return range_number(b, (int32_t)(node.value >> 32));
    case RANGE_ARGUMENT64:
        return range_leaf(b, RANGE_ARGUMENT, node.value + 1, 0);
    case RANGE_ZERO_EXTEND:
        return range_number(b, 0);
    case RANGE_SIGN_EXTEND:
        return range_binary(b, RANGE_ASHR, node.a, range_number(b, 31));
    case RANGE_PHI64:
        return node.b;
    default:
        return make(b, RANGE_HIGH, wide, 0);
    }
}

/* Whether @x is the sign of @of, times @by: what a signed factor adds to the upper half. */
static bool is_sign_times(const struct range_builder *b, unsigned x, unsigned of, unsigned by)
{
    const struct range_node *product = &b->node[x];
    for (unsigned n = 0; n < 2 && product->op == RANGE_MUL; n++) {
        const struct range_node *sign = &b->node[n ? product->b : product->a];
        if ((n ? product->a : product->b) == by && sign->op == RANGE_ASHR && sign->a == of &&
            is_number(b, sign->b, 31))
            return true;
    }
    return false;
}

/* A product of 64 bits of signed factors, as it is put together of 32-bit ones: the upper half is
 * that of the product without signs, plus sign(x) * y and (if y is signed too) sign(y) * x. */
static unsigned signed_product(struct range_builder *b, unsigned high)
{
    unsigned part[3] = {0}, parts = 0, from = high;
    while (b->node[from].op == RANGE_ADD && parts < 2) {
        bool nested = b->node[b->node[from].b].op == RANGE_ADD;
        part[parts++] = nested ? b->node[from].a : b->node[from].b;
        from = nested ? b->node[from].b : b->node[from].a;
    }
    part[parts++] = from;
    for (unsigned i = 0; i < parts; i++) {
        const struct range_node *of = &b->node[part[i]];
        if (of->op != RANGE_HIGH || b->node[of->a].op != RANGE_MUL64_U)
            continue;
        unsigned x = b->node[of->a].a, y = b->node[of->a].b;
        unsigned p = part[(i + 1) % parts], q = part[(i + 2) % parts];
        if (parts == 3)
            return (is_sign_times(b, p, x, y) && is_sign_times(b, q, y, x)) ||
                           (is_sign_times(b, q, x, y) && is_sign_times(b, p, y, x))
                       ? make_wide(b, RANGE_MUL64_I, x, y)
                       : 0;
        if (parts == 2 && is_sign_times(b, p, x, y))
            return make_wide(b, RANGE_MUL64_IU, x, y);
        if (parts == 2 && is_sign_times(b, p, y, x))
            return make_wide(b, RANGE_MUL64_IU, y, x);
    }
    return 0;
}

unsigned range_pair(struct range_builder *b, unsigned low, unsigned high)
{
    const struct range_node l = b->node[low], h = b->node[high];
    if (!low || !high)
        return 0;
    if (l.op == RANGE_CONST && h.op == RANGE_CONST)
        return range_wide_leaf(b, RANGE_CONST64,
                               (int64_t)((uint64_t)h.value << 32 | (uint32_t)l.value));
    if (h.op == RANGE_HIGH && range_low(b, h.a) == low)
        return h.a;
    if (h.op == RANGE_HIGH && l.op == RANGE_OR && range_low(b, h.a) == l.a)
        return make_wide(b, RANGE_OR64, h.a, l.b);
    if (h.op == RANGE_HIGH && l.op == RANGE_OR && range_low(b, h.a) == l.b)
        return make_wide(b, RANGE_OR64, h.a, l.a);
    if (h.op == RANGE_ADD && l.op == RANGE_MUL) {
        unsigned product = signed_product(b, high);
        return range_low(b, product) == low ? product : 0;
    }
    if (l.op == RANGE_ARGUMENT && h.op == RANGE_ARGUMENT && h.value == l.value + 1)
        return range_wide_leaf(b, RANGE_ARGUMENT64, l.value);
    if (is_number(b, high, 0))
        return make_wide(b, RANGE_ZERO_EXTEND, low, 0);
    if (h.op == RANGE_ASHR && h.a == low && is_number(b, h.b, 31))
        return make_wide(b, RANGE_SIGN_EXTEND, low, 0);
    if (l.op == RANGE_PHI && h.op == RANGE_PHI && l.value < RANGE_PHIS_MAX &&
        b->phi[l.value].block == b->phi[h.value].block &&
        b->phi[l.value].family == b->phi[h.value].family)
        return make_wide(b, RANGE_PHI64, low, high);
    return 0;
}

/* --- conditions --- */

unsigned range_condition(struct range_builder *b, enum range_op op, unsigned x, unsigned y)
{
    bool one_will_do = op == RANGE_BOTH || op == RANGE_EITHER;
    if (one_will_do ? !x && !y : !x || !y)
        return 0;
    if (!one_will_do && (range_is_wide(b->node[x].op) || range_is_wide(b->node[y].op) ||
                         range_is_condition(b->node[x].op) || range_is_condition(b->node[y].op)))
        return 0;
    if (one_will_do &&
        ((x && !range_is_condition(b->node[x].op)) || (y && !range_is_condition(b->node[y].op))))
        return 0;
    if (!one_will_do)
        return make(b, op, x, y);
    int64_t nested =
        1 + (b->node[x].value > b->node[y].value ? b->node[x].value : b->node[y].value);
    if (x == y || nested > NESTED_MAX)
        return op == RANGE_BOTH ? x ? x : y : 0;
    return find_or_add(b,
                       (struct range_node){
                           .op = (uint8_t)op, .a = (uint16_t)x, .b = (uint16_t)y, .value = nested});
}

unsigned range_negation(struct range_builder *b, unsigned condition)
{
    const struct range_node node = b->node[condition];
    switch (node.op) {
    case RANGE_LESS_I:
        return make(b, RANGE_LESS_EQUAL_I, node.b, node.a);
    case RANGE_LESS_U:
        return make(b, RANGE_LESS_EQUAL_U, node.b, node.a);
    case RANGE_LESS_EQUAL_I:
        return make(b, RANGE_LESS_I, node.b, node.a);
    case RANGE_LESS_EQUAL_U:
        return make(b, RANGE_LESS_U, node.b, node.a);
    case RANGE_EQUAL:
        return make(b, RANGE_NOT_EQUAL, node.a, node.b);
    case RANGE_NOT_EQUAL:
        return make(b, RANGE_EQUAL, node.a, node.b);
    default:
        return 0;
    }
}

/* --- where ways meet --- */

static bool set_way(struct range_phi *phi, int32_t from, unsigned value,
                    const struct range_conditions *conditions)
{
    unsigned n = 0;
    while (n < phi->ways && phi->way[n].from != from)
        n++;
    if (n == RANGE_WAYS)
        return false;
    phi->ways += n == phi->ways;
    phi->way[n].from = from;
    phi->way[n].value = (uint16_t)value;
    phi->way[n].conditions = *conditions;
    return true;
}

unsigned range_meet(struct range_builder *b, uint32_t block, bool loop, uint32_t slot,
                    unsigned family, const struct range_edges *before, unsigned held, int32_t from,
                    unsigned comes, const struct range_conditions *conditions)
{
    if (!held || !comes || range_is_condition(b->node[held].op) ||
        range_is_condition(b->node[comes].op))
        return held == comes ? held : 0;
    struct range_phi *phi = NULL;
    if (b->node[held].op == RANGE_PHI && b->phi[b->node[held].value].block == block &&
        b->phi[b->node[held].value].slot == slot)
        phi = &b->phi[b->node[held].value];
    if (!phi) {
        if (held == comes)
            return held;
        if (b->phis == RANGE_PHIS_MAX || before->count > RANGE_WAYS ||
            (b->stage == RANGE_LOOPS && !loop))
            return 0;
        unsigned flags = RANGE_VARIES | (family ? RANGE_LANES : 0);
        unsigned node = range_leaf(b, RANGE_PHI, b->phis, flags);
        if (!node)
            return 0;
        phi = &b->phi[b->phis++];
        *phi = (struct range_phi){
            .block = block, .slot = slot, .node = (uint16_t)node, .family = (uint8_t)family};
        for (unsigned i = 0; i < before->count; i++)
            if (!set_way(phi, before->from[i], held, &before->conditions[i]))
                return 0;
    }
    return set_way(phi, from, comes, conditions) ? phi->node : 0;
}

/* What a PHI is a copy of, if all ways bring that, or it itself. */
static unsigned original(const uint16_t *copy_of, unsigned node)
{
    for (unsigned steps = 0; copy_of[node] && steps < RANGE_PHIS_MAX; steps++)
        node = copy_of[node];
    return node;
}

static unsigned only_value(const uint16_t *copy_of, const struct range_phi *phi)
{
    unsigned only = 0;
    for (unsigned i = 0; i < phi->ways; i++) {
        unsigned value = original(copy_of, phi->way[i].value);
        if (value == phi->node)
            continue;
        if (value == 0 || (only && only != value))
            return 0;
        only = value;
    }
    return only;
}

/* Marks those that are none. */
static bool find_copies(struct range_builder *b)
{
    uint16_t *copy_of = calloc(RANGE_NODES_MAX, sizeof(*copy_of));
    bool copies = false;
    for (bool more = copy_of != NULL; more;) {
        more = false;
        for (unsigned i = 0; i < b->phis; i++) {
            const struct range_phi *phi = &b->phi[i];
            if (copy_of[phi->node])
                continue;
            copy_of[phi->node] = (uint16_t)only_value(copy_of, phi);
            more |= copy_of[phi->node] != 0;
        }
        copies |= more;
    }
    for (unsigned i = 0; i < b->phis && copies; i++)
        b->phi[i].real = !copy_of[b->phi[i].node];
    free(copy_of);
    return copies;
}

bool range_begin_again(struct range_builder *b)
{
    enum { PASSES_MAX = 8 };
    bool more = b->phis > b->phis_before && b->passes < PASSES_MAX - 2;
    b->passes++;
    b->phis_before = b->phis;
    if (b->phis == 0 || b->stage == RANGE_COPIES)
        return false;
    if (b->stage == RANGE_MERGES && !find_copies(b))
        return false;
    for (unsigned i = 0; i < b->phis; i++) {
        b->phi[i].real = b->phi[i].real || b->stage == RANGE_LOOPS;
        b->phi[i].ways = 0;
    }
    if (b->stage == RANGE_MERGES)
        b->stage = RANGE_COPIES;
    else if (!more)
        b->stage = RANGE_MERGES;
    b->accesses = 0;
    return true;
}

unsigned range_enter(struct range_builder *b, struct range_phi *phi, int32_t from, unsigned comes,
                     const struct range_conditions *conditions)
{
    if (comes == 0 || range_is_condition(b->node[comes].op))
        return comes;
    return set_way(phi, from, comes, conditions) ? phi->node : 0;
}

/* --- accesses --- */

void range_note(struct range_builder *b, const struct range_access *access)
{
    for (unsigned i = b->accesses; i-- > 0;) {
        if (b->access[i].where == access->where) {
            b->access[i] = *access;
            return;
        }
    }
    if (b->accesses == RANGE_ACCESSES_MAX)
        b->lost = true;
    else
        b->access[b->accesses++] = *access;
}
