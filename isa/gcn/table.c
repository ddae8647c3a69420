// SPDX-License-Identifier: Apache-2.0
/*
 * The table's rows, and the way from a format and an opcode number to a row.
 */
#include "isa.h"

/* Why rows have no semantics. */
#define ISA_WHY_PRIVILEGED "only a trap handler may execute it"
#define ISA_WHY_FORK       "fork and join, which no compiler emits"
#define ISA_WHY_VSKIP      "skips vector instructions; no compiler emits it"
#define ISA_WHY_GRAPHICS   "of graphics shaders"
#define ISA_WHY_SCRATCH                                                                            \
    "scalar scratch memory: no compiler emits it, and how its offset counts is not documented"
#define ISA_WHY_GDS "global data share: ordered append of graphics shaders"
#define ISA_WHY_CONDXCHG                                                                           \
    "conditional exchange: no compiler emits it, and what it does is not documented"
#define ISA_WHY_UNDOCUMENTED "what it does is not documented"

const struct isa_opcode isa_opcodes[ISA_IDS] = {
#define ISA_ROW(format, number, name, D, A, B, C, access, bytes, flags, refused)                   \
    [ISA_ID_##name] = {#name,                                                                      \
                       ISA_##format,                                                               \
                       ISA_TYPE_##D,                                                               \
                       {ISA_TYPE_##A, ISA_TYPE_##B, ISA_TYPE_##C},                                 \
                       ISA_ACCESS_##access,                                                        \
                       bytes,                                                                      \
                       number,                                                                     \
                       flags,                                                                      \
                       refused},
#include "ops_all.def"
#undef ISA_ROW
};

enum { NUMBERS = 1024 };

static const uint16_t by_number[ISA_FORMATS][NUMBERS] = {
#define ISA_ROW(format, number, name, ...) [ISA_##format][number] = ISA_ID_##name,
#include "ops_all.def"
#undef ISA_ROW
};

/* Where the rows of VOPC, VOP2 and VOP1 lie in the opcode space of VOP3. */
enum { VOP3_VOP2 = 0x100, VOP3_VOP1 = 0x140, VOP3_OWN = 0x1c0 };

static const struct isa_opcode *row(enum isa_format format, unsigned number)
{
    unsigned id = by_number[format][number];

    return id ? &isa_opcodes[id] : NULL;
}

const struct isa_opcode *isa_find(enum isa_format format, unsigned number)
{
    const struct isa_opcode *op;

    if (format >= ISA_FORMATS || number >= NUMBERS)
        return NULL;
    if (format != ISA_VOP3 || number >= VOP3_OWN)
        return row(format, number);
    if (number < VOP3_VOP2)
        op = row(ISA_VOPC, number);
    else if (number < VOP3_VOP1)
        op = row(ISA_VOP2, number - VOP3_VOP2);
    else
        op = row(ISA_VOP1, number - VOP3_VOP1);
    return op && !(op->flags & ISA_NO_VOP3) ? op : NULL;
}

const char *isa_format_name(enum isa_format format)
{
    static const char *const names[] = {"SOP1", "SOP2",   "SOPC",    "SOPK",  "SOPP",  "SMEM",
                                        "VOP1", "VOP2",   "VOPC",    "VOP3",  "VOP3P", "DS",
                                        "FLAT", "GLOBAL", "SCRATCH", "MUBUF", "MTBUF"};

    return format < ISA_FORMATS ? names[format] : "?";
}

unsigned isa_type_dwords(enum isa_type type)
{
    static const uint8_t dwords[] = {
#define ISA_TYPE_DWORDS(name, n) n,
        ISA_TYPES(ISA_TYPE_DWORDS)
#undef ISA_TYPE_DWORDS
    };

    return type < sizeof(dwords) ? dwords[type] : 0;
}
