// SPDX-License-Identifier: Apache-2.0
/*
 * The opcode numbers of the memory families against llvm-mc-15, both ways: every number of every
 * format is disassembled for gfx906 and must be the row of that mnemonic, or have no row if LLVM
 * knows none; and every row's mnemonic is assembled, with whatever operands fit it, and must give
 * its number. Exit 77 if there is no llvm-mc-15.
 */
#include "wave.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* First word of an instruction of each format, without the number, and where the number lies. */
static const struct {
    enum gcn_format format;
    uint32_t word;
    unsigned shift, count;
} formats[] = {
    {GCN_DS, 0xd8000000, 17, 256},     {GCN_FLAT, 0xdc000000, 18, 128},
    {GCN_GLOBAL, 0xdc008000, 18, 128}, {GCN_SCRATCH, 0xdc004000, 18, 128},
    {GCN_MUBUF, 0xe0000000, 18, 128},  {GCN_MTBUF, 0xe8000000, 15, 16},
};
enum { FORMATS = sizeof(formats) / sizeof(formats[0]) };

/* Operands that some instruction of these families takes. */
static const char *const operands[] = {
    "",
    " v1",
    " v0 gds",
    " gds",
    " v1, v2",
    " v1, v2 gds",
    " v1, v[2:3]",
    " v1, v[2:4]",
    " v1, v[2:5]",
    " v[1:2], v3",
    " v[1:3], v4",
    " v[1:4], v5",
    " v1, v2, v3",
    " v1, v2, v3, v4",
    " v1, v[2:3], v[4:5]",
    " v[1:2], v3, v4",
    " v[1:2], v3, v4, v5",
    " v[1:2], v3, v[4:5]",
    " v[1:2], v3, v[4:5], v[6:7]",
    " v[1:4], v5, v[6:7], v[8:9]",
    " v1, v[2:3], off",
    " v[1:2], v3, off",
    " v[1:2], v[3:4], off",
    " v[1:2], v[3:5], off",
    " v[1:2], v[3:6], off",
    " v[1:3], v[4:5], off",
    " v[1:4], v[5:6], off",
    " v[1:2], v[3:4]",
    " v[1:2], v[3:5]",
    " v[1:2], v[3:6]",
    " v[1:3], v[4:5]",
    " v[1:4], v[5:6]",
    " v1, v2, off",
    " v1, v[2:4], off",
    " v1, v[2:5], off",
    " v[1:3], v4, off",
    " v[1:4], v5, off",
    " v1, off, s[4:7], s1",
    " v[1:2], off, s[4:7], s1",
    " v[1:3], off, s[4:7], s1",
    " v[1:4], off, s[4:7], s1",
    " s[4:7], s1 lds",
};

static unsigned failures;

/** Runs llvm-mc with @options on @source; calls @line for each line with an encoding. -1: it is
 * absent. */
static int llvm_mc(const char *options, const char *source,
                   void (*line)(const char *mnemonic, uint32_t word))
{
    char path[] = "/tmp/reef-mc-XXXXXX", command[256], text[512];
    int fd = mkstemp(path), status;
    FILE *f;

    if (fd < 0 || write(fd, source, strlen(source)) != (ssize_t)strlen(source))
        return -1;
    close(fd);
    snprintf(command, sizeof(command), "llvm-mc-15 --arch=amdgcn --mcpu=gfx906 %s %s 2>/dev/null",
             options, path);
    f = popen(command, "r");
    while (f && fgets(text, sizeof(text), f)) {
        char *encoding = strstr(text, "encoding: ["), mnemonic[64];
        uint32_t bytes[4];

        if (encoding && sscanf(text, "%63s", mnemonic) == 1 &&
            sscanf(encoding, "encoding: [%x,%x,%x,%x", &bytes[0], &bytes[1], &bytes[2],
                   &bytes[3]) == 4)
            line(mnemonic, bytes[0] | bytes[1] << 8 | bytes[2] << 16 | bytes[3] << 24);
    }
    status = f ? pclose(f) : -1;
    unlink(path);
    return status == -1 || status >> 8 == 127 ? -1 : 0;
}

/** The row for a number, or NULL. */
static const struct gcn_opcode *find_number(enum gcn_format format, unsigned number)
{
    for (unsigned i = 0; i < gcn_ops_mem_count; i++)
        if (gcn_ops_mem[i].format == format && gcn_ops_mem[i].number == number)
            return &gcn_ops_mem[i];
    return NULL;
}

/** Which of formats[] and what number @word is; false: another format. */
static bool classify(uint32_t word, unsigned *n, unsigned *number)
{
    for (*n = 0; *n < FORMATS; ++*n) {
        uint32_t mask = 0xfc000000;

        if (formats[*n].format >= GCN_FLAT && formats[*n].format <= GCN_SCRATCH)
            mask |= 0xc000;
        if ((word & mask) != formats[*n].word)
            continue;
        *number = word >> formats[*n].shift & (formats[*n].count - 1);
        return true;
    }
    return false;
}

static bool known[FORMATS][256]; /* LLVM disassembles this number */

static void disassembled(const char *mnemonic, uint32_t word)
{
    const struct gcn_opcode *op;
    unsigned n, number;

    if (!classify(word, &n, &number))
        return;
    if (formats[n].format == GCN_MUBUF &&
        number == 0x71) /* LLVM: gfx6's buffer_wbinvl1 slips through */
        return;
    op = find_number(formats[n].format, number);
    known[n][number] = true;
    if (!op || strcmp(op->name, mnemonic)) {
        printf("%s %u is %s, not %s\n", gcn_format_name(formats[n].format), number, mnemonic,
               op ? op->name : "absent");
        failures++;
    }
}

static bool assembled_rows[1024];

static void assembled(const char *mnemonic, uint32_t word)
{
    unsigned n, number;

    for (unsigned i = 0; i < gcn_ops_mem_count; i++) {
        const struct gcn_opcode *op = &gcn_ops_mem[i];

        if (strcmp(op->name, mnemonic))
            continue;
        assembled_rows[i] = true;
        if (!classify(word, &n, &number) || formats[n].format != op->format ||
            number != op->number) {
            printf("%s assembles to %08x, not to %s %u\n", mnemonic, word,
                   gcn_format_name(op->format), op->number);
            failures++;
        }
    }
}

static int check_numbers(char *source)
{
    char *at = source;

    for (unsigned n = 0; n < FORMATS; n++)
        for (unsigned number = 0; number < formats[n].count; number++)
            for (unsigned form = 0; form < 2;
                 form++) { /* some exist with the gds or lds bit only */
                uint32_t word = formats[n].word | number << formats[n].shift;
                bool saddr_off =
                    formats[n].format == GCN_GLOBAL || formats[n].format == GCN_SCRATCH;

                if (form && formats[n].format != GCN_DS && formats[n].format != GCN_MUBUF)
                    continue;
                word |= form << 16;
                at +=
                    sprintf(at, "0x%02x 0x%02x 0x%02x 0x%02x 0x00 0x00 0x%02x 0x00\n", word & 0xff,
                            word >> 8 & 0xff, word >> 16 & 0xff, word >> 24, saddr_off ? 0x7f : 0);
            }
    if (llvm_mc("--disassemble --show-encoding", source, disassembled))
        return -1;
    for (unsigned i = 0; i < gcn_ops_mem_count; i++)
        for (unsigned n = 0; n < FORMATS; n++)
            if (formats[n].format == gcn_ops_mem[i].format && !known[n][gcn_ops_mem[i].number]) {
                printf("%s: LLVM knows no %s %u\n", gcn_ops_mem[i].name,
                       gcn_format_name(formats[n].format), gcn_ops_mem[i].number);
                failures++;
            }
    return 0;
}

static int check_names(char *source)
{
    char *at = source;

    for (unsigned i = 0; i < gcn_ops_mem_count; i++)
        for (unsigned k = 0; k < sizeof(operands) / sizeof(operands[0]); k++)
            at += sprintf(at, "%s%s%s\n", gcn_ops_mem[i].name, operands[k],
                          gcn_ops_mem[i].format == GCN_MTBUF ? " format:[BUF_DATA_FORMAT_32]" : "");
    if (llvm_mc("--show-encoding", source, assembled))
        return -1;
    for (unsigned i = 0; i < gcn_ops_mem_count; i++)
        if (!assembled_rows[i]) {
            printf("%s: assembles with no operands that are tried\n", gcn_ops_mem[i].name);
            failures++;
        }
    return 0;
}

int main(void)
{
    char *source = malloc(4 << 20);

    if (!source || gcn_ops_mem_count > 1024)
        return 1;
    if (system("llvm-mc-15 --version >/dev/null 2>&1") || check_numbers(source) ||
        check_names(source)) {
        printf("no llvm-mc-15: skipped\n");
        return 77;
    }
    free(source);
    printf("%u rows, %u failures\n", gcn_ops_mem_count, failures);
    return failures ? 1 : 0;
}
