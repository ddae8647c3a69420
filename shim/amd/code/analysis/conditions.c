// SPDX-License-Identifier: Apache-2.0
/*
 * What compares say of the lanes and of the way that follow (ranges/builder.h: conditions).
 *
 * A mask of lanes says little where it is 0: the compare may have been made by fewer lanes. So its
 * contrary holds only for lanes that are still those which compared (state.h: unless).
 */
#include "shim/amd/code/analysis/state.h"

/* Compares of integers of 32 bits, by their names: v_cmp_lt_i32, s_cmp_lt_i32, s_cmpk_lt_i32. */
static unsigned compare(struct analysis *a)
{
    static const struct {
        char name[4];
        uint8_t op_i, op_u;
        bool swap, negate;
    } compares[] = {
        {"lt", RANGE_LESS_I, RANGE_LESS_U, false, false},
        {"le", RANGE_LESS_EQUAL_I, RANGE_LESS_EQUAL_U, false, false},
        {"gt", RANGE_LESS_I, RANGE_LESS_U, true, false},
        {"ge", RANGE_LESS_EQUAL_I, RANGE_LESS_EQUAL_U, true, false},
        {"eq", RANGE_EQUAL, RANGE_EQUAL, false, false},
        {"ne", RANGE_NOT_EQUAL, RANGE_NOT_EQUAL, false, false},
        {"lg", RANGE_NOT_EQUAL, RANGE_NOT_EQUAL, false, false},
    };
    const char *name = a->inst->op->name;
    const char *what = strncmp(name, "s_cmpk_", 7) == 0 ? name + 7
                       : strncmp(name, "v_cmp_", 6) == 0 || strncmp(name, "s_cmp_", 6) == 0
                           ? name + 6
                           : "";
    for (unsigned i = 0; i < sizeof(compares) / sizeof(compares[0]); i++) {
        size_t length = strlen(compares[i].name);
        if (strncmp(what, compares[i].name, length) != 0)
            continue;
        bool is_signed = strcmp(what + length, "_i32") == 0;
        if (!is_signed && strcmp(what + length, "_u32") != 0)
            continue;
        unsigned x = symbolic_source(a, 0, 0), y = symbolic_source(a, 1, 0);
        return range_condition(a->numbers,
                               (enum range_op)(is_signed ? compares[i].op_i : compares[i].op_u),
                               compares[i].swap ? y : x, compares[i].swap ? x : y);
    }
    return 0;
}

/* The immediate of s_cmpk_*_u32 is not signed. */
static bool has_large_immediate(const struct analysis *a)
{
    return a->inst->format == ISA_SOPK && a->inst->fields.imm < 0 &&
           strncmp(a->inst->op->name, "s_cmpk_", 7) == 0 &&
           strstr(a->inst->op->name, "_u32") != NULL;
}

static unsigned condition_or_zero(const struct analysis *a, unsigned x)
{
    return range_is_condition(a->numbers->node[x].op) ? x : 0;
}

unsigned symbolic_mask(struct analysis *a, enum isa_id id, bool *is_mask)
{
    struct range_builder *b = a->numbers;
    *is_mask = true;
    if (a->inst->format == ISA_VOPC || a->inst->op->format == ISA_VOPC)
        return compare(a);
    unsigned x = condition_or_zero(a, symbolic_source(a, 0, 0)),
             y = condition_or_zero(a, symbolic_source(a, 1, 0));
    switch (id) {
    case ISA_ID_s_mov_b64:
        *is_mask = x != 0; /* else a number */
        return x;
    case ISA_ID_s_and_b64:
        return range_condition(b, RANGE_BOTH, x, y);
    case ISA_ID_s_or_b64:
        return range_condition(b, RANGE_EITHER, x, y);
    default:
        *is_mask = false;
        return 0;
    }
}

unsigned symbolic_compare(struct analysis *a)
{
    bool scalar = a->inst->format == ISA_SOPC || a->inst->format == ISA_SOPK;
    return scalar && !has_large_immediate(a) ? compare(a) : 0;
}

/* What holds for lanes whose bit is 0 in the result. */
void symbolic_masks_before(struct analysis *a)
{
    const struct isa_fields *f = &a->inst->fields;
    enum isa_id id = isa_id(a->inst->op);
    a->unless_before = 0;
    if (id == ISA_ID_s_and_b64 && (f->src[0] == ISA_EXEC || f->src[1] == ISA_EXEC)) {
        unsigned mask = f->src[0] == ISA_EXEC ? f->src[1] : f->src[0];
        a->unless_before = mask < SCALARS ? a->unless[mask] : 0;
        return;
    }
    if (a->inst->op->format == ISA_VOPC && !(f->mods & ISA_MOD_SDWA))
        a->unless_before = (uint16_t)range_negation(a->numbers, compare(a));
    else if (id == ISA_ID_s_or_b64 && f->src[0] < SCALARS && f->src[1] < SCALARS)
        a->unless_before = (uint16_t)range_condition(a->numbers, RANGE_BOTH, a->unless[f->src[0]],
                                                     a->unless[f->src[1]]);
}

void symbolic_masks(struct analysis *a)
{
    unsigned to = a->inst->op->format == ISA_VOPC ? a->inst->fields.sdst : a->inst->fields.dst;
    if (a->unless_before && to + 1 < SCALARS)
        a->unless[to] = a->unless_before;
}

/* --- conditions that hold --- */

void symbolic_conditions(const struct state *s, bool of_lanes, struct range_conditions *out)
{
    unsigned n = 0;
    memset(out, 0, sizeof(*out));
    for (unsigned i = 0; i < 2 && of_lanes; i++)
        if (s->lane_condition[i])
            out->of[n++] = s->lane_condition[i];
    for (unsigned i = s->depth; i-- > 0 && of_lanes && n < RANGE_CONDITIONS;)
        if (s->level_condition[i])
            out->of[n++] = s->level_condition[i];
    for (unsigned i = FACTS; i-- > 0 && n < RANGE_CONDITIONS;)
        if (s->fact[i])
            out->of[n++] = s->fact[i];
}

void symbolic_add_fact(struct state *s, unsigned condition)
{
    if (condition == 0)
        return;
    memmove(&s->fact[0], &s->fact[1], sizeof(s->fact) - sizeof(s->fact[0]));
    s->fact[FACTS - 1] = (uint16_t)condition;
}

/* Leaves those of @to that are in @from as well. */
static bool keep_common(uint16_t *to, const uint16_t *from, unsigned count)
{
    bool changed = false;
    for (unsigned i = 0; i < count; i++) {
        bool found = to[i] == 0;
        for (unsigned j = 0; j < count && !found; j++)
            found = to[i] == from[j];
        changed |= !found;
        to[i] = found ? to[i] : 0;
    }
    return changed;
}

bool symbolic_join_conditions(struct state *to, const struct state *from)
{
    bool changed = keep_common(to->lane_condition, from->lane_condition, 2);
    changed |= keep_common(to->fact, from->fact, FACTS);
    for (unsigned i = 0; i < to->depth; i++) {
        if (to->level_condition[i] != from->level_condition[i] && to->level_condition[i]) {
            to->level_condition[i] = 0;
            changed = true;
        }
        if (to->rest_condition[i] != from->rest_condition[i] && to->rest_condition[i]) {
            to->rest_condition[i] = 0;
            changed = true;
        }
    }
    return changed;
}
