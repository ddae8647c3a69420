// SPDX-License-Identifier: Apache-2.0
/*
 * Arbitrary words through the decoder and the disassembler: whatever they hold, no more words are
 * read than were given (they stand at the end of a page before one that may not be read), nothing
 * is written past the text, and what comes out is consistent. Usage: fuzz_test COUNT [SEED].
 */
#include "isa/gcn/isa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static uint64_t state = 1;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 24);
}

/* A word that begins an instruction of some format, or any. */
static uint32_t first_word(void)
{
    static const struct {
        uint32_t match, free;
    } formats[] = {
        {0xbe800000, 0x007fffff}, {0xbf000000, 0x007fffff}, {0xbf800000, 0x007fffff},
        {0xb0000000, 0x0fffffff}, {0x80000000, 0x3fffffff}, {0x7e000000, 0x01ffffff},
        {0x7c000000, 0x01ffffff}, {0x00000000, 0x7fffffff}, {0xc0000000, 0x03ffffff},
        {0xd3800000, 0x007fffff}, {0xd0000000, 0x03ffffff}, {0xd8000000, 0x03ffffff},
        {0xdc000000, 0x03ffffff}, {0xe0000000, 0x03ffffff}, {0xe8000000, 0x03ffffff},
        {0x7e0000f9, 0x01fffe00}, {0x000000fa, 0x7ffffe00}, {0x00000000, 0xffffffff},
    };
    const unsigned f = next_random() % (sizeof(formats) / sizeof(formats[0]));

    return formats[f].match | (next_random() & formats[f].free);
}

static const char *inconsistency(const struct isa_inst *inst, size_t available)
{
    const int8_t *index[] = {&inst->memory.result,  &inst->memory.address, &inst->memory.base,
                             &inst->memory.soffset, &inst->memory.data[0], &inst->memory.data[1]};

    if (inst->bytes % 4 || inst->bytes == 0 || inst->bytes / 4 > available)
        return "its length";
    if (inst->operands > ISA_OPERANDS)
        return "the number of operands";
    for (unsigned i = 0; i < inst->operands; i++)
        if (inst->operand[i].kind > ISA_KIND_INVALID || inst->operand[i].reg >= 512)
            return "an operand";
    for (unsigned i = 0; i < 6; i++)
        if (*index[i] >= inst->operands ||
            (*index[i] >= 0 && !inst->op->access && inst->memory.segment != ISA_SEGMENT_NONE))
            return "a memory operand";
    return NULL;
}

int main(int argc, char **argv)
{
    const long page = sysconf(_SC_PAGESIZE);
    const unsigned long count = argc > 1 ? strtoul(argv[1], NULL, 0) : 100000;
    unsigned long decoded = 0;
    char *map = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (map == MAP_FAILED || mprotect(map + page, page, PROT_NONE))
        return 1;
    if (argc > 2)
        state = strtoull(argv[2], NULL, 0) | 1;
    for (unsigned long i = 0; i < count; i++) {
        const size_t available = next_random() % 4,
                     size = next_random() % 4 ? 192 : next_random() % 24;
        uint32_t *words = (uint32_t *)(map + page) - available;
        struct isa_inst inst;
        char text[192 + 1];
        const char *wrong;
        size_t length;

        for (size_t k = 0; k < available; k++)
            words[k] = k == 0 ? first_word() : next_random();
        if (isa_decode(words, available, next_random(), &inst) != ISA_OK)
            continue;
        decoded++;
        memset(text, '#', sizeof(text));
        length = isa_print(&inst, text, size);
        wrong = inconsistency(&inst, available);
        if (text[size] != '#' || length >= 192 || (size && strlen(text) >= size))
            wrong = "its text";
        if (wrong) {
            printf("%08x: %s\n", words[0], wrong);
            return 1;
        }
    }
    printf("%lu tries, %lu instructions\n", count, decoded);
    return decoded ? 0 : 1;
}
