// SPDX-License-Identifier: Apache-2.0
/* A kernel's body: its names, labels, instructions and operands. See scan.h. */
#include <stdlib.h>
#include <string.h>

#include "isa/ptx/lex.h"
#include "shim/nvidia/ptx/scan.h"

enum { INSTRUCTIONS_MAX = 1 << 20 };

struct reader {
    struct ptx_lexer x;
    const struct reef_ptx *m;
    struct reef_ptx_body *b;
    uint32_t depth; /* of scopes */
    bool *defined;  /* owned: of names, in this body */
    uint32_t defined_size;
};

static bool fail(struct reader *r, const char *reason)
{
    if (!r->b->reason)
        r->b->reason = reason;
    return false;
}

static bool is(const struct reader *r, const char *text)
{
    return ptx_token_is(&r->x.token, text);
}

static bool is_word(const struct reader *r)
{
    return r->x.token.kind == PTX_WORD;
}

static bool at_end(const struct reader *r)
{
    return r->x.token.kind == PTX_END || r->x.token.kind == PTX_BAD;
}

static void next(struct reader *r)
{
    ptx_lex_next(&r->x);
}

static uint32_t offset(const struct reader *r)
{
    return (uint32_t)(r->x.token.text - r->m->text);
}

/* --- names --- */

static bool is_special(struct reef_ptx_span s)
{
    static const char *const dotted[] = {"%tid.", "%ntid.", "%ctaid.", "%nctaid."};
    static const char *const plain[] = {
        "%laneid",          "%nwarpid",     "%lanemask_eq",
        "%lanemask_le",     "%lanemask_lt", "%lanemask_ge",
        "%lanemask_gt",     "WARP_SZ",      "%dynamic_smem_size",
        "%total_smem_size", "%tid",         "%ntid",
        "%ctaid",           "%nctaid",
    };
    for (unsigned i = 0; i < sizeof(dotted) / sizeof(dotted[0]); i++) {
        size_t length = strlen(dotted[i]);
        if (s.length == length + 1 && memcmp(s.text, dotted[i], length) == 0 &&
            strchr("xyzw", s.text[length]))
            return true;
    }
    for (unsigned i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (reef_ptx_span_is(s, plain[i]))
            return true;
    return false;
}

/* Special registers whose values are others the next time, or are not known here. */
static bool is_changing(struct reef_ptx_span s)
{
    static const char *const begin[] = {
        "%clock",    "%globaltimer", "%smid",     "%nsmid",      "%warpid",
        "%gridid",   "%envreg",      "%pm",       "%cluster",    "%is_explicit",
        "%reserved", "%aggr",        "%ncluster", "%nclusterid", "%current_graph_exec",
    };
    for (unsigned i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
        size_t length = strlen(begin[i]);
        if (s.length >= length && memcmp(s.text, begin[i], length) == 0)
            return true;
    }
    return false;
}

static uint32_t name_number(struct reader *r, struct reef_ptx_span span)
{
    struct reef_ptx_names *names = &r->b->names;
    uint32_t known = names->count, number = reef_ptx_names_add(names, span);
    if (number == REEF_PTX_NONE) {
        fail(r, "no memory");
        return number;
    }
    if (number == known) { /* new: it may be one of the module's, until it is defined here */
        struct reef_ptx_name *name = &names->name[number];
        uint32_t symbol = reef_ptx_names_find(&r->m->names, span);
        if (symbol != REEF_PTX_NONE)
            name->kind = r->m->names.name[symbol].kind;
        else if (is_special(span))
            name->kind = REEF_PTX_SPECIAL;
        else if (is_changing(span))
            name->kind = REEF_PTX_CHANGING;
    }
    return number;
}

static uint32_t this_name(struct reader *r)
{
    return name_number(r, (struct reef_ptx_span){r->x.token.text, r->x.token.length});
}

/* A declaration or label of the body. The same name as two kinds of things is not understood. */
static bool define(struct reader *r, uint32_t number, enum reef_ptx_name_kind kind)
{
    if (number == REEF_PTX_NONE)
        return false;
    while (number >= r->defined_size) {
        uint32_t before = r->defined_size;
        if (!reef_ptx_grow((void **)&r->defined, r->defined_size, &r->defined_size,
                           sizeof(*r->defined)))
            return fail(r, "no memory");
        memset(r->defined + before, 0, (r->defined_size - before) * sizeof(*r->defined));
    }
    struct reef_ptx_name *name = &r->b->names.name[number];
    if (r->defined[number] && name->kind != kind)
        return fail(r, "a name of two things");
    r->defined[number] = true;
    name->kind = kind;
    return true;
}

/* --- declarations --- */

/* .reg .b32 %r<5>, a; and .local .align 4 .b8 name[16]; The space was read. */
static bool declaration(struct reader *r, enum reef_ptx_name_kind kind)
{
    bool expected = true;
    for (; !at_end(r) && !is(r, ";"); next(r)) {
        if (is(r, ",")) {
            expected = true;
        } else if (is(r, "{") || is(r, "}")) {
            return fail(r, "a declaration that is not understood");
        } else if (expected && is_word(r)) {
            expected = false;
            bool percent = r->x.token.text[0] == '%';
            if (!define(r, this_name(r), kind))
                return false;
            next(r);
            if (is(r, "<") && !percent)
                return fail(r, "numbered registers with names like variables'");
            if (is(r, ",") || is(r, ";")) {
                expected = is(r, ",");
                if (is(r, ";"))
                    break;
            }
        }
    }
    next(r);
    return true;
}

static bool skip_statement(struct reader *r)
{
    while (!at_end(r) && !is(r, ";"))
        next(r);
    next(r);
    return true;
}

static bool directive(struct reader *r)
{
    static const struct {
        const char *text;
        enum reef_ptx_name_kind kind;
    } spaces[] = {{".reg", REEF_PTX_REGISTER},
                  {".local", REEF_PTX_LOCAL},
                  {".shared", REEF_PTX_SHARED},
                  {".param", REEF_PTX_ARGUMENT}};
    if (is(r, ".loc")) {
        unsigned line = r->x.token.line;
        while (r->x.token.kind != PTX_END && r->x.token.line == line)
            next(r);
        return true;
    }
    if (is(r, ".pragma") || is(r, ".branchtargets") || is(r, ".calltargets") ||
        is(r, ".callprototype"))
        return skip_statement(r);
    for (unsigned i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        if (!is(r, spaces[i].text))
            continue;
        next(r);
        return declaration(r, spaces[i].kind);
    }
    return fail(r, "a directive that is not known");
}

/* --- instructions --- */

static bool add_operand(struct reader *r, struct reef_ptx_inst *inst,
                        const struct reef_ptx_operand *o)
{
    struct reef_ptx_body *b = r->b;
    if (!reef_ptx_grow((void **)&b->operand, b->operands, &b->operand_size, sizeof(*b->operand)))
        return fail(r, "no memory");
    b->operand[b->operands++] = *o;
    inst->operands++;
    return true;
}

/* A word or a number, with what is added to it; @o says where it stands. */
static bool element(struct reader *r, struct reef_ptx_inst *inst, struct reef_ptx_operand *o)
{
    bool negative = false;
    o->name = REEF_PTX_NONE;
    o->value = 0;
    while (is(r, "-") || is(r, "!") || is(r, "~")) {
        negative = is(r, "-");
        next(r);
    }
    if (is_word(r)) {
        if (!is(r, "_") && (o->name = this_name(r)) == REEF_PTX_NONE)
            return false;
    } else if (r->x.token.kind == PTX_INTEGER || r->x.token.kind == PTX_FLOAT ||
               r->x.token.kind == PTX_SINGLE) {
        o->value =
            negative ? -(int64_t)(r->x.token.integer & INT64_MAX) : (int64_t)r->x.token.integer;
    } else {
        return fail(r, "an operand that is not understood");
    }
    next(r);
    while (is(r, "+") || is(r, "-")) {
        bool minus = is(r, "-");
        for (next(r); is(r, "-"); next(r))
            minus = !minus;
        if (r->x.token.kind != PTX_INTEGER)
            return fail(r, "an operand that is not understood");
        int64_t value = (int64_t)(r->x.token.integer & INT32_MAX);
        o->value = (int64_t)((uint64_t)o->value + (uint64_t)(minus ? -value : value));
        next(r);
    }
    return add_operand(r, inst, o);
}

static bool operands(struct reader *r, struct reef_ptx_inst *inst)
{
    struct reef_ptx_operand o = {0};
    unsigned braces = 0, brackets = 0;
    while (!at_end(r) && !is(r, ";")) {
        if (is(r, "[") || is(r, "]")) {
            brackets = is(r, "[") ? brackets + 1 : brackets - 1;
        } else if (is(r, "{") || is(r, "}")) {
            braces = is(r, "{") ? braces + 1 : braces - 1;
        } else if (is(r, "(") || is(r, ")")) {
            inst->complex = true;
        } else if (is(r, ",")) {
            o.group += braces == 0 && brackets == 0;
        } else if (!is(r, "|")) {
            o.memory = brackets > 0;
            o.vector = braces > 0;
            if (!element(r, inst, &o))
                return false;
            continue;
        }
        if (braces > 1 || brackets > 1 || o.group > 64)
            return fail(r, "an operand that is not understood");
        next(r);
    }
    if (at_end(r) || braces > 0 || brackets > 0)
        return fail(r, "an instruction that does not end");
    inst->end = offset(r) + 1;
    next(r);
    return true;
}

static bool instruction(struct reader *r)
{
    struct reef_ptx_body *b = r->b;
    struct reef_ptx_inst inst = {
        .predicate = REEF_PTX_NONE,
        .begin = offset(r),
        .operand = b->operands,
        .line = r->x.token.line,
        .nested = r->depth > 0,
    };
    if (is(r, "@")) {
        next(r);
        if (is(r, "!")) {
            inst.negated = true;
            next(r);
        }
        if (!is_word(r) || (inst.predicate = this_name(r)) == REEF_PTX_NONE)
            return fail(r, "a predicate that is not understood");
        next(r);
    }
    if (!is_word(r))
        return fail(r, "something that is no instruction");
    inst.op = (struct reef_ptx_span){r->x.token.text, r->x.token.length};
    inst.at = offset(r);
    next(r);
    if (!operands(r, &inst))
        return false;
    if (b->insts == INSTRUCTIONS_MAX ||
        !reef_ptx_grow((void **)&b->inst, b->insts, &b->inst_size, sizeof(*b->inst)))
        return fail(r, "too long");
    b->inst[b->insts++] = inst;
    return true;
}

/* "name:" or an instruction. */
static bool word(struct reader *r)
{
    struct ptx_lexer here = r->x;
    next(r);
    bool label = is(r, ":");
    r->x = here;
    if (!label)
        return instruction(r);
    uint32_t number = this_name(r);
    if (number == REEF_PTX_NONE)
        return false;
    if (number < r->defined_size && r->defined[number])
        return fail(r, "a label that stands twice"); /* in two scopes */
    if (!define(r, number, REEF_PTX_LABEL))
        return false;
    r->b->names.name[number].where = r->b->insts;
    r->b->names.name[number].depth = r->depth;
    next(r);
    next(r);
    return true;
}

/* What the names were taken for that are not defined in the body. */
static bool check_names(struct reader *r)
{
    for (uint32_t i = 0; i < r->b->names.count; i++) {
        const struct reef_ptx_name *name = &r->b->names.name[i];
        bool percent = name->span.text[0] == '%';
        if (name->kind != REEF_PTX_REGISTER || !percent)
            continue;
        if (memchr(name->span.text, '.', name->span.length))
            return fail(r, "part of a vector register");
    }
    return true;
}

static bool read_body(struct reader *r)
{
    const struct reef_ptx_entry *e = r->b->entry;
    for (uint32_t i = 0; i < e->params; i++) {
        uint32_t number = name_number(r, r->m->param_name[e->param + i]);
        if (!define(r, number, REEF_PTX_PARAM))
            return false;
        r->b->names.name[number].where = i;
    }
    while (!at_end(r)) {
        bool ok = true;
        if (is(r, "{")) {
            r->depth++;
            next(r);
        } else if (is(r, "}")) {
            if (r->depth-- == 0)
                return fail(r, "a brace too many");
            next(r);
        } else if (is(r, ";")) {
            next(r);
        } else if (r->x.token.kind == PTX_DIRECTIVE) {
            ok = directive(r);
        } else if (is(r, "@")) {
            ok = instruction(r);
        } else if (is_word(r)) {
            ok = word(r);
        } else {
            ok = fail(r, "something that is no instruction");
        }
        if (!ok)
            return false;
    }
    if (r->x.token.kind == PTX_BAD || r->depth > 0)
        return fail(r, "something that is no PTX");
    return check_names(r);
}

bool reef_ptx_read(const struct reef_ptx *m, uint32_t number, struct reef_ptx_body *b)
{
    const struct reef_ptx_entry *e = &m->entry[number];
    struct reader r = {.m = m, .b = b};
    *b = (struct reef_ptx_body){.entry = e, .param = m->param + e->param};
    if (e->strange)
        return fail(&r, "parameters of types that are not known");
    ptx_lex_start(&r.x, m->text + e->body, e->end - 1 - e->body);
    r.x.line += e->line - 1;
    r.x.token.line += e->line - 1;
    bool ok = read_body(&r);
    free(r.defined);
    return ok;
}

void reef_ptx_body_free(struct reef_ptx_body *b)
{
    reef_ptx_names_free(&b->names);
    free(b->inst);
    free(b->operand);
    b->inst = NULL;
    b->operand = NULL;
    b->insts = b->operands = 0;
}
