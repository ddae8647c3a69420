// SPDX-License-Identifier: Apache-2.0
/*
 * exports_test LIBREEF HOOKS_DEF API_DEF: the library as the dynamic linker sees it. It must export
 * exactly its hooks of the vendors' functions and of the C library's, without version nodes (a
 * version node makes a preloaded hook be passed by silently), need no vendor library, and call none
 * of the functions it hooks by name.
 */
#include <elf.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned failures;

static void complain(const char *what, const char *name)
{
    fprintf(stderr, "%s: %s\n", what, name);
    failures++;
}

static char *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    char *data = calloc(1, *size + 1);
    if (!data || fread(data, 1, *size, file) != *size)
        exit(1);
    fclose(file);
    return data;
}

/* Of the C library's functions. */
static const char *const own[] = {"dlsym", "dlvsym", "dlopen", "ioctl"};

/* Whether a table has a row for a hook of this name: @rows end in what follows the name. */
static bool in_table(const char *hooks, const char *api, const char *name)
{
    static const char *const kinds[] = {
        "\nHSA_HOOK(%s)\n",  "\nHIP_HOOK(%s)\n",   "\nHSA_LATER(%s)\n",
        "\nHSA_GUARD(%s)\n", "\nHOOK(%s, ",        "\nHOOK_PT(%s, ",
        "\nHOOK_FAST(%s, ",  "\nHOOK_HANDLE(%s, ", "\nHOOK_FLOAT(%s, "};
    char row[128];
    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        snprintf(row, sizeof(row), kinds[i], name);
        if (strstr(i < 4 ? hooks : api, row))
            return true;
    }
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++)
        if (strcmp(name, own[i]) == 0)
            return true;
    return false;
}

static bool is_vendors(const char *name)
{
    return strncmp(name, "hsa_", 4) == 0 || strncmp(name, "hip", 3) == 0 ||
           strncmp(name, "__hip", 5) == 0 ||
           (strncmp(name, "cu", 2) == 0 && name[2] >= 'A' && name[2] <= 'Z');
}

static void check_symbols(const char *elf, const Elf64_Shdr *section, const Elf64_Shdr *sections,
                          const char *hooks, const char *api, char *seen)
{
    const Elf64_Sym *symbols = (const void *)(elf + section->sh_offset);
    const char *names = elf + sections[section->sh_link].sh_offset;
    for (size_t i = 1; i < section->sh_size / sizeof(*symbols); i++) {
        const char *name = names + symbols[i].st_name;
        if (symbols[i].st_shndx == SHN_UNDEF) {
            if (is_vendors(name))
                complain("is called by name", name);
            continue;
        }
        if (!in_table(hooks, api, name))
            complain("is exported and is no hook", name);
        strcat(strcat(seen, "\n"), name);
    }
    strcat(seen, "\n");
}

static void check_needed(const char *elf, const Elf64_Shdr *section, const Elf64_Shdr *sections)
{
    const char *names = elf + sections[section->sh_link].sh_offset;
    for (const Elf64_Dyn *d = (const void *)(elf + section->sh_offset); d->d_tag != DT_NULL; d++) {
        const char *name = names + d->d_un.d_val;
        if (d->d_tag == DT_NEEDED && strncmp(name, "libc.so", 7) != 0 &&
            strncmp(name, "ld-linux", 8) != 0 && !strstr(name, "san.so") &&
            strncmp(name, "libgcc_s", 8) != 0 && strncmp(name, "libm.so", 7) != 0)
            complain("is needed", name);
    }
}

/* Every hook of a table must be exported; HSA_REAL and PASS rows are none. */
static void check_complete(const char *table, const char *seen, unsigned least)
{
    unsigned rows = 0;
    for (const char *at = strchr(table, '\n'); at; at = strchr(at + 1, '\n')) {
        char name[128] = "\n";
        const char *open = at + strcspn(at + 1, "( \n") + 1; /* a row begins with its macro */
        if (at[1] != 'H' || *open != '(' || strncmp(at + 1, "HSA_REAL", 8) == 0 ||
            strncmp(at + 1, "HSA_NEED", 8) == 0)
            continue;
        size_t length = strcspn(open + 1, "),");
        if (length > 100)
            continue;
        memcpy(name + 1, open + 1, length);
        memcpy(name + 1 + length, "\n", 2);
        rows++;
        if (!strstr(seen, name))
            complain("is not exported", name + 1);
    }
    if (rows < least)
        complain("is not understood", "the table");
}

int main(int argc, char **argv)
{
    size_t elf_size, size;
    if (argc != 4)
        return 1;
    const char *elf = read_file(argv[1], &elf_size);
    const char *hooks = read_file(argv[2], &size), *api = read_file(argv[3], &size);
    const Elf64_Ehdr *header = (const void *)elf;
    const Elf64_Shdr *sections = (const void *)(elf + header->e_shoff);
    char *seen = calloc(1, 1 << 20);
    for (unsigned i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type == SHT_DYNSYM)
            check_symbols(elf, &sections[i], sections, hooks, api, seen);
        else if (sections[i].sh_type == SHT_GNU_verdef)
            complain("has version nodes", argv[1]);
        else if (sections[i].sh_type == SHT_DYNAMIC)
            check_needed(elf, &sections[i], sections);
    }
    check_complete(hooks, seen, 40);
    check_complete(api, seen, 280);
    for (unsigned i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        char line[32];
        snprintf(line, sizeof(line), "\n%s\n", own[i]);
        if (!strstr(seen, line))
            complain("is not exported", own[i]);
    }
    return failures > 0;
}
