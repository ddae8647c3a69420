// SPDX-License-Identifier: Apache-2.0
/*
 * The disassembler on a line of standard input each: the words of an instruction in hexadecimal,
 * first the one at the lowest address. Prints its text, or why there is none. For comparing with
 * other disassemblers.
 */
#include "isa/gcn/isa.h"

#include <stdio.h>
#include <stdlib.h>

int main(void)
{
    char line[256];

    while (fgets(line, sizeof(line), stdin)) {
        uint32_t words[3];
        struct isa_inst inst;
        char text[192], *at = line, *end;
        unsigned count = 0;
        enum isa_result result;

        for (; count < 3; count++, at = end) {
            words[count] = (uint32_t)strtoul(at, &end, 16);
            if (end == at)
                break;
        }
        result = isa_decode(words, count, 0, &inst);
        if (result == ISA_OK)
            isa_print(&inst, text, sizeof(text));
        puts(result == ISA_OK          ? text
             : result == ISA_TRUNCATED ? "(truncated)"
                                       : "(no instruction of compute programs)");
    }
    return 0;
}
