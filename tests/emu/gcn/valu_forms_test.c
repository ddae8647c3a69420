// SPDX-License-Identifier: Apache-2.0
/*
 * Every row of VOP1, VOP2 and VOPC in all its encodings: e32, SDWA and DPP must do what e64 does
 * (whose values valu_test and valu_compare_test check) on operands that this test has prepared
 * itself, with SDWA's selections and signs, DPP's permutations and masks, and partial EXEC. Both
 * builds.
 */
#include "valu_check.h"

#include <stdio.h>

enum { A = 2, B = 4, C = 6, REGS = 16, ROUNDS = 24 };

/* What an instruction may change. */
struct state {
    uint32_t vgpr[REGS][64];
    uint64_t vcc, exec;
};

static void set_state(struct gcn_wave *w, const struct state *s)
{
    memcpy(w->vgpr[0], s->vgpr, sizeof(s->vgpr));
    gcn_set_sgpr64(w, GCN_VCC, s->vcc);
    gcn_set_sgpr64(w, GCN_EXEC, s->exec);
}

static struct state get_state(const struct gcn_wave *w)
{
    struct state s;

    memcpy(s.vgpr, w->vgpr[0], sizeof(s.vgpr));
    s.vcc = gcn_sgpr64(w, GCN_VCC);
    s.exec = gcn_exec(w);
    return s;
}

static struct state random_state(struct check *c)
{
    /* Numbers of all sizes: small integers, halves and singles near one, any bits. */
    static const uint32_t masks[] = {0x1f, 0xffff, 0x43ff43ff, 0xffffffff};
    struct state s;

    for (unsigned r = 0; r < REGS; r++)
        for (unsigned l = 0; l < 64; l++) {
            const uint64_t x = check_random(c);
            const unsigned kind = x >> 60 & 3;

            s.vgpr[r][l] = ((uint32_t)x & masks[kind]) | (kind == 2 ? 0x3c003c00 : 0);
        }
    s.vcc = check_random(c);
    s.exec = check_random(c) & 1 ? ~0ull : check_random(c);
    return s;
}

static bool is_wide(unsigned type)
{
    return isa_type_dwords((enum isa_type)type) > 1;
}

static bool is_real(unsigned type)
{
    return type == ISA_TYPE_F32 || type == ISA_TYPE_F16;
}

static bool has_sdwa_and_dpp(const struct isa_opcode *op)
{
    if (op->format == ISA_VOPC)
        return !is_wide(op->src[0]);
    return op->dst && !is_wide(op->dst) && !is_wide(op->src[0]) && !is_wide(op->src[1]);
}

/* The short encoding with source 0 number @src0. */
static uint32_t short_word(const struct isa_opcode *op, unsigned src0)
{
    switch (op->format) {
    case ISA_VOP1:
        return 0x7e000000 | CHECK_RESULT << 17 | (uint32_t)op->number << 9 | src0;
    case ISA_VOP2:
        return (uint32_t)op->number << 25 | CHECK_RESULT << 17 | B << 9 | src0;
    default:
        return 0x7c000000 | (uint32_t)op->number << 17 | B << 9 | src0;
    }
}

static void long_words(const struct isa_opcode *op, uint32_t words[2])
{
    const unsigned base = op->format == ISA_VOPC ? 0 : op->format == ISA_VOP2 ? 0x100 : 0x140;

    words[0] =
        0xd0000000 | (base + op->number) << 16 | (op->format == ISA_VOPC ? GCN_VCC : CHECK_RESULT);
    words[1] = (256 + A) | (op->format == ISA_VOP1 ? 0 : (256 + B) << 9);
    if (op->flags & ISA_SDST)
        words[0] |= GCN_VCC << 8;
    if (op->flags & ISA_CARRY_IN)
        words[1] |= GCN_VCC << 18;
}

static struct state run(struct check *c, const struct state *before, const uint32_t words[2])
{
    set_state(c->wave, before);
    check_step(c, words, 2);
    return get_state(c->wave);
}

/* What e64 does. */
static struct state reference(struct check *c, const struct isa_opcode *op,
                              const struct state *before)
{
    uint32_t words[2];

    long_words(op, words);
    return run(c, before, words);
}

static void compare(struct check *c, const struct isa_opcode *op, const char *form,
                    const struct state *got, const struct state *want)
{
    char what[96];

    c->checks += 64;
    if (got->vcc == want->vcc && got->exec == want->exec &&
        !memcmp(got->vgpr[CHECK_RESULT], want->vgpr[CHECK_RESULT], 2 * 256))
        return;
    for (unsigned l = 0; l < 64; l++)
        if (got->vgpr[CHECK_RESULT][l] != want->vgpr[CHECK_RESULT][l] || l == 63) {
            snprintf(what, sizeof(what), "%s %s", op->name, form);
            check_fail(c, what, l, got->vgpr[CHECK_RESULT][l], want->vgpr[CHECK_RESULT][l]);
            return;
        }
}

/* SDWA */

static uint32_t selected(uint32_t x, unsigned part, bool sign)
{
    if (part == 6)
        return x;
    if (part >= 4) {
        x = x >> 16 * (part - 4) & 0xffff;
        return sign && x & 0x8000 ? x | 0xffff0000 : x;
    }
    x = x >> 8 * part & 0xff;
    return sign && x & 0x80 ? x | 0xffffff00 : x;
}

static uint32_t merged(uint32_t old, uint32_t x, unsigned part, unsigned unused)
{
    const unsigned bits = part == 6 ? 32 : part >= 4 ? 16 : 8;
    const unsigned shift = part == 6 ? 0 : part >= 4 ? 16 * (part - 4) : 8 * part;
    const uint32_t mask = (uint32_t)((1ull << bits) - 1) << shift;
    const uint32_t placed = x << shift & mask;

    if (unused == 2)
        return (old & ~mask) | placed;
    if (unused == 1 && shift + bits < 32 && placed >> (shift + bits - 1) & 1)
        return placed | ~0u << (shift + bits);
    return placed;
}

static uint32_t with_signs(uint32_t x, unsigned type, bool neg, bool abs)
{
    const uint32_t sign = type == ISA_TYPE_F16 ? 0x8000 : 0x80000000;

    return (abs ? x & ~sign : x) ^ (neg ? sign : 0);
}

static void check_sdwa(struct check *c, const struct isa_opcode *op)
{
    const bool compares = op->format == ISA_VOPC, two = op->format != ISA_VOP1;
    struct state before = random_state(c), prepared = before, got, want;
    const unsigned dst = (unsigned)(check_random(c) % 7), unused = (unsigned)(check_random(c) % 3);
    uint32_t words[2] = {short_word(op, 249), A};

    for (unsigned n = 0; n < (two ? 2u : 1u); n++) {
        const uint64_t r = check_random(c);
        const unsigned part = r >> 8 & 1 ? (r >> 16) % 7 : 6, reg = n ? B : A;
        const bool real = is_real(op->src[n]), sext = !real && r & 1;
        const bool neg = real && r & 2, abs = real && r & 4;

        words[1] |= (part | sext << 3 | neg << 4 | abs << 5) << (16 + 8 * n);
        for (unsigned l = 0; l < 64; l++)
            prepared.vgpr[reg][l] =
                with_signs(selected(before.vgpr[reg][l], part, sext), op->src[n], neg, abs);
    }
    if (!compares)
        words[1] |= dst << 8 | unused << 11;
    want = reference(c, op, &prepared);
    got = run(c, &before, words);
    for (unsigned l = 0; l < 64 && !compares; l++)
        want.vgpr[CHECK_RESULT][l] =
            before.exec >> l & 1
                ? merged(before.vgpr[CHECK_RESULT][l], want.vgpr[CHECK_RESULT][l], dst, unused)
                : before.vgpr[CHECK_RESULT][l];
    compare(c, op, "sdwa", &got, &want);
}

/* DPP */

static const uint16_t controls[] = {
    0x0e4, 0x01b, 0x000, 0x0b1, 0x101, 0x10f, 0x108, 0x111, 0x11f, 0x113, 0x121,
    0x12f, 0x126, 0x130, 0x134, 0x138, 0x13c, 0x140, 0x141, 0x142, 0x143,
};

/* Lane that lane @l reads; -1: none. Row and lane arithmetic as the ISA guide's table has it. */
static int source_lane(unsigned ctrl, int l)
{
    const int row = l / 16, at = l % 16, by = ctrl % 16;

    if (ctrl < 0x100)
        return l / 4 * 4 + (ctrl >> l % 4 * 2 & 3);
    if (ctrl < 0x110)
        return at + by < 16 ? l + by : -1;
    if (ctrl < 0x120)
        return at - by >= 0 ? l - by : -1;
    if (ctrl < 0x130)
        return row * 16 + (at + 16 - by) % 16;
    switch (ctrl) {
    case 0x130:
        return l + 1 < 64 ? l + 1 : -1;
    case 0x134:
        return (l + 1) % 64;
    case 0x138:
        return l - 1;
    case 0x13c:
        return (l + 63) % 64;
    case 0x140:
        return row * 16 + 15 - at;
    case 0x141:
        return l / 8 * 8 + 7 - l % 8;
    case 0x142:
        return row > 0 ? row * 16 - 1 : -1;
    default:
        return l >= 32 ? 31 : -1;
    }
}

static void check_dpp(struct check *c, const struct isa_opcode *op)
{
    struct state before = random_state(c), prepared = before, got, want;
    const uint64_t r = check_random(c);
    const unsigned ctrl = controls[(r >> 32) % (sizeof(controls) / sizeof(controls[0]))];
    const unsigned row_mask = r & 1 ? 15 : r >> 4 & 15, bank_mask = r & 2 ? 15 : r >> 8 & 15;
    const bool bound = r & 4, real = is_real(op->src[0]);
    const bool neg = real && r & 8, abs = real && r & 0x1000;
    uint32_t words[2] = {short_word(op, 250), A};

    words[1] |= ctrl << 8 | bound << 19 | neg << 20 | abs << 21 | bank_mask << 24 |
                (uint32_t)row_mask << 28;
    for (int l = 0; l < 64; l++) {
        const int from = source_lane(ctrl, l);
        const bool valid = from >= 0 && before.exec >> from & 1;

        prepared.vgpr[A][l] = with_signs(valid ? before.vgpr[A][from] : 0, op->src[0], neg, abs);
        if ((!valid && !bound) || !(row_mask >> l / 16 & 1) || !(bank_mask >> l / 4 % 4 & 1))
            prepared.exec &= ~(1ull << l);
    }
    want = reference(c, op, &prepared);
    want.exec = before.exec;
    got = run(c, &before, words);
    compare(c, op, "dpp", &got, &want);
}

static void check_e32(struct check *c, const struct isa_opcode *op)
{
    const struct state before = random_state(c);
    const uint32_t words[2] = {short_word(op, 256 + A), 0};
    const struct state want = reference(c, op, &before), got = run(c, &before, words);

    compare(c, op, "e32", &got, &want);
}

int main(void)
{
    static struct check c;

    check_init(&c);
    for (unsigned id = 1; id < ISA_IDS; id++) {
        const struct isa_opcode *op = &isa_opcodes[id];

        if (op->format < ISA_VOP1 || op->format > ISA_VOPC || op->refused ||
            op->flags & (ISA_NO_VOP3 | ISA_SGPR_DST | ISA_NO_E64))
            continue;
        for (unsigned round = 0; round < ROUNDS; round++) {
            c.plain = round & 1;
            check_e32(&c, op);
            if (!has_sdwa_and_dpp(op))
                continue;
            if (!(op->flags & ISA_MAC)) /* no SDWA on gfx9 */
                check_sdwa(&c, op);
            if (op->format != ISA_VOPC) /* no DPP on gfx9 */
                check_dpp(&c, op);
        }
    }
    return check_finish(&c);
}
