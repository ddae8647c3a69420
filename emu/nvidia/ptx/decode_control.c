// SPDX-License-Identifier: Apache-2.0
/* Branches, calls, barriers and what a warp does together. See parse.h. */
#include "exec.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool ptx_decode_branch(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *to = ptx_nth(p, s, 0);
    uint32_t at = p->code_count;

    if (to->kind != PTX_O_LABEL || s->operands != 1)
        return ptx_fail(p, "label expected");
    if (!ptx_emit_control(p, PTX_BRANCH) ||
        !ptx_grow(p, (void **)&p->fixups, p->fixup_count, &p->fixup_size, sizeof(*p->fixups)))
        return false;
    p->fixups[p->fixup_count++] =
        (struct ptx_fixup){to->text, to->length, at, PTX_NO_PLACE, p->line};
    return true;
}

/* brx.idx index, targets; */
bool ptx_decode_branch_indexed(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *index = ptx_nth(p, s, 0), *targets = ptx_nth(p, s, 1);
    struct ptx_insn *in;

    if (targets->kind != PTX_O_NAME || targets->name->kind != PTX_NAME_TARGETS)
        return ptx_fail(p, "brx needs a list of targets");
    in = ptx_emit_control(p, PTX_BRANCH_INDEXED);
    if (!in)
        return false;
    in->a = ptx_source(p, index, PTX_T_u32);
    in->b = targets->name->place;
    in->c = targets->name->bytes;
    return !p->failed;
}

bool ptx_decode_return(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit_control(p, PTX_RETURN) != NULL;
}

bool ptx_decode_exit(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit_control(p, PTX_EXIT) != NULL;
}

bool ptx_decode_trap(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit_control(p, PTX_TRAP) != NULL;
}

/* ---- barriers ---- */

static bool bar_warp(struct ptx_parser *p, struct ptx_spelling *s)
{
    struct ptx_insn *in = ptx_emit(p, "warp.sync");

    if (!in)
        return false;
    in->members = ptx_source(p, ptx_nth(p, s, 0), PTX_T_u32);
    return !p->failed;
}

bool ptx_decode_barrier(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool red = ptx_has(s, "red");
    unsigned first = red ? 1 : 0, op = ptx_has(s, "popc") ? 0 : ptx_has(s, "and") ? 1 : 2;
    unsigned counted = first + 1 + (red ? 1 : 0) < s->operands;
    struct ptx_insn *in;

    if (ptx_has(s, "warp"))
        return bar_warp(p, s);
    if (ptx_has(s, "cluster")) {
        p->missing = "barrier.cluster";
        return true;
    }
    if (!red && s->operands == 2)
        counted = 1;
    in = ptx_emit_control(p, PTX_BARRIER);
    if (!in)
        return false;
    in->a = ptx_source(p, ptx_nth(p, s, first), PTX_T_u32);
    in->aux = (ptx_has(s, "arrive") ? PTX_BAR_ARRIVE : 0) | (counted ? PTX_BAR_COUNTED : 0) |
              op << PTX_BAR_OP_SHIFT;
    if (counted)
        in->b = ptx_source(p, ptx_nth(p, s, first + 1), PTX_T_u32);
    if (red) {
        const struct ptx_operand *c = ptx_nth(p, s, first + 1 + counted);

        in->aux |= PTX_BAR_REDUCE | (c->negated ? PTX_BAR_NOT : 0);
        in->c = ptx_source(p, c, PTX_T_pred);
        in->d = ptx_target(p, ptx_nth(p, s, 0), op == 0 ? PTX_T_u32 : PTX_T_pred);
        if (in->d == PTX_NO_PLACE)
            return ptx_fail(p, "destination expected");
    }
    return !p->failed;
}

/* ---- a warp together ---- */

static bool members(struct ptx_parser *p, struct ptx_spelling *s, struct ptx_insn *in, unsigned nth)
{
    if (ptx_has(s, "sync"))
        in->members = ptx_source(p, ptx_nth(p, s, nth), PTX_T_u32);
    return !p->failed;
}

bool ptx_decode_shfl(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *d = ptx_nth(p, s, 0);
    struct ptx_insn *in = ptx_emit(p, "shfl");

    if (!in)
        return false;
    in->d = ptx_target(p, d, PTX_T_b32);
    in->a = ptx_source(p, ptx_nth(p, s, 1), PTX_T_b32);
    in->b = ptx_source(p, ptx_nth(p, s, 2), PTX_T_b32);
    in->c = ptx_source(p, ptx_nth(p, s, 3), PTX_T_b32);
    in->aux = ptx_has(s, "up") ? 0 : ptx_has(s, "down") ? 1 : ptx_has(s, "bfly") ? 2 : 3;
    in->imm = d->has_pair ? (int32_t)d->pair : -1;
    return members(p, s, in, 4);
}

bool ptx_decode_vote(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *a = ptx_nth(p, s, 1);
    bool ballot = ptx_has(s, "ballot");
    struct ptx_insn *in = ptx_emit(p, "vote");

    if (!in)
        return false;
    in->d = ptx_target(p, ptx_nth(p, s, 0), ballot ? PTX_T_b32 : PTX_T_pred);
    in->a = ptx_source(p, a, PTX_T_pred);
    in->aux = ballot ? 3 : ptx_has(s, "all") ? 0 : ptx_has(s, "any") ? 1 : 2;
    in->aux |= a->negated ? 4 : 0;
    if (in->d == PTX_NO_PLACE)
        return ptx_fail(p, "destination expected");
    return members(p, s, in, 2);
}

bool ptx_decode_match(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *d = ptx_nth(p, s, 0);
    bool wide = ptx_types[ptx_main_type(s)].bytes == 8;
    struct ptx_insn *in = ptx_emit(p, "match");

    if (!in)
        return false;
    in->d = ptx_target(p, d, PTX_T_b32);
    in->a = ptx_source(p, ptx_nth(p, s, 1), wide ? PTX_T_b64 : PTX_T_b32);
    in->aux = (ptx_has(s, "all") ? 1u : 0) | (wide ? 2u : 0);
    in->imm = d->has_pair ? (int32_t)d->pair : -1;
    return members(p, s, in, 2);
}

bool ptx_decode_redux(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool is_signed = ptx_main_type(s) == PTX_T_s32;
    struct ptx_insn *in;

    if (ptx_main_type(s) == PTX_T_f32) {
        p->missing = "redux of floats";
        return true;
    }
    in = ptx_emit(p, "redux");
    if (!in)
        return false;
    in->d = ptx_target(p, ptx_nth(p, s, 0), PTX_T_b32);
    in->a = ptx_source(p, ptx_nth(p, s, 1), PTX_T_b32);
    in->aux = ptx_has(s, "add")   ? 0
              : ptx_has(s, "min") ? (is_signed ? 3 : 1)
              : ptx_has(s, "max") ? (is_signed ? 4 : 2)
              : ptx_has(s, "and") ? 5
              : ptx_has(s, "or")  ? 6
                                  : 7;
    if (in->d == PTX_NO_PLACE)
        return ptx_fail(p, "destination expected");
    return members(p, s, in, 2);
}

/* ---- calls ---- */

enum { MAX_VALUES = 256 };

static bool call_value(struct ptx_parser *p, struct ptx_call_value *value, bool result)
{
    struct ptx_operand o;

    if (!ptx_operand(p, &o))
        return false;
    if (o.kind == PTX_O_NAME && o.name->kind == PTX_NAME_FRAME_PARAM) {
        *value = (struct ptx_call_value){true, PTX_PLACE(PTX_FRAME, o.place), o.name->bytes};
    } else if (o.kind == PTX_O_REGISTER && o.type != PTX_T_pred) {
        *value = (struct ptx_call_value){false, o.place, ptx_types[o.type].bytes};
    } else if (o.kind == PTX_O_SINK && result) {
        *value = (struct ptx_call_value){false, PTX_NO_PLACE, 0};
    } else if (!result && (o.kind == PTX_O_INTEGER || o.kind == PTX_O_SINGLE)) {
        *value = (struct ptx_call_value){false, ptx_constant(p, o.value, 8, PTX_NO_PLACE), 8};
    } else if (!result && o.kind == PTX_O_DOUBLE) {
        *value = (struct ptx_call_value){false, ptx_constant(p, o.value, 8, PTX_NO_PLACE), 8};
    } else {
        return ptx_fail(p, "'%.*s' cannot be passed", (int)o.length, o.text ? o.text : "");
    }
    return !p->failed;
}

/* "( ... )" */
static bool call_values(struct ptx_parser *p, struct ptx_call_value **values, uint32_t *count,
                        bool result)
{
    if (!ptx_expect(p, "("))
        return false;
    *values = calloc(MAX_VALUES, sizeof(**values));
    if (!*values)
        return ptx_fail(p, "out of memory");
    if (ptx_accept(p, ")"))
        return true;
    do {
        if (*count == MAX_VALUES)
            return ptx_fail(p, "too many arguments");
        if (!call_value(p, &(*values)[(*count)++], result))
            return false;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, ")");
}

static bool callee(struct ptx_parser *p, struct ptx_call *call)
{
    struct ptx_operand o;

    if (!ptx_operand(p, &o))
        return false;
    if (o.kind == PTX_O_SYMBOL && (o.symbol & PTX_FUNCTION_BIT)) {
        call->function = o.symbol & ~PTX_FUNCTION_BIT;
        return true;
    }
    if (o.kind == PTX_O_REGISTER && ptx_types[o.type].bytes == 8) {
        call->function = PTX_NO_PLACE;
        call->pointer = o.place;
        return true;
    }
    return ptx_fail(p, "'%.*s' cannot be called", (int)o.length, o.text ? o.text : "");
}

/* call{.uni} [(results),] callee [, (arguments)] [, prototype]; */
bool ptx_decode_call(struct ptx_parser *p)
{
    struct ptx_pool *pool = p->m->pool;
    struct ptx_call call = {0};
    struct ptx_insn *in;
    bool good = true;

    if (ptx_token_is(&p->x.token, "("))
        good = call_values(p, &call.results, &call.result_count, true) && ptx_expect(p, ",");
    good = good && callee(p, &call);
    if (good && ptx_accept(p, ",") && ptx_token_is(&p->x.token, "("))
        good = call_values(p, &call.arguments, &call.argument_count, false);
    good = good && ptx_skip_to(p, ";");
    good = good &&
           ptx_grow(p, (void **)&pool->calls, pool->call_count, &pool->call_size, sizeof(call));
    if (!good) {
        free(call.results);
        free(call.arguments);
        return false;
    }
    pool->calls[pool->call_count++] = call;
    in = ptx_emit_control(p, PTX_CALL);
    if (in) {
        in->aux = pool->call_count - 1;
        in->cost = 16;
    }
    return in != NULL;
}
