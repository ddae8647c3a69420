// SPDX-License-Identifier: Apache-2.0
/* Operands: names, literals, addresses, vectors. See parse.h. */
#include "parse.h"

#include <stdlib.h>
#include <string.h>

uint32_t ptx_register_bytes(enum ptx_type type)
{
    return ptx_types[type].bytes == 8 ? 8 : 4;
}

uint32_t ptx_frame_take(struct ptx_parser *p, uint64_t bytes)
{
    uint32_t at = (p->body->frame_bytes + 63) & ~63u;

    if (bytes > PTX_MAX_BYTES || at + bytes > PTX_MAX_BYTES) {
        ptx_fail(p, "too many registers");
        return 0;
    }
    p->body->frame_bytes = at + (uint32_t)bytes;
    return at;
}

bool ptx_name_add(struct ptx_parser *p, const struct ptx_name *name)
{
    if (!ptx_grow(p, (void **)&p->names, p->name_count, &p->name_size, sizeof(*p->names)))
        return false;
    p->names[p->name_count++] = *name;
    return true;
}

/* Number behind the prefix of a family of registers. */
static bool in_family(const struct ptx_name *name, const char *text, size_t length, uint32_t *index)
{
    uint64_t number = 0;

    if (length <= name->length || memcmp(text, name->text, name->length) != 0)
        return false;
    for (size_t i = name->length; i < length; i++) {
        if (text[i] < '0' || text[i] > '9' || number > name->count)
            return false;
        number = number * 10 + (unsigned)(text[i] - '0');
    }
    *index = (uint32_t)number;
    return number < name->count;
}

const struct ptx_name *ptx_name_find(const struct ptx_parser *p, const char *text, size_t length,
                                     uint32_t *index)
{
    *index = 0;
    for (uint32_t i = p->name_count; i-- > 0;) {
        const struct ptx_name *name = &p->names[i];

        if (name->count ? in_family(name, text, length, index)
                        : name->length == length && memcmp(name->text, text, length) == 0)
            return name;
    }
    return NULL;
}

static const char *const specials[] = {
#define X(name, text) text,
    PTX_SPECIALS(X)
#undef X
};
static const char *const clocks[] = {"%clock",       "%clock_hi",       "%clock64",
                                     "%globaltimer", "%globaltimer_lo", "%globaltimer_hi"};

/* PTX names that are registers only to mov. */
static bool is_clock(const char *text, size_t length)
{
    for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
        if (strlen(clocks[i]) == length && memcmp(clocks[i], text, length) == 0)
            return true;
    }
    return false;
}

static bool find_special(const char *text, size_t length, uint32_t *place)
{
    static const char *const alone[] = {"%tid", "%ntid", "%ctaid", "%nctaid"};

    for (unsigned i = 0; i < PTX_SPECIAL_COUNT; i++) {
        if (strlen(specials[i]) == length && memcmp(specials[i], text, length) == 0) {
            *place = PTX_PLACE(PTX_SPECIAL, i * PTX_LANES * 4);
            return true;
        }
    }
    for (unsigned i = 0; i < 4; i++) { /* without a component: x */
        if (strlen(alone[i]) == length && memcmp(alone[i], text, length) == 0) {
            *place = PTX_PLACE(PTX_SPECIAL, (PTX_TID_X + 3 * i) * PTX_LANES * 4);
            return true;
        }
    }
    return false;
}

/* A word: register, special register, variable, parameter, function, else a label. */
static bool word_operand(struct ptx_parser *p, struct ptx_operand *o)
{
    const struct ptx_token *token = &p->x.token;
    uint32_t index, id;
    const struct ptx_name *name;

    o->text = token->text;
    o->length = token->length;
    if (ptx_token_is(token, "_")) {
        o->kind = PTX_O_SINK;
    } else if ((name = ptx_name_find(p, token->text, token->length, &index))) {
        o->name = name;
        o->type = name->type;
        if (name->kind == PTX_NAME_REGISTER) {
            uint32_t stride =
                name->type == PTX_T_pred ? 4 : ptx_register_bytes(name->type) * PTX_LANES;

            o->kind = PTX_O_REGISTER;
            o->place = PTX_PLACE(PTX_FRAME, name->place + index * stride);
        } else {
            o->kind = PTX_O_NAME;
            o->place = name->place;
        }
    } else if (find_special(token->text, token->length, &o->place)) {
        o->kind = PTX_O_SPECIAL;
        o->type = PTX_T_u32;
    } else if (ptx_symbol_find(p, token->text, token->length, &id)) {
        o->kind = PTX_O_SYMBOL;
        o->symbol = id;
    } else if (is_clock(token->text, token->length)) {
        o->kind = PTX_O_LABEL;
    } else if (token->text[0] == '%') {
        return ptx_fail(p, "unknown register %.*s", (int)token->length, token->text);
    } else {
        o->kind = PTX_O_LABEL;
    }
    ptx_lex_next(&p->x);
    return true;
}

static bool literal_operand(struct ptx_parser *p, struct ptx_operand *o, bool negative)
{
    const struct ptx_token *token = &p->x.token;

    o->value = token->integer;
    switch (token->kind) {
    case PTX_INTEGER:
        o->kind = PTX_O_INTEGER;
        o->value = negative ? 0 - o->value : o->value;
        break;
    case PTX_SINGLE:
        o->kind = PTX_O_SINGLE;
        o->value ^= negative ? 0x80000000u : 0;
        break;
    case PTX_FLOAT:
        o->kind = PTX_O_DOUBLE;
        o->value ^= negative ? 1ull << 63 : 0;
        break;
    default:
        return ptx_fail(p, "operand expected, not '%.*s'", (int)token->length, token->text);
    }
    ptx_lex_next(&p->x);
    return true;
}

/* "+ 4", "+-4", "-4" behind a base. */
static bool offset_of(struct ptx_parser *p, int64_t *offset)
{
    *offset = 0;
    for (;;) {
        bool negative = false;

        if (ptx_accept(p, "+"))
            negative = ptx_accept(p, "-");
        else if (ptx_accept(p, "-"))
            negative = true;
        else
            return true;
        if (p->x.token.kind != PTX_INTEGER)
            return ptx_fail(p, "offset expected");
        *offset =
            (int64_t)((uint64_t)*offset + (negative ? 0 - p->x.token.integer : p->x.token.integer));
        ptx_lex_next(&p->x);
    }
}

static bool vector_operand(struct ptx_parser *p, struct ptx_operand *o);

/* Behind the base: coordinates, of a texture or surface. */
static bool coordinates_of(struct ptx_parser *p, struct ptx_operand *o)
{
    struct ptx_operand vector = {0};

    if (!ptx_accept(p, ","))
        return true;
    if (!ptx_expect(p, "{") || !vector_operand(p, &vector))
        return false;
    o->items = vector.items;
    o->count = vector.count;
    return true;
}

static bool address_operand(struct ptx_parser *p, struct ptx_operand *o)
{
    struct ptx_operand base = {0};

    if (!(p->x.token.kind == PTX_WORD ? word_operand(p, &base)
                                      : literal_operand(p, &base, ptx_accept(p, "-"))))
        return false;
    if (base.kind != PTX_O_REGISTER && base.kind != PTX_O_SYMBOL && base.kind != PTX_O_NAME &&
        base.kind != PTX_O_INTEGER)
        return ptx_fail(p, "unknown address '%.*s'", (int)base.length, base.text);
    *o = base;
    o->kind = PTX_O_ADDRESS;
    o->base = base.kind;
    if (!offset_of(p, &o->offset) || !coordinates_of(p, o) || !ptx_expect(p, "]"))
        return false;
    if (o->offset > INT32_MAX || o->offset < INT32_MIN)
        return ptx_fail(p, "offset too large");
    return true;
}

static bool vector_operand(struct ptx_parser *p, struct ptx_operand *o)
{
    o->kind = PTX_O_VECTOR;
    o->items = ptx_arena_take(p->m->arena, PTX_MAX_OPERANDS * sizeof(*o->items));
    if (!o->items)
        return ptx_fail(p, "out of memory");
    do {
        if (o->count == PTX_MAX_OPERANDS)
            return ptx_fail(p, "too many elements");
        if (!ptx_operand(p, &o->items[o->count]) || o->items[o->count].kind == PTX_O_VECTOR)
            return ptx_fail(p, "bad element");
        o->count++;
    } while (ptx_accept(p, ","));
    return ptx_expect(p, "}");
}

bool ptx_operand(struct ptx_parser *p, struct ptx_operand *o)
{
    *o = (struct ptx_operand){.pair = PTX_NO_PLACE};
    if (ptx_accept(p, "["))
        return address_operand(p, o);
    if (ptx_accept(p, "{"))
        return vector_operand(p, o);
    if (ptx_accept(p, "!")) {
        if (!ptx_operand(p, o) || o->kind != PTX_O_REGISTER || o->type != PTX_T_pred || o->negated)
            return ptx_fail(p, "'!' needs a predicate");
        o->negated = true;
        return true;
    }
    if (p->x.token.kind != PTX_WORD)
        return literal_operand(p, o, ptx_accept(p, "-"));
    if (!word_operand(p, o))
        return false;
    if (ptx_accept(p, "|")) {
        struct ptx_operand second = {0};

        if (p->x.token.kind != PTX_WORD || !word_operand(p, &second))
            return ptx_fail(p, "predicate expected after '|'");
        if (second.kind != PTX_O_SINK && second.kind != PTX_O_REGISTER)
            return ptx_fail(p, "predicate expected after '|'");
        o->has_pair = true;
        o->pair = second.kind == PTX_O_SINK ? PTX_NO_PLACE : second.place;
        return true;
    }
    if (o->kind == PTX_O_SYMBOL || o->kind == PTX_O_NAME)
        return offset_of(p, &o->offset);
    return true;
}

/* ---- places ---- */

uint32_t ptx_constant(struct ptx_parser *p, uint64_t value, uint32_t bytes, uint32_t symbol)
{
    struct ptx_pool *pool = p->m->pool;
    struct ptx_constant *c;

    if (bytes == 4)
        value &= UINT32_MAX;
    for (uint32_t i = pool->constant_count; i-- > 0 && pool->constant_count - i < 256;) {
        c = &pool->constants[i];
        if (c->value == value && c->bytes == bytes && c->symbol == symbol)
            return PTX_PLACE(PTX_CONSTANT, c->offset);
    }
    if (pool->constant_bytes > PTX_MAX_BYTES * 4u) {
        ptx_fail(p, "too many constants");
        return PTX_NO_PLACE;
    }
    if (!ptx_grow(p, (void **)&pool->constants, pool->constant_count, &pool->constant_size,
                  sizeof(*c)))
        return PTX_NO_PLACE;
    c = &pool->constants[pool->constant_count++];
    *c = (struct ptx_constant){value, pool->constant_bytes, bytes, symbol};
    pool->constant_bytes += bytes * PTX_LANES;
    return PTX_PLACE(PTX_CONSTANT, c->offset);
}

static double as_double(uint64_t bits)
{
    double d;

    memcpy(&d, &bits, sizeof(d));
    return d;
}

/* The bits that a literal has as a value of @type. */
static uint64_t literal_bits(const struct ptx_operand *o, enum ptx_type type)
{
    uint64_t bits = o->value;
    float single;
    double wide;

    if (o->kind == PTX_O_DOUBLE && type == PTX_T_f32) {
        uint32_t narrow;

        single = (float)as_double(bits);
        memcpy(&narrow, &single, sizeof(narrow));
        return narrow;
    }
    if (o->kind == PTX_O_SINGLE && type == PTX_T_f64) {
        memcpy(&single, &o->value, sizeof(single));
        wide = single;
        memcpy(&bits, &wide, sizeof(bits));
        return bits;
    }
    return ptx_types[type].bytes < 8 ? bits & ((1ull << 8 * ptx_types[type].bytes) - 1) : bits;
}

/* The open array of shared memory that a launch adds. */
bool ptx_is_dynamic(const struct ptx_parser *p, uint32_t symbol)
{
    return !(symbol & PTX_FUNCTION_BIT) && p->m->variables[symbol].space == PTX_SPACE_SHARED &&
           p->m->variables[symbol].size == 0;
}

uint32_t ptx_source(struct ptx_parser *p, const struct ptx_operand *o, enum ptx_type type)
{
    uint32_t bytes = ptx_register_bytes(type);

    switch (o->kind) {
    case PTX_O_REGISTER:
        if ((o->type == PTX_T_pred) != (type == PTX_T_pred)) {
            ptx_fail(p, "%.*s is of the wrong type", (int)o->length, o->text);
            return PTX_NO_PLACE;
        }
        if (type != PTX_T_pred && ptx_register_bytes(o->type) != bytes) {
            ptx_fail(p, "%.*s has the wrong size", (int)o->length, o->text);
            return PTX_NO_PLACE;
        }
        return o->place;
    case PTX_O_SPECIAL:
        if (bytes != 4 || type == PTX_T_pred)
            break;
        return o->place;
    case PTX_O_INTEGER:
        if (type == PTX_T_pred) /* one word for all lanes */
            return ptx_constant(p, o->value ? UINT32_MAX : 0, 4, PTX_NO_PLACE);
        return ptx_constant(p, literal_bits(o, type), bytes, PTX_NO_PLACE);
    case PTX_O_SINGLE:
    case PTX_O_DOUBLE:
        if (ptx_types[type].kind == 'u' || ptx_types[type].kind == 's' || type == PTX_T_pred)
            break;
        return ptx_constant(p, literal_bits(o, type), bytes, PTX_NO_PLACE);
    case PTX_O_NAME:
        if (o->name->kind == PTX_NAME_SHARED || o->name->kind == PTX_NAME_ENTRY_PARAM)
            return ptx_constant(p, o->place + (uint64_t)o->offset, bytes, PTX_NO_PLACE);
        break;
    case PTX_O_SYMBOL:
        if (ptx_is_dynamic(p, o->symbol)) {
            if (o->offset != 0)
                break;
            return PTX_PLACE(PTX_SPECIAL,
                             (bytes == 8 ? PTX_DYNAMIC_64 : PTX_DYNAMIC_32) * PTX_LANES * 4);
        }
        return ptx_constant(p, (uint64_t)o->offset, bytes, o->symbol);
    default:
        break;
    }
    ptx_fail(p, "operand '%.*s' cannot be used here", (int)o->length, o->text ? o->text : "");
    return PTX_NO_PLACE;
}

uint32_t ptx_target(struct ptx_parser *p, const struct ptx_operand *o, enum ptx_type type)
{
    if (o->kind == PTX_O_SINK)
        return PTX_NO_PLACE;
    if (o->kind != PTX_O_REGISTER) {
        ptx_fail(p, "destination must be a register");
        return PTX_NO_PLACE;
    }
    return ptx_source(p, o, type);
}

uint32_t ptx_list_add(struct ptx_parser *p, const uint32_t *places, uint32_t count)
{
    struct ptx_pool *pool = p->m->pool;
    uint32_t at = pool->list_count;

    for (uint32_t i = 0; i < count; i++) {
        if (!ptx_grow(p, (void **)&pool->lists, pool->list_count, &pool->list_size,
                      sizeof(*pool->lists)))
            return 0;
        pool->lists[pool->list_count++] = places ? places[i] : 0;
    }
    return at;
}
