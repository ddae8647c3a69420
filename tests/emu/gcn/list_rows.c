// SPDX-License-Identifier: Apache-2.0
/* Prints the rows of the instruction table that have semantics, one a line. */
#include "isa/gcn/isa.h"

#include <stdio.h>

int main(void)
{
    for (unsigned id = 1; id < ISA_IDS; id++)
        if (!isa_opcodes[id].refused)
            puts(isa_opcodes[id].name);
    return 0;
}
