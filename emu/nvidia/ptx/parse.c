// SPDX-License-Identifier: Apache-2.0
/* What all of the parser uses, symbols, and a module's directives. See parse.h. */
#include "parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct ptx_type_info ptx_types[PTX_TYPE_COUNT] = {
#define X(name, bytes, kind) {#name, bytes, kind},
    PTX_TYPES(X)
#undef X
};

bool ptx_fail(struct ptx_parser *p, const char *format, ...)
{
    va_list args;

    if (p->failed)
        return false;
    p->failed = true;
    p->error->line = p->x.token.line;
    va_start(args, format);
    vsnprintf(p->error->text, sizeof(p->error->text), format, args);
    va_end(args);
    return false;
}

bool ptx_grow(struct ptx_parser *p, void **array, uint32_t count, uint32_t *size, size_t element)
{
    uint32_t wanted = *size ? *size * 2 : 32;
    void *larger;

    if (count < *size)
        return true;
    larger = wanted < 1u << 28 ? realloc(*array, wanted * element) : NULL;
    if (!larger)
        return ptx_fail(p, "out of memory");
    *array = larger;
    *size = wanted;
    return true;
}

bool ptx_accept(struct ptx_parser *p, const char *text)
{
    if (!ptx_token_is(&p->x.token, text))
        return false;
    ptx_lex_next(&p->x);
    return true;
}

bool ptx_expect(struct ptx_parser *p, const char *text)
{
    if (ptx_accept(p, text))
        return true;
    return ptx_fail(p, "'%s' expected, not '%.*s'", text, (int)p->x.token.length, p->x.token.text);
}

bool ptx_type_of(const char *text, size_t length, enum ptx_type *type)
{
    for (unsigned i = 0; i < PTX_TYPE_COUNT; i++) {
        if (length == strlen(ptx_types[i].name) + 1 && text[0] == '.' &&
            memcmp(text + 1, ptx_types[i].name, length - 1) == 0) {
            *type = (enum ptx_type)i;
            return true;
        }
    }
    return false;
}

bool ptx_number(struct ptx_parser *p, uint64_t *value)
{
    if (p->x.token.kind != PTX_INTEGER)
        return ptx_fail(p, "number expected, not '%.*s'", (int)p->x.token.length, p->x.token.text);
    *value = p->x.token.integer;
    ptx_lex_next(&p->x);
    return true;
}

void ptx_skip_line(struct ptx_parser *p)
{
    unsigned line = p->x.token.line;

    while (p->x.token.kind != PTX_END && p->x.token.line == line)
        ptx_lex_next(&p->x);
}

bool ptx_skip_to(struct ptx_parser *p, const char *text)
{
    while (p->x.token.kind != PTX_END) {
        if (ptx_accept(p, text))
            return true;
        ptx_lex_next(&p->x);
    }
    return ptx_fail(p, "'%s' expected before the end", text);
}

/* ---- symbols ---- */

static uint32_t hash_of(const char *text, size_t length)
{
    uint32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (uint8_t)text[i]) * 16777619u;
    return hash;
}

static uint32_t slot_of(const struct ptx_parser *p, const char *text, size_t length)
{
    uint32_t slot = hash_of(text, length) & (p->hash_size - 1);

    for (; p->hash[slot]; slot = (slot + 1) & (p->hash_size - 1)) {
        const char *name = p->symbol_names[p->hash[slot] - 1];

        if (strlen(name) == length && memcmp(name, text, length) == 0)
            break;
    }
    return slot;
}

bool ptx_symbol_find(const struct ptx_parser *p, const char *text, size_t length, uint32_t *id)
{
    uint32_t entry = p->hash_size ? p->hash[slot_of(p, text, length)] : 0;

    if (!entry)
        return false;
    *id = p->symbol_ids[entry - 1];
    return true;
}

static bool rehash(struct ptx_parser *p)
{
    uint32_t size = p->hash_size ? p->hash_size * 2 : 256;

    free(p->hash);
    p->hash = calloc(size, sizeof(*p->hash));
    p->hash_size = p->hash ? size : 0;
    if (!p->hash)
        return ptx_fail(p, "out of memory");
    for (uint32_t i = 0; i < p->symbol_count; i++)
        p->hash[slot_of(p, p->symbol_names[i], strlen(p->symbol_names[i]))] = i + 1;
    return true;
}

bool ptx_symbol_add(struct ptx_parser *p, char *name, uint32_t id)
{
    uint32_t size = p->symbol_size;

    if (!ptx_grow(p, (void **)&p->symbol_names, p->symbol_count, &size, sizeof(*p->symbol_names)) ||
        !ptx_grow(p, (void **)&p->symbol_ids, p->symbol_count, &p->symbol_size,
                  sizeof(*p->symbol_ids)))
        return false;
    p->symbol_names[p->symbol_count] = name;
    p->symbol_ids[p->symbol_count++] = id;
    if (p->symbol_count * 2 > p->hash_size)
        return rehash(p);
    p->hash[slot_of(p, name, strlen(name))] = p->symbol_count;
    return true;
}

char *ptx_copy_name(struct ptx_parser *p, const char *text, size_t length)
{
    char *copy = ptx_arena_text(p->m->arena, text, length);

    if (!copy)
        ptx_fail(p, "out of memory");
    return copy;
}

/* ---- modules ---- */

static bool header(struct ptx_parser *p)
{
    const struct ptx_token *token = &p->x.token;
    unsigned before = p->m->version;
    double version;

    if (!ptx_accept(p, ".version"))
        return ptx_fail(p, "a module begins with .version");
    if (token->kind != PTX_FLOAT)
        return ptx_fail(p, "version expected");
    memcpy(&version, &token->integer, sizeof(version));
    if (!(version >= 1.0 && version < 100.0))
        return ptx_fail(p, "bad version");
    p->m->version = (unsigned)(version * 10 + 0.5);
    p->m->version = before > p->m->version ? before : p->m->version;
    ptx_lex_next(&p->x);
    return true;
}

static bool target(struct ptx_parser *p)
{
    do {
        const struct ptx_token *token = &p->x.token;

        if (token->length > 3 && memcmp(token->text, "sm_", 3) == 0) {
            unsigned sm = (unsigned)strtoul(token->text + 3, NULL, 10);

            p->m->target = sm > p->m->target ? sm : p->m->target;
            ptx_lex_next(&p->x);
        } else if (!ptx_accept(p, "debug") && !ptx_accept(p, "texmode_unified") &&
                   !ptx_accept(p, "texmode_independent") && !ptx_accept(p, "map_f64_to_f32")) {
            return ptx_fail(p, "unknown target '%.*s'", (int)token->length, token->text);
        }
    } while (ptx_accept(p, ","));
    return true;
}

static bool skip_section(struct ptx_parser *p)
{
    while (p->x.token.kind != PTX_END && !ptx_token_is(&p->x.token, "{"))
        ptx_lex_next(&p->x);
    return ptx_skip_to(p, "}");
}

static bool address_size(struct ptx_parser *p)
{
    uint64_t bits = 0;

    if (!ptx_number(p, &bits))
        return false;
    return bits == 64 || ptx_fail(p, "only 64-bit addresses");
}

static bool statement(struct ptx_parser *p)
{
    bool external = false;

    while (ptx_token_is(&p->x.token, ".visible") || ptx_token_is(&p->x.token, ".extern") ||
           ptx_token_is(&p->x.token, ".weak") || ptx_token_is(&p->x.token, ".common")) {
        external |= ptx_token_is(&p->x.token, ".extern");
        ptx_lex_next(&p->x);
    }
    if (ptx_accept(p, ".entry"))
        return ptx_function_directive(p, true);
    if (ptx_accept(p, ".func"))
        return ptx_function_directive(p, false);
    if (ptx_accept(p, ".global"))
        return ptx_add_variable(p, PTX_SPACE_GLOBAL, external);
    if (ptx_accept(p, ".const"))
        return ptx_add_variable(p, PTX_SPACE_CONST, external);
    if (ptx_accept(p, ".shared"))
        return ptx_add_variable(p, PTX_SPACE_SHARED, external);
    if (ptx_token_is(&p->x.token, ".version")) /* texts one after another: they are linked */
        return header(p);
    if (ptx_accept(p, ".target"))
        return target(p);
    if (ptx_accept(p, ".address_size"))
        return address_size(p);
    if (ptx_token_is(&p->x.token, ".file") || ptx_token_is(&p->x.token, ".loc")) {
        ptx_skip_line(p);
        return true;
    }
    if (ptx_accept(p, ".section"))
        return skip_section(p);
    if (ptx_accept(p, ".pragma") || ptx_accept(p, ".alias"))
        return ptx_skip_to(p, ";");
    return ptx_fail(p, "'%.*s' is not expected here", (int)p->x.token.length, p->x.token.text);
}

/* Functions are numbered behind the variables, whose number is known only now. */
static void number_symbols(struct ptx_parser *p)
{
    struct ptx_module *m = p->m;

#define NUMBER(id) (((id)&PTX_FUNCTION_BIT) ? m->variable_count + ((id) & ~PTX_FUNCTION_BIT) : (id))
    for (uint32_t i = 0; i < m->pool->constant_count; i++) {
        if (m->pool->constants[i].symbol != PTX_NO_PLACE)
            m->pool->constants[i].symbol = NUMBER(m->pool->constants[i].symbol);
    }
    for (uint32_t i = 0; i < m->variable_count; i++) {
        struct ptx_relocation *r = (struct ptx_relocation *)m->variables[i].relocation;

        for (uint32_t k = 0; k < m->variables[i].relocations; k++)
            r[k].symbol = NUMBER(r[k].symbol);
    }
#undef NUMBER
}

/* Every kernel has the shared variables of module scope; LLVM leaves there only what more than one
 * function uses. */
static void place_shared(struct ptx_parser *p)
{
    for (uint32_t i = 0; i < p->m->function_count; i++) {
        struct ptx_function *f = &p->m->functions[i];

        if (f->entry && f->shared_bytes < p->shared_bytes)
            f->shared_bytes = p->shared_bytes;
    }
}

static bool module(struct ptx_parser *p)
{
    if (!header(p))
        return false;
    while (p->x.token.kind != PTX_END) {
        if (!statement(p) || p->failed)
            return false;
    }
    number_symbols(p);
    place_shared(p);
    return true;
}

struct ptx_module *ptx_parse(const char *text, size_t size, struct ptx_error *error)
{
    struct ptx_parser p = {.error = error};
    bool good;

    *error = (struct ptx_error){0};
    p.m = calloc(1, sizeof(*p.m));
    if (!p.m)
        return NULL;
    p.m->arena = ptx_arena_create();
    p.m->pool = calloc(1, sizeof(*p.m->pool));
    good = p.m->arena && p.m->pool;
    if (good) {
        ptx_lex_start(&p.x, text, size);
        good = module(&p);
    } else {
        snprintf(error->text, sizeof(error->text), "out of memory");
    }
    free(p.hash);
    free(p.symbol_names);
    free(p.symbol_ids);
    free(p.code);
    free(p.ops);
    free(p.names);
    free(p.labels);
    free(p.fixups);
    if (good)
        return p.m;
    ptx_module_free(p.m);
    return NULL;
}
