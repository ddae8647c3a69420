// SPDX-License-Identifier: Apache-2.0
/*
 * Writes docs/isa-coverage.md from the instruction table: what the emulated GPU executes and what
 * it refuses, and why. Usage: coverage_page > docs/isa-coverage.md
 */
#include "isa/gcn/isa.h"

#include <stdio.h>
#include <string.h>

struct group {
    const char *title, *formats;
    enum isa_format first, last;
};

static const struct group groups[] = {
    {"Scalar ALU and program control", "SOP1, SOP2, SOPC, SOPK, SOPP", ISA_SOP1, ISA_SOPP},
    {"Scalar memory", "SMEM", ISA_SMEM, ISA_SMEM},
    {"Vector ALU, one source", "VOP1: e32, e64, SDWA, DPP", ISA_VOP1, ISA_VOP1},
    {"Vector ALU, two sources", "VOP2: e32, e64, SDWA, DPP", ISA_VOP2, ISA_VOP2},
    {"Vector compares", "VOPC: e32, e64, SDWA", ISA_VOPC, ISA_VOPC},
    {"Vector ALU, three sources and others", "VOP3", ISA_VOP3, ISA_VOP3},
    {"Packed and mixed precision, dot products", "VOP3P", ISA_VOP3P, ISA_VOP3P},
    {"Local data share", "DS", ISA_DS, ISA_DS},
    {"Memory by address", "FLAT, GLOBAL, SCRATCH", ISA_FLAT, ISA_SCRATCH},
    {"Memory by buffer descriptor", "MUBUF, MTBUF", ISA_MUBUF, ISA_MTBUF},
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

static bool in_group(const struct isa_opcode *op, const struct group *g)
{
    return op->format >= g->first && op->format <= g->last;
}

static unsigned count(const struct group *g, bool refused)
{
    unsigned n = 0;

    for (unsigned id = 1; id < ISA_IDS; id++)
        n += in_group(&isa_opcodes[id], g) && !!isa_opcodes[id].refused == refused;
    return n;
}

static void put_summary(void)
{
    unsigned executed = 0, refused = 0;

    puts("| | formats | executed | refused |\n|---|---|---|---|");
    for (unsigned i = 0; i < GROUPS; i++) {
        printf("| %s | %s | %u | %u |\n", groups[i].title, groups[i].formats,
               count(&groups[i], false), count(&groups[i], true));
        executed += count(&groups[i], false);
        refused += count(&groups[i], true);
    }
    printf("| all | | %u | %u |\n", executed, refused);
}

/* Names that wrap at about 110 columns; with @reason, those that are refused for it. */
static void put_names(const struct group *g, const char *reason)
{
    unsigned column = 0;

    for (unsigned id = 1; id < ISA_IDS; id++) {
        const struct isa_opcode *op = &isa_opcodes[id];

        if ((g && !in_group(op, g)) ||
            (reason ? !op->refused || strcmp(op->refused, reason) : !!op->refused))
            continue;
        if (column + strlen(op->name) > 110) {
            putchar('\n');
            column = 0;
        }
        column += printf("%s%s", column ? " " : "", op->name);
    }
    puts(column ? "" : "(none)");
}

static bool is_first_of_its_reason(unsigned id)
{
    for (unsigned k = 1; k < id; k++)
        if (isa_opcodes[k].refused && !strcmp(isa_opcodes[k].refused, isa_opcodes[id].refused))
            return false;
    return true;
}

int main(void)
{
    puts(
        "<!-- Generated from isa/gcn/ops_*.def by tests/isa/coverage_page.c; do not edit. -->\n"
        "# Instructions of the emulated MI50 (gfx906)\n\n"
        "What LLVM 15 assembles for gfx906, less images, exports and parameter interpolation "
        "(graphics). A refused instruction ends\n"
        "the dispatch with a fault that names it; `reef doctor --emulate mi50 PROGRAM` lists those "
        "of a program before it runs.\n");
    put_summary();
    puts("\n## Refused\n");
    for (unsigned id = 1; id < ISA_IDS; id++)
        if (isa_opcodes[id].refused && is_first_of_its_reason(id)) {
            printf("### %s\n\n", isa_opcodes[id].refused);
            put_names(NULL, isa_opcodes[id].refused);
            putchar('\n');
        }
    puts("Of the instructions below, these forms are refused too: the global data share (`gds`), "
         "`tfe`, FLAT, GLOBAL and SCRATCH\n"
         "loads straight into LDS (`lds`), `s_sendmsg` but for MSG_INTERRUPT, `s_setreg` but for MODE, `s_getreg` of "
         "registers that are not modelled,\n"
         "`s_sethalt 1`, `src_lds_direct` as an operand, and typed buffer accesses with other data "
         "formats than 32 bits a component.\n\n"
         "## Executed");
    for (unsigned i = 0; i < GROUPS; i++) {
        printf("\n### %s (%s)\n\n", groups[i].title, groups[i].formats);
        put_names(&groups[i], NULL);
    }
    return 0;
}
