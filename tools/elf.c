// SPDX-License-Identifier: Apache-2.0
/*
 * The head of an executable: what kind of file it is, for which machine, and who loads it. Reads
 * the ELF header and program headers only (elf(5)); both classes, the byte order of this machine.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tools/reef.h"

static bool read_at(int fd, void *to, size_t size, off_t at)
{
    return pread(fd, to, size, at) == (ssize_t)size;
}

/* One program header of either class, as far as it matters here. */
struct segment {
    uint32_t type;
    uint64_t offset, size;
};

static bool read_segment(int fd, int class_, uint64_t at, struct segment *segment)
{
    Elf64_Phdr wide;
    Elf32_Phdr narrow;

    if (class_ == ELFCLASS64 && read_at(fd, &wide, sizeof(wide), (off_t)at)) {
        *segment = (struct segment){wide.p_type, wide.p_offset, wide.p_filesz};
        return true;
    }
    if (class_ == ELFCLASS32 && read_at(fd, &narrow, sizeof(narrow), (off_t)at)) {
        *segment = (struct segment){narrow.p_type, narrow.p_offset, narrow.p_filesz};
        return true;
    }
    return false;
}

static void read_segments(int fd, struct reef_elf *elf, uint64_t table, unsigned size,
                          unsigned count)
{
    struct segment segment;

    for (unsigned i = 0; i < count; i++) {
        if (!read_segment(fd, elf->class_, table + (uint64_t)i * size, &segment))
            return;
        if (segment.type == PT_DYNAMIC)
            elf->dynamic = true;
        if (segment.type == PT_INTERP && segment.size > 0 && segment.size < PATH_MAX)
            if (!read_at(fd, elf->interpreter, segment.size, (off_t)segment.offset))
                elf->interpreter[0] = '\0';
    }
}

/* The interpreter of a script: the first word after "#!", or the second after "#!/usr/bin/env". */
static void read_script(const char *head, struct reef_elf *elf)
{
    const char *word = head + 2 + strspn(head + 2, " \t");
    size_t length = strcspn(word, " \t\n");

    elf->script = true;
    if (length >= 4 && memcmp(word + length - 4, "/env", 4) == 0) {
        const char *next = word + length + strspn(word + length, " \t");

        if (strcspn(next, " \t\n")) {
            word = next;
            length = strcspn(next, " \t\n");
        }
    }
    memcpy(elf->interpreter, word, length);
}

int reef_elf_read(const char *path, struct reef_elf *elf)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char head[256] = {0};
    Elf64_Ehdr wide;
    Elf32_Ehdr narrow;

    memset(elf, 0, sizeof(*elf));
    if (fd < 0)
        return -errno;
    if (pread(fd, head, sizeof(head) - 1, 0) < 0) {
        int error = errno;

        close(fd);
        return -error;
    }
    if (head[0] == '#' && head[1] == '!')
        read_script(head, elf);
    elf->elf = memcmp(head, ELFMAG, SELFMAG) == 0;
    elf->class_ = elf->elf ? head[EI_CLASS] : 0;
    if (elf->class_ == ELFCLASS64 && read_at(fd, &wide, sizeof(wide), 0)) {
        elf->machine = wide.e_machine;
        read_segments(fd, elf, wide.e_phoff, wide.e_phentsize, wide.e_phnum);
    } else if (elf->class_ == ELFCLASS32 && read_at(fd, &narrow, sizeof(narrow), 0)) {
        elf->machine = narrow.e_machine;
        read_segments(fd, elf, narrow.e_phoff, narrow.e_phentsize, narrow.e_phnum);
    }
    close(fd);
    return 0;
}
