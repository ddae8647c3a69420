// SPDX-License-Identifier: Apache-2.0
/*
 * Instructions that compute: from spelling and operands to code. What belongs to memory and to
 * control flow is in decode_memory.c and decode_control.c.
 */
#include "number.h"
#include "ops_select.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ptx_opcode *const tables[] = {
    ptx_ops_int,    ptx_ops_bits,   ptx_ops_select, ptx_ops_float,   ptx_ops_half,
    ptx_ops_memory, ptx_ops_atomic, ptx_ops_warp,   ptx_ops_texture,
};

static bool part_is(const struct ptx_spelling *s, unsigned i, const char *text)
{
    return s->length[i] == strlen(text) && memcmp(s->part[i], text, s->length[i]) == 0;
}

bool ptx_has(const struct ptx_spelling *s, const char *modifier)
{
    for (unsigned i = 1; i < s->parts; i++) {
        if (part_is(s, i, modifier))
            return true;
    }
    return false;
}

enum ptx_type ptx_main_type(const struct ptx_spelling *s)
{
    return s->type_count ? s->types[s->type_count - 1] : PTX_T_b32;
}

static const struct ptx_opcode *find_opcode(const char *name)
{
    for (unsigned t = 0; t < sizeof(tables) / sizeof(tables[0]); t++) {
        for (const struct ptx_opcode *op = tables[t]; op->name; op++) {
            if (strcmp(op->name, name) == 0)
                return op;
        }
    }
    return NULL;
}

static struct ptx_insn *append(struct ptx_parser *p, const struct ptx_opcode *op)
{
    struct ptx_insn *in;

    if (!ptx_grow(p, (void **)&p->code, p->code_count, &p->code_size, sizeof(*p->code)) ||
        !ptx_grow(p, (void **)&p->ops, p->code_count, &p->ops_size, sizeof(*p->ops)))
        return NULL;
    if (p->code_count > 1 << 24) {
        ptx_fail(p, "function too long");
        return NULL;
    }
    p->ops[p->code_count] = op;
    in = &p->code[p->code_count++];
    *in = (struct ptx_insn){.line = p->line, .members = PTX_NO_PLACE, .cost = 4};
    return in;
}

struct ptx_insn *ptx_emit(struct ptx_parser *p, const char *opcode)
{
    const struct ptx_opcode *op = find_opcode(opcode);
    struct ptx_insn *in;

    if (!op) {
        ptx_fail(p, "no such instruction: %s", opcode);
        return NULL;
    }
    in = append(p, op);
    if (in) {
        in->fn = op->fn;
        in->kind = op->kind;
        in->cost = op->cost;
    }
    return in;
}

struct ptx_insn *ptx_emit_control(struct ptx_parser *p, enum ptx_kind kind)
{
    struct ptx_insn *in = append(p, NULL);

    if (in)
        in->kind = (uint8_t)kind;
    return in;
}

const struct ptx_operand *ptx_nth(struct ptx_parser *p, const struct ptx_spelling *s, unsigned i)
{
    static const struct ptx_operand none = {.pair = PTX_NO_PLACE};

    if (i < s->operands)
        return &s->operand[i];
    ptx_fail(p, "too few operands");
    return &none;
}

/* d and up to three sources, all of one type but for what @types says. */
static bool simple(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
                   enum ptx_type d, const enum ptx_type *sources, unsigned count, uint32_t aux)
{
    struct ptx_insn *in = ptx_emit(p, opcode);
    uint32_t places[4] = {0};

    if (!in)
        return false;
    if (s->operands != count + 1)
        return ptx_fail(p, "%u operands expected", count + 1);
    in->aux = aux;
    in->d = ptx_target(p, &s->operand[0], d);
    if (in->d == PTX_NO_PLACE)
        return ptx_fail(p, "destination expected");
    for (unsigned i = 0; i < count; i++) {
        if (s->operand[1 + i].negated)
            return ptx_fail(p, "'!' is not possible here");
        places[i] = ptx_source(p, &s->operand[1 + i], sources[i]);
    }
    in->a = places[0];
    in->b = places[1];
    in->c = places[2];
    if (count == 4)
        in->imm = (int32_t)places[3];
    return !p->failed;
}

static bool same(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
                 enum ptx_type type, unsigned count, uint32_t aux)
{
    const enum ptx_type types[4] = {type, type, type, type};

    return simple(p, s, opcode, type, types, count, aux);
}

static unsigned rounding(const struct ptx_spelling *s)
{
    if (ptx_has(s, "rz") || ptx_has(s, "rzi"))
        return PTX_RZ;
    if (ptx_has(s, "rm") || ptx_has(s, "rmi"))
        return PTX_RM;
    if (ptx_has(s, "rp") || ptx_has(s, "rpi"))
        return PTX_RP;
    return ptx_has(s, "rna") ? PTX_RNA : PTX_RN;
}

static uint32_t float_modifiers(const struct ptx_spelling *s)
{
    return rounding(s) | (ptx_has(s, "ftz") ? PTX_FLOAT_FTZ : 0) |
           (ptx_has(s, "sat") ? PTX_FLOAT_SAT : 0) | (ptx_has(s, "NaN") ? PTX_FLOAT_NAN : 0) |
           (ptx_has(s, "relu") ? PTX_FLOAT_RELU : 0);
}

/* ---- arithmetic ---- */

static unsigned source_count(const struct ptx_spelling *s)
{
    static const char *const one[] = {"abs",  "neg", "rcp",  "sqrt", "rsqrt", "sin",
                                      "cos",  "lg2", "ex2",  "tanh", "not",   "cnot",
                                      "popc", "clz", "brev", "bfind"};
    static const char *const three[] = {"mad", "fma", "mad24", "sad"};

    for (unsigned i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        if (part_is(s, 0, one[i]))
            return 1;
    }
    for (unsigned i = 0; i < sizeof(three) / sizeof(three[0]); i++) {
        if (part_is(s, 0, three[i]))
            return 3;
    }
    return 2;
}

static bool decode_float(struct ptx_parser *p, struct ptx_spelling *s, enum ptx_type type)
{
    uint32_t aux = float_modifiers(s);
    bool mad = part_is(s, 0, "mad");
    char name[48];

    snprintf(name, sizeof(name), "%.*s.%s%s", mad ? 3 : (int)s->length[0], mad ? "fma" : s->part[0],
             ptx_types[type].name, aux ? "!" : "");
    return same(p, s, name, type, source_count(s), aux);
}

/* add.cc, addc, sub.cc, subc, mad.lo.cc, madc ... */
static bool decode_carry(struct ptx_parser *p, struct ptx_spelling *s, enum ptx_type type)
{
    bool in = s->part[0][s->length[0] - 1] == 'c';
    uint32_t aux = (in ? 1 : 0) | (ptx_has(s, "cc") ? 2 : 0);
    bool mad = s->part[0][0] == 'm', high = ptx_has(s, "hi");
    bool wide = ptx_types[type].bytes == 8, is_signed = high && ptx_types[type].kind == 's';
    char name[32];

    snprintf(name, sizeof(name), "%s%s.%c%s",
             mad                    ? "madc"
             : s->part[0][0] == 'a' ? "addc"
                                    : "subc",
             mad ? (high ? ".hi" : ".lo") : "", is_signed ? 's' : 'u', wide ? "64" : "32");
    return same(p, s, name, type, mad ? 3 : 2, aux);
}

static bool decode_arithmetic(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    const char *half = ptx_has(s, "lo")     ? ".lo"
                       : ptx_has(s, "hi")   ? ".hi"
                       : ptx_has(s, "wide") ? ".wide"
                                            : "";
    enum ptx_type wide = type;
    char name[48];

    if (ptx_types[type].kind == 'f')
        return decode_float(p, s, type);
    if (ptx_has(s, "cc") || part_is(s, 0, "addc") || part_is(s, 0, "subc") || part_is(s, 0, "madc"))
        return decode_carry(p, s, type);
    snprintf(name, sizeof(name), "%.*s%s%s.%s", (int)s->length[0], s->part[0], half,
             ptx_has(s, "sat") ? ".sat" : "", ptx_types[type].name);
    if (ptx_has(s, "wide")) {
        const enum ptx_type types[3] = {type, type,
                                        ptx_types[type].bytes == 4 ? PTX_T_u64 : PTX_T_u32};

        wide = types[2];
        return simple(p, s, name, wide, types, source_count(s), 0);
    }
    return same(p, s, name, type, source_count(s), 0);
}

static bool decode_testp(struct ptx_parser *p, struct ptx_spelling *s)
{
    static const char *const tests[] = {"finite",     "infinite", "number",
                                        "notanumber", "normal",   "subnormal"};
    enum ptx_type type = ptx_main_type(s);

    for (unsigned i = 0; i < 6; i++) {
        if (ptx_has(s, tests[i]))
            return simple(p, s, type == PTX_T_f64 ? "testp.f64" : "testp.f32", PTX_T_pred, &type, 1,
                          i);
    }
    return ptx_fail(p, "unknown test");
}

static bool decode_dp(struct ptx_parser *p, struct ptx_spelling *s)
{
    uint32_t aux = s->type_count == 2
                       ? (s->types[0] == PTX_T_s32) | (uint32_t)(s->types[1] == PTX_T_s32) << 1
                       : 0;

    if (ptx_has(s, "hi"))
        aux |= 4;
    return same(p, s, part_is(s, 0, "dp4a") ? "dp4a" : "dp2a", PTX_T_u32, 3, aux);
}

/* ---- logic, bits ---- */

static bool decode_logic(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    bool one = source_count(s) == 1;
    enum ptx_type d =
        part_is(s, 0, "popc") || part_is(s, 0, "clz") || part_is(s, 0, "bfind") ? PTX_T_u32 : type;
    char name[48];

    snprintf(name, sizeof(name), "%.*s%s.%s", (int)s->length[0], s->part[0],
             ptx_has(s, "shiftamt") ? ".shiftamt" : "", ptx_types[type].name);
    return simple(p, s, name, d, (const enum ptx_type[]){type, type}, one ? 1 : 2, 0);
}

static bool decode_shift(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    char name[32];

    snprintf(name, sizeof(name), "%.*s.%s", (int)s->length[0], s->part[0], ptx_types[type].name);
    return simple(p, s, name, type, (const enum ptx_type[]){type, PTX_T_u32}, 2, 0);
}

static bool decode_shf(struct ptx_parser *p, struct ptx_spelling *s)
{
    return same(p, s, "shf", PTX_T_u32, 3,
                (ptx_has(s, "r") ? 1u : 0) | (ptx_has(s, "clamp") ? 2u : 0));
}

static bool decode_field(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    char name[32];

    snprintf(name, sizeof(name), "%.*s.%s", (int)s->length[0], s->part[0], ptx_types[type].name);
    if (part_is(s, 0, "bfe"))
        return simple(p, s, name, type, (const enum ptx_type[]){type, PTX_T_u32, PTX_T_u32}, 3, 0);
    return simple(p, s, name, type, (const enum ptx_type[]){type, type, PTX_T_u32, PTX_T_u32}, 4,
                  0);
}

static bool decode_lop3(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *table = ptx_nth(p, s, 4);

    if (ptx_has(s, "BOOL") || table->kind != PTX_O_INTEGER)
        return ptx_fail(p, "lop3 needs a constant table");
    s->operands = 4;
    return same(p, s, "lop3", PTX_T_b32, 3, (uint32_t)table->value & 255);
}

static bool decode_prmt(struct ptx_parser *p, struct ptx_spelling *s)
{
    static const char *const modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
    uint32_t mode = 0;

    for (unsigned i = 0; i < 6; i++)
        mode = ptx_has(s, modes[i]) ? i + 1 : mode;
    return same(p, s, "prmt", PTX_T_b32, 3, mode);
}

static bool decode_fns(struct ptx_parser *p, struct ptx_spelling *s)
{
    return same(p, s, "fns", PTX_T_b32, 3, 0);
}

/* ---- comparison, selection ---- */

static bool comparison(const struct ptx_spelling *s, uint32_t *compare)
{
    static const struct {
        const char *name;
        enum ptx_compare compare;
    } all[] = {
        {"eq", PTX_EQ},   {"ne", PTX_NE},   {"lt", PTX_LT},   {"le", PTX_LE},   {"gt", PTX_GT},
        {"ge", PTX_GE},   {"lo", PTX_LT},   {"ls", PTX_LE},   {"hi", PTX_GT},   {"hs", PTX_GE},
        {"equ", PTX_EQU}, {"neu", PTX_NEU}, {"ltu", PTX_LTU}, {"leu", PTX_LEU}, {"gtu", PTX_GTU},
        {"geu", PTX_GEU}, {"num", PTX_NUM}, {"nan", PTX_NAN},
    };

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (s->parts > 1 && part_is(s, 1, all[i].name)) {
            *compare = all[i].compare;
            return true;
        }
    }
    return false;
}

static bool decode_compare(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool set = part_is(s, 0, "set");
    enum ptx_type type = ptx_main_type(s), result = set ? s->types[0] : PTX_T_pred;
    uint32_t aux = 0, bool_op = ptx_has(s, "and")   ? 1
                                : ptx_has(s, "or")  ? 2
                                : ptx_has(s, "xor") ? 3
                                                    : 0;
    const struct ptx_operand *d = ptx_nth(p, s, 0);
    struct ptx_insn *in;

    if (s->type_count != (set ? 2u : 1u) || !comparison(s, &aux))
        return ptx_fail(p, "bad comparison");
    if (type == PTX_T_bf16x2 || (set && type == PTX_T_f16x2)) {
        p->missing = "comparison of this type";
        return true;
    }
    in = ptx_emit(p, set ? "set" : type == PTX_T_f16x2 ? "setp.f16x2" : "setp");
    if (!in)
        return false;
    in->d = ptx_target(p, d, result);
    in->a = ptx_source(p, ptx_nth(p, s, 1), type);
    in->b = ptx_source(p, ptx_nth(p, s, 2), type);
    aux |= bool_op << PTX_COMPARE_BOOL_SHIFT | (uint32_t)type << PTX_COMPARE_TYPE_SHIFT |
           (uint32_t)result << PTX_COMPARE_RESULT_SHIFT | (ptx_has(s, "ftz") ? PTX_COMPARE_FTZ : 0);
    if (bool_op) {
        const struct ptx_operand *c = ptx_nth(p, s, 3);

        in->c = ptx_source(p, c, PTX_T_pred);
        aux |= c->negated ? PTX_COMPARE_NOT_C : 0;
    }
    if (d->has_pair) {
        aux |= PTX_COMPARE_SECOND;
        in->imm = (int32_t)d->pair;
    }
    in->aux = aux;
    return !p->failed && ((bool_op ? 4 : 3) == s->operands || ptx_fail(p, "too many operands"));
}

static bool decode_select(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool slct = part_is(s, 0, "slct");
    enum ptx_type type = s->type_count ? s->types[0] : PTX_T_b32;
    enum ptx_type by = !slct ? PTX_T_pred : s->type_count > 1 ? s->types[1] : PTX_T_s32;
    char name[16];

    snprintf(name, sizeof(name), "%s.%s", slct ? "slct" : "selp",
             ptx_types[type].bytes == 8 ? "64" : "32");
    return simple(p, s, name, type, (const enum ptx_type[]){type, type, by}, 3, by == PTX_T_f32);
}

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

static bool decode_move(struct ptx_parser *p, struct ptx_spelling *s)
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
        return same(p, s, "mov.pred", type, 1, 0);
    if (wide && a->kind == PTX_O_SPECIAL)
        return simple(p, s, "mov.64.32", type, (const enum ptx_type[]){PTX_T_u32}, 1, 0);
    if (type == PTX_T_f16x2 || type == PTX_T_bf16x2 || ptx_types[type].bytes == 1)
        type = PTX_T_b32;
    return same(p, s, wide ? "mov.64" : "mov.32", type, 1, 0);
}

/* ---- conversion ---- */

static bool decode_cvt(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type to = s->types[0], from = s->types[1];
    const struct ptx_operand *d = ptx_nth(p, s, 0), *a = ptx_nth(p, s, 1);
    bool whole = ptx_has(s, "rni") || ptx_has(s, "rzi") || ptx_has(s, "rmi") || ptx_has(s, "rpi");
    uint32_t aux = float_modifiers(s);
    char name[32];
    struct ptx_insn *in;

    if (s->type_count != 2)
        return ptx_fail(p, "cvt needs two types");
    if (to == PTX_T_f16x2 || to == PTX_T_bf16x2) {
        if (from != PTX_T_f32)
            return ptx_fail(p, "bad cvt");
        aux |= (uint32_t)to << PTX_CVT_TO_SHIFT;
        return simple(p, s, "cvt.pack", to, (const enum ptx_type[]){PTX_T_f32, PTX_T_f32}, 2, aux);
    }
    if (d->kind != PTX_O_REGISTER || d->type == PTX_T_pred || s->operands != 2)
        return ptx_fail(p, "bad cvt");
    /* Registers may be wider than the types. */
    if (aux == 0 && !whole && ptx_types[d->type].bytes == ptx_types[to].bytes &&
        (a->kind != PTX_O_REGISTER || ptx_register_bytes(a->type) == ptx_register_bytes(from))) {
        snprintf(name, sizeof(name), "cvt.%s.%s", ptx_types[to].name, ptx_types[from].name);
        if (find_opcode(name))
            return simple(p, s, name, d->type, &from, 1, 0);
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

static bool decode_cvta(struct ptx_parser *p, struct ptx_spelling *s)
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
        if (!decode_move(p, &move))
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

static bool decode_isspacep(struct ptx_parser *p, struct ptx_spelling *s)
{
    return simple(p, s, "isspacep", PTX_T_pred, (const enum ptx_type[]){PTX_T_u64}, 1,
                  window_of(s));
}

static bool decode_nop(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit(p, "nop") != NULL;
}

static bool decode_nanosleep(struct ptx_parser *p, struct ptx_spelling *s)
{
    struct ptx_insn *in = ptx_emit(p, "nanosleep");

    if (!in)
        return false;
    in->a = ptx_source(p, ptx_nth(p, s, 0), PTX_T_u32);
    return !p->failed;
}

static bool decode_activemask(struct ptx_parser *p, struct ptx_spelling *s)
{
    return simple(p, s, "activemask", PTX_T_b32, NULL, 0, 0);
}

/* ---- which decoder ---- */

static const struct {
    const char *name;
    ptx_decoder *decode;
} decoders[] = {
    {"add", decode_arithmetic},
    {"sub", decode_arithmetic},
    {"mul", decode_arithmetic},
    {"mad", decode_arithmetic},
    {"div", decode_arithmetic},
    {"rem", decode_arithmetic},
    {"abs", decode_arithmetic},
    {"neg", decode_arithmetic},
    {"min", decode_arithmetic},
    {"max", decode_arithmetic},
    {"sad", decode_arithmetic},
    {"fma", decode_arithmetic},
    {"rcp", decode_arithmetic},
    {"sqrt", decode_arithmetic},
    {"rsqrt", decode_arithmetic},
    {"sin", decode_arithmetic},
    {"cos", decode_arithmetic},
    {"lg2", decode_arithmetic},
    {"ex2", decode_arithmetic},
    {"tanh", decode_arithmetic},
    {"copysign", decode_arithmetic},
    {"mul24", decode_arithmetic},
    {"mad24", decode_arithmetic},
    {"addc", decode_arithmetic},
    {"subc", decode_arithmetic},
    {"madc", decode_arithmetic},
    {"testp", decode_testp},
    {"dp4a", decode_dp},
    {"dp2a", decode_dp},
    {"and", decode_logic},
    {"or", decode_logic},
    {"xor", decode_logic},
    {"not", decode_logic},
    {"cnot", decode_logic},
    {"popc", decode_logic},
    {"clz", decode_logic},
    {"brev", decode_logic},
    {"bfind", decode_logic},
    {"shl", decode_shift},
    {"shr", decode_shift},
    {"shf", decode_shf},
    {"bfe", decode_field},
    {"bfi", decode_field},
    {"lop3", decode_lop3},
    {"prmt", decode_prmt},
    {"fns", decode_fns},
    {"setp", decode_compare},
    {"set", decode_compare},
    {"selp", decode_select},
    {"slct", decode_select},
    {"mov", decode_move},
    {"cvt", decode_cvt},
    {"cvta", decode_cvta},
    {"isspacep", decode_isspacep},
    {"ld", ptx_decode_load},
    {"ldu", ptx_decode_load},
    {"st", ptx_decode_store},
    {"atom", ptx_decode_atomic},
    {"red", ptx_decode_atomic},
    {"tex", ptx_decode_texture},
    {"suld", ptx_decode_surface},
    {"sust", ptx_decode_surface},
    {"membar", ptx_decode_fence},
    {"fence", ptx_decode_fence},
    {"bra", ptx_decode_branch},
    {"brx", ptx_decode_branch_indexed},
    {"ret", ptx_decode_return},
    {"exit", ptx_decode_exit},
    {"trap", ptx_decode_trap},
    {"brkpt", ptx_decode_trap},
    {"bar", ptx_decode_barrier},
    {"barrier", ptx_decode_barrier},
    {"shfl", ptx_decode_shfl},
    {"vote", ptx_decode_vote},
    {"match", ptx_decode_match},
    {"redux", ptx_decode_redux},
    {"activemask", decode_activemask},
    {"nanosleep", decode_nanosleep},
    {"prefetch", decode_nop},
    {"prefetchu", decode_nop},
    {"pmevent", decode_nop},
    {"discard", decode_nop},
    {"applypriority", decode_nop},
    {"griddepcontrol", decode_nop},
    {"setmaxnreg", decode_nop},
};

/* Good PTX that is not implemented: a kernel that has it cannot be launched. */
static const char *const missing[] = {
    // clang-format off
    "tld4", "txq", "sured", "suq", "wmma", "mma", "ldmatrix", "stmatrix", "movmatrix", "cp",
    "mbarrier", "createpolicy", "tcgen05", "wgmma", "multimem", "istypep", "vadd", "vsub",
    "vabsdiff", "vmin", "vmax", "vshl", "vshr", "vmad", "vset", "vadd2", "vadd4", "vsub2", "vsub4",
    "vavrg2", "vavrg4", "vabsdiff2", "vabsdiff4", "vmin2", "vmin4", "vmax2", "vmax4", "vset2",
    "vset4", "alloca", "stacksave", "stackrestore", "getctarank", "mapa", "tensormap", "szext",
    "bmsk", "elect", "clusterlaunchcontrol",
    // clang-format on
};

static bool spell(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_token *token = &p->x.token;
    const char *at = token->text, *end = at + token->length;

    s->parts = s->type_count = s->operands = 0;
    while (at < end) {
        const char *dot = memchr(at, '.', (size_t)(end - at));
        size_t length = (size_t)((dot ? dot : end) - at);
        enum ptx_type type;

        if (s->parts == PTX_MAX_PARTS)
            return ptx_fail(p, "instruction too long");
        s->part[s->parts] = at;
        s->length[s->parts] = length;
        if (s->parts > 0 && ptx_type_of(at - 1, length + 1, &type) && s->type_count < PTX_MAX_TYPES)
            s->types[s->type_count++] = type;
        s->parts++;
        at += length + 1;
    }
    return true;
}

static bool read_operands(struct ptx_parser *p, struct ptx_spelling *s)
{
    if (ptx_accept(p, ";"))
        return true;
    do {
        if (s->operands == PTX_MAX_OPERANDS)
            return ptx_fail(p, "too many operands");
        if (!ptx_operand(p, &s->operand[s->operands++]))
            return false;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, ";");
}

static bool decode(struct ptx_parser *p, struct ptx_spelling *s)
{
    for (unsigned i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++) {
        if (!part_is(s, 0, decoders[i].name))
            continue;
        s->types[0] = s->type_count ? s->types[0] : PTX_T_b32;
        s->types[1] = s->type_count > 1 ? s->types[1] : PTX_T_b32;
        return read_operands(p, s) && decoders[i].decode(p, s);
    }
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (part_is(s, 0, missing[i])) {
            p->missing = missing[i];
            return ptx_skip_to(p, ";");
        }
    }
    return ptx_fail(p, "unknown instruction '%.*s'", (int)s->length[0], s->part[0]);
}

/* @p or @!p */
static bool guard(struct ptx_parser *p, uint32_t *place, uint8_t *guarded)
{
    struct ptx_operand o;

    if (!ptx_operand(p, &o))
        return false;
    if (o.kind != PTX_O_REGISTER || o.type != PTX_T_pred)
        return ptx_fail(p, "a guard is a predicate");
    *place = o.place;
    *guarded = o.negated ? 2 : 1;
    return true;
}

bool ptx_instruction(struct ptx_parser *p)
{
    uint32_t first = p->code_count, place = 0;
    struct ptx_spelling s;
    uint8_t guarded = 0;
    bool good;

    p->line = p->x.token.line;
    if (ptx_accept(p, "@") && !guard(p, &place, &guarded))
        return false;
    if (p->x.token.kind != PTX_WORD)
        return ptx_fail(p, "instruction expected");
    if (!spell(p, &s))
        return false;
    ptx_lex_next(&p->x);
    good = part_is(&s, 0, "call") ? ptx_decode_call(p) : decode(p, &s);
    for (uint32_t i = first; good && i < p->code_count; i++) {
        p->code[i].guard = place;
        p->code[i].guarded = guarded;
    }
    return good && !p->failed;
}
