// SPDX-License-Identifier: Apache-2.0
/*
 * From the text of an instruction to code: its name, its modifiers and operands, and which decoder
 * makes code of them (decode_compute.c, decode_move.c, decode_memory.c, decode_texture.c,
 * decode_control.c).
 */
#include "number.h"
#include "parse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ptx_opcode *const tables[] = {
    ptx_ops_int,    ptx_ops_bits,   ptx_ops_select, ptx_ops_float,   ptx_ops_half,
    ptx_ops_memory, ptx_ops_atomic, ptx_ops_warp,   ptx_ops_texture,
};

bool ptx_part_is(const struct ptx_spelling *s, unsigned i, const char *text)
{
    return s->length[i] == strlen(text) && memcmp(s->part[i], text, s->length[i]) == 0;
}

bool ptx_has(const struct ptx_spelling *s, const char *modifier)
{
    for (unsigned i = 1; i < s->parts; i++) {
        if (ptx_part_is(s, i, modifier))
            return true;
    }
    return false;
}

enum ptx_type ptx_main_type(const struct ptx_spelling *s)
{
    return s->type_count ? s->types[s->type_count - 1] : PTX_T_b32;
}

const struct ptx_opcode *ptx_find_opcode(const char *name)
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
    const struct ptx_opcode *op = ptx_find_opcode(opcode);
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
bool ptx_simple(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
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

bool ptx_same(struct ptx_parser *p, const struct ptx_spelling *s, const char *opcode,
              enum ptx_type type, unsigned count, uint32_t aux)
{
    const enum ptx_type types[4] = {type, type, type, type};

    return ptx_simple(p, s, opcode, type, types, count, aux);
}

unsigned ptx_rounding(const struct ptx_spelling *s)
{
    if (ptx_has(s, "rz") || ptx_has(s, "rzi"))
        return PTX_RZ;
    if (ptx_has(s, "rm") || ptx_has(s, "rmi"))
        return PTX_RM;
    if (ptx_has(s, "rp") || ptx_has(s, "rpi"))
        return PTX_RP;
    return ptx_has(s, "rna") ? PTX_RNA : PTX_RN;
}

uint32_t ptx_float_modifiers(const struct ptx_spelling *s)
{
    return ptx_rounding(s) | (ptx_has(s, "ftz") ? PTX_FLOAT_FTZ : 0) |
           (ptx_has(s, "sat") ? PTX_FLOAT_SAT : 0) | (ptx_has(s, "NaN") ? PTX_FLOAT_NAN : 0) |
           (ptx_has(s, "relu") ? PTX_FLOAT_RELU : 0);
}

/* ---- which decoder ---- */

static const struct {
    const char *name;
    ptx_decoder *decode;
} decoders[] = {
    {"add", ptx_decode_arithmetic},
    {"sub", ptx_decode_arithmetic},
    {"mul", ptx_decode_arithmetic},
    {"mad", ptx_decode_arithmetic},
    {"div", ptx_decode_arithmetic},
    {"rem", ptx_decode_arithmetic},
    {"abs", ptx_decode_arithmetic},
    {"neg", ptx_decode_arithmetic},
    {"min", ptx_decode_arithmetic},
    {"max", ptx_decode_arithmetic},
    {"sad", ptx_decode_arithmetic},
    {"fma", ptx_decode_arithmetic},
    {"rcp", ptx_decode_arithmetic},
    {"sqrt", ptx_decode_arithmetic},
    {"rsqrt", ptx_decode_arithmetic},
    {"sin", ptx_decode_arithmetic},
    {"cos", ptx_decode_arithmetic},
    {"lg2", ptx_decode_arithmetic},
    {"ex2", ptx_decode_arithmetic},
    {"tanh", ptx_decode_arithmetic},
    {"copysign", ptx_decode_arithmetic},
    {"mul24", ptx_decode_arithmetic},
    {"mad24", ptx_decode_arithmetic},
    {"addc", ptx_decode_arithmetic},
    {"subc", ptx_decode_arithmetic},
    {"madc", ptx_decode_arithmetic},
    {"testp", ptx_decode_testp},
    {"dp4a", ptx_decode_dp},
    {"dp2a", ptx_decode_dp},
    {"and", ptx_decode_logic},
    {"or", ptx_decode_logic},
    {"xor", ptx_decode_logic},
    {"not", ptx_decode_logic},
    {"cnot", ptx_decode_logic},
    {"popc", ptx_decode_logic},
    {"clz", ptx_decode_logic},
    {"brev", ptx_decode_logic},
    {"bfind", ptx_decode_logic},
    {"shl", ptx_decode_shift},
    {"shr", ptx_decode_shift},
    {"shf", ptx_decode_shf},
    {"bfe", ptx_decode_field},
    {"bfi", ptx_decode_field},
    {"lop3", ptx_decode_lop3},
    {"prmt", ptx_decode_prmt},
    {"fns", ptx_decode_fns},
    {"setp", ptx_decode_compare},
    {"set", ptx_decode_compare},
    {"selp", ptx_decode_select},
    {"slct", ptx_decode_select},
    {"mov", ptx_decode_move},
    {"cvt", ptx_decode_cvt},
    {"cvta", ptx_decode_cvta},
    {"isspacep", ptx_decode_isspacep},
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
    {"activemask", ptx_decode_activemask},
    {"nanosleep", ptx_decode_nanosleep},
    {"prefetch", ptx_decode_nop},
    {"prefetchu", ptx_decode_nop},
    {"pmevent", ptx_decode_nop},
    {"discard", ptx_decode_nop},
    {"applypriority", ptx_decode_nop},
    {"griddepcontrol", ptx_decode_nop},
    {"setmaxnreg", ptx_decode_nop},
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
        if (!ptx_part_is(s, 0, decoders[i].name))
            continue;
        s->types[0] = s->type_count ? s->types[0] : PTX_T_b32;
        s->types[1] = s->type_count > 1 ? s->types[1] : PTX_T_b32;
        return read_operands(p, s) && decoders[i].decode(p, s);
    }
    for (unsigned i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (ptx_part_is(s, 0, missing[i])) {
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
    good = ptx_part_is(&s, 0, "call") ? ptx_decode_call(p) : decode(p, &s);
    for (uint32_t i = first; good && i < p->code_count; i++) {
        p->code[i].guard = place;
        p->code[i].guarded = guarded;
    }
    return good && !p->failed;
}
