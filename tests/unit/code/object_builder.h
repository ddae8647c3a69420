// SPDX-License-Identifier: Apache-2.0
/* A code object made by hand: two kernels, the layout that lld gives. For tests. */
#pragma once

#include <string.h>

#include "shim/amd/code/guarded.h"

enum {
    BUILT_SIZE = 0x3000,
    BUILT_DESCRIPTORS = 0x800, /* file offset and address, as everything below */
    BUILT_CODE = 0x1000,
    BUILT_SECTIONS = 0x2000,
};

static const char built_strings[] = "\0one.kd\0one\0two.kd\0two";

struct built {
    uint8_t bytes[BUILT_SIZE];
};

static inline void built_segment(struct built *b, unsigned i, uint32_t type, uint32_t flags,
                                 uint64_t at, uint64_t size)
{
    Elf64_Phdr segment = {.p_type = type,
                          .p_flags = flags,
                          .p_offset = at,
                          .p_vaddr = at,
                          .p_paddr = at,
                          .p_filesz = size,
                          .p_memsz = size,
                          .p_align = 0x1000};
    memcpy(b->bytes + sizeof(Elf64_Ehdr) + i * sizeof(segment), &segment, sizeof(segment));
}

static inline void built_symbol(struct built *b, unsigned i, uint32_t name, unsigned type,
                                uint64_t value, uint64_t size)
{
    Elf64_Sym symbol = {.st_name = name,
                        .st_info = ELF64_ST_INFO(STB_GLOBAL, type),
                        .st_shndx = 1,
                        .st_value = value,
                        .st_size = size};
    memcpy(b->bytes + 0x400 + i * sizeof(symbol), &symbol, sizeof(symbol));
}

static inline void built_descriptor(struct built *b, unsigned kernel, uint32_t rsrc1,
                                    uint32_t rsrc2)
{
    uint64_t at = BUILT_DESCRIPTORS + kernel * 64u;
    int64_t entry = (int64_t)(BUILT_CODE + kernel * 0x100u - at);
    uint8_t *d = b->bytes + at;
    memset(d, 0, 64);
    memcpy(d + REEF_KD_ENTRY, &entry, sizeof(entry));
    memcpy(d + REEF_KD_RSRC1, &rsrc1, sizeof(rsrc1));
    memcpy(d + REEF_KD_RSRC2, &rsrc2, sizeof(rsrc2));
}

static inline void built_make(struct built *b, unsigned mach, unsigned abi)
{
    memset(b, 0, sizeof(*b));
    Elf64_Ehdr header = {
        .e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT, 64,
                    (unsigned char)abi},
        .e_type = ET_DYN,
        .e_machine = 224,
        .e_version = EV_CURRENT,
        .e_phoff = sizeof(Elf64_Ehdr),
        .e_shoff = BUILT_SECTIONS,
        .e_flags = 0x500 | mach,
        .e_ehsize = sizeof(Elf64_Ehdr),
        .e_phentsize = sizeof(Elf64_Phdr),
        .e_phnum = 3,
        .e_shentsize = sizeof(Elf64_Shdr),
        .e_shnum = 3,
    };
    memcpy(b->bytes, &header, sizeof(header));
    built_segment(b, 0, PT_LOAD, PF_R, 0, 0x900);
    built_segment(b, 1, PT_LOAD, PF_R | PF_X, BUILT_CODE, 0x300);
    built_segment(b, 2, PT_GNU_STACK, PF_R | PF_W, 0, 0);
    built_symbol(b, 1, 1, STT_OBJECT, BUILT_DESCRIPTORS, 64);
    built_symbol(b, 2, 8, STT_FUNC, BUILT_CODE, 0x40);
    built_symbol(b, 3, 12, STT_OBJECT, BUILT_DESCRIPTORS + 64, 64);
    built_symbol(b, 4, 19, STT_FUNC, BUILT_CODE + 0x100, 0x40);
    memcpy(b->bytes + 0x600, built_strings, sizeof(built_strings));
    Elf64_Shdr sections[3] = {
        {.sh_type = SHT_NULL},
        {.sh_type = SHT_DYNSYM,
         .sh_offset = 0x400,
         .sh_size = 5 * sizeof(Elf64_Sym),
         .sh_link = 2,
         .sh_entsize = sizeof(Elf64_Sym)},
        {.sh_type = SHT_STRTAB, .sh_offset = 0x600, .sh_size = sizeof(built_strings)},
    };
    memcpy(b->bytes + BUILT_SECTIONS, sections, sizeof(sections));
    /* 8 user SGPRs, work-group id x, one id VGPR; and 16, all ids, private memory, three VGPRs. */
    built_descriptor(b, 0, 0, 8 << 1 | 1 << 7);
    built_descriptor(b, 1, 3, 16 << 1 | 7 << 7 | 1 | 2 << 11);
    for (unsigned at = BUILT_CODE; at < BUILT_CODE + 0x300; at += 4)
        memcpy(b->bytes + at, &(uint32_t){0xbf800000u}, 4);
    memcpy(b->bytes + BUILT_CODE + 0x120, &(uint32_t){0xbf8a0000u}, 4); /* "two" has a barrier */
}
