// SPDX-License-Identifier: Apache-2.0
/* Declarations of variables, and their initializers. See parse.h. */
#include "parse.h"

#include <stdlib.h>

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
        if (ptx_token_is(&token, ".texref")) {
            d->type = PTX_T_b64;
            d->reference = typed = true;
        } else if (ptx_token_is(&token, ".align")) {
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
        char *name = ptx_copy_name(p, d.text, d.length);

        id = p->m->variable_count;
        if (!name || !ptx_grow(p, (void **)&p->m->variables, id, &p->variable_size, sizeof(*v)))
            return false;
        p->m->variables[id] = (struct ptx_variable){.name = name};
        p->m->variable_count++;
        if (!ptx_symbol_add(p, name, id))
            return false;
    }
    v = &p->m->variables[id];
    if (d.reference && (space != PTX_SPACE_GLOBAL || external || d.elements != 1))
        return ptx_fail(p, "a texture reference is one global variable");
    if (d.reference)
        v->reference = ++p->m->reference_count;
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
