// SPDX-License-Identifier: Apache-2.0
/* Loads, stores, atomics, fences: from spelling and operands to code. See parse.h. */
#include "ops_memory.h"
#include "parse.h"

#include <stdio.h>
#include <string.h>

static enum ptx_space space_of(const struct ptx_spelling *s)
{
    static const struct {
        const char *name;
        enum ptx_space space;
    } all[] = {
        {"global", PTX_SPACE_GLOBAL},      {"shared", PTX_SPACE_SHARED},
        {"shared::cta", PTX_SPACE_SHARED}, {"local", PTX_SPACE_LOCAL},
        {"const", PTX_SPACE_CONST},        {"param", PTX_SPACE_PARAM},
        {"param::entry", PTX_SPACE_PARAM}, {"param::func", PTX_SPACE_PARAM},
    };

    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        if (ptx_has(s, all[i].name))
            return all[i].space;
    }
    return PTX_SPACE_NONE;
}

static unsigned vector_of(const struct ptx_spelling *s)
{
    return ptx_has(s, "v8") ? 8 : ptx_has(s, "v4") ? 4 : ptx_has(s, "v2") ? 2 : 1;
}

/* The address of a variable in local memory depends on the call: it is worked out beforehand, into
 * a register that the program does not see. */
static uint32_t local_address(struct ptx_parser *p, const struct ptx_operand *o)
{
    uint32_t place = PTX_PLACE(PTX_FRAME, ptx_frame_take(p, 8 * PTX_LANES));
    struct ptx_insn *in = ptx_emit(p, "mov.local.64");

    if (in) {
        in->d = place;
        in->imm = (int32_t)(o->place + (uint32_t)o->offset);
    }
    return place;
}

/* Where an address is read from: place, offset and whether it is 32 bits wide. */
struct address {
    uint32_t place;
    int32_t offset;
    uint32_t flags;
};

static bool address_of(struct ptx_parser *p, const struct ptx_operand *o, struct address *at)
{
    *at = (struct address){.offset = (int32_t)o->offset};
    if (o->kind != PTX_O_ADDRESS || o->count)
        return ptx_fail(p, "address expected");
    switch (o->base) {
    case PTX_O_REGISTER:
        if (o->type == PTX_T_pred || ptx_types[o->type].bytes < 4)
            return ptx_fail(p, "%.*s cannot hold an address", (int)o->length, o->text);
        at->place = o->place;
        at->flags = ptx_types[o->type].bytes == 4 ? PTX_MEM_ADDRESS32 : 0;
        return true;
    case PTX_O_SYMBOL:
        if (ptx_is_dynamic(p, o->symbol)) {
            at->place = PTX_PLACE(PTX_SPECIAL, PTX_DYNAMIC_64 * PTX_LANES * 4);
            return true;
        }
        at->place = ptx_constant(p, (uint64_t)o->offset, 8, o->symbol);
        at->offset = 0;
        return !p->failed;
    case PTX_O_INTEGER:
        at->place = ptx_constant(p, o->value + (uint64_t)o->offset, 8, PTX_NO_PLACE);
        at->offset = 0;
        return !p->failed;
    default:
        break;
    }
    if (o->name->kind == PTX_NAME_LOCAL) {
        at->place = local_address(p, o);
        at->offset = 0;
        return !p->failed;
    }
    if (o->name->kind == PTX_NAME_SHARED || o->name->kind == PTX_NAME_ENTRY_PARAM) {
        at->place = ptx_constant(p, o->place + (uint64_t)o->offset, 8, PTX_NO_PLACE);
        at->offset = 0;
        return !p->failed;
    }
    return ptx_fail(p, "'%.*s' is not in memory", (int)o->length, o->text);
}

/* The registers on the other side: one, or the elements of a vector. */
struct registers {
    uint32_t d; /* place, or index of the list */
    uint32_t bytes;
    unsigned count;
};

static bool registers_of(struct ptx_parser *p, const struct ptx_spelling *s,
                         const struct ptx_operand *o, bool load, struct registers *r)
{
    enum ptx_type type = ptx_main_type(s);
    uint32_t places[PTX_MAX_OPERANDS];
    const struct ptx_operand *items = o->kind == PTX_O_VECTOR ? o->items : o;

    r->count = vector_of(s);
    r->bytes = ptx_types[type].bytes < 2 ? 4 : ptx_types[type].bytes;
    if (r->count != (o->kind == PTX_O_VECTOR ? o->count : 1))
        return ptx_fail(p, "%u registers expected", r->count);
    for (unsigned i = 0; i < r->count; i++) {
        enum ptx_type as = type;

        if (items[i].kind == PTX_O_REGISTER) { /* it may be wider */
            if (items[i].type == PTX_T_pred ||
                ptx_types[items[i].type].bytes < ptx_types[type].bytes)
                return ptx_fail(p, "%.*s has the wrong size", (int)items[i].length, items[i].text);
            as = items[i].type;
            r->bytes = ptx_types[as].bytes;
        }
        places[i] = load ? ptx_target(p, &items[i], as) : ptx_source(p, &items[i], as);
    }
    r->d = r->count > 1 ? ptx_list_add(p, places, r->count) : places[0];
    return !p->failed;
}

static uint32_t flags_of(const struct ptx_spelling *s, const struct registers *r,
                         enum ptx_space space)
{
    enum ptx_type type = ptx_main_type(s);
    bool ordered = ptx_has(s, "acquire") || ptx_has(s, "release") || ptx_has(s, "volatile") ||
                   ptx_has(s, "relaxed") || ptx_has(s, "mmio");

    return ptx_types[type].bytes | (ptx_types[type].kind == 's' ? PTX_MEM_SIGNED : 0) |
           r->count << PTX_MEM_COUNT_SHIFT | (uint32_t)space << PTX_MEM_SPACE_SHIFT |
           r->bytes << PTX_MEM_REGISTER_SHIFT | (ordered ? PTX_MEM_FENCE : 0);
}

/* A parameter that is read or written by name. */
static bool decode_param(struct ptx_parser *p, struct ptx_spelling *s, const struct ptx_operand *at,
                         const struct registers *r, bool load)
{
    uint64_t size = (uint64_t)r->count * ptx_types[ptx_main_type(s)].bytes;
    bool entry = at->name->kind == PTX_NAME_ENTRY_PARAM;
    struct ptx_insn *in;

    if (at->offset < 0 || (uint64_t)at->offset + size > at->name->bytes || (entry && !load))
        return ptx_fail(p, "access is outside of the parameter");
    in = ptx_emit(p, entry ? "ld.param" : load ? "ld.frame" : "st.frame");
    if (!in)
        return false;
    in->d = r->d;
    in->aux = flags_of(s, r, PTX_SPACE_PARAM);
    if (entry) {
        in->imm = (int32_t)(at->place + (uint32_t)at->offset);
    } else {
        in->b = PTX_PLACE(PTX_FRAME, at->place + (uint32_t)at->offset);
        in->c = at->name->bytes;
    }
    return true;
}

static bool unsupported(struct ptx_parser *p, struct ptx_spelling *s)
{
    if (ptx_has(s, "shared::cluster") || ptx_has(s, "b128") || ptx_has(s, "async") ||
        ptx_has(s, "v8")) {
        p->missing = "clusters, vectors of 32 bytes and 128-bit elements";
        return true;
    }
    return false;
}

static bool decode_access(struct ptx_parser *p, struct ptx_spelling *s, bool load)
{
    const struct ptx_operand *value = ptx_nth(p, s, load ? 0 : 1),
                             *at = ptx_nth(p, s, load ? 1 : 0);
    enum ptx_space space = space_of(s);
    struct registers r;
    struct address address;
    struct ptx_insn *in;
    bool quick;
    char name[16];

    if (unsupported(p, s))
        return true;
    if (p->failed || s->type_count == 0 || !registers_of(p, s, value, load, &r))
        return p->failed ? false : ptx_fail(p, "type expected");
    if (at->kind == PTX_O_ADDRESS && at->base == PTX_O_NAME &&
        (at->name->kind == PTX_NAME_FRAME_PARAM || at->name->kind == PTX_NAME_ENTRY_PARAM))
        return decode_param(p, s, at, &r, load);
    if (!address_of(p, at, &address))
        return false;
    if (space == PTX_SPACE_NONE && at->base == PTX_O_SYMBOL && !(at->symbol & PTX_FUNCTION_BIT) &&
        p->m->variables[at->symbol].space == PTX_SPACE_SHARED)
        return ptx_fail(p, "a shared variable has no generic address here");
    quick = r.count == 1 && r.d != PTX_NO_PLACE &&
            (space == PTX_SPACE_SHARED || !(address.flags & PTX_MEM_ADDRESS32)) &&
            ptx_types[ptx_main_type(s)].bytes == r.bytes && r.bytes >= 4 &&
            space != PTX_SPACE_LOCAL && space != PTX_SPACE_PARAM;
    snprintf(name, sizeof(name), "%s%s%s", load ? "ld" : "st",
             quick && space == PTX_SPACE_SHARED ? ".shared" : "",
             !quick         ? ""
             : r.bytes == 8 ? ".64"
                            : ".32");
    in = ptx_emit(p, name);
    if (!in)
        return false;
    in->d = r.d;
    in->a = address.place;
    in->imm = address.offset;
    in->aux = flags_of(s, &r, space) | address.flags;
    return true;
}

bool ptx_decode_load(struct ptx_parser *p, struct ptx_spelling *s)
{
    return decode_access(p, s, true);
}

bool ptx_decode_store(struct ptx_parser *p, struct ptx_spelling *s)
{
    return decode_access(p, s, false);
}

bool ptx_decode_atomic(struct ptx_parser *p, struct ptx_spelling *s)
{
    static const char *const ops[] = {"add", "min", "max", "inc",  "dec",
                                      "and", "or",  "xor", "exch", "cas"};
    bool red = s->part[0][0] == 'r';
    unsigned first = red ? 0 : 1, op = 0;
    enum ptx_type type = ptx_main_type(s);
    struct address address;
    struct ptx_insn *in;
    char name[16];

    while (op < 10 && !ptx_has(s, ops[op]))
        op++;
    if (unsupported(p, s))
        return true;
    if (op == 10 || s->type_count == 0)
        return ptx_fail(p, "unknown atomic operation");
    if (type == PTX_T_bf16 || type == PTX_T_bf16x2 || vector_of(s) > 1) {
        p->missing = "atomics on bf16 and on vectors";
        return true;
    }
    if (!address_of(p, ptx_nth(p, s, first), &address))
        return false;
    snprintf(name, sizeof(name), "atom.%s", ops[op]);
    in = ptx_emit(p, name);
    if (!in)
        return false;
    in->d = red ? PTX_NO_PLACE : ptx_target(p, ptx_nth(p, s, 0), type);
    in->a = address.place;
    in->b = ptx_source(p, ptx_nth(p, s, first + 1), type);
    if (op == 9)
        in->c = ptx_source(p, ptx_nth(p, s, first + 2), type);
    in->imm = address.offset;
    in->aux = (uint32_t)type << PTX_MEM_TYPE_SHIFT | address.flags |
              (uint32_t)space_of(s) << PTX_MEM_SPACE_SHIFT;
    return !p->failed;
}

bool ptx_decode_fence(struct ptx_parser *p, struct ptx_spelling *s)
{
    return ptx_emit(p, "fence") != NULL;
}
