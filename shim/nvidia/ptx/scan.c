// SPDX-License-Identifier: Apache-2.0
/* Module scope: directives, variables, functions, kernels and their parameters. See scan.h. */
#include "shim/nvidia/ptx/scan.h"

#include <stdlib.h>
#include <string.h>

#include "isa/ptx/lex.h"

enum { TEXT_BYTES_MAX = 1 << 28, ALIGN_MAX = 1 << 10, PARAM_BYTES_MAX = 1 << 16 };

struct scanner {
    struct ptx_lexer x;
    struct reef_ptx *m;
};

static bool fail(struct scanner *s, const char *reason)
{
    if (!s->m->reason)
        s->m->reason = reason;
    return false;
}

static const struct ptx_token *token(const struct scanner *s)
{
    return &s->x.token;
}

static bool is(const struct scanner *s, const char *text)
{
    return ptx_token_is(&s->x.token, text);
}

static uint32_t offset(const struct scanner *s)
{
    return (uint32_t)(s->x.token.text - s->m->text);
}

/* Behind the present token. */
static uint32_t offset_behind(const struct scanner *s)
{
    return offset(s) + (uint32_t)s->x.token.length;
}

static struct reef_ptx_span span(const struct scanner *s)
{
    return (struct reef_ptx_span){s->x.token.text, s->x.token.length};
}

static void next(struct scanner *s)
{
    ptx_lex_next(&s->x);
}

static bool at_end(struct scanner *s)
{
    return token(s)->kind == PTX_END || token(s)->kind == PTX_BAD;
}

static void skip_line(struct scanner *s)
{
    unsigned line = token(s)->line;
    while (token(s)->kind != PTX_END && token(s)->line == line)
        next(s);
}

/* The tokens up to the brace that closes the one that was just read. */
static bool skip_braces(struct scanner *s)
{
    for (unsigned depth = 1; !at_end(s); next(s)) {
        depth += is(s, "{");
        if (is(s, "}") && --depth == 0)
            return true;
    }
    return fail(s, "a brace is not closed");
}

static bool add_symbol(struct scanner *s, enum reef_ptx_name_kind kind)
{
    uint32_t number = reef_ptx_names_add(&s->m->names, span(s));
    if (number == REEF_PTX_NONE)
        return fail(s, "no memory");
    s->m->names.name[number].kind = kind;
    return true;
}

/* --- header --- */

static bool version(struct scanner *s)
{
    next(s);
    /* "8.3" is read as a floating-point number. */
    double value = 0;
    if (token(s)->kind == PTX_FLOAT)
        memcpy(&value, &token(s)->integer, sizeof(value));
    else if (token(s)->kind == PTX_INTEGER)
        value = (double)token(s)->integer;
    if (!(value >= 1 && value < 100))
        return fail(s, "a version that is not understood");
    s->m->version = (unsigned)(value * 10 + 0.5);
    next(s);
    return true;
}

static bool target(struct scanner *s)
{
    for (next(s); token(s)->kind == PTX_WORD || is(s, ","); next(s)) {
        struct reef_ptx_span word = span(s);
        if (is(s, "debug") || is(s, "texmode_unified"))
            return fail(s, "made for a debugger, or for another way of texturing");
        if (word.length > 3 && memcmp(word.text, "sm_", 3) == 0)
            for (size_t i = 3; i < word.length && word.text[i] >= '0' && word.text[i] <= '9'; i++)
                if (s->m->target < 1000)
                    s->m->target = s->m->target * 10 + (unsigned)(word.text[i] - '0');
    }
    return true;
}

static bool address_size(struct scanner *s)
{
    next(s);
    if (token(s)->integer != 64)
        return fail(s, "not for addresses of 64 bits");
    next(s);
    return true;
}

/* --- variables --- */

/* .global .align 4 .b8 name[24] = {...}, another; the state space was read. */
static bool variables(struct scanner *s, enum reef_ptx_name_kind kind)
{
    bool expected = true;
    unsigned depth = 0;
    for (; !at_end(s) && !(is(s, ";") && depth == 0); next(s)) {
        depth += is(s, "{") || is(s, "(") || is(s, "[");
        if (is(s, "}") || is(s, ")") || is(s, "]")) {
            if (depth-- == 0)
                return fail(s, "a variable that is not understood");
        } else if (depth == 0 && is(s, ",")) {
            expected = true;
        } else if (depth == 0 && is(s, "=")) {
            expected = false;
        } else if (depth == 0 && expected && token(s)->kind == PTX_WORD) {
            if (!add_symbol(s, kind))
                return false;
            expected = false;
        }
    }
    if (at_end(s))
        return fail(s, "a variable that is not understood");
    next(s);
    return true;
}

/* --- functions --- */

static bool function(struct scanner *s)
{
    unsigned depth = 0;
    bool named = false;
    for (next(s); !at_end(s); next(s)) {
        depth += is(s, "(");
        depth -= is(s, ")") && depth > 0;
        if (!named && depth == 0 && token(s)->kind == PTX_WORD) {
            if (!add_symbol(s, REEF_PTX_FUNCTION))
                return false;
            named = true;
        }
        if (depth == 0 && is(s, ";"))
            break;
        if (depth == 0 && is(s, "{")) {
            next(s);
            if (!skip_braces(s))
                return false;
            break;
        }
    }
    if (at_end(s))
        return fail(s, "a function that is not understood");
    next(s);
    return true;
}

/* Bytes of a fundamental type: the number in its name, of bits. 0: none that a parameter has. */
static uint32_t type_bytes(const struct ptx_token *t)
{
    uint32_t bits = 0;
    if (t->length < 3 || !strchr("busf", t->text[1]))
        return 0;
    for (size_t i = 2; i < t->length; i++) {
        if (t->text[i] < '0' || t->text[i] > '9' || bits > 128)
            return 0;
        bits = bits * 10 + (uint32_t)(t->text[i] - '0');
    }
    return bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits / 8 : 0;
}

/* One parameter, up to the comma or parenthesis behind it. */
static bool parameter(struct scanner *s, struct reef_ptx_entry *e)
{
    struct reef_ptx *m = s->m;
    uint64_t align = 0, bytes = 0, elements = 1;
    struct reef_ptx_span name = {0};
    bool pointee = false;
    for (; !at_end(s) && !is(s, ",") && !is(s, ")"); next(s)) {
        if (is(s, ".ptr")) {
            pointee = true; /* what follows says something of what it points to */
        } else if (is(s, ".align")) {
            next(s);
            align = pointee ? align : token(s)->integer;
        } else if (is(s, "[")) {
            next(s);
            elements = token(s)->kind == PTX_INTEGER ? token(s)->integer : 0;
        } else if (token(s)->kind == PTX_WORD) {
            name = span(s);
        } else if (token(s)->kind == PTX_DIRECTIVE && type_bytes(token(s)) > 0) {
            bytes = type_bytes(token(s));
        } else if (token(s)->kind == PTX_DIRECTIVE && !is(s, ".param") && !pointee) {
            e->strange = true;
        }
    }
    align = align ? align : bytes;
    if (name.length == 0 || bytes == 0 || elements == 0 || elements > PARAM_BYTES_MAX ||
        align > ALIGN_MAX || (align & (align - 1)) != 0)
        e->strange = true;
    if (e->strange)
        return true;
    uint32_t size = m->param_size;
    if (!reef_ptx_grow((void **)&m->param, m->params, &m->param_size, sizeof(*m->param)) ||
        !reef_ptx_grow((void **)&m->param_name, m->params, &size, sizeof(*m->param_name)))
        return fail(s, "no memory");
    uint64_t at = (e->param_bytes + align - 1) & ~(align - 1);
    if (at + bytes * elements > PARAM_BYTES_MAX) {
        e->strange = true;
        return true;
    }
    m->param[m->params] = (struct reef_ptx_param){(uint32_t)at, (uint32_t)(bytes * elements)};
    m->param_name[m->params++] = name;
    e->param_bytes = (uint32_t)(at + bytes * elements);
    e->params++;
    return true;
}

static bool parameters(struct scanner *s, struct reef_ptx_entry *e)
{
    e->params_end = offset(s);
    if (!is(s, "("))
        return true;
    e->parentheses = true;
    for (next(s); !at_end(s) && !is(s, ")");) {
        if (!parameter(s, e))
            return false;
        if (is(s, ","))
            next(s);
    }
    e->params_end = offset(s);
    if (at_end(s))
        return fail(s, "parameters that are not understood");
    next(s);
    return true;
}

static bool directive_is_for_clusters(const struct scanner *s)
{
    return is(s, ".reqnctapercluster") || is(s, ".explicitcluster") || is(s, ".maxclusterrank") ||
           is(s, ".blocksareclusters");
}

/* @begin: of the linking directives before .entry, which is the present token. */
static bool entry(struct scanner *s, uint32_t begin)
{
    struct reef_ptx *m = s->m;
    struct reef_ptx_entry e = {.begin = begin, .param = m->params};
    next(s);
    if (token(s)->kind != PTX_WORD || !add_symbol(s, REEF_PTX_FUNCTION))
        return fail(s, "a kernel that is not understood");
    e.name = span(s);
    uint32_t name_end = offset_behind(s);
    next(s);
    if (!parameters(s, &e))
        return false;
    if (!e.parentheses)
        e.params_end = name_end;
    for (; !at_end(s) && !is(s, "{") && !is(s, ";"); next(s))
        e.cluster = e.cluster || directive_is_for_clusters(s);
    if (is(s, ";")) { /* a declaration */
        next(s);
        return true;
    }
    e.body = offset_behind(s);
    e.line = token(s)->line;
    if (!is(s, "{"))
        return fail(s, "a kernel that is not understood");
    next(s);
    if (!skip_braces(s))
        return false;
    e.end = offset_behind(s);
    next(s);
    if (!reef_ptx_grow((void **)&m->entry, m->entries, &m->entry_size, sizeof(*m->entry)))
        return fail(s, "no memory");
    m->entry[m->entries++] = e;
    return true;
}

/* --- the module --- */

/* Directives of variables and functions, behind their linking directives, which begin at @begin. */
static bool definition(struct scanner *s, uint32_t begin)
{
    static const struct {
        const char *text;
        enum reef_ptx_name_kind kind;
    } spaces[] = {{".global", REEF_PTX_GLOBAL},
                  {".const", REEF_PTX_CONST},
                  {".shared", REEF_PTX_SHARED},
                  {".tex", REEF_PTX_GLOBAL}};
    if (is(s, ".entry"))
        return entry(s, begin);
    if (is(s, ".func"))
        return function(s);
    for (unsigned i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++) {
        if (!is(s, spaces[i].text))
            continue;
        next(s);
        return variables(s, spaces[i].kind);
    }
    return fail(s, "a directive that is not known");
}

static bool directive(struct scanner *s)
{
    uint32_t begin = offset(s);
    if (is(s, ".version"))
        return version(s);
    if (is(s, ".target"))
        return target(s);
    if (is(s, ".address_size"))
        return address_size(s);
    if (is(s, ".file") || is(s, ".loc")) {
        skip_line(s);
        return true;
    }
    if (is(s, ".pragma") || is(s, ".alias")) {
        while (!at_end(s) && !is(s, ";"))
            next(s);
        next(s);
        return true;
    }
    while (is(s, ".visible") || is(s, ".extern") || is(s, ".weak") || is(s, ".common"))
        next(s);
    return definition(s, begin);
}

bool reef_ptx_open(struct reef_ptx *m, const char *text, size_t size)
{
    struct scanner s = {.m = m};
    const char *nul = memchr(text, '\0', size);
    *m = (struct reef_ptx){.text = text, .size = nul ? (size_t)(nul - text) : size};
    if (m->size > TEXT_BYTES_MAX)
        return fail(&s, "too long");
    ptx_lex_start(&s.x, text, m->size);
    while (token(&s)->kind != PTX_END) {
        if (is(&s, ";")) {
            next(&s);
            continue;
        }
        if (token(&s)->kind != PTX_DIRECTIVE)
            return fail(&s, "something that is no directive");
        if (!directive(&s))
            return false;
    }
    return m->version > 0 && m->target > 0 ? true : fail(&s, "no version or target");
}

void reef_ptx_close(struct reef_ptx *m)
{
    reef_ptx_names_free(&m->names);
    free(m->entry);
    free(m->param);
    free(m->param_name);
    m->entry = NULL;
    m->param = NULL;
    m->param_name = NULL;
    m->entries = m->params = 0;
}
