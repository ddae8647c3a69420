// SPDX-License-Identifier: Apache-2.0
/*
 * cuGetProcAddress, in both of its forms: the way the CUDA runtime finds the driver's functions
 * (cudart asks for some 345 names, statically linked or not).
 *
 * The driver answers first. What it returned is replaced only if it is known which function that
 * is:
 *  1. it is the very address of an exported function we hook, or
 *  2. its name was asked for at a version we know (up to LAST_VERSION), where the table of
 *     cudaTypedefs.h says which variant is meant: the newest this driver exports that is not newer
 * than the asked one. (A driver may hand out another address than the one it exports.) Whatever
 * else comes back - a name or a version newer than our tables - is passed on as it is: a hook with
 * the arguments of another variant would be worse than none. If it is a launch it is counted as
 * unmanaged. Export tables (cuGetExportTable) are not touched.
 *
 * Threads: the address map is built once, under a lock, and then only read.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"
#include "shim/preload/state.h"

enum { LAST_VERSION = 13000 };

struct address {
    void *real;
    struct cu_api *api;
};

static struct address map[CU_SYMBOL_COUNT];
static unsigned map_count;

static int by_address(const void *a, const void *b)
{
    const struct address *x = a, *y = b;
    if (x->real != y->real)
        return (uintptr_t)x->real < (uintptr_t)y->real ? -1 : 1;
    return x->api < y->api ? -1 : x->api > y->api;
}

static void build_map(void)
{
    for (unsigned i = 0; i < CU_SYMBOL_COUNT; i++) {
        void *real = cu_real(&cu_api[i]);
        if (real)
            map[map_count++] = (struct address){real, &cu_api[i]};
    }
    qsort(map, map_count, sizeof(map[0]), by_address);
}

/* The hook of exactly this address. Of several names of one function the one asked for. */
static struct cu_api *find_address(const void *real, const char *name, bool per_thread)
{
    unsigned low = 0, high = map_count;
    struct cu_api *found = NULL;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if ((uintptr_t)map[middle].real < (uintptr_t)real)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < map_count && map[low].real == real; low++)
        if (!found ||
            (strcmp(map[low].api->name, name) == 0 && map[low].api->per_thread == per_thread))
            found = map[low].api;
    return found;
}

struct cu_api *cu_resolve_variant(const char *name, int version, bool per_thread)
{
    struct cu_api *best = NULL;
    if (version > LAST_VERSION)
        return NULL;
    for (unsigned i = 0; i < CU_SYMBOL_COUNT; i++) {
        struct cu_api *api = &cu_api[i];
        if (api->version > version || strcmp(api->name, name) != 0 ||
            (api->per_thread && !per_thread) || !cu_real(api))
            continue;
        if (!best || api->per_thread > best->per_thread ||
            (api->per_thread == best->per_thread && api->version > best->version))
            best = api;
    }
    return best;
}

static bool is_launch(const char *name)
{
    return strncmp(name, "cuLaunch", 8) == 0 || strcmp(name, "cuGraphLaunch") == 0;
}

void *cu_resolve_replace(void *real, const char *name, int version, uint64_t flags)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool per_thread = (flags & CU_CAPABLE_PER_THREAD) != 0;
    pthread_once(&once, build_map);
    struct cu_api *api = find_address(real, name, per_thread);
    if (!api)
        api = cu_resolve_variant(name, version, per_thread);
    if (!api) {
        if (is_launch(name)) {
            cu_count_unmanaged();
            reef_warn("%s of CUDA %d is not known to libreef: its launches are not scheduled", name,
                      version);
        }
        return real;
    }
    reef_trace("%s at version %d: hook of %s", name, version, api->symbol);
    return api->hook;
}

cu_result cu_resolve(struct cu_api *api, void *real_resolver, const cu_word *a)
{
    const char *name = cu_pointer(a[0]);
    void **address = cu_pointer(a[1]);
    cu_result result = cu_call(real_resolver, a, api->arguments);
    if (result != CUDA_SUCCESS || !name || !address || !*address ||
        atomic_load(&reef_state.passive))
        return result;
    *address = cu_resolve_replace(*address, name, (int)a[2], a[3]);
    return result;
}
