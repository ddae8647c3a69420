// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the GPU code objects in a file. The format of bundles: Clang Offload Bundler, "Bundled
 * Binary File Layout": a magic string, a count, and for each entry offset and size (from the start
 * of the bundle), and the length of a target name and that name. A bundle is looked for by its
 * magic wherever it is, so that stripped programs are read as well.
 */
#include "tools/code_objects.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[] = "__CLANG_OFFLOAD_BUNDLE__";
enum { MAGIC = sizeof(magic) - 1, ENTRIES_MAX = 256, NAME_MAX_BYTES = 256, MACHINE_AMDGPU = 224 };

static int is_code_object(const uint8_t *bytes, size_t size)
{
    Elf64_Ehdr header;
    if (size < sizeof(header))
        return 0;
    memcpy(&header, bytes, sizeof(header));
    return memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 && header.e_machine == MACHINE_AMDGPU;
}

static uint64_t word_at(const uint8_t *bytes)
{
    uint64_t value;
    memcpy(&value, bytes, sizeof(value));
    return value;
}

/* The entries of the bundle at @bytes. */
static int read_bundle(const uint8_t *bytes, size_t size, reef_code_object_fn *found, void *arg)
{
    size_t at = MAGIC + 8;
    int count = 0;
    if (size < at)
        return 0;
    uint64_t entries = word_at(bytes + MAGIC);
    for (uint64_t i = 0; i < entries && i < ENTRIES_MAX && size - at >= 24; i++) {
        uint64_t offset = word_at(bytes + at), length = word_at(bytes + at + 8);
        uint64_t name = word_at(bytes + at + 16);
        at += 24;
        if (name > NAME_MAX_BYTES || name > size - at)
            break;
        if (offset <= size && length <= size - offset && is_code_object(bytes + offset, length)) {
            found(arg, bytes + offset, length, (const char *)bytes + at, name);
            count++;
        }
        at += name;
    }
    return count;
}

static int search(const uint8_t *bytes, size_t size, reef_code_object_fn *found, void *arg)
{
    int count = 0;
    if (is_code_object(bytes, size)) {
        found(arg, bytes, size, "", 0);
        return 1;
    }
    const uint8_t *at = bytes, *end = bytes + size;
    while ((at = memmem(at, (size_t)(end - at), magic, MAGIC))) {
        count += read_bundle(at, (size_t)(end - at), found, arg);
        at += MAGIC;
    }
    return count;
}

int reef_code_objects(const char *path, reef_code_object_fn *found, void *arg)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EINVAL;
    }
    if (st.st_size == 0) {
        close(fd);
        return 0;
    }
    void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    int error = map == MAP_FAILED ? -errno : 0;
    close(fd);
    if (error)
        return error;
    int count = search(map, (size_t)st.st_size, found, arg);
    munmap(map, (size_t)st.st_size);
    return count;
}
