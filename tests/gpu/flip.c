// SPDX-License-Identifier: Apache-2.0
/*
 * Takes libreef's hooks out of a running process, and puts them in again: so one process can be
 * compared with itself, which two of one program cannot be to one per cent (torch_loop.py,
 * KIT_FLIP).
 *
 *   flip_find()     finds the places (the CUDA runtime's tables, GOTs) that hold the address of a
 *                   hook, and what the driver's function for each is. Returns how many; -1: neither
 *                   libreef.so nor libcuda.so.1 is here.
 *   flip(HOOKED)    1: the hooks are in all of them; 0: the driver's functions
 *
 * Only while the process has no work on the GPU, and only for measuring: libreef does not see what
 * is called meanwhile.
 */
#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { HOOKS = 1024, PLACES = 65536 };

struct object {
    const char *name;
    uintptr_t base, end;
    const ElfW(Sym) * symbols;
    const char *strings;
    unsigned count;
};

static struct hook {
    uintptr_t hook, real;
} hooks[HOOKS];
static unsigned hook_count;

static struct place {
    uintptr_t *at;
    uintptr_t hook, real;
} places[PLACES];
static unsigned place_count;

/* The number of symbols, which only the hash table tells (gABI, DT_HASH; glibc, DT_GNU_HASH). */
static unsigned count_of(const uint32_t *gnu)
{
    uint32_t buckets = gnu[0], first = gnu[1], bloom = gnu[2], last = 0;
    const uint32_t *bucket = gnu + 4 + bloom * (sizeof(ElfW(Addr)) / 4), *chain = bucket + buckets;
    for (uint32_t i = 0; i < buckets; i++)
        last = bucket[i] > last ? bucket[i] : last;
    while (last >= first && !(chain[last - first] & 1))
        last++;
    return last + 1;
}

static int find_object(struct dl_phdr_info *info, size_t size, void *data)
{
    struct object *object = data;
    (void)size;
    if (!strstr(info->dlpi_name, object->name))
        return 0;
    object->base = info->dlpi_addr;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type == PT_LOAD && object->base + p->p_vaddr + p->p_memsz > object->end)
            object->end = object->base + p->p_vaddr + p->p_memsz;
        if (p->p_type != PT_DYNAMIC)
            continue;
        for (const ElfW(Dyn) *d = (void *)(object->base + p->p_vaddr); d->d_tag != DT_NULL; d++) {
            if (d->d_tag == DT_SYMTAB)
                object->symbols = (void *)d->d_un.d_ptr;
            if (d->d_tag == DT_STRTAB)
                object->strings = (void *)d->d_un.d_ptr;
            if (d->d_tag == DT_GNU_HASH)
                object->count = count_of((void *)d->d_un.d_ptr);
        }
    }
    return object->symbols && object->strings && object->count;
}

static uintptr_t address_in(const struct object *object, const char *name)
{
    for (unsigned i = 0; i < object->count; i++)
        if (object->symbols[i].st_value &&
            strcmp(object->strings + object->symbols[i].st_name, name) == 0)
            return object->base + object->symbols[i].st_value;
    return 0;
}

static int by_hook(const void *a, const void *b)
{
    const struct hook *x = a, *y = b;
    return x->hook < y->hook ? -1 : x->hook > y->hook;
}

static void find_in(uintptr_t *from, uintptr_t *to, const struct object *libreef)
{
    for (; from < to && place_count < PLACES; from++) {
        struct hook key = {.hook = *from}, *found = NULL;
        if (*from >= libreef->base && *from < libreef->end)
            found = bsearch(&key, hooks, hook_count, sizeof(*hooks), by_hook);
        if (found)
            places[place_count++] = (struct place){from, found->hook, found->real};
    }
}

/* Whether a line of /proc/self/maps is of data that may hold a table: of a library, or what follows
 * it (.bss). Not the heap: there are copies, and what was freed is used again for something else.
 */
static int is_data(const char *access, const char *path, int behind_library)
{
    int data = access[0] == 'r' && access[2] == '-';
    return data && (path[0] ? path[0] == '/' && strncmp(path, "/dev/", 5) != 0 : behind_library);
}

int flip_find(void)
{
    struct object libreef = {.name = "/libreef.so"}, libcuda = {.name = "/libcuda.so"};
    if (!dl_iterate_phdr(find_object, &libreef) || !dl_iterate_phdr(find_object, &libcuda))
        return -1;
    for (unsigned i = 0; i < libreef.count && hook_count < HOOKS; i++) {
        const ElfW(Sym) *symbol = &libreef.symbols[i];
        const char *name = libreef.strings + symbol->st_name;
        uintptr_t real =
            symbol->st_value && strncmp(name, "cu", 2) == 0 && strncmp(name, "cuGetProc", 9) != 0
                ? address_in(&libcuda, name)
                : 0;
        if (real)
            hooks[hook_count++] = (struct hook){libreef.base + symbol->st_value, real};
    }
    qsort(hooks, hook_count, sizeof(*hooks), by_hook);
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[4096], access[8], path[4096];
    uintptr_t from, to, library_end = 0;
    while (maps && fgets(line, sizeof(line), maps)) {
        path[0] = 0;
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %4095s", &from, &to, access, path) < 3)
            continue;
        int ours = (from < libreef.end && to > libreef.base) ||
                   (from < libcuda.end && to > libcuda.base) ||
                   ((uintptr_t)hooks < to && (uintptr_t)(hooks + HOOKS) > from) ||
                   ((uintptr_t)places < to && (uintptr_t)(places + PLACES) > from);
        if (!ours && is_data(access, path, from == library_end))
            find_in((uintptr_t *)from, (uintptr_t *)to, &libreef);
        if (path[0] == '/')
            library_end = to;
    }
    if (maps)
        fclose(maps);
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (unsigned i = 0; i < place_count; i++) /* GOTs are read-only by now */
        mprotect((void *)((uintptr_t)places[i].at & ~(page - 1)), page, PROT_READ | PROT_WRITE);
    return (int)place_count;
}

void flip(int hooked)
{
    for (unsigned i = 0; i < place_count; i++)
        *places[i].at = hooked ? places[i].hook : places[i].real;
}
