// SPDX-License-Identifier: Apache-2.0
/*
 * The table, the decoder and the disassembler against LLVM:
 *
 *   decode_check GROUP [RANDOM [SEED [PART OF]]]
 *       scalar, vector, vop3 or memory: the formats' opcode numbers with varied fields: what
 *       llvm-objdump-15 prints, isa_print prints too. Every row of the table is among them, and of
 *       each, some of the texts are assembled by llvm-mc-15; the words that this gives are that
 * row's again, and are compared in the same way. PART (from 1) of OF: a part of the opcode numbers.
 *   decode_check files ELF...
 *       every instruction of code objects
 *
 * Ends with "N encodings compared, N failed"; exit status 77 without LLVM.
 */
#include "isa/gcn/isa.h"

#include "encodings.h"
#include "llvm.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SKIP = 77, BATCH = 50000, SHOWN = 20, CRASHES_MAX = 20, KEPT = 16 };

/* What LLVM disassembles and is not compared: texts that begin so, or words that look so (and are
 * that long to LLVM). encodings.c leaves out one thing more: SDWA parts and "unused" that do not
 * exist, on which LLVM 15 crashes. */
static struct {
    const char *prefix;
    uint32_t mask, match;
    uint8_t bytes;
    const char *reason;
    unsigned long count;
} excluded[] = {
    {.prefix = "v_interp_", .reason = "parameter interpolation: graphics"},
    {.prefix = "image_", .reason = "images: graphics"},
    {.prefix = "exp ", .reason = "exports: graphics"},
    {.mask = 0xfffc0000,
     .match = 0xe1c40000,
     .bytes = 8,
     .reason = "MUBUF 113, gfx6's number of buffer_wbinvl1, which slips through"},
    {.mask = 0xffffffff,
     .match = 0x7e0000f9,
     .bytes = 4,
     .reason = "v_nop with a malformed SDWA word: taken for the short encoding"},
    {.mask = 0xffffffff,
     .match = 0x7e0000fa,
     .bytes = 4,
     .reason = "v_nop with a malformed DPP word: taken for the short encoding"},
};
enum { EXCLUDED = sizeof(excluded) / sizeof(excluded[0]) };

static struct {
    unsigned long compared, failed, none, crashed, assembled;
    unsigned shown;
    bool seen[ISA_IDS];
} result;

/* Some encodings of each row, to be assembled again: the first and, of the others, ever fewer. */
static struct {
    struct llvm_inst inst[KEPT];
    unsigned count, of;
} kept[ISA_IDS];

static void keep(enum isa_id id, const struct llvm_inst *inst)
{
    const unsigned n = kept[id].of++;

    if (kept[id].count < KEPT)
        kept[id].inst[kept[id].count++] = *inst;
    else if (n * 2654435761u % (n + 1) < KEPT)
        kept[id].inst[n * 2654435761u % KEPT] = *inst;
}

static bool is_excluded(const struct llvm_inst *inst)
{
    for (unsigned i = 0; i < EXCLUDED; i++) {
        const char *prefix = excluded[i].prefix;

        if (prefix ? !strncmp(inst->text, prefix, strlen(prefix))
                   : (inst->words[0] & excluded[i].mask) == excluded[i].match &&
                         inst->bytes == excluded[i].bytes) {
            excluded[i].count++;
            return true;
        }
    }
    return false;
}

static void fail(const struct llvm_inst *inst, const char *ours)
{
    result.failed++;
    if (result.shown++ < SHOWN || getenv("DECODE_CHECK_ALL"))
        printf("%08x %08x: LLVM \"%s\" (%u), here \"%s\"\n", inst->words[0],
               inst->bytes > 4 ? inst->words[1] : 0, inst->text, inst->bytes, ours);
}

static void compare(const struct llvm_inst *inst)
{
    char text[LLVM_TEXT] = "no instruction";
    struct isa_inst decoded;
    enum isa_result status;

    if (inst->bytes == 0 || strstr(inst->text, "/*")) {
        result.none++;
        return;
    }
    if (is_excluded(inst))
        return;
    result.compared++;
    status = isa_decode(inst->words, inst->count, 0, &decoded);
    if (status == ISA_OK) {
        isa_print(&decoded, text, sizeof(text));
        result.seen[isa_id(decoded.op)] = true;
    }
    if (status != ISA_OK || strcmp(text, inst->text) || decoded.bytes != inst->bytes)
        fail(inst, text);
    else
        keep(isa_id(decoded.op), inst);
}

static struct llvm_inst *batch;
static size_t batched;

/* LLVM 15 crashes on a few encodings that it does not accept: those are found by halving. */
static void run_batch(struct llvm_inst *inst, size_t count)
{
    if (llvm_disassemble(inst, count)) {
        for (size_t i = 0; i < count; i++)
            compare(&inst[i]);
    } else if (count == 1) {
        result.crashed++;
        if (getenv("DECODE_CHECK_ALL"))
            printf("%08x %08x: LLVM crashes\n", inst->words[0], inst->words[1]);
    } else if (result.crashed < CRASHES_MAX) {
        run_batch(inst, count / 2);
        run_batch(inst + count / 2, count - count / 2);
    }
}

static void flush(void)
{
    if (batched)
        run_batch(batch, batched);
    batched = 0;
}

static void take(void *context, const uint32_t *words, unsigned count)
{
    struct llvm_inst *inst = &batch[batched++];

    memcpy(inst->words, words, count * sizeof(*words));
    inst->count = count;
    if (batched == BATCH)
        flush();
}

static int report(void)
{
    printf("%lu more are no instruction to LLVM, which crashes on %lu\n", result.none,
           result.crashed);
    for (unsigned i = 0; i < EXCLUDED; i++)
        if (excluded[i].count)
            printf("%lu excluded: %s\n", excluded[i].count, excluded[i].reason);
    if (result.assembled)
        printf("%lu texts assembled again\n", result.assembled);
    if (result.crashed >= CRASHES_MAX) {
        printf("llvm-objdump-15 does not work\n");
        return 1;
    }
    printf("%lu encodings compared, %lu failed\n", result.compared, result.failed);
    return result.failed || result.compared == 0;
}

static enum encodings_group group_of(enum isa_format format)
{
    if (format <= ISA_SMEM)
        return ENCODINGS_SCALAR;
    if (format <= ISA_VOPC)
        return ENCODINGS_VECTOR;
    return format <= ISA_VOP3P ? ENCODINGS_VOP3 : ENCODINGS_MEMORY;
}

static void check_rows(enum encodings_group group)
{
    for (unsigned id = 1; id < ISA_IDS; id++)
        if (group_of(isa_opcodes[id].format) == group && !result.seen[id]) {
            printf("row %s was not seen\n", isa_opcodes[id].name);
            result.failed++;
        }
}

/* Assembles what was kept of the rows of @group. */
static bool assemble(enum encodings_group group)
{
    struct llvm_inst *all = calloc(ISA_IDS * KEPT, sizeof(*all));
    size_t count = 0, at = 0, taken = 0;
    bool ok;

    if (!all)
        return false;
    for (unsigned id = 1; id < ISA_IDS; id++)
        for (unsigned i = 0; i < kept[id].count; i++)
            all[count++] = kept[id].inst[i];
    ok = llvm_assemble(all, count);
    for (unsigned id = 1; ok && id < ISA_IDS; id++) {
        bool accepted = false;

        for (unsigned i = 0; i < kept[id].count; i++, at++) {
            struct isa_inst decoded;

            if (!all[at].bytes)
                continue;
            result.assembled++;
            accepted = true;
            if (isa_decode(all[at].words, all[at].count, 0, &decoded) != ISA_OK ||
                isa_id(decoded.op) != id)
                fail(&all[at], "another row");
            all[taken++] = all[at];
        }
        if (group_of(isa_opcodes[id].format) == group && result.seen[id] && !accepted) {
            printf("%s: llvm-mc-15 accepts none of its texts\n", isa_opcodes[id].name);
            result.failed++;
        }
    }
    if (ok)
        run_batch(all, taken);
    free(all);
    return ok;
}

/* A line of llvm-objdump about a code object: "  text  // address: WORD WORD <symbol>". */
static void file_line(const char *line)
{
    const char *comment = strstr(line, "// 0");
    struct llvm_inst inst = {0};

    if (comment && llvm_take_line(line, comment, &inst))
        compare(&inst);
}

static int check_files(int files, char **file)
{
    for (int i = 0; i < files; i++) {
        char command[1024], line[1024];
        FILE *f;

        snprintf(command, sizeof(command), "llvm-objdump-15 -d --mcpu=gfx906 '%s'", file[i]);
        f = popen(command, "r");
        while (f && fgets(line, sizeof(line), f))
            file_line(line);
        if (!f || pclose(f) != 0)
            return 1;
    }
    return report();
}

int main(int argc, char **argv)
{
    static const char *const groups[ENCODINGS_GROUPS] = {"scalar", "vector", "vop3", "memory"};
    const unsigned random = argc > 2 ? (unsigned)atoi(argv[2]) : 0;
    const uint64_t seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;
    const struct encodings_part part = {argc > 5 ? (unsigned)atoi(argv[4]) - 1 : 0,
                                        argc > 5 ? (unsigned)atoi(argv[5]) : 1};

    if (!llvm_present()) {
        printf("no llvm-objdump-15 or llvm-mc-15: skipped\n");
        return SKIP;
    }
    batch = calloc(BATCH, sizeof(*batch));
    if (!batch || part.of == 0)
        return 1;
    for (unsigned group = 0; argc > 1 && group < ENCODINGS_GROUPS; group++)
        if (!strcmp(argv[1], groups[group])) {
            encodings_make(group, random, seed, part, take, NULL);
            flush();
            if (part.of == 1)
                check_rows(group);
            if (!assemble(group))
                return 1;
            return report();
        }
    if (argc > 2 && !strcmp(argv[1], "files"))
        return check_files(argc - 2, argv + 2);
    fprintf(
        stderr,
        "usage: decode_check scalar|vector|vop3|memory [RANDOM [SEED [PART OF]]] | files ELF...\n");
    return 2;
}
