// SPDX-License-Identifier: Apache-2.0
/*
 * Names of kernels, for durations by name. The driver sees only addresses; but ROCr keeps a list of
 * the code objects it has loaded for debuggers (_amdgpu_r_debug, a struct r_debug as <link.h> has
 * it), and in a code object's symbol table NAME.kd is the kernel descriptor that packets point to.
 *
 * Sources: LLVM AMDGPU usage guide, "Loaded Code Object Path Uniform Resource Identifier (URI)" and
 * "Symbol Table"; ROCr 5.2, core/runtime/amd_loader_context.cpp.
 *
 * Threading: under the engine's lock. Code objects are unloaded by program threads; a program must
 * not unload what it has just launched, so the object asked for stays, and the list is only read
 * while it is consistent. Nothing is kept: an address may belong to another kernel the next time.
 */
#include "engine.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The bytes of a code object's ELF file. */
struct image {
    const char *bytes;
    uint64_t size;
    void *mapped; /* owned; MAP_FAILED: they lie in the program's own memory */
    size_t mapped_bytes;
};

static const struct r_debug *code_objects(void)
{
    const struct r_debug *list = dlsym(RTLD_DEFAULT, "_amdgpu_r_debug");
    void *runtime = list ? NULL : dlopen("libhsa-runtime64.so.1", RTLD_LAZY | RTLD_NOLOAD);

    if (runtime) {
        list = dlsym(runtime, "_amdgpu_r_debug");
        dlclose(runtime);
    }
    return list && list->r_state == RT_CONSISTENT ? list : NULL;
}

/* Maps [offset, offset + size) of the file whose percent-encoded path ends before @end. */
static bool map_file(struct image *image, const char *path, const char *end, uint64_t offset)
{
    uint64_t skip = offset % (uint64_t)sysconf(_SC_PAGESIZE);
    char decoded[PATH_MAX];
    size_t used = 0;
    int fd;

    for (; path < end && used < sizeof(decoded) - 1; path++) {
        unsigned code = 0;

        if (*path == '%' && sscanf(path + 1, "%2x", &code) == 1)
            path += 2;
        decoded[used++] = code ? (char)code : *path;
    }
    decoded[used] = '\0';
    fd = emu_real_open(decoded, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    image->mapped_bytes = image->size + skip;
    image->mapped =
        mmap(NULL, image->mapped_bytes, PROT_READ, MAP_PRIVATE, fd, (off_t)(offset - skip));
    close(fd);
    if (image->mapped == MAP_FAILED)
        return false;
    image->bytes = (const char *)image->mapped + skip;
    return true;
}

/* memory://PID#offset=ADDRESS&size=BYTES or file://PATH#offset=BYTES&size=BYTES */
static bool image_open(struct image *image, const char *uri)
{
    const char *fragment = uri ? strrchr(uri, '#') : NULL;
    const char *offset = fragment ? strstr(fragment, "offset=") : NULL;
    const char *size = fragment ? strstr(fragment, "size=") : NULL;

    *image = (struct image){.mapped = MAP_FAILED};
    if (!offset || !size)
        return false;
    image->size = strtoull(size + 5, NULL, 0);
    if (strncmp(uri, "memory://", 9) == 0)
        image->bytes = (const char *)(uintptr_t)strtoull(offset + 7, NULL, 0);
    else if (strncmp(uri, "file://", 7) != 0 ||
             !map_file(image, uri + 7, fragment, strtoull(offset + 7, NULL, 0)))
        return false;
    return image->bytes && image->size >= sizeof(Elf64_Ehdr) &&
           memcmp(image->bytes, ELFMAG, SELFMAG) == 0;
}

static void image_close(struct image *image)
{
    if (image->mapped != MAP_FAILED)
        munmap(image->mapped, image->mapped_bytes);
}

/* [offset, offset + count * size) of the image, or NULL if that is not inside. */
static const void *part(const struct image *image, uint64_t offset, uint64_t count, uint64_t size)
{
    if (offset > image->size || count > (image->size - offset) / size)
        return NULL;
    return image->bytes + offset;
}

/* Copies NAME of the symbol NAME.kd with this value. */
static bool find_symbol(const struct image *image, const Elf64_Shdr *table,
                        const Elf64_Shdr *strings, uint64_t value, char *name, size_t size)
{
    uint64_t count = table->sh_size / sizeof(Elf64_Sym);
    const Elf64_Sym *symbols = part(image, table->sh_offset, count, sizeof(Elf64_Sym));
    const char *text = part(image, strings->sh_offset, strings->sh_size, 1);

    for (uint64_t i = 0; symbols && text && i < count; i++) {
        const char *symbol = text + symbols[i].st_name;
        size_t length;

        if (symbols[i].st_value != value || symbols[i].st_name >= strings->sh_size)
            continue;
        length = strnlen(symbol, strings->sh_size - symbols[i].st_name);
        if (length < 4 || memcmp(symbol + length - 3, ".kd", 3) != 0 || length - 3 >= size)
            continue;
        memcpy(name, symbol, length - 3);
        name[length - 3] = '\0';
        return true;
    }
    return false;
}

static bool find_in(const struct image *image, uint64_t value, char *name, size_t size)
{
    Elf64_Ehdr header;
    const Elf64_Shdr *sections;

    memcpy(&header, image->bytes, sizeof(header));
    sections = part(image, header.e_shoff, header.e_shnum, sizeof(Elf64_Shdr));
    for (unsigned i = 0; sections && i < header.e_shnum; i++) {
        const Elf64_Shdr *table = &sections[i];

        if ((table->sh_type == SHT_DYNSYM || table->sh_type == SHT_SYMTAB) &&
            table->sh_link < header.e_shnum &&
            find_symbol(image, table, &sections[table->sh_link], value, name, size))
            return true;
    }
    return false;
}

bool emu_kernel_name(uint64_t kernel_object, char *name, size_t size)
{
    const struct r_debug *list = code_objects();

    bool found = false;

    for (const struct link_map *map = list ? list->r_map : NULL; map && !found; map = map->l_next) {
        struct image image;

        found = image_open(&image, map->l_name) &&
                find_in(&image, kernel_object - map->l_addr, name, size);
        image_close(&image);
    }
    return found;
}
