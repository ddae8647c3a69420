// SPDX-License-Identifier: Apache-2.0
/* Modules: directives, variables with their initializers, functions. See parse.h. */
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

static bool symbol_add(struct ptx_parser *p, char *name, uint32_t id)
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

static char *copy_name(struct ptx_parser *p, const char *text, size_t length)
{
    char *copy = ptx_arena_text(p->m->arena, text, length);

    if (!copy)
        ptx_fail(p, "out of memory");
    return copy;
}

/* ---- variables ---- */

static bool alignment(struct ptx_parser *p, uint32_t *align)
{
    uint64_t value = 0;

    if (!ptx_number(p, &value))
        return false;
    if (value == 0 || value > 4096 || (value & (value - 1)))
        return ptx_fail(p, "bad alignment");
    *align = (uint32_t)value;
    return true;
}

/* [.align N] [.v2|.v4] .type [.ptr ...] name [dims] */
bool ptx_declaration(struct ptx_parser *p, struct ptx_declaration *d)
{
    bool typed = false;
    uint64_t count = 1, size = 0;

    *d = (struct ptx_declaration){.elements = 1, .sized = true};
    while (p->x.token.kind == PTX_DIRECTIVE) {
        const struct ptx_token token = p->x.token;

        ptx_lex_next(&p->x);
        if (ptx_token_is(&token, ".align")) {
            uint32_t align = 1;

            if (!alignment(p, &align))
                return false;
            if (!typed) /* behind .ptr it is that of what is pointed to */
                d->align = align;
        } else if (ptx_token_is(&token, ".v2")) {
            count = 2;
        } else if (ptx_token_is(&token, ".v4")) {
            count = 4;
        } else if (ptx_type_of(token.text, token.length, &d->type)) {
            typed = true;
        } else if (ptx_token_is(&token, ".attribute")) {
            if (!ptx_skip_to(p, ")"))
                return false;
        } else if (!ptx_token_is(&token, ".ptr") && !ptx_token_is(&token, ".global") &&
                   !ptx_token_is(&token, ".const") && !ptx_token_is(&token, ".shared") &&
                   !ptx_token_is(&token, ".local")) {
            return ptx_fail(p, "unknown '%.*s'", (int)token.length, token.text);
        }
    }
    if (!typed || p->x.token.kind != PTX_WORD)
        return ptx_fail(p, "declaration expected");
    d->text = p->x.token.text;
    d->length = p->x.token.length;
    ptx_lex_next(&p->x);
    while (ptx_accept(p, "[")) {
        if (ptx_accept(p, "]")) {
            d->sized = false;
            continue;
        }
        if (!ptx_number(p, &size) || !ptx_expect(p, "]"))
            return false;
        if (size > PTX_MAX_BYTES * 64ull || count * size > PTX_MAX_BYTES * 64ull)
            return ptx_fail(p, "array too large");
        count *= size;
    }
    d->elements = (uint32_t)count;
    d->bytes = count * ptx_types[d->type].bytes;
    if (!d->align)
        d->align = ptx_types[d->type].bytes;
    return true;
}

struct init {
    uint8_t *data;
    uint64_t size, at;
    struct ptx_relocation *relocations;
    uint32_t count, room;
};

static bool relocation(struct ptx_parser *p, struct init *init, enum ptx_type type, bool generic)
{
    struct ptx_relocation *r;
    uint32_t id;
    uint64_t addend = 0;

    if (!ptx_symbol_find(p, p->x.token.text, p->x.token.length, &id))
        return ptx_fail(p, "unknown symbol '%.*s'", (int)p->x.token.length, p->x.token.text);
    ptx_lex_next(&p->x);
    if (!ptx_grow(p, (void **)&init->relocations, init->count, &init->room, sizeof(*r)))
        return false;
    r = &init->relocations[init->count++];
    *r = (struct ptx_relocation){(uint32_t)init->at, ptx_types[type].bytes, id, 0, generic};
    if (generic && !ptx_expect(p, ")"))
        return false;
    if (ptx_accept(p, "+")) {
        bool negative = ptx_accept(p, "-");

        if (!ptx_number(p, &addend))
            return false;
        r->addend = (int64_t)(negative ? 0 - addend : addend);
    }
    return true;
}

static bool init_value(struct ptx_parser *p, struct init *init, enum ptx_type type)
{
    unsigned bytes = ptx_types[type].bytes;
    struct ptx_operand o = {0};
    uint64_t value;
    uint32_t narrow;
    double wide;
    float single;

    if (init->at + bytes > init->size)
        return ptx_fail(p, "too many initial values");
    if (p->x.token.kind == PTX_WORD) {
        bool generic = ptx_token_is(&p->x.token, "generic");

        if (generic) {
            ptx_lex_next(&p->x);
            if (!ptx_expect(p, "("))
                return false;
        }
        if (bytes != 8 && bytes != 4)
            return ptx_fail(p, "an address does not fit");
        if (!relocation(p, init, type, generic))
            return false;
        init->at += bytes;
        return true;
    }
    if (!ptx_operand(p, &o))
        return false;
    value = o.value;
    if (o.kind == PTX_O_DOUBLE && type == PTX_T_f32) {
        memcpy(&wide, &value, sizeof(wide));
        single = (float)wide;
        memcpy(&narrow, &single, sizeof(narrow));
        value = narrow;
    } else if (o.kind != PTX_O_INTEGER && o.kind != PTX_O_SINGLE && o.kind != PTX_O_DOUBLE) {
        return ptx_fail(p, "initial value expected");
    }
    memcpy(init->data + init->at, &value, bytes);
    init->at += bytes;
    return true;
}

/* Rows of nested braces need not be full. */
static bool init_list(struct ptx_parser *p, struct init *init, enum ptx_type type, unsigned depth)
{
    if (depth > 8)
        return ptx_fail(p, "initializer nested too deep");
    if (!ptx_accept(p, "{"))
        return init_value(p, init, type);
    if (ptx_accept(p, "}"))
        return true;
    do {
        if (!init_list(p, init, type, depth + 1))
            return false;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, "}");
}

static bool initializer(struct ptx_parser *p, struct ptx_variable *v, enum ptx_type type)
{
    struct init init = {.size = v->size};

    if (v->size > PTX_MAX_BYTES)
        return ptx_fail(p, "initializer too large");
    init.data = ptx_arena_take(p->m->arena, v->size + 8);
    if (!init.data)
        return ptx_fail(p, "out of memory");
    if (!init_list(p, &init, type, 0)) {
        free(init.relocations);
        return false;
    }
    v->init = init.data;
    v->relocations = init.count;
    if (init.count) {
        struct ptx_relocation *copy =
            ptx_arena_take(p->m->arena, init.count * sizeof(*init.relocations));

        if (copy)
            memcpy(copy, init.relocations, init.count * sizeof(*copy));
        v->relocation = copy;
    }
    free(init.relocations);
    return v->relocations == 0 || v->relocation || ptx_fail(p, "out of memory");
}

/* One or more, separated by commas, behind the state space. */
bool ptx_add_variable(struct ptx_parser *p, enum ptx_space space, bool external)
{
    struct ptx_declaration d;
    struct ptx_variable *v;
    uint32_t id;

    if (!ptx_declaration(p, &d))
        return false;
    if (ptx_symbol_find(p, d.text, d.length, &id)) {
        bool again = !(id & PTX_FUNCTION_BIT) && external;

        if (again && !p->m->variables[id].external) /* declared where it is defined, or linked */
            return ptx_expect(p, ";");
        if ((id & PTX_FUNCTION_BIT) || !p->m->variables[id].external)
            return ptx_fail(p, "'%.*s' is defined twice", (int)d.length, d.text);
    } else {
        char *name = copy_name(p, d.text, d.length);

        id = p->m->variable_count;
        if (!name || !ptx_grow(p, (void **)&p->m->variables, id, &p->variable_size, sizeof(*v)))
            return false;
        p->m->variables[id] = (struct ptx_variable){.name = name};
        p->m->variable_count++;
        if (!symbol_add(p, name, id))
            return false;
    }
    v = &p->m->variables[id];
    v->space = space;
    v->external = external;
    v->size = d.sized ? d.bytes : 0;
    v->align = d.align;
    if (space == PTX_SPACE_SHARED && v->size > 0 && !external) {
        p->shared_bytes = (p->shared_bytes + v->align - 1) & ~(v->align - 1);
        v->shared_offset = p->shared_bytes;
        if (v->size > PTX_MAX_BYTES)
            return ptx_fail(p, "shared variable too large");
        p->shared_bytes += (uint32_t)v->size;
    }
    if (ptx_accept(p, "=") && !initializer(p, v, d.type))
        return false;
    return ptx_expect(p, ";");
}

/* ---- functions ---- */

struct formal {
    struct ptx_name name;
    uint32_t align;
};

/* One formal parameter or result. @entry ones lie in the parameter buffer. */
static bool formal(struct ptx_parser *p, bool entry, struct ptx_function *f,
                   struct ptx_param *param, struct ptx_call_value *value)
{
    struct ptx_declaration d;
    struct ptx_name name = {0};
    bool in_register = ptx_accept(p, ".reg");

    if (!in_register && !ptx_expect(p, ".param"))
        return false;
    if (!ptx_declaration(p, &d))
        return false;
    if (d.bytes > 1 << 20)
        return ptx_fail(p, "parameter too large");
    name = (struct ptx_name){
        .text = d.text, .length = d.length, .type = d.type, .bytes = (uint32_t)d.bytes};
    if (entry) {
        uint32_t offset = (f->param_bytes + d.align - 1) & ~(d.align - 1);

        name.kind = PTX_NAME_ENTRY_PARAM;
        name.place = offset;
        *param = (struct ptx_param){offset, (uint32_t)d.bytes, d.align};
        f->param_bytes = offset + (uint32_t)d.bytes;
    } else if (in_register) {
        name.kind = PTX_NAME_REGISTER;
        name.place =
            ptx_frame_take(p, d.type == PTX_T_pred ? 4 : ptx_register_bytes(d.type) * PTX_LANES);
        *value = (struct ptx_call_value){false, name.place, ptx_types[d.type].bytes};
    } else {
        name.kind = PTX_NAME_FRAME_PARAM;
        name.place = ptx_frame_take(p, d.bytes * PTX_LANES);
        *value = (struct ptx_call_value){true, name.place, (uint32_t)d.bytes};
    }
    return !p->failed && ptx_name_add(p, &name);
}

enum { MAX_FORMALS = 1024 };

/* "( ... )" of an entry's parameters or a function's arguments or results. */
static bool formals(struct ptx_parser *p, bool entry, struct ptx_function *f, bool results)
{
    struct ptx_param *params = NULL;
    struct ptx_call_value *values = NULL;
    uint32_t count = 0;
    bool good = ptx_expect(p, "(");

    params = calloc(MAX_FORMALS, sizeof(*params));
    values = calloc(MAX_FORMALS, sizeof(*values));
    good = good && params && values;
    if (good && !ptx_accept(p, ")")) {
        do {
            good = count < MAX_FORMALS ? formal(p, entry, f, &params[count], &values[count])
                                       : ptx_fail(p, "too many parameters");
            count++;
        } while (good && ptx_accept(p, ","));
        good = good && ptx_expect(p, ")");
    }
    if (good) {
        size_t size = entry ? count * sizeof(*params) : count * sizeof(*values);
        void *copy = ptx_arena_take(p->m->arena, size + 1);

        good = copy || ptx_fail(p, "out of memory");
        if (copy)
            memcpy(copy, entry ? (void *)params : (void *)values, size);
        if (entry) {
            f->params = copy;
            f->param_count = count;
        } else if (results) {
            p->body->results = copy;
            p->body->result_count = count;
        } else {
            p->body->arguments = copy;
            p->body->argument_count = count;
        }
    }
    free(params);
    free(values);
    return good;
}

static bool tuning(struct ptx_parser *p, struct ptx_function *f)
{
    while (p->x.token.kind == PTX_DIRECTIVE) {
        const struct ptx_token token = p->x.token;
        uint32_t *three = ptx_token_is(&token, ".maxntid")   ? f->max_threads
                          : ptx_token_is(&token, ".reqntid") ? f->required_threads
                                                             : NULL;
        uint64_t value;

        ptx_lex_next(&p->x);
        if (ptx_token_is(&token, ".pragma")) {
            if (!ptx_skip_to(p, ";"))
                return false;
            continue;
        }
        if (ptx_token_is(&token, ".noreturn") || ptx_token_is(&token, ".explicitcluster") ||
            ptx_token_is(&token, ".attribute"))
            continue;
        if (p->x.token.kind != PTX_INTEGER)
            return ptx_fail(p, "unknown '%.*s'", (int)token.length, token.text);
        for (unsigned i = 0; i < 3; i++) {
            if (!ptx_number(p, &value))
                return false;
            if (three)
                three[i] = (uint32_t)value;
            else if (ptx_token_is(&token, ".minnctapersm"))
                f->min_blocks = (uint32_t)value;
            if (!ptx_accept(p, ","))
                break;
        }
        for (unsigned i = 0; three && i < 3; i++)
            three[i] = three[i] ? three[i] : 1;
    }
    return true;
}

static bool function_symbol(struct ptx_parser *p, uint32_t *index)
{
    char *name;
    uint32_t id;

    if (p->x.token.kind != PTX_WORD)
        return ptx_fail(p, "name expected");
    if (ptx_symbol_find(p, p->x.token.text, p->x.token.length, &id)) {
        if (!(id & PTX_FUNCTION_BIT))
            return ptx_fail(p, "'%.*s' is a variable", (int)p->x.token.length, p->x.token.text);
        *index = id & ~PTX_FUNCTION_BIT;
        ptx_lex_next(&p->x);
        return true;
    }
    name = copy_name(p, p->x.token.text, p->x.token.length);
    *index = p->m->function_count;
    if (!name || !ptx_grow(p, (void **)&p->m->functions, *index, &p->function_size,
                           sizeof(*p->m->functions)))
        return false;
    p->m->functions[*index] = (struct ptx_function){.name = name};
    p->m->function_count++;
    ptx_lex_next(&p->x);
    return symbol_add(p, name, *index | PTX_FUNCTION_BIT);
}

/* Behind .entry or .func: a declaration, or a definition with its body. */
static bool function(struct ptx_parser *p, bool entry)
{
    struct ptx_function f, *slot;
    uint32_t index = 0;

    p->body = ptx_arena_take(p->m->arena, sizeof(*p->body));
    if (!p->body)
        return ptx_fail(p, "out of memory");
    p->body->frame_bytes = 256; /* what unused operands point to */
    p->name_count = p->label_count = p->fixup_count = p->code_count = 0;
    p->missing = NULL;
    p->shared_here = (p->shared_bytes + 15) & ~15u;
    memset(&f, 0, sizeof(f));
    if (!entry && ptx_token_is(&p->x.token, "(") && !formals(p, false, &f, true))
        return false;
    if (!function_symbol(p, &index))
        return false;
    if (ptx_token_is(&p->x.token, "(") && !formals(p, entry, &f, false))
        return false;
    if (!tuning(p, &f))
        return false;
    slot = &p->m->functions[index];
    f.name = slot->name;
    f.entry = entry;
    p->function = index;
    if (ptx_accept(p, ";")) {
        if (!slot->defined)
            *slot = f;
        return true;
    }
    if (slot->defined)
        return ptx_fail(p, "'%s' is defined twice", f.name);
    f.defined = true;
    f.body = p->body;
    *slot = f;
    return ptx_parse_body(p);
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
        return function(p, true);
    if (ptx_accept(p, ".func"))
        return function(p, false);
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
