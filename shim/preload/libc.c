// SPDX-License-Identifier: Apache-2.0
/*
 * The C library's own dlsym, dlvsym and dlopen, which libreef.so exports hooks of. They cannot be
 * looked up with themselves, so the hash table of the C library is read here (DT_GNU_HASH, as
 * described in glibc's elf/dl-lookup.c and "ELF: better symbol lookup via DT_GNU_HASH"). No lock,
 * no log, no allocation: it runs inside a program's first dlsym.
 */
#include <elf.h>
#include <link.h>
#include <string.h>

#include "shim/preload/real.h"

struct tables {
    const ElfW(Sym) * symbols;
    const char *strings;
    const uint32_t *hash;
    const ElfW(Half) * versions; /* may be NULL */
};

REEF_BEFORE_SANITIZERS static bool same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

REEF_BEFORE_SANITIZERS static uint32_t gnu_hash(const char *name)
{
    uint32_t h = 5381;
    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    return h;
}

/* Addresses in the dynamic section are relocated by glibc, but not by musl or for the vDSO. */
REEF_BEFORE_SANITIZERS static const void *at(ElfW(Addr) base, ElfW(Addr) address)
{
    return (const void *)(address < base ? base + address : address);
}

REEF_BEFORE_SANITIZERS static bool read_tables(const struct link_map *map, struct tables *t)
{
    t->symbols = NULL;
    t->strings = NULL;
    t->hash = NULL;
    t->versions = NULL;
    for (const ElfW(Dyn) *d = map->l_ld; d && d->d_tag != DT_NULL; d++) {
        const void *value = at(map->l_addr, d->d_un.d_ptr);
        if (d->d_tag == DT_SYMTAB)
            t->symbols = value;
        else if (d->d_tag == DT_STRTAB)
            t->strings = value;
        else if (d->d_tag == DT_GNU_HASH)
            t->hash = value;
        else if (d->d_tag == DT_VERSYM)
            t->versions = value;
    }
    return t->symbols && t->strings && t->hash;
}

REEF_BEFORE_SANITIZERS static const ElfW(Sym) * find(const struct tables *t, const char *name)
{
    enum { HIDDEN_VERSION = 0x8000 };
    uint32_t buckets = t->hash[0], first = t->hash[1], bloom_words = t->hash[2];
    const uint32_t *bucket = &t->hash[4 + bloom_words * (sizeof(ElfW(Addr)) / 4)];
    const uint32_t *chain = &bucket[buckets];
    uint32_t h = gnu_hash(name);
    if (buckets == 0 || bucket[h % buckets] < first)
        return NULL;
    for (uint32_t i = bucket[h % buckets];; i++) {
        uint32_t value = chain[i - first];
        bool hidden = t->versions && (t->versions[i] & HIDDEN_VERSION); /* not the default one */
        if ((value | 1) == (h | 1) && !hidden && t->symbols[i].st_shndx != SHN_UNDEF &&
            same(t->strings + t->symbols[i].st_name, name))
            return &t->symbols[i];
        if (value & 1)
            return NULL;
    }
}

REEF_BEFORE_SANITIZERS static bool is_libc(const char *path)
{
    const char *base = path;
    for (; *path; path++)
        if (*path == '/')
            base = path + 1;
    return same(base, "libc.so.6") || same(base, "libdl.so.2"); /* there before glibc 2.34 */
}

REEF_BEFORE_SANITIZERS void *reef_libc_function(const char *name)
{
    struct tables tables;
    for (const struct link_map *map = _r_debug.r_map; map; map = map->l_next) {
        if (!map->l_name || !is_libc(map->l_name) || !read_tables(map, &tables))
            continue;
        const ElfW(Sym) *symbol = find(&tables, name);
        if (symbol && ELF64_ST_TYPE(symbol->st_info) == STT_FUNC)
            return (void *)(map->l_addr + symbol->st_value);
    }
    return NULL;
}
