// SPDX-License-Identifier: Apache-2.0
/*
 * Writes an instruction as llvm-objdump-15 --mcpu=gfx906 does. Learnt from what it prints (the
 * check in tests/isa compares with it).
 */
#include "print.h"

#include <stdarg.h>
#include <stdio.h>

void isa_put(struct isa_text *t, const char *format, ...)
{
    size_t room = t->length < t->size ? t->size - t->length : 0;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(room ? t->text + t->length : NULL, room, format, args);
    va_end(args);
    t->length += n > 0 ? (size_t)n : 0;
}

/* LLVM rounds a misaligned range of scalar registers down, which no assembler would write. */
static unsigned aligned(const struct isa_operand *o, unsigned first)
{
    return first & ~(unsigned)(o->dwords >= 4 ? 3 : o->dwords == 2 ? 1 : 0);
}

static void put_range(struct isa_text *t, const char *prefix, unsigned first, unsigned count)
{
    if (count <= 1)
        isa_put(t, "%s%u", prefix, first);
    else
        isa_put(t, "%s[%u:%u]", prefix, first, first + count - 1);
}

/* "vcc" as a pair, its halves otherwise. */
static void put_pair(struct isa_text *t, const char *name, const struct isa_operand *o,
                     unsigned first)
{
    isa_put(t, "%s%s", name, o->dwords > 1 ? "" : o->reg == first ? "_lo" : "_hi");
}

static void put_special(struct isa_text *t, unsigned code)
{
    static const struct {
        uint8_t code;
        const char *name;
    } names[] = {
        {ISA_SHARED_BASE, "src_shared_base"},
        {ISA_SHARED_LIMIT, "src_shared_limit"},
        {ISA_PRIVATE_BASE, "src_private_base"},
        {ISA_PRIVATE_LIMIT, "src_private_limit"},
        {ISA_POPS_EXITING_WAVE_ID, "src_pops_exiting_wave_id"},
        {ISA_VCCZ, "src_vccz"},
        {ISA_EXECZ, "src_execz"},
        {ISA_SCC, "src_scc"},
        {ISA_LDS_DIRECT, "src_lds_direct"},
    };

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (names[i].code == code)
            isa_put(t, "%s", names[i].name);
}

static bool is_half(enum isa_type type)
{
    return type >= ISA_TYPE_B16 && type <= ISA_TYPE_F16K && type != ISA_TYPE_E16;
}

/* Halves that LLVM takes for integers: it writes their inline reals as bits. */
static bool is_half_integer(enum isa_type type)
{
    return is_half(type) && type != ISA_TYPE_F16 && type != ISA_TYPE_PF16 && type != ISA_TYPE_B16 &&
           type != ISA_TYPE_F16K;
}

static const char *const reals[] = {"0.5",  "-0.5", "1.0",  "-1.0",      "2.0",
                                    "-2.0", "4.0",  "-4.0", "0.15915494"};

static void put_constant(struct isa_text *t, const struct isa_operand *o)
{
    const unsigned code = o->reg;

    if (code <= 208)
        isa_put(t, "%d", code <= 192 ? (int)code - 128 : 192 - (int)code);
    else if (is_half_integer(o->type))
        isa_put(t, "0x%x", (unsigned)o->value);
    else if (code == ISA_INLINE_LAST && isa_type_dwords(o->type) == 2)
        isa_put(t, "0.15915494309189532");
    else
        isa_put(t, "%s", reals[code - 240]);
}

/* Name of the real that has these bits, or NULL. */
static const char *real_name(uint32_t bits, bool half)
{
    static const uint32_t halves[] = {0x3800, 0xb800, 0x3c00, 0xbc00, 0x4000,
                                      0xc000, 0x4400, 0xc400, 0x3118};
    static const uint32_t singles[] = {0x3f000000, 0xbf000000, 0x3f800000, 0xbf800000, 0x40000000,
                                       0xc0000000, 0x40800000, 0xc0800000, 0x3e22f983};
    const uint32_t *table = half ? halves : singles;

    for (unsigned i = 0; i < sizeof(halves) / sizeof(halves[0]); i++)
        if (table[i] == bits)
            return reals[i];
    return NULL;
}

/* A literal that an inline constant could stand for is written like one; with all of its 32 bits,
 * of which a half looks at the lower ones. LLVM takes the first source of v_madmk_f16 for an
 * integer. */
static void put_literal(struct isa_text *t, const struct isa_inst *inst,
                        const struct isa_operand *o)
{
    const uint32_t bits = (uint32_t)o->value;
    const bool plain = is_half(o->type) && inst->op->flags & ISA_MADMK;
    const bool half = is_half(o->type) && !plain, wide = isa_type_dwords(o->type) == 2;
    const int32_t integer = half ? (int16_t)bits : (int32_t)bits;
    const char *real = wide || plain || is_half_integer(o->type) ? NULL : real_name(bits, half);

    if (integer >= (wide ? 0 : -16) && integer <= 64)
        isa_put(t, "%d", integer);
    else if (real)
        isa_put(t, "%s", real);
    else
        isa_put(t, "0x%x", half ? bits & 0xffff : bits);
}

static void put_register(struct isa_text *t, const struct isa_operand *o)
{
    switch (o->kind) {
    case ISA_KIND_VGPR:
        put_range(t, "v", o->reg, o->dwords);
        break;
    case ISA_KIND_SGPR:
        put_range(t, "s", aligned(o, o->reg), o->dwords);
        break;
    case ISA_KIND_TTMP:
        put_range(t, "ttmp", aligned(o, o->reg - ISA_TTMP0), o->dwords);
        break;
    case ISA_KIND_VCC:
        put_pair(t, "vcc", o, ISA_VCC);
        break;
    case ISA_KIND_EXEC:
        put_pair(t, "exec", o, ISA_EXEC);
        break;
    case ISA_KIND_FLAT_SCRATCH:
        put_pair(t, "flat_scratch", o, ISA_FLAT_SCRATCH);
        break;
    case ISA_KIND_XNACK_MASK:
        put_pair(t, "xnack_mask", o, ISA_XNACK_MASK);
        break;
    case ISA_KIND_M0:
        isa_put(t, "m0");
        break;
    case ISA_KIND_SPECIAL:
        put_special(t, o->reg);
        break;
    default:
        if (o->reg == 125) /* LLVM: of later GPUs */
            isa_put(t, "null");
        else
            isa_put(t, "?%u", o->reg);
    }
}

static void put_plain(struct isa_text *t, const struct isa_inst *inst, const struct isa_operand *o)
{
    switch (o->kind) {
    case ISA_KIND_CONSTANT:
        put_constant(t, o);
        break;
    case ISA_KIND_LITERAL:
        put_literal(t, inst, o);
        break;
    case ISA_KIND_IMMEDIATE:
        isa_put_immediate(t, o->type, (uint32_t)o->value);
        break;
    case ISA_KIND_TARGET:
        isa_put(t, "%u", inst->fields.imm & 0xffff);
        break;
    case ISA_KIND_OFF:
        isa_put(t, "off");
        break;
    default:
        put_register(t, o);
    }
}

/* Whether a source of @type is written with its neg and abs bits. */
static bool has_signs(const struct isa_inst *inst, enum isa_type type)
{
    if (inst->format == ISA_VOP3P)
        return isa_is_mix(inst);
    switch (type) {
    case ISA_TYPE_F16:
    case ISA_TYPE_F32:
    case ISA_TYPE_F64:
        return true;
    case ISA_TYPE_B32:
    case ISA_TYPE_B16:
        return !(inst->fields.mods & ISA_MOD_DPP);
    default:
        return false;
    }
}

static void put_operand(struct isa_text *t, const struct isa_inst *inst,
                        const struct isa_operand *o)
{
    const struct isa_fields *f = &inst->fields;
    const bool source = o->source >= 0, signs = source && has_signs(inst, o->type);
    const bool neg = signs && f->neg >> o->source & 1, abs = signs && f->abs >> o->source & 1;
    const bool exponent = o->type == ISA_TYPE_E16 || o->type == ISA_TYPE_E32;
    const bool wrap = neg && !abs && o->kind == ISA_KIND_CONSTANT; /* -(-1) is not 1 */
    bool sext = source && f->mods & ISA_MOD_SDWA && f->sdwa_sext >> o->source & 1;

    if (source && exponent && !(f->mods & ISA_MOD_SDWA)) /* the neg bit */
        sext = f->neg >> o->source & 1;
    isa_put(t, "%s%s%s", neg ? wrap ? "neg(" : "-" : "", abs ? "|" : "", sext ? "sext(" : "");
    if (inst->op->flags & (ISA_MADMK | ISA_MADAK) && o->kind == ISA_KIND_LITERAL && o->source)
        isa_put(t, "0x%x", (uint32_t)o->value);
    else
        put_plain(t, inst, o);
    isa_put(t, "%s%s%s", sext ? ")" : "", abs ? "|" : "", wrap ? ")" : "");
}

static void put_mnemonic(struct isa_text *t, const struct isa_inst *inst)
{
    const uint32_t flags = inst->op->flags;
    const bool vop = inst->op->format >= ISA_VOP1 && inst->op->format <= ISA_VOPC;
    const char *suffix = "";

    if (!inst->op->src[0])
        suffix = ""; /* v_nop, whatever its encoding */
    else if (inst->fields.mods & ISA_MOD_SDWA)
        suffix = "_sdwa";
    else if (inst->fields.mods & ISA_MOD_DPP)
        suffix = "_dpp";
    else if (vop && !(flags & (ISA_NO_VOP3 | ISA_NO_E64)))
        suffix = inst->format == ISA_VOP3 ? "_e64" : "_e32";
    isa_put(t, "%s%s", inst->op->name, suffix);
}

size_t isa_print_mnemonic(const struct isa_inst *inst, char *text, size_t size)
{
    struct isa_text t = {text, size, 0};

    if (size)
        text[0] = '\0';
    put_mnemonic(&t, inst);
    return t.length;
}

size_t isa_print(const struct isa_inst *inst, char *text, size_t size)
{
    struct isa_text t = {text, size, 0};

    if (size)
        text[0] = '\0';
    put_mnemonic(&t, inst);
    for (unsigned i = 0; i < inst->operands; i++) {
        isa_put(&t, i ? ", " : " ");
        put_operand(&t, inst, &inst->operand[i]);
    }
    isa_put_modifiers(&t, inst);
    return t.length;
}
