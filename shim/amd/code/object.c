// SPDX-License-Identifier: Apache-2.0
/* Reading an AMD GPU code object. See object.h. */
#include "shim/amd/code/object.h"

#include <errno.h>
#include <string.h>

/* Values that older <elf.h> do not have (LLVM AMDGPU usage guide, "ELF Code Object"). */
enum {
    MACHINE_AMDGPU = 224,
    OSABI_HSA = 64,
    ABI_V3 = 1,
    ABI_V5 = 3,
    MACH_MASK = 0xff,
    SYMBOLS_MAX = 1 << 20,
};

static const struct reef_target targets[] = {
    {.mach = 0x2c, .name = "gfx900", .vgpr_granule = 4},
    {.mach = 0x2f, .name = "gfx906", .vgpr_granule = 4},
    {.mach = 0x30, .name = "gfx908", .vgpr_granule = 4},
    {.mach = 0x3f, .name = "gfx90a", .vgpr_granule = 8, .packed_ids = true},
    {.mach = 0x40, .name = "gfx940", .vgpr_granule = 8, .packed_ids = true, .flat_scratch = true},
    {.mach = 0x4c, .name = "gfx942", .vgpr_granule = 8, .packed_ids = true, .flat_scratch = true},
};

const struct reef_target *reef_target_find(unsigned mach)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        if (targets[i].mach == mach)
            return &targets[i];
    return NULL;
}

static bool within(const struct reef_object *object, uint64_t offset, uint64_t count)
{
    return offset <= object->size && count <= object->size - offset;
}

static int read_segments(struct reef_object *object)
{
    const Elf64_Ehdr *header = &object->header;
    if (header->e_phnum == 0 || header->e_phnum > REEF_OBJECT_SEGMENTS ||
        header->e_phentsize != sizeof(Elf64_Phdr) ||
        !within(object, header->e_phoff, sizeof(Elf64_Phdr) * header->e_phnum))
        return -ENOEXEC;
    object->segment_count = header->e_phnum;
    memcpy(object->segments, object->bytes + header->e_phoff, sizeof(Elf64_Phdr) * header->e_phnum);
    for (unsigned i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        if (segment->p_type != PT_LOAD)
            continue;
        if (segment->p_filesz > segment->p_memsz || segment->p_vaddr < object->vaddr_end ||
            segment->p_vaddr > UINT32_MAX || segment->p_memsz > UINT32_MAX ||
            !within(object, segment->p_offset, segment->p_filesz))
            return -ENOEXEC;
        object->vaddr_end = segment->p_vaddr + segment->p_memsz;
    }
    return object->vaddr_end ? 0 : -ENOEXEC;
}

static bool read_section(const struct reef_object *object, unsigned i, Elf64_Shdr *section)
{
    const Elf64_Ehdr *header = &object->header;
    if (i >= header->e_shnum)
        return false;
    memcpy(section, object->bytes + header->e_shoff + sizeof(*section) * i, sizeof(*section));
    return within(object, section->sh_offset,
                  section->sh_type == SHT_NOBITS ? 0 : section->sh_size);
}

/* The dynamic symbols: what ROCr's loader goes by. */
static int find_symbols(struct reef_object *object)
{
    const Elf64_Ehdr *header = &object->header;
    Elf64_Shdr symbols, strings;
    if (header->e_shentsize != sizeof(Elf64_Shdr) ||
        !within(object, header->e_shoff, sizeof(Elf64_Shdr) * (uint64_t)header->e_shnum))
        return -ENOEXEC;
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (!read_section(object, i, &symbols))
            return -ENOEXEC;
        if (symbols.sh_type != SHT_DYNSYM)
            continue;
        if (symbols.sh_entsize != sizeof(Elf64_Sym) ||
            symbols.sh_size / sizeof(Elf64_Sym) > SYMBOLS_MAX ||
            !read_section(object, symbols.sh_link, &strings) || strings.sh_type != SHT_STRTAB)
            return -ENOEXEC;
        object->symbols_offset = symbols.sh_offset;
        object->symbols_count = symbols.sh_size / sizeof(Elf64_Sym);
        object->strings_offset = strings.sh_offset;
        object->strings_size = strings.sh_size;
        return 0;
    }
    return -ENOEXEC;
}

int reef_object_open(struct reef_object *object, const void *bytes, size_t size)
{
    Elf64_Ehdr *header = &object->header;
    memset(object, 0, sizeof(*object));
    object->bytes = bytes;
    object->size = size;
    if (!bytes || size < sizeof(*header))
        return -ENOEXEC;
    memcpy(header, bytes, sizeof(*header));
    if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_ident[EI_CLASS] != ELFCLASS64 ||
        header->e_ident[EI_DATA] != ELFDATA2LSB || header->e_ident[EI_OSABI] != OSABI_HSA ||
        header->e_machine != MACHINE_AMDGPU || header->e_type != ET_DYN)
        return -ENOEXEC;
    unsigned abi = header->e_ident[EI_ABIVERSION];
    if (abi < ABI_V3 || abi > ABI_V5)
        return -ENOEXEC;
    object->version = abi + 2;
    object->target = reef_target_find(header->e_flags & MACH_MASK);
    int error = read_segments(object);
    return error ? error : find_symbols(object);
}

const uint8_t *reef_object_at(const struct reef_object *object, uint64_t va, uint64_t count)
{
    for (unsigned i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        if (segment->p_type == PT_LOAD && va >= segment->p_vaddr &&
            va - segment->p_vaddr <= segment->p_filesz &&
            count <= segment->p_filesz - (va - segment->p_vaddr))
            return object->bytes + segment->p_offset + (va - segment->p_vaddr);
    }
    return NULL;
}

const uint8_t *reef_object_code(const struct reef_object *object, uint64_t va, uint64_t *count)
{
    for (unsigned i = 0; i < object->segment_count; i++) {
        const Elf64_Phdr *segment = &object->segments[i];
        if (segment->p_type == PT_LOAD && segment->p_flags & PF_X && va >= segment->p_vaddr &&
            va - segment->p_vaddr < segment->p_filesz) {
            *count = segment->p_filesz - (va - segment->p_vaddr);
            return object->bytes + segment->p_offset + (va - segment->p_vaddr);
        }
    }
    return NULL;
}

static void read_symbol(const struct reef_object *object, uint64_t i, Elf64_Sym *symbol)
{
    memcpy(symbol, object->bytes + object->symbols_offset + i * sizeof(*symbol), sizeof(*symbol));
}

static bool read_name(const struct reef_object *object, const Elf64_Sym *symbol, const char **name,
                      size_t *length)
{
    if (symbol->st_name >= object->strings_size)
        return false;
    *name = (const char *)object->bytes + object->strings_offset + symbol->st_name;
    *length = strnlen(*name, object->strings_size - symbol->st_name);
    return *length < object->strings_size - symbol->st_name;
}

/* The size of the function that begins at the kernel's entry. */
static uint64_t code_bytes(const struct reef_object *object,
                           const struct reef_object_kernel *kernel)
{
    Elf64_Sym symbol;
    const char *name;
    size_t length;
    for (uint64_t i = 0; i < object->symbols_count; i++) {
        read_symbol(object, i, &symbol);
        if (symbol.st_value == kernel->entry_va && ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
            read_name(object, &symbol, &name, &length) && length == kernel->name_length &&
            memcmp(name, kernel->name, length) == 0)
            return symbol.st_size;
    }
    return 0;
}

/* All but its size. */
static bool read_kernel(const struct reef_object *object, const Elf64_Sym *symbol,
                        struct reef_object_kernel *kernel)
{
    int64_t offset;
    uint64_t count;
    const uint8_t *descriptor = reef_object_at(object, symbol->st_value, REEF_DESCRIPTOR_BYTES);
    if (!descriptor)
        return false;
    memcpy(kernel->descriptor, descriptor, REEF_DESCRIPTOR_BYTES);
    memcpy(&offset, descriptor + REEF_KD_ENTRY, sizeof(offset));
    kernel->descriptor_va = symbol->st_value;
    kernel->entry_va = symbol->st_value + (uint64_t)offset;
    return kernel->entry_va % 4 == 0 && reef_object_code(object, kernel->entry_va, &count);
}

static bool next_kernel(const struct reef_object *object, uint64_t *at,
                        struct reef_object_kernel *kernel, unsigned *broken)
{
    for (; *at < object->symbols_count; ++*at) {
        Elf64_Sym symbol;
        size_t length;
        read_symbol(object, *at, &symbol);
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT || symbol.st_shndx == SHN_UNDEF ||
            symbol.st_size != REEF_DESCRIPTOR_BYTES ||
            !read_name(object, &symbol, &kernel->name, &length) || length <= 3 ||
            memcmp(kernel->name + length - 3, ".kd", 3) != 0)
            continue;
        kernel->name_length = length - 3;
        if (!read_kernel(object, &symbol, kernel)) {
            ++*broken;
            continue;
        }
        ++*at;
        return true;
    }
    return false;
}

bool reef_object_next_kernel(const struct reef_object *object, uint64_t *at,
                             struct reef_object_kernel *kernel, unsigned *broken)
{
    uint64_t count = 0;
    if (!next_kernel(object, at, kernel, broken))
        return false;
    reef_object_code(object, kernel->entry_va, &count);
    kernel->code_bytes = code_bytes(object, kernel);
    if (kernel->code_bytes > count)
        kernel->code_bytes = 0;
    return true;
}

bool reef_object_next_descriptor(const struct reef_object *object, uint64_t *at,
                                 uint64_t *descriptor_va, unsigned *broken)
{
    struct reef_object_kernel kernel;
    bool found = next_kernel(object, at, &kernel, broken);
    if (found)
        *descriptor_va = kernel.descriptor_va;
    return found;
}
