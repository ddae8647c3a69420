// SPDX-License-Identifier: Apache-2.0
/* See rows.h. */
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

static bool noted[ISA_IDS];

static void write_rows(void)
{
    FILE *f = fopen(getenv("REEF_ISA_ROWS"), "a");

    if (!f)
        return;
    for (unsigned id = 1; id < ISA_IDS; id++)
        if (noted[id])
            fprintf(f, "%s\n", isa_opcodes[id].name);
    fclose(f);
}

void rows_note(const struct isa_opcode *op)
{
    static bool registered;

    if (op->format >= ISA_FORMATS)
        return;
    noted[isa_id(op)] = true;
    if (!registered && getenv("REEF_ISA_ROWS"))
        atexit(write_rows);
    registered = true;
}
