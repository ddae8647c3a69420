// SPDX-License-Identifier: Apache-2.0
/*
 * A code object around bytes of ours. See container.h. What ROCr 5.2's loader asks for, with no
 * symbols in it (libamdhsacode/amd_hsa_code.cpp, amd_elf_image.cpp): tables of section names and of
 * symbols, each with one, and a metadata note, by which it tells code object version 3 and later
 * from version 2. Newer ones ask for less.
 */
#include "shim/amd/code/container.h"

#include <string.h>

enum { NONE, NOTE, DYNSYM, SYMTAB, STRTAB, SHSTRTAB, TEXT, SECTIONS };

static const char names[] = "\0.note\0.dynsym\0.symtab\0.dynstr\0.shstrtab\0.text";
static const uint8_t name_of[SECTIONS] = {0, 1, 7, 15, 23, 31, 41};

/* Name "AMDGPU", type NT_AMDGPU_METADATA, an empty map (MessagePack). */
static const uint32_t note[] = {7, 1, 32, 0x47444d41, 0x00005550, 0x80};

/* Where in the headers. */
enum {
    AT_SEGMENT = sizeof(Elf64_Ehdr),
    AT_SECTIONS = 128,
    AT_NOTE = AT_SECTIONS + SECTIONS * sizeof(Elf64_Shdr),
    AT_SYMBOL = AT_NOTE + sizeof(note),
    AT_NAMES = AT_SYMBOL + sizeof(Elf64_Sym),
    AT_END = AT_NAMES + sizeof(names),
};
_Static_assert((int)AT_SEGMENT + sizeof(Elf64_Phdr) <= AT_SECTIONS, "no room");
_Static_assert((int)AT_END <= (int)REEF_CONTAINER_HEADERS && AT_SYMBOL % 8 == 0, "no room");

static Elf64_Shdr section(unsigned i, uint32_t type, uint64_t at, uint64_t size)
{
    return (Elf64_Shdr){.sh_name = name_of[i],
                        .sh_type = type,
                        .sh_offset = at,
                        .sh_size = size,
                        .sh_addralign = 4};
}

static Elf64_Shdr symbols(unsigned i, uint32_t type)
{
    Elf64_Shdr s = section(i, type, AT_SYMBOL, sizeof(Elf64_Sym));
    s.sh_link = STRTAB;
    s.sh_info = 1;
    s.sh_addralign = 8;
    s.sh_entsize = sizeof(Elf64_Sym);
    return s;
}

void reef_container_write(uint8_t *to, const struct reef_object *like, size_t content)
{
    Elf64_Ehdr header = like->header; /* which GPUs it is for: e_ident, e_flags */
    Elf64_Phdr segment = {.p_type = PT_LOAD,
                          .p_flags = PF_R | PF_X,
                          .p_offset = REEF_CONTAINER_HEADERS,
                          .p_filesz = content,
                          .p_memsz = content,
                          .p_align = REEF_CONTAINER_HEADERS};
    Elf64_Shdr sections[SECTIONS] = {
        [NOTE] = section(NOTE, SHT_NOTE, AT_NOTE, sizeof(note)),
        [DYNSYM] = symbols(DYNSYM, SHT_DYNSYM),
        [SYMTAB] = symbols(SYMTAB, SHT_SYMTAB),
        [STRTAB] = section(STRTAB, SHT_STRTAB, AT_NAMES, 1),
        [SHSTRTAB] = section(SHSTRTAB, SHT_STRTAB, AT_NAMES, sizeof(names)),
        [TEXT] = section(TEXT, SHT_PROGBITS, REEF_CONTAINER_HEADERS, content),
    };
    sections[TEXT].sh_flags = SHF_ALLOC | SHF_EXECINSTR;
    header.e_entry = 0;
    header.e_phoff = AT_SEGMENT;
    header.e_phnum = 1;
    header.e_shoff = AT_SECTIONS;
    header.e_shnum = SECTIONS;
    header.e_shstrndx = SHSTRTAB;
    header.e_shentsize = sizeof(Elf64_Shdr);
    memset(to, 0, REEF_CONTAINER_HEADERS);
    memcpy(to, &header, sizeof(header));
    memcpy(to + AT_SEGMENT, &segment, sizeof(segment));
    memcpy(to + AT_SECTIONS, sections, sizeof(sections));
    memcpy(to + AT_NOTE, note, sizeof(note));
    memcpy(to + AT_NAMES, names, sizeof(names));
}
