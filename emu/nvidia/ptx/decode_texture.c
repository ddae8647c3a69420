// SPDX-License-Identifier: Apache-2.0
/*
 * Textures and surfaces by 64-bit objects ("[object, {coordinates}]"), in one to three dimensions:
 * what clang makes of them; and textures by references of module scope ("[name, {...}]"). Source:
 * PTX ISA, "Texture Instructions", "Surface Instructions". See parse.h.
 *
 * Not here: references to surfaces, samplers of their own (.texmode_independent), layers, cubes,
 * multisampling, levels, gathers, offsets, surface loads with formats.
 */
#include "ops_memory.h"
#include "parse.h"

static unsigned dimensions_of(const struct ptx_spelling *s)
{
    return ptx_has(s, "1d") ? 1 : ptx_has(s, "2d") ? 2 : ptx_has(s, "3d") ? 3 : 0;
}

static bool is_reference(const struct ptx_parser *p, const struct ptx_operand *o)
{
    return o->base == PTX_O_SYMBOL && !(o->symbol & PTX_FUNCTION_BIT) && o->offset == 0 &&
           p->m->variables[o->symbol].reference > 0;
}

/* Object and coordinates; a fourth coordinate is there for the form only. */
static bool where(struct ptx_parser *p, const struct ptx_operand *o, unsigned dimensions,
                  enum ptx_type type, struct ptx_insn *in)
{
    uint32_t places[PTX_MAX_OPERANDS];

    if (o->kind != PTX_O_ADDRESS || !o->count || o->count < dimensions)
        return ptx_fail(p, "coordinates expected");
    for (unsigned i = 0; i < dimensions; i++)
        places[i] = ptx_source(p, &o->items[i], type);
    in->b = ptx_list_add(p, places, dimensions);
    if (is_reference(p, o)) {
        in->a = p->m->variables[o->symbol].reference - 1;
        in->aux |= PTX_TEX_REFERENCE;
        return !p->failed;
    }
    if (o->base != PTX_O_REGISTER || o->type == PTX_T_pred || ptx_types[o->type].bytes != 8 ||
        o->offset != 0)
        return ptx_fail(p, "an object in a 64-bit register expected");
    in->a = o->place;
    return !p->failed;
}

/* tex.2d.v4.f32.s32 {four registers}, [object, {x, y}] */
bool ptx_decode_texture(struct ptx_parser *p, struct ptx_spelling *s)
{
    const struct ptx_operand *to = ptx_nth(p, s, 0), *at = ptx_nth(p, s, 1);
    unsigned dimensions = dimensions_of(s);
    uint32_t places[4];
    struct ptx_insn *in;
    char kind;

    if (p->failed)
        return false;
    if (!dimensions || s->operands != 2 || s->type_count != 2 || !ptx_has(s, "v4") ||
        at->kind != PTX_O_ADDRESS || (at->base != PTX_O_REGISTER && !is_reference(p, at)) ||
        ptx_has(s, "level") || ptx_has(s, "grad") || ptx_has(s, "base") ||
        (s->types[0] != PTX_T_f32 && s->types[0] != PTX_T_s32 && s->types[0] != PTX_T_u32) ||
        (s->types[1] != PTX_T_f32 && s->types[1] != PTX_T_s32)) {
        p->missing = "tex other than of an object or reference in one to three dimensions";
        return true;
    }
    if (to->kind != PTX_O_VECTOR || to->count != 4)
        return ptx_fail(p, "four registers expected");
    in = ptx_emit(p, "ld.texture");
    if (!in)
        return false;
    for (unsigned i = 0; i < 4; i++)
        places[i] = ptx_target(p, &to->items[i], s->types[0]);
    in->d = ptx_list_add(p, places, 4);
    kind = ptx_types[s->types[0]].kind;
    in->waits = 1;
    in->aux = 4 | 4 << PTX_MEM_COUNT_SHIFT | 4 << PTX_MEM_REGISTER_SHIFT |
              dimensions << PTX_TEX_DIMENSIONS_SHIFT |
              (s->types[1] == PTX_T_f32 ? PTX_TEX_REAL : 0) | (kind == 'f' ? 0 : PTX_TEX_UNSIGNED) |
              (kind == 's' ? PTX_MEM_SIGNED : 0);
    return where(p, at, dimensions, s->types[1], in);
}

/* suld.b.2d.v2.b32.trap {two registers}, [object, {x, y}]; sust.b... [object, {x, y}], {...} */
bool ptx_decode_surface(struct ptx_parser *p, struct ptx_spelling *s)
{
    bool store = s->part[0][2] == 's';
    const struct ptx_operand *at = ptx_nth(p, s, store ? 0 : 1),
                             *value = ptx_nth(p, s, store ? 1 : 0);
    unsigned dimensions = dimensions_of(s);
    unsigned count = ptx_has(s, "v4") ? 4 : ptx_has(s, "v2") ? 2 : 1, wide;
    enum ptx_type type = ptx_main_type(s);
    const struct ptx_operand *items;
    uint32_t places[4];
    struct ptx_insn *in;

    if (p->failed)
        return false;
    if (!dimensions || !ptx_has(s, "b") || s->operands != 2 || s->type_count != 1 ||
        at->kind != PTX_O_ADDRESS || at->base != PTX_O_REGISTER || ptx_types[type].kind != 'b' ||
        count * ptx_types[type].bytes > 16) {
        p->missing = "surface accesses other than of an object's bytes in one to three dimensions";
        return true;
    }
    items = value->kind == PTX_O_VECTOR ? value->items : value;
    if ((value->kind == PTX_O_VECTOR ? value->count : 1) != count)
        return ptx_fail(p, "%u registers expected", count);
    in = ptx_emit(p, store ? "st.surface" : "ld.surface");
    if (!in)
        return false;
    wide = ptx_types[type].bytes == 8 ? 8 : ptx_types[type].bytes == 4 ? 4 : 2;
    for (unsigned i = 0; i < count; i++) {
        /* Bytes are in registers of 16 bits. */
        enum ptx_type as = ptx_types[type].bytes == 1 ? PTX_T_b16 : type;

        places[i] = store ? ptx_source(p, &items[i], as) : ptx_target(p, &items[i], as);
    }
    in->d = count > 1 ? ptx_list_add(p, places, count) : places[0];
    in->waits = 1;
    in->aux = ptx_types[type].bytes | count << PTX_MEM_COUNT_SHIFT |
              wide << PTX_MEM_REGISTER_SHIFT | dimensions << PTX_TEX_DIMENSIONS_SHIFT |
              (ptx_has(s, "clamp")  ? 1u << PTX_TEX_OUTSIDE_SHIFT
               : ptx_has(s, "zero") ? 2u << PTX_TEX_OUTSIDE_SHIFT
                                    : 0);
    return where(p, at, dimensions, PTX_T_s32, in);
}
