// SPDX-License-Identifier: Apache-2.0
/*
 * See valu_check.h. The plain handler of a decoded instruction is found by its row.
 */
#include "valu_check.h"

#include "rows.h"

#include <math.h>
#include <stdlib.h>

enum { CHECK_WORDS = 4096, S_NOP = 0xbf800000 };

void check_init(struct check *c)
{
    uint32_t nop[4];

    memset(c, 0, sizeof(*c));
    c->random = 0x9e3779b97f4a7c15;
    c->harness = harness_create();
    if (!c->harness || harness_assemble("s_nop 0", nop, 4) < 0) {
        printf("no llvm-mc-15: skipped\n");
        exit(77);
    }
    c->wave = &harness_wave(c->harness, nop, 1)->wave[0];
}

int check_finish(struct check *c)
{
    printf("%u values compared, %u failed\n", c->checks, c->failures);
    harness_destroy(c->harness);
    for (unsigned i = 0; i < CHECK_TEXTS; i++) {
        free(c->text[i].text);
        free(c->text[i].words);
    }
    return c->failures ? 1 : 0;
}

static gcn_handler plain_handler(const struct isa_opcode *op)
{
    for (unsigned i = 0; i < gcn_ops_valu_count; i++)
        if (gcn_ops_valu_plain[i].id == isa_id(op))
            return gcn_ops_valu_plain[i].handler;
    return gcn_fault_illegal;
}

unsigned check_step(struct check *c, const uint32_t *words, unsigned count)
{
    struct gcn_inst inst = {0};
    unsigned size = gcn_decode(words, count, &inst);
    gcn_handler handler = inst.handler;

    if (size == 0 || inst.op->format < GCN_VOP1 || inst.op->format > GCN_VOP3P) {
        check_fail(c, "not decoded as a vector ALU instruction", 0, words[0], 0);
        return 0;
    }
    if (c->plain)
        handler = plain_handler(inst.op);
    rows_note(inst.op);
    handler(c->wave, &inst);
    if (c->wave->fault.kind != GCN_FAULT_NONE) {
        check_fail(c, inst.op->name, 0, words[0], 0);
        c->wave->fault.kind = GCN_FAULT_NONE;
        return 0;
    }
    return size;
}

/** @text assembled, from the cache if it was before; NULL: it does not assemble. */
static const struct check_text *assemble(struct check *c, const char *text)
{
    static uint32_t words[CHECK_WORDS];
    struct check_text *t = &c->text[c->texts % CHECK_TEXTS];

    for (unsigned i = 0; i < c->texts && i < CHECK_TEXTS; i++)
        if (strcmp(c->text[i].text, text) == 0)
            return &c->text[i];
    free(t->text);
    free(t->words);
    t->count = harness_assemble(text, words, CHECK_WORDS);
    t->text = strdup(text);
    t->words = t->count > 0 ? malloc((size_t)t->count * 4) : NULL;
    if (!t->text || !t->words) {
        free(t->text);
        free(t->words);
        memset(t, 0, sizeof(*t));
        return NULL;
    }
    memcpy(t->words, words, (size_t)t->count * 4);
    c->texts++;
    return t;
}

/* Remembers @text without its words. */
static void collect(struct check *c, const char *text)
{
    for (unsigned i = 0; i < c->texts; i++)
        if (strcmp(c->text[i].text, text) == 0)
            return;
    if (c->texts < CHECK_TEXTS && (c->text[c->texts].text = strdup(text)))
        c->texts++;
}

/* Fills the words of the collected texts; before each stands s_nop with its number. A text that
 * does not assemble stays without words, and is tried again when it is run. */
static void assemble_collected(struct check *c)
{
    const int max = 1 << 16;
    uint32_t *words = malloc((size_t)max * sizeof(*words));
    char *source = NULL;
    size_t size;
    FILE *f = open_memstream(&source, &size);
    int count = 0, at = 0;

    for (unsigned i = 0; f && i < c->texts; i++)
        fprintf(f, "s_nop %u\n%s\n", i, c->text[i].text);
    if (f && fclose(f) == 0 && words)
        count = harness_assemble(source, words, max);
    for (unsigned i = 0; i < c->texts && at < count; i++) {
        int end = at + 1;

        while (end < count && words[end] != (S_NOP | (i + 1)))
            end++;
        c->text[i].count = end - at - 1;
        c->text[i].words = malloc((size_t)c->text[i].count * 4 + 1);
        if (c->text[i].words)
            memcpy(c->text[i].words, words + at + 1, (size_t)c->text[i].count * 4);
        at = end;
    }
    free(source);
    free(words);
}

void check_prepare(struct check *c, void (*tests)(struct check *c))
{
    const uint64_t random = c->random;
    const unsigned checks = c->checks;
    const uint32_t mode = c->wave->mode;

    c->collecting = true;
    tests(c);
    c->collecting = false;
    c->random = random;
    c->checks = checks;
    c->wave->mode = mode;
    assemble_collected(c);
    for (unsigned i = c->texts; i-- > 0;)
        if (!c->text[i].words) { /* nothing assembled: as if it had not been met */
            free(c->text[i].text);
            c->text[i] = c->text[--c->texts];
            c->text[c->texts] = (struct check_text){0};
        }
}

void check_run(struct check *c, const char *text)
{
    const struct check_text *t = c->collecting ? NULL : assemble(c, text);

    if (c->collecting) {
        collect(c, text);
        return;
    }

    if (!t) {
        check_fail(c, text, 0, 0, 0);
        return;
    }
    for (unsigned at = 0, size = 1; at < (unsigned)t->count && size; at += size)
        size = check_step(c, t->words + at, (unsigned)t->count - at);
}

uint64_t check_random(struct check *c)
{
    c->random ^= c->random << 13;
    c->random ^= c->random >> 7;
    c->random ^= c->random << 17;
    return c->random;
}

void check_fail(struct check *c, const char *what, unsigned lane, uint64_t got, uint64_t want)
{
    if (c->collecting)
        return;
    c->repeated = c->last == what ? c->repeated + 1 : 0;
    c->last = what;
    c->failures++;
    if (c->repeated < 4)
        printf("FAIL %s (%s build), lane %u: %#llx instead of %#llx\n", what,
               c->plain ? "plain" : "fast", lane, (unsigned long long)got,
               (unsigned long long)want);
}

void check_row(struct check *c, const char *what, const uint32_t *want)
{
    c->checks += 64;
    for (unsigned l = 0; l < 64; l++)
        if (c->wave->vgpr[CHECK_RESULT][l] != want[l])
            check_fail(c, what, l, c->wave->vgpr[CHECK_RESULT][l], want[l]);
}

void check_fill(struct check *c, unsigned reg, uint32_t value)
{
    for (unsigned l = 0; l < 64; l++)
        c->wave->vgpr[reg][l] = value;
}

void check_scramble(struct check *c, unsigned reg)
{
    for (unsigned l = 0; l < 64; l++)
        c->wave->vgpr[reg][l] = (uint32_t)check_random(c);
}

double check_f16(uint16_t h)
{
    int exponent = h >> 10 & 31, fraction = h & 0x3ff;
    double magnitude = exponent == 31 ? (fraction ? NAN : INFINITY)
                       : exponent     ? ldexp(1024 + fraction, exponent - 25)
                                      : ldexp(fraction, -24);

    return h & 0x8000 ? -magnitude : magnitude;
}

uint16_t check_f16_bits(double x)
{
    uint16_t sign = signbit(x) ? 0x8000 : 0;
    double m = fabs(x), step;
    int exponent;

    if (isnan(x))
        return 0x7e00;
    if (m == 0)
        return sign;
    frexp(m, &exponent); /* m in [2^(exponent-1), 2^exponent) */
    step = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
    m = nearbyint(m / step) * step; /* ties to even: the default mode */
    if (m >= 65520)
        return sign | 0x7c00;
    if (m < 0x1p-14)
        return sign | (uint16_t)(m * 0x1p24);
    m = frexp(m, &exponent);
    return sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)((2 * m - 1) * 1024);
}
