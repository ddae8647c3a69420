// SPDX-License-Identifier: Apache-2.0
/* Arithmetic, logic, comparison and selection: from spelling and operands to code. */
#include "ops_select.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

/* ---- arithmetic ---- */

static unsigned source_count(const struct ptx_spelling *s)
{
    static const char *const one[] = {"abs",  "neg", "rcp",  "sqrt", "rsqrt", "sin",
                                      "cos",  "lg2", "ex2",  "tanh", "not",   "cnot",
                                      "popc", "clz", "brev", "bfind"};
    static const char *const three[] = {"mad", "fma", "mad24", "sad"};

    for (unsigned i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        if (ptx_part_is(s, 0, one[i]))
            return 1;
    }
    for (unsigned i = 0; i < sizeof(three) / sizeof(three[0]); i++) {
        if (ptx_part_is(s, 0, three[i]))
            return 3;
    }
    return 2;
}

static bool decode_float(struct ptx_parser *p, struct ptx_spelling *s, enum ptx_type type)
{
    uint32_t aux = ptx_float_modifiers(s);
    bool mad = ptx_part_is(s, 0, "mad");
    char name[48];

    snprintf(name, sizeof(name), "%.*s.%s%s", mad ? 3 : (int)s->length[0], mad ? "fma" : s->part[0],
             ptx_types[type].name, aux ? "!" : "");
    return ptx_same(p, s, name, type, source_count(s), aux);
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
    return ptx_same(p, s, name, type, mad ? 3 : 2, aux);
}

bool ptx_decode_arithmetic(struct ptx_parser *p, struct ptx_spelling *s)
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
    if (ptx_has(s, "cc") || ptx_part_is(s, 0, "addc") || ptx_part_is(s, 0, "subc") ||
        ptx_part_is(s, 0, "madc"))
        return decode_carry(p, s, type);
    snprintf(name, sizeof(name), "%.*s%s%s.%s", (int)s->length[0], s->part[0], half,
             ptx_has(s, "sat") ? ".sat" : "", ptx_types[type].name);
    if (ptx_has(s, "wide")) {
        const enum ptx_type types[3] = {type, type,
                                        ptx_types[type].bytes == 4 ? PTX_T_u64 : PTX_T_u32};

        wide = types[2];
        return ptx_simple(p, s, name, wide, types, source_count(s), 0);
    }
    return ptx_same(p, s, name, type, source_count(s), 0);
}

bool ptx_decode_testp(struct ptx_parser *p, struct ptx_spelling *s)
{
    static const char *const tests[] = {"finite",     "infinite", "number",
                                        "notanumber", "normal",   "subnormal"};
    enum ptx_type type = ptx_main_type(s);

    for (unsigned i = 0; i < 6; i++) {
        if (ptx_has(s, tests[i]))
            return ptx_simple(p, s, type == PTX_T_f64 ? "testp.f64" : "testp.f32", PTX_T_pred,
                              &type, 1, i);
    }
    return ptx_fail(p, "unknown test");
}

bool ptx_decode_dp(struct ptx_parser *p, struct ptx_spelling *s)
{
    uint32_t aux = s->type_count == 2
                       ? (s->types[0] == PTX_T_s32) | (uint32_t)(s->types[1] == PTX_T_s32) << 1
                       : 0;

    if (ptx_has(s, "hi"))
        aux |= 4;
    return ptx_same(p, s, ptx_part_is(s, 0, "dp4a") ? "dp4a" : "dp2a", PTX_T_u32, 3, aux);
}

/* ---- logic, bits ---- */

bool ptx_decode_logic(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    bool one = source_count(s) == 1;
    enum ptx_type d =
        ptx_part_is(s, 0, "popc") || ptx_part_is(s, 0, "clz") || ptx_part_is(s, 0, "bfind")
            ? PTX_T_u32
            : type;
    char name[48];

    snprintf(name, sizeof(name), "%.*s%s.%s", (int)s->length[0], s->part[0],
             ptx_has(s, "shiftamt") ? ".shiftamt" : "", ptx_types[type].name);
    return ptx_simple(p, s, name, d, (const enum ptx_type[]){type, type}, one ? 1 : 2, 0);
}

bool ptx_decode_shift(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    char name[32];

    snprintf(name, sizeof(name), "%.*s.%s", (int)s->length[0], s->part[0], ptx_types[type].name);
    return ptx_simple(p, s, name, type, (const enum ptx_type[]){type, PTX_T_u32}, 2, 0);
}

bool ptx_decode_shf(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_same(p, s, "shf", PTX_T_u32, 3,
                    (ptx_has(s, "r") ? 1u : 0) | (ptx_has(s, "clamp") ? 2u : 0));
}

bool ptx_decode_field(struct ptx_parser *p, struct ptx_spelling *s)
{
    enum ptx_type type = ptx_main_type(s);
    char name[32];

    snprintf(name, sizeof(name), "%.*s.%s", (int)s->length[0], s->part[0], ptx_types[type].name);
    if (ptx_part_is(s, 0, "bfe"))
        return ptx_simple(p, s, name, type, (const enum ptx_type[]){type, PTX_T_u32, PTX_T_u32}, 3,
                          0);
    return ptx_simple(p, s, name, type, (const enum ptx_type[]){type, type, PTX_T_u32, PTX_T_u32},
                      4, 0);
}

bool ptx_decode_lop3(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *table = ptx_nth(p, s, 4);

    if (ptx_has(s, "BOOL") || table->kind != PTX_O_INTEGER)
        return ptx_fail(p, "lop3 needs a constant table");
    s->operands = 4;
    return ptx_same(p, s, "lop3", PTX_T_b32, 3, (uint32_t)table->value & 255);
}

bool ptx_decode_prmt(struct ptx_parser *p, struct ptx_spelling *s)
{
    static const char *const modes[] = {"f4e", "b4e", "rc8", "ecl", "ecr", "rc16"};
    uint32_t mode = 0;

    for (unsigned i = 0; i < 6; i++)
        mode = ptx_has(s, modes[i]) ? i + 1 : mode;
    return ptx_same(p, s, "prmt", PTX_T_b32, 3, mode);
}

bool ptx_decode_fns(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_same(p, s, "fns", PTX_T_b32, 3, 0);
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
        if (s->parts > 1 && ptx_part_is(s, 1, all[i].name)) {
            *compare = all[i].compare;
            return true;
        }
    }
    return false;
}

bool ptx_decode_compare(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool set = ptx_part_is(s, 0, "set");
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

bool ptx_decode_select(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool slct = ptx_part_is(s, 0, "slct");
    enum ptx_type type = s->type_count ? s->types[0] : PTX_T_b32;
    enum ptx_type by = !slct ? PTX_T_pred : s->type_count > 1 ? s->types[1] : PTX_T_s32;
    char name[16];

    snprintf(name, sizeof(name), "%s.%s", slct ? "slct" : "selp",
             ptx_types[type].bytes == 8 ? "64" : "32");
    return ptx_simple(p, s, name, type, (const enum ptx_type[]){type, type, by}, 3,
                      by == PTX_T_f32);
}
