// SPDX-License-Identifier: Apache-2.0
/* Kernels and functions: names, parameters, directives of performance. See parse.h. */
#include "parse.h"

#include <stdlib.h>

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
    if (d.reference)
        return ptx_fail(p, "a texture reference is one global variable");
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
    name = ptx_copy_name(p, p->x.token.text, p->x.token.length);
    *index = p->m->function_count;
    if (!name || !ptx_grow(p, (void **)&p->m->functions, *index, &p->function_size,
                           sizeof(*p->m->functions)))
        return false;
    p->m->functions[*index] = (struct ptx_function){.name = name};
    p->m->function_count++;
    ptx_lex_next(&p->x);
    return ptx_symbol_add(p, name, *index | PTX_FUNCTION_BIT);
}

/* Behind .entry or .func: a declaration, or a definition with its body. */
bool ptx_function_directive(struct ptx_parser *p, bool entry)
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
