// SPDX-License-Identifier: Apache-2.0
/* Real-symbol lookup. See real.h. */
#include "shim/preload/real.h"

#include <dlfcn.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

REEF_BEFORE_SANITIZERS static void *cached_function(_Atomic(void *) *cache, const char *name)
{
    void *fn = atomic_load_explicit(cache, memory_order_acquire);
    if (!fn) {
        fn = reef_libc_function(name);
        atomic_store_explicit(cache, fn, memory_order_release);
    }
    return fn;
}

REEF_BEFORE_SANITIZERS reef_dlsym_fn *reef_real_dlsym(void)
{
    static _Atomic(void *) cache;
    return (reef_dlsym_fn *)cached_function(&cache, "dlsym");
}

REEF_BEFORE_SANITIZERS reef_dlvsym_fn *reef_real_dlvsym(void)
{
    static _Atomic(void *) cache;
    return (reef_dlvsym_fn *)cached_function(&cache, "dlvsym");
}

REEF_BEFORE_SANITIZERS reef_dlopen_fn *reef_real_dlopen(void)
{
    static _Atomic(void *) cache;
    return (reef_dlopen_fn *)cached_function(&cache, "dlopen");
}

bool reef_real_is_own(const void *address)
{
    static _Atomic(void *) own_base;
    Dl_info info;
    void *base = atomic_load_explicit(&own_base, memory_order_relaxed);
    if (!base) {
        if (!dladdr((void *)&reef_real_is_own, &info))
            return false;
        base = info.dli_fbase;
        atomic_store_explicit(&own_base, base, memory_order_relaxed);
    }
    return dladdr((void *)address, &info) && info.dli_fbase == base;
}

struct search {
    const char *prefix;
    char path[4096];
};

static int match_library(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct search *search = arg;
    const char *slash = strrchr(info->dlpi_name, '/');
    const char *base = slash ? slash + 1 : info->dlpi_name;
    size_t length = strlen(info->dlpi_name);
    if (strncmp(base, search->prefix, strlen(search->prefix)) != 0 ||
        length >= sizeof(search->path))
        return 0;
    memcpy(search->path, info->dlpi_name, length + 1);
    return 1;
}

static void *open_library(const char *path)
{
    reef_dlopen_fn *real = reef_real_dlopen();
    return real ? real(path, RTLD_LAZY | RTLD_NOLOAD) : NULL;
}

static void *library_handle(struct reef_library *library)
{
    struct search search = {.prefix = library->soname_prefix};
    if (!library->handle && dl_iterate_phdr(match_library, &search))
        library->handle = open_library(search.path);
    return library->handle;
}

void *reef_real_lookup(struct reef_library *library, const char *name)
{
    reef_dlsym_fn *real = reef_real_dlsym();
    if (!real)
        return NULL;
    void *address = real(RTLD_NEXT, name);
    if (!address) {
        void *handle = library_handle(library);
        address = handle ? real(handle, name) : NULL;
    }
    return address && !reef_real_is_own(address) ? address : NULL;
}
