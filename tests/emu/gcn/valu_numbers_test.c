// SPDX-License-Identifier: Apache-2.0
/*
 * Opcode numbers of the vector ALU against LLVM's disassembler: every row of the table, encoded
 * with its number, must disassemble to its mnemonic; and every number that LLVM knows for gfx906
 * must have a row or stand in the list of what is not implemented (graphics, mostly).
 */
#include "wave.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_NUMBERS = 2048, LINE = 512 };

static const char *const not_implemented[] = {
    "v_interp_p1ll_f16",      "v_interp_p1lv_f16", "v_interp_p2_f16",
    "v_interp_p2_legacy_f16", "v_interp_p1_f32",   "v_interp_p2_f32",
    "v_interp_mov_f32",       "v_mqsad_u32_u8",    "v_screen_partition_4se_b32",
};

static const struct {
    enum gcn_format format;
    unsigned count;
} formats[] = {
    {GCN_VOP1, 256}, {GCN_VOP2, 62}, {GCN_VOPC, 256}, {GCN_VOP3, 1024}, {GCN_VOP3P, 128}};

/** Words of an instruction with harmless operands; returns how many. A field that the instruction
 * does not have must be 0, so there are two tries: with a last operand and without. */
static unsigned encode(enum gcn_format format, unsigned number, bool last, uint32_t *words)
{
    const uint32_t v2 = 258, v4 = 260, v6 = last ? 262 : 0;

    words[1] = v2 | v4 << 9 | v6 << 18;
    switch (format) {
    case GCN_VOP1:
        words[0] = 0x7e000000 | number << 9 | (last ? 4 << 17 | v2 : 0);
        return 1;
    case GCN_VOP2:
        words[0] = number << 25 | 4 << 17 | 6 << 9 | v2;
        words[1] = 0x3f800000; /* the constant of v_madmk */
        return number == 23 || number == 24 || number == 36 || number == 37 ? 2 : 1;
    case GCN_VOPC:
        words[0] = 0x7c000000 | number << 17 | 6 << 9 | v2;
        return 1;
    case GCN_VOP3:
        words[0] = 0xd0000000 | number << 16 | 4;
        if (number == 649 || number == 650) /* lane numbers are scalar */
            words[1] = (number == 649 ? v2 : 3) | 5 << 9;
        return 2;
    default:
        words[0] = 0xd3800000 | number << 16 | (last ? 0x4000 : 0) | 4;
        words[1] |= 3u << 27;
        return 2;
    }
}

/* Numbers of VOP3 that are tested in the shorter formats that they follow from, or as VOP3P. */
static bool is_elsewhere(unsigned number)
{
    return number < 0x1c0 || number >= 0x380;
}

static const struct gcn_opcode *find(enum gcn_format format, unsigned number)
{
    for (unsigned i = 0; i < gcn_ops_valu_count; i++)
        if (gcn_ops_valu_plain[i].format == format && gcn_ops_valu_plain[i].number == number)
            return &gcn_ops_valu_plain[i];
    return NULL;
}

static void write_words(FILE *f, const uint32_t *words, unsigned count)
{
    for (unsigned i = 0; i < 4 * count; i++)
        fprintf(f, "0x%02x ", words[i / 4] >> (8 * (i & 3)) & 0xff);
    fprintf(f, "\n");
}

/** Writes the tries of each number, followed by s_movk_i32 s0, index to tell them apart. */
static void write_input(FILE *f)
{
    uint32_t index = 0, words[2];

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        for (unsigned number = 0; number < formats[i].count; number++, index++) {
            uint32_t marker = 0xb0000000 | index;

            write_words(f, words, encode(formats[i].format, number, true, words));
            write_words(f, words, encode(formats[i].format, number, false, words));
            write_words(f, &marker, 1);
        }
}

/** Bytes of the instruction with index @index in the input. */
static unsigned size_of(unsigned index)
{
    uint32_t words[2];

    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if (index < formats[i].count)
            return 4 * encode(formats[i].format, index, true, words);
        index -= formats[i].count;
    }
    return 0;
}

/** Cuts the mnemonic out of a line of disassembly that used up @size bytes (else: these are the
 * rest of an unknown instruction), without _e32, _e64 and the like. */
static bool mnemonic(const char *line, unsigned size, char *name)
{
    static const char *const suffixes[] = {"_e32", "_e64", "_sdwa", "_dpp"};
    const char *encoding = strstr(line, "encoding: [");
    unsigned bytes = 1;

    for (const char *p = encoding; p && *p; p++)
        bytes += *p == ',';
    if (!encoding || bytes != size || sscanf(line, " %63[a-z0-9_]", name) != 1)
        return false;
    for (unsigned i = 0; i < 4; i++) {
        size_t length = strlen(name), cut = strlen(suffixes[i]);
        if (length > cut && strcmp(name + length - cut, suffixes[i]) == 0)
            name[length - cut] = 0;
    }
    return true;
}

static bool compare(enum gcn_format format, unsigned number, const char *llvm)
{
    const struct gcn_opcode *op = find(format, number);

    if (format == GCN_VOP3 && is_elsewhere(number))
        return true;
    if (!op && !llvm[0])
        return true;
    if (!op) {
        for (unsigned i = 0; i < sizeof(not_implemented) / sizeof(not_implemented[0]); i++)
            if (strcmp(not_implemented[i], llvm) == 0)
                return true;
        printf("FAIL %s (%s %u) has no row\n", llvm, gcn_format_name(format), number);
        return false;
    }
    if (strcmp(op->name, llvm) == 0)
        return true;
    printf("FAIL %s %u is %s, not %s\n", gcn_format_name(format), number,
           llvm[0] ? llvm : "nothing", op->name);
    return false;
}

static int check_output(FILE *f)
{
    static char names[MAX_NUMBERS][64];
    char line[LINE], pending[64] = "";
    unsigned index = 0, failures = 0, rows = 0;
    int marker = 0;

    while (fgets(line, sizeof(line), f)) {
        char name[64];

        if (sscanf(line, " s_movk_i32 s0, %i", &marker) == 1) {
            if (marker >= 0 && marker < MAX_NUMBERS)
                memcpy(names[marker], pending, sizeof(pending));
            pending[0] = 0;
            marker++;
        } else if (mnemonic(line, size_of((unsigned)marker), name)) {
            memcpy(pending, name, sizeof(pending));
        }
    }
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        for (unsigned number = 0; number < formats[i].count; number++, index++) {
            rows += find(formats[i].format, number) != NULL;
            failures += !compare(formats[i].format, number, names[index]);
        }
    if (rows != gcn_ops_valu_count) {
        printf("FAIL the table has %u rows, %u were looked at\n", gcn_ops_valu_count, rows);
        failures++;
    }
    printf("%u rows, %u failures\n", rows, failures);
    return failures ? 1 : 0;
}

int main(void)
{
    char input[] = "/tmp/valu_numbers.XXXXXX", command[256];
    int fd, result;
    FILE *f;

    if (system("llvm-mc-15 --version >/dev/null 2>&1") != 0) {
        printf("no llvm-mc-15: skipped\n");
        return 77;
    }
    fd = mkstemp(input);
    if (fd < 0 || !(f = fdopen(fd, "w")))
        return 1;
    write_input(f);
    fclose(f);
    snprintf(command, sizeof(command),
             "llvm-mc-15 -disassemble -show-encoding -arch=amdgcn -mcpu=gfx906 %s 2>/dev/null",
             input);
    f = popen(command, "r");
    result = f ? check_output(f) : 1;
    if (f)
        pclose(f);
    unlink(input);
    return result;
}
