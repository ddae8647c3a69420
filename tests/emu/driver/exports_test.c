// SPDX-License-Identifier: Apache-2.0
/*
 * The export table of a preload library, read as ELF: every symbol of the version script is there
 * and nothing else, and none has a version of our own (that would silently hide it from programs
 * linked to a versioned libc symbol). Usage: exports_test LIBRARY VERSION_SCRIPT
 */
#include <elf.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char *map_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    char *data;

    if (fd < 0 || fstat(fd, &st))
        return NULL;
    *size = (size_t)st.st_size;
    data = mmap(NULL, *size + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    return data == MAP_FAILED ? NULL : data;
}

/** The names between "global:" and "local:". */
static unsigned read_script(char *text, const char *names[], unsigned limit)
{
    char *at = strstr(text, "global:"), *end = strstr(text, "local:");
    unsigned count = 0;

    if (!at || !end)
        return 0;
    *end = '\0';
    for (at = strtok(at + strlen("global:"), "; \t\n"); at && count < limit;
         at = strtok(NULL, "; \t\n"))
        names[count++] = at;
    return count;
}

static const Elf64_Shdr *section(const char *elf, unsigned type)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)elf;
    const Elf64_Shdr *sections = (const Elf64_Shdr *)(elf + head->e_shoff);

    for (unsigned i = 0; i < head->e_shnum; i++) {
        if (sections[i].sh_type == type)
            return &sections[i];
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const char *names[1024];
    bool seen[1024] = {false};
    size_t size = 0, script_size = 0;
    char *elf = argc == 3 ? map_file(argv[1], &size) : NULL;
    char *script = argc == 3 ? map_file(argv[2], &script_size) : NULL;
    unsigned expected, failures = 0;
    const Elf64_Shdr *symbols, *strings;

    if (!elf || !script || memcmp(elf, ELFMAG, SELFMAG) != 0) {
        fprintf(stderr, "usage: exports_test LIBRARY VERSION_SCRIPT\n");
        return 1;
    }
    expected = read_script(script, names, 1024);
    symbols = section(elf, SHT_DYNSYM);
    strings = (const Elf64_Shdr *)(elf + ((const Elf64_Ehdr *)elf)->e_shoff) + symbols->sh_link;
    if (section(elf, SHT_GNU_verdef)) {
        fprintf(stderr, "the library defines symbol versions\n");
        failures++;
    }
    for (size_t i = 0; i < symbols->sh_size / sizeof(Elf64_Sym); i++) {
        const Elf64_Sym *symbol = (const Elf64_Sym *)(elf + symbols->sh_offset) + i;
        const char *name = elf + strings->sh_offset + symbol->st_name;
        unsigned n = 0;

        if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
            continue;
        while (n < expected && strcmp(names[n], name) != 0)
            n++;
        if (n == expected) {
            fprintf(stderr, "exported by mistake: %s\n", name);
            failures++;
        } else {
            seen[n] = true;
        }
    }
    for (unsigned n = 0; n < expected; n++) {
        if (!seen[n]) {
            fprintf(stderr, "not exported: %s\n", names[n]);
            failures++;
        }
    }
    return expected && !failures ? 0 : 1;
}
