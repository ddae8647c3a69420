// SPDX-License-Identifier: Apache-2.0
/*
 * The microcode formats as fields with interesting values ("AMD Vega 7nm Instruction Set
 * Architecture").
 */
#include "encodings.h"

#include <stddef.h>
#include <string.h>

enum kind {
    SCALAR,     /* 8-bit scalar source */
    SOURCE,     /* 9-bit source */
    SCALAR_DST, /* 7 bits */
    MASK_DST,   /* 8 bits of which 7 are used */
    VECTOR,     /* 8-bit VGPR number */
    PAIR,       /* 6 bits: SGPR pair; 5 bits: SGPR quad */
    BITS,       /* all values, if there are few */
    SELECT,     /* 3 bits: SDWA's part of a register; LLVM crashes on 7 */
    UNUSED,     /* 2 bits: what SDWA does to the rest; LLVM crashes on 3 */
    SIMM,       /* 16 bits or so */
    LITERAL,
};

struct field {
    uint8_t word, low, width, kind;
};

enum { FIELDS = 16 };

struct layout {
    uint32_t match[2];
    uint8_t number_low, number_width;
    uint16_t numbers;
    uint8_t words;
    struct field fields[FIELDS];
};

/* SDWA and DPP words stand behind VOP1, VOP2, VOPC, whose source 0 is then 249 or 250. */
#define SDWA_WORD                                                                                  \
    {1, 0, 8, SCALAR}, {1, 8, 3, SELECT}, {1, 11, 2, UNUSED}, {1, 13, 1, BITS}, {1, 14, 2, BITS},  \
        {1, 16, 3, SELECT}, {1, 19, 1, BITS}, {1, 20, 2, BITS}, {1, 23, 1, BITS},                  \
        {1, 24, 3, SELECT}, {1, 27, 1, BITS}, {1, 28, 2, BITS},                                    \
    {                                                                                              \
        1, 31, 1, BITS                                                                             \
    }
#define DPP_WORD                                                                                   \
    {1, 0, 8, VECTOR}, {1, 8, 9, BITS}, {1, 19, 1, BITS}, {1, 20, 4, BITS}, {1, 24, 4, BITS},      \
    {                                                                                              \
        1, 28, 4, BITS                                                                             \
    }

// clang-format off
static const struct layout layouts[] = {
    /* SOP1, SOP2, SOPC, SOPK, SOPP */
    {{0xbe800000, 0}, 8, 8, 256, 2, {{0, 0, 8, SCALAR}, {0, 16, 7, SCALAR_DST}, {1, 0, 32, LITERAL}}},
    {{0x80000000, 0}, 23, 7, 96, 2,
     {{0, 0, 8, SCALAR}, {0, 8, 8, SCALAR}, {0, 16, 7, SCALAR_DST}, {1, 0, 32, LITERAL}}},
    {{0xbf000000, 0}, 16, 7, 128, 2, {{0, 0, 8, SCALAR}, {0, 8, 8, SCALAR}, {1, 0, 32, LITERAL}}},
    {{0xb0000000, 0}, 23, 5, 28, 2, {{0, 0, 16, SIMM}, {0, 16, 7, SCALAR_DST}, {1, 0, 32, LITERAL}}},
    {{0xbf800000, 0}, 16, 7, 128, 1, {{0, 0, 16, SIMM}}},
    /* SMEM: immediate, SGPR, both */
    {{0xc0020000, 0}, 18, 8, 256, 2,
     {{0, 0, 6, PAIR}, {0, 6, 7, SCALAR_DST}, {0, 14, 1, BITS}, {0, 16, 1, BITS}, {1, 0, 21, SIMM},
      {1, 25, 7, SCALAR_DST}}},
    {{0xc0000000, 0}, 18, 8, 256, 2,
     {{0, 0, 6, PAIR}, {0, 6, 7, SCALAR_DST}, {0, 14, 1, BITS}, {0, 16, 1, BITS}, {1, 0, 7, SCALAR_DST},
      {1, 25, 7, SCALAR_DST}}},
    /* VOP1, VOP2, VOPC: plain, SDWA, DPP */
    {{0x7e000000, 0}, 9, 8, 256, 2, {{0, 0, 9, SOURCE}, {0, 17, 8, VECTOR}, {1, 0, 32, LITERAL}}},
    {{0x7e0000f9, 0x00060600}, 9, 8, 256, 2, {{0, 17, 8, VECTOR}, SDWA_WORD}},
    {{0x7e0000fa, 0xff000000}, 9, 8, 256, 2, {{0, 17, 8, VECTOR}, DPP_WORD}},
    {{0x00000000, 0}, 25, 6, 62, 2,
     {{0, 0, 9, SOURCE}, {0, 9, 8, VECTOR}, {0, 17, 8, VECTOR}, {1, 0, 32, LITERAL}}},
    {{0x000000f9, 0x06060600}, 25, 6, 62, 2, {{0, 9, 8, VECTOR}, {0, 17, 8, VECTOR}, SDWA_WORD}},
    {{0x000000fa, 0xff000000}, 25, 6, 62, 2, {{0, 9, 8, VECTOR}, {0, 17, 8, VECTOR}, DPP_WORD}},
    {{0x7c000000, 0}, 17, 8, 256, 2, {{0, 0, 9, SOURCE}, {0, 9, 8, VECTOR}, {1, 0, 32, LITERAL}}},
    {{0x7c0000f9, 0x06060000}, 17, 8, 256, 2,
     {{0, 9, 8, VECTOR}, {1, 0, 8, SCALAR}, {1, 8, 7, SCALAR_DST}, {1, 15, 1, BITS}, {1, 16, 3, SELECT},
      {1, 19, 1, BITS}, {1, 20, 2, BITS}, {1, 23, 1, BITS}, {1, 24, 3, SELECT}, {1, 27, 1, BITS},
      {1, 28, 2, BITS}, {1, 31, 1, BITS}}},
    {{0x7c0000fa, 0xff000000}, 17, 8, 256, 2, {{0, 9, 8, VECTOR}, DPP_WORD}},
    /* VOP3 with one, two and three sources, and with a scalar destination */
    {{0xd0000000, 0}, 16, 10, 896, 2,
     {{0, 0, 8, VECTOR}, {0, 8, 3, BITS}, {0, 11, 4, BITS}, {0, 15, 1, BITS}, {1, 0, 9, SOURCE},
      {1, 27, 2, BITS}, {1, 29, 1, BITS}}},
    {{0xd0000000, 0}, 16, 10, 896, 2,
     {{0, 0, 8, VECTOR}, {0, 8, 3, BITS}, {0, 11, 4, BITS}, {0, 15, 1, BITS}, {1, 0, 9, SOURCE},
      {1, 9, 9, SOURCE}, {1, 27, 2, BITS}, {1, 29, 2, BITS}}},
    {{0xd0000000, 0}, 16, 10, 896, 2,
     {{0, 0, 8, VECTOR}, {0, 8, 3, BITS}, {0, 11, 4, BITS}, {0, 15, 1, BITS}, {1, 0, 9, SOURCE},
      {1, 9, 9, SOURCE}, {1, 18, 9, SOURCE}, {1, 27, 2, BITS}, {1, 29, 3, BITS}}},
    {{0xd0000000, 0}, 16, 10, 896, 2,
     {{0, 0, 8, MASK_DST}, {0, 8, 7, SCALAR_DST}, {0, 15, 1, BITS}, {1, 0, 9, SOURCE}, {1, 9, 9, SOURCE},
      {1, 18, 9, SOURCE}, {1, 27, 2, BITS}, {1, 29, 3, BITS}}},
    /* VOP3P with two and three sources */
    {{0xd3800000, 0x18000000}, 16, 7, 128, 2,
     {{0, 0, 8, VECTOR}, {0, 8, 2, BITS}, {0, 11, 2, BITS}, {0, 14, 1, BITS}, {0, 15, 1, BITS},
      {1, 0, 9, SOURCE}, {1, 9, 9, SOURCE}, {1, 27, 2, BITS}, {1, 29, 2, BITS}}},
    {{0xd3804000, 0x18000000}, 16, 7, 128, 2,
     {{0, 0, 8, VECTOR}, {0, 8, 3, BITS}, {0, 11, 3, BITS}, {0, 14, 1, BITS}, {0, 15, 1, BITS},
      {1, 0, 9, SOURCE}, {1, 9, 9, SOURCE}, {1, 18, 9, SOURCE}, {1, 27, 2, BITS}, {1, 29, 3, BITS}}},
    /* DS with the fields that only some have, and with all */
    {{0xd8000000, 0}, 17, 8, 256, 2,
     {{0, 0, 16, SIMM}, {0, 16, 1, BITS}, {1, 0, 8, VECTOR}, {1, 8, 8, VECTOR}, {1, 16, 8, VECTOR},
      {1, 24, 8, VECTOR}}},
    {{0xd8000000, 0}, 17, 8, 256, 2,
     {{0, 0, 16, SIMM}, {0, 16, 1, BITS}, {1, 0, 8, VECTOR}, {1, 24, 8, VECTOR}}},
    {{0xd8000000, 0}, 17, 8, 256, 2,
     {{0, 0, 16, SIMM}, {0, 16, 1, BITS}, {1, 0, 8, VECTOR}, {1, 8, 8, VECTOR}, {1, 24, 8, VECTOR}}},
    /* FLAT, SCRATCH, GLOBAL */
    {{0xdc000000, 0}, 18, 7, 128, 2,
     {{0, 0, 12, SIMM}, {0, 16, 1, BITS}, {0, 17, 1, BITS}, {1, 0, 8, VECTOR}, {1, 8, 8, VECTOR},
      {1, 24, 8, VECTOR}}},
    {{0xdc004000, 0x007f0000}, 18, 7, 128, 2,
     {{0, 0, 13, SIMM}, {0, 13, 1, BITS}, {0, 16, 1, BITS}, {0, 17, 1, BITS}, {1, 0, 8, VECTOR},
      {1, 8, 8, VECTOR}, {1, 16, 7, SCALAR_DST}, {1, 24, 8, VECTOR}}},
    {{0xdc008000, 0x007f0000}, 18, 7, 128, 2,
     {{0, 0, 13, SIMM}, {0, 13, 1, BITS}, {0, 16, 1, BITS}, {0, 17, 1, BITS}, {1, 0, 8, VECTOR},
      {1, 8, 8, VECTOR}, {1, 16, 7, SCALAR_DST}, {1, 24, 8, VECTOR}}},
    /* MUBUF, MTBUF */
    {{0xe0000000, 0}, 18, 7, 128, 2,
     {{0, 0, 12, SIMM}, {0, 12, 2, BITS}, {0, 14, 1, BITS}, {0, 16, 1, BITS}, {0, 17, 1, BITS},
      {1, 0, 8, VECTOR}, {1, 8, 8, VECTOR}, {1, 16, 5, PAIR}, {1, 23, 1, BITS}, {1, 24, 8, SCALAR}}},
    {{0xe8000000, 0}, 15, 4, 16, 2,
     {{0, 0, 12, SIMM}, {0, 12, 2, BITS}, {0, 14, 1, BITS}, {0, 19, 4, BITS}, {0, 23, 3, BITS},
      {1, 0, 8, VECTOR}, {1, 8, 8, VECTOR}, {1, 16, 5, PAIR}, {1, 22, 1, BITS}, {1, 23, 1, BITS},
      {1, 24, 8, SCALAR}}},
};
// clang-format on

static uint64_t state;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 24);
}

static const uint16_t scalars[] = {
    0,   1,   2,   3,   4,   8,   100, 101, 102, 103, 104, 105, 106, 107, 108,
    109, 110, 112, 120, 123, 124, 125, 126, 127, 128, 129, 191, 192, 193, 194,
    208, 209, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244, 245, 246,
    247, 248, 249, 250, 251, 252, 253, 254, 255, 256, 257, 258, 260, 510, 511,
};
static const uint32_t immediates[] = {
    0,      1,      2,      3,      4,      8,      15,      16,       17,       31,     32,
    63,     64,     65,     127,    128,    255,    256,     1023,     1024,     2047,   2048,
    4095,   4096,   8191,   0x4000, 0x7fff, 0x8000, 0x8001,  0x80e4,   0x841f,   0x041f, 0x1c1f,
    0x7c1f, 0x0018, 0x003c, 0xc000, 0xc03f, 0xcf7f, 0x0f70,  0x3f70,   0xe000,   0xe01f, 0xf801,
    0x1801, 0x0042, 0xf803, 0xfffe, 0xffff, 0xff80, 0xfffff, 0x100000, 0x1fffff,
};
/* In the last ones the lower half stands for an inline constant, the whole does not. */
static const uint32_t literals[] = {
    0,          1,          64,         65,         0xffffffff, 0xfffffff0, 0xffffffef, 0x7f,
    0xff,       0xffff,     0xfff0,     0xffef,     0x10000,    0x12345678, 0x3f000000, 0xbf000000,
    0x3f800000, 0xbf800000, 0x40000000, 0xc0000000, 0x40800000, 0xc0800000, 0x3e22f983, 0x3e22f984,
    0x3800,     0xb800,     0x3c00,     0xbc00,     0x4000,     0xc400,     0x3118,     0x3ff00000,
    0xdeadbeef, 0x80000000, 0x7fffffff, 0x00013c00, 0xffff0005, 0xd6725eef,
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Number of interesting values of a field, and one of them. */
static unsigned interesting(const struct field *f, unsigned i, uint32_t *value)
{
    static const uint16_t vectors[] = {0, 1, 2, 5, 128, 252, 254, 255};
    unsigned n;

    switch (f->kind) {
    case SCALAR:
    case SOURCE:
    case SCALAR_DST:
    case MASK_DST:
        for (n = 0; n < COUNT(scalars) && scalars[n] < 1u << f->width; n++)
            ;
        *value = scalars[i % n];
        return n;
    case VECTOR:
        *value = vectors[i % COUNT(vectors)];
        return COUNT(vectors);
    case SIMM:
        for (n = 0; n < COUNT(immediates) && immediates[n] < 1u << f->width; n++)
            ;
        *value = immediates[i % n];
        return n;
    case LITERAL:
        *value = literals[i % COUNT(literals)];
        return COUNT(literals);
    case SELECT:
        *value = i % 7;
        return 7;
    case UNUSED:
        *value = i % 3;
        return 3;
    default:
        *value = i & ((1u << f->width) - 1);
        return 1u << f->width;
    }
}

static uint32_t field_mask(const struct field *f)
{
    return (f->width == 32 ? ~0u : (1u << f->width) - 1) << f->low;
}

static void set(uint32_t *words, const struct field *f, uint32_t value)
{
    words[f->word] = (words[f->word] & ~field_mask(f)) | (value << f->low & field_mask(f));
}

static void randomise(uint32_t *words, const struct field *f)
{
    uint32_t value;

    interesting(f, next_random(), &value);
    set(words, f,
        f->kind == SELECT || f->kind == UNUSED || next_random() % 2 ? value : next_random());
}

/* Source 0 of VOP1, VOP2, VOPC turns what is behind into an SDWA or DPP word, which has layouts of
 * its own. */
static bool is_other_layout(const struct layout *l, const uint32_t *words)
{
    const uint32_t source = words[0] & 0x1ff;

    return l->match[0] < 0x80000000 && (source == 0xf9 || source == 0xfa) &&
           source != (l->match[0] & 0x1ff);
}

static void opcode(const struct layout *l, unsigned number, unsigned random, encodings_take take,
                   void *context)
{
    uint32_t base[3] = {l->match[0] | (uint32_t)number << l->number_low, l->match[1], 0};
    unsigned fields = 0;

    /* Sources are VGPRs apart from the destination where they are not varied: that is always legal.
     */
    for (; fields < FIELDS && l->fields[fields].width; fields++)
        if (l->fields[fields].kind == SOURCE)
            set(base, &l->fields[fields], 264 + l->fields[fields].low / 9 * 4);
    /* One field at a time; in a second round some of the others are random. */
    for (unsigned round = 0; round < (random ? 2 : 1); round++)
        for (unsigned n = 0; n < fields; n++) {
            uint32_t value;
            unsigned count = interesting(&l->fields[n], 0, &value);

            for (unsigned i = 0; i < count; i++) {
                uint32_t words[3];

                memcpy(words, base, sizeof(words));
                for (unsigned k = 0; round && k < fields; k++)
                    if (next_random() % 4 == 0)
                        randomise(words, &l->fields[k]);
                interesting(&l->fields[n], i, &value);
                set(words, &l->fields[n], value);
                if (!is_other_layout(l, words))
                    take(context, words, l->words);
            }
        }
    for (unsigned i = 0; i < random; i++) {
        uint32_t words[3];

        memcpy(words, base, sizeof(words));
        for (unsigned k = 0; k < fields; k++)
            randomise(words, &l->fields[k]);
        if (!is_other_layout(l, words))
            take(context, words, l->words);
    }
}

/* The format that a layout begins with. */
static enum encodings_group group_of(const struct layout *l)
{
    const uint32_t word = l->match[0];

    if (word < 0x80000000)
        return ENCODINGS_VECTOR;
    if (word < 0xd0000000)
        return ENCODINGS_SCALAR;
    return word < 0xd8000000 ? ENCODINGS_VOP3 : ENCODINGS_MEMORY;
}

void encodings_make(enum encodings_group group, unsigned random, uint64_t seed,
                    struct encodings_part part, encodings_take take, void *context)
{
    for (unsigned l = 0; l < COUNT(layouts); l++)
        for (unsigned number = 0; number < layouts[l].numbers; number++)
            if (group_of(&layouts[l]) == group && number % part.of == part.index) {
                state = (seed << 32 | l << 16 | number << 1) + 1;
                opcode(&layouts[l], number, random, take, context);
            }
}
