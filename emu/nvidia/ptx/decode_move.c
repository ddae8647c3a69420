// SPDX-License-Identifier: Apache-2.0
/* Moves and conversions, and what stands alone: from spelling and operands to code. */
#include "ops_select.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

/* ---- moves ---- */

static bool move_vector(struct ptx_parser *p, struct ptx_spelling *s, enum ptx_type type, bool pack)
{
    const struct ptx_operand *vector = ptx_nth(p, s, pack ? 1 : 0);
    const struct ptx_operand *scalar = ptx_nth(p, s, pack ? 0 : 1);
    unsigned count = vector->count, bytes = count ? ptx_types[type].bytes / count : 0;
    enum ptx_type part = bytes == 1   ? PTX_T_b8
                         : bytes == 2 ? PTX_T_b16
                         : bytes == 4 ? PTX_T_b32
                                      : PTX_T_b64;
    uint32_t places[PTX_MAX_OPERANDS], list, place;
    struct ptx_insn *in;

    if (bytes == 0 || bytes * count != ptx_types[type].bytes)
        return ptx_fail(p, "elements do not fill the register");
    for (unsigned i = 0; i < count; i++)
        places[i] =
            pack ? ptx_source(p, &vector->items[i], part) : ptx_target(p, &vector->items[i], part);
    place = pack ? ptx_target(p, scalar, type) : ptx_source(p, scalar, type);
    list = ptx_list_add(p, places, count);
    in = ptx_emit(p, pack ? "pack" : "unpack");
    if (!in || p->failed)
        return false;
    in->d = pack ? place : list;
    in->a = pack ? list : place;
    in->aux = count | bytes << 8;
    return true;
}

static bool move_clock(struct ptx_parser *p, struct ptx_spelling *s, enum ptx_type type,
                       const struct ptx_operand *from)
{
    char name[40];
    struct ptx_insn *in;
    bool wide = from->length > 2 && (memcmp(from->text + from->length - 2, "64", 2) == 0 ||
                                     memcmp(from->text + from->length - 2, "er", 2) == 0);

    if (from->text[0] != '%' || from->length > 20)
        return ptx_fail(p, "unknown name '%.*s'", (int)from->length, from->text);
    snprintf(name, sizeof(name), "mov.%.*s", (int)from->length - 1, from->text + 1);
    in = ptx_emit(p, name);
    if (!in)
        return false;
    in->d = ptx_target(p, ptx_nth(p, s, 0), wide ? PTX_T_u64 : PTX_T_u32);
    return !p->failed;
}

bool ptx_decode_move(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    const struct ptx_operand *d = ptx_nth(p, s, 0), *a = ptx_nth(p, s, 1);
    bool wide = ptx_types[type].bytes == 8;
    struct ptx_insn *in;

    if (s->operands != 2 || s->type_count != 1)
        return ptx_fail(p, "bad mov");
    if (a->kind == PTX_O_VECTOR || d->kind == PTX_O_VECTOR)
        return move_vector(p, s, type, a->kind == PTX_O_VECTOR);
    if (a->kind == PTX_O_LABEL)
        return move_clock(p, s, type, a);
    if (a->kind == PTX_O_NAME && a->name->kind == PTX_NAME_LOCAL) {
        in = ptx_emit(p, wide ? "mov.local.64" : "mov.local.32");
        if (!in)
            return false;
        in->d = ptx_target(p, d, type);
        in->imm = (int32_t)(a->place + (uint32_t)a->offset);
        return !p->failed;
    }
    if (type == PTX_T_pred)
        return ptx_same(p, s, "mov.pred", type, 1, 0);
    if (wide && a->kind == PTX_O_SPECIAL)
        return ptx_simple(p, s, "mov.64.32", type, (const enum ptx_type[]){PTX_T_u32}, 1, 0);
    if (type == PTX_T_f16x2 || type == PTX_T_bf16x2 || ptx_types[type].bytes == 1)
        type = PTX_T_b32;
    return ptx_same(p, s, wide ? "mov.64" : "mov.32", type, 1, 0);
}

/* ---- conversion ---- */

bool ptx_decode_cvt(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type to = s->types[0], from = s->types[1];
    const struct ptx_operand *d = ptx_nth(p, s, 0), *a = ptx_nth(p, s, 1);
    bool whole = ptx_has(s, "rni") || ptx_has(s, "rzi") || ptx_has(s, "rmi") || ptx_has(s, "rpi");
    uint32_t aux = ptx_float_modifiers(s);
    char name[32];
    struct ptx_insn *in;

    if (s->type_count != 2)
        return ptx_fail(p, "cvt needs two types");
    if (to == PTX_T_f16x2 || to == PTX_T_bf16x2) {
        if (from != PTX_T_f32)
            return ptx_fail(p, "bad cvt");
        aux |= (uint32_t)to << PTX_CVT_TO_SHIFT;
        return ptx_simple(p, s, "cvt.pack", to, (const enum ptx_type[]){PTX_T_f32, PTX_T_f32}, 2,
                          aux);
    }
    if (d->kind != PTX_O_REGISTER || d->type == PTX_T_pred || s->operands != 2)
        return ptx_fail(p, "bad cvt");
    /* Registers may be wider than the types. */
    if (aux == 0 && !whole && ptx_types[d->type].bytes == ptx_types[to].bytes &&
        (a->kind != PTX_O_REGISTER || ptx_register_bytes(a->type) == ptx_register_bytes(from))) {
        snprintf(name, sizeof(name), "cvt.%s.%s", ptx_types[to].name, ptx_types[from].name);
        if (ptx_find_opcode(name))
            return ptx_simple(p, s, name, d->type, &from, 1, 0);
    }
    if (a->kind == PTX_O_REGISTER && ptx_register_bytes(a->type) != ptx_register_bytes(from)) {
        if (a->type == PTX_T_pred || ptx_types[a->type].bytes < ptx_types[from].bytes)
            return ptx_fail(p, "%.*s has the wrong size", (int)a->length, a->text);
        from = ptx_types[from].kind == 's' ? PTX_T_s64 : PTX_T_u64; /* its low part is the value */
    }
    in = ptx_emit(p, "cvt");
    if (!in)
        return false;
    if (ptx_types[to].kind != 'f' && ptx_types[from].kind == 'f' && !whole)
        aux |= 0; /* rn by default: the ISA asks for a rounding */
    in->d = ptx_target(p, d, d->type);
    in->a = ptx_source(p, a, from);
    in->aux = aux | (uint32_t)to << PTX_CVT_TO_SHIFT | (uint32_t)from << PTX_CVT_FROM_SHIFT |
              (whole ? PTX_CVT_WHOLE : 0);
    in->imm = ptx_types[d->type].bytes;
    return !p->failed;
}

static uint32_t window_of(const struct ptx_spelling *s)
{
    if (ptx_has(s, "shared") || ptx_has(s, "shared::cta"))
        return PTX_WINDOW_SHARED >> 56;
    if (ptx_has(s, "local"))
        return PTX_WINDOW_LOCAL >> 56;
    if (ptx_has(s, "param"))
        return PTX_WINDOW_PARAM >> 56;
    return 0;
}

bool ptx_decode_cvta(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *a = ptx_nth(p, s, 1);
    bool to = ptx_has(s, "to");
    struct ptx_insn *in;

    if (ptx_main_type(s) != PTX_T_u64)
        return ptx_fail(p, "cvta needs 64 bits");
    if (a->kind == PTX_O_NAME && a->name->kind == PTX_NAME_LOCAL) {
        struct ptx_spelling move = *s;

        move.types[0] = PTX_T_u64;
        move.type_count = 1;
        if (!ptx_decode_move(p, &move))
            return false;
        s->operand[1] = s->operand[0];
        a = &s->operand[1];
    }
    in = ptx_emit(p, "cvta");
    if (!in)
        return false;
    in->d = ptx_target(p, ptx_nth(p, s, 0), PTX_T_u64);
    in->a = ptx_source(p, a, PTX_T_u64);
    in->aux = window_of(s);
    in->imm = to;
    return !p->failed;
}

bool ptx_decode_isspacep(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_simple(p, s, "isspacep", PTX_T_pred, (const enum ptx_type[]){PTX_T_u64}, 1,
                      window_of(s));
}

bool ptx_decode_nop(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit(p, "nop") != NULL;
}

bool ptx_decode_nanosleep(struct ptx_parser *p, struct ptx_spelling *s)
{
    struct ptx_insn *in = ptx_emit(p, "nanosleep");

    if (!in)
        return false;
    in->a = ptx_source(p, ptx_nth(p, s, 0), PTX_T_u32);
    return !p->failed;
}

bool ptx_decode_activemask(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_simple(p, s, "activemask", PTX_T_b32, NULL, 0, 0);
}
