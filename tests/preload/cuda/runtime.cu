// SPDX-License-Identifier: Apache-2.0
/*
 * runtime LIBREEF: a program of nvcc, whose launches the CUDA runtime makes. No driver but NVIDIA's own
 * answers the runtime's private tables, so above the fake nothing is launched; but the runtime asks for all
 * driver functions it will ever call before that, and keeps the addresses in its data. So the data of
 * the program and of libcudart are searched: for every function of the driver that libreef.so hooks, the
 * hook's address may be there, the driver's own must not.
 *
 * Prints "hooks N, own M, launch hooks L".
 */
#include <dlfcn.h>
#include <link.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>

__global__ void empty(int *at) { *at = 1; }

static const char *const names[] = {
#define HOOK(symbol, name, version, arguments, kind, stream) #symbol,
#include "shim/nvidia/api.def"
};

struct search {
    std::map<uintptr_t, std::string> hooks, own;
    std::set<std::string> hooks_found, own_found;
};

static bool is_theirs(const char *path)
{
    // The program itself (an empty name; cudart linked statically) and libcudart.
    return !*path || strstr(path, "libcudart");
}

static int look(dl_phdr_info *info, size_t, void *arg)
{
    search *s = static_cast<search *>(arg);
    if (!is_theirs(info->dlpi_name))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) &segment = info->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_W))
            continue;
        uintptr_t begin = (info->dlpi_addr + segment.p_vaddr + 7) & ~uintptr_t(7);
        uintptr_t end = info->dlpi_addr + segment.p_vaddr + segment.p_memsz;
        for (uintptr_t at = begin; at + 8 <= end; at += 8) {
            uintptr_t word = *reinterpret_cast<uintptr_t *>(at);
            auto hook = s->hooks.find(word), own = s->own.find(word);
            if (hook != s->hooks.end())
                s->hooks_found.insert(hook->second);
            if (own != s->own.end())
                s->own_found.insert(own->second);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    empty<<<1, 1>>>(nullptr); // starts the runtime
    cudaError_t error = cudaGetLastError();
    cudaGraphLaunch(nullptr, nullptr);

    void *driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD), *reef = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    if (!driver) {
        std::fprintf(stderr, "the runtime has not loaded libcuda.so.1: %s\n", cudaGetErrorString(error));
        return 1;
    }
    // The addresses as the symbol table has them, not as dlsym's hook would say.
    static search s;
    for (const char *name : names) {
        link_map *map;
        dlinfo(driver, RTLD_DI_LINKMAP, &map);
        const ElfW(Sym) *symbols = nullptr;
        const char *strings = nullptr;
        const uint32_t *hash = nullptr;
        for (const ElfW(Dyn) *d = map->l_ld; d->d_tag != DT_NULL; d++) {
            if (d->d_tag == DT_SYMTAB)
                symbols = reinterpret_cast<const ElfW(Sym) *>(d->d_un.d_ptr);
            if (d->d_tag == DT_STRTAB)
                strings = reinterpret_cast<const char *>(d->d_un.d_ptr);
            if (d->d_tag == DT_GNU_HASH)
                hash = reinterpret_cast<const uint32_t *>(d->d_un.d_ptr);
        }
        // Symbols begin where the names do not: the string table lies behind the symbol table.
        for (const ElfW(Sym) *y = symbols + hash[1]; reinterpret_cast<const char *>(y) < strings; y++)
            if (std::strcmp(strings + y->st_name, name) == 0)
                s.own[map->l_addr + y->st_value] = name;
        if (void *hook = reef ? dlsym(reef, name) : nullptr)
            s.hooks[reinterpret_cast<uintptr_t>(hook)] = name;
    }
    dl_iterate_phdr(look, &s);
    unsigned launches = 0;
    for (const std::string &name : s.hooks_found)
        launches += name.compare(0, 8, "cuLaunch") == 0 || name.compare(0, 13, "cuGraphLaunch") == 0;
    std::printf("hooks %zu, own %zu, launch hooks %u\n", s.hooks_found.size(), s.own_found.size(), launches);
    return 0;
}
