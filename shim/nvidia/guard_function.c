// SPDX-License-Identifier: Apache-2.0
/*
 * The modules that were loaded with guards (guard_load.c), and their functions that have a guarded
 * twin.
 *
 * The program does not see the twins: its functions are its own kernels, with their parameters,
 * attributes and occupancy; the calls that count and list functions leave the twins out; attributes
 * that it sets are set for the twin too. Graphs and launches from the device use the program's own.
 *
 * lock guards both tables. The driver is never called with it held.
 */
#include "shim/nvidia/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/preload/log.h"

enum { FUNCTION_BUCKETS = 512, LISTED_MAX = 1 << 20 };

struct module {
    struct module *next;
    cu_word handle, library;      /* library: the one that this is the module of, or 0 */
    struct reef_ptx_rewritten *r; /* owned, but if library */
};

struct function {
    struct function *next;
    cu_word module;
    struct reef_guarded of;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct module *modules;
static struct function *functions[FUNCTION_BUCKETS];

void cu_guard_drop(struct reef_ptx_rewritten *r)
{
    if (r)
        reef_ptx_rewritten_free(r);
    free(r);
}

void cu_guard_loaded(cu_word handle, struct reef_ptx_rewritten *r)
{
    struct module *m = calloc(1, sizeof(*m));
    cu_guard_forget(handle); /* another had this handle, and went with its context */
    if (!m) {
        cu_guard_drop(r);
        return;
    }
    for (uint32_t i = 0; i < r->kernels; i++)
        reef_debug("kernel %s: %s", r->kernel[i].name, r->kernel[i].analysis.reason);
    atomic_fetch_add(&reef_cuda.guarded, r->kernels);
    atomic_fetch_add(&reef_cuda.unguarded, r->unguarded);
    m->handle = handle;
    m->r = r;
    pthread_mutex_lock(&lock);
    m->next = modules;
    modules = m;
    pthread_mutex_unlock(&lock);
    struct reef_context *context = cu_context();
    if (context)
        cu_guards_open(context);
}

/* --- functions --- */

static struct function **bucket_of(cu_word handle)
{
    return &functions[(handle * 0x9e3779b97f4a7c15ull >> 48) % FUNCTION_BUCKETS];
}

static struct module *module_of_locked(cu_word handle)
{
    struct module *m = modules;
    while (m && m->handle != handle)
        m = m->next;
    return m;
}

/* Lock held. */
static void remove_function(cu_word handle)
{
    struct function **at = bucket_of(handle);
    while (*at && (*at)->of.handle != handle)
        at = &(*at)->next;
    struct function *f = *at;
    if (f) {
        *at = f->next;
        free(f);
    }
}

static void describe(struct reef_guarded *of, const struct reef_ptx_guarded *k)
{
    uint64_t used = k->analysis.reads | k->analysis.writes;
    of->restart = (uint8_t)k->analysis.restart;
    of->variables = k->analysis.variables;
    of->params = (uint16_t)k->params;
    of->param_bytes = (uint16_t)k->param_bytes;
    of->reads = k->analysis.reads;
    of->writes = k->analysis.writes;
    of->mixed = k->analysis.mixed;
    for (uint32_t i = 0; i < k->params; i++)
        for (uint32_t at = 0; at + 8 <= k->param[i].bytes; at++) {
            uint32_t slot = (k->param[i].offset + at) / 8;
            if ((k->param[i].offset + at) % 8 == 0 && slot < REEF_PTX_SLOTS && used >> slot & 1)
                of->slot[of->slots++] =
                    (struct reef_guard_slot){(uint8_t)slot, (uint16_t)i, (uint16_t)at};
        }
    if ((unsigned)__builtin_popcountll(used) != of->slots)
        of->restart = REEF_PTX_NEVER; /* cannot be */
}

/* The program knows @handle; @twin is what the guarded kernel is called in its place. */
static void add_function(cu_word handle, cu_word twin, cu_word module,
                         const struct reef_guarded *of)
{
    struct function *f = calloc(1, sizeof(*f));
    if (!f)
        return;
    f->of = *of;
    f->of.handle = handle;
    f->of.twin = twin;
    f->module = module;
    pthread_mutex_lock(&lock);
    remove_function(handle);
    f->next = *bucket_of(handle);
    *bucket_of(handle) = f;
    pthread_mutex_unlock(&lock);
    atomic_store(&reef_cuda.any_guarded, true);
}

/* What is known of kernel @name of module or library @module, and its twin's name. */
static bool kernel_of(cu_word module, const char *name, struct reef_guarded *of, char *twin,
                      size_t size)
{
    bool found = false;
    pthread_mutex_lock(&lock);
    struct module *m = module_of_locked(module);
    const struct reef_ptx_rewritten *r = m ? m->r : NULL;
    for (uint32_t i = 0; r && i < r->kernels && !found; i++) {
        if (strcmp(r->kernel[i].name, name) != 0)
            continue;
        describe(of, &r->kernel[i]);
        int length = snprintf(twin, size, REEF_PTX_PREFIX "%s", name);
        found = length > 0 && (size_t)length < size;
    }
    pthread_mutex_unlock(&lock);
    return found;
}

/* cuModuleGetFunction, cuLibraryGetKernel. */
static cu_result get_function(struct cu_api *api, const cu_word *a)
{
    char twin_name[4096];
    struct reef_guarded of = {0};
    cu_word twin = 0;
    const cu_word *made = cu_pointer(a[0]);
    const char *name = cu_pointer(a[2]);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result != CUDA_SUCCESS || !kernel_of(a[1], name, &of, twin_name, sizeof(twin_name)))
        return result;
    const cu_word again[] = {cu_out(twin), a[1], (cu_word)(uintptr_t)twin_name};
    if (cu_call(cu_real(api), again, 3) == CUDA_SUCCESS)
        add_function(*made, twin, a[1], &of);
    struct reef_context *context = cu_context(); /* a library's, loaded without one */
    if (context)
        cu_guards_open(context);
    return result;
}

/* cuKernelGetFunction(function *, kernel): the same kernel in the current context. */
static cu_result function_of_kernel(struct cu_api *api, const cu_word *a)
{
    struct reef_guarded of;
    cu_word twin = 0, module = 0;
    const cu_word *made = cu_pointer(a[0]);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result != CUDA_SUCCESS || !cu_guard_find(a[1], &of))
        return result;
    pthread_mutex_lock(&lock);
    for (struct function *f = *bucket_of(a[1]); f; f = f->next)
        if (f->of.handle == a[1])
            module = f->module;
    pthread_mutex_unlock(&lock);
    const cu_word again[] = {cu_out(twin), of.twin};
    if (cu_call(cu_real(api), again, 2) == CUDA_SUCCESS)
        add_function(*made, twin, module, &of);
    return result;
}

/* cuLibraryGetModule(module *, library). */
static cu_result module_of_library(struct cu_api *api, const cu_word *a)
{
    const cu_word *made = cu_pointer(a[0]);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    struct module *alias = result == CUDA_SUCCESS ? calloc(1, sizeof(*alias)) : NULL;
    if (!alias)
        return result;
    pthread_mutex_lock(&lock);
    struct module *m = module_of_locked(a[1]);
    if (m && !module_of_locked(*made)) {
        *alias = (struct module){.next = modules, .handle = *made, .library = a[1], .r = m->r};
        modules = alias;
        alias = NULL;
    }
    pthread_mutex_unlock(&lock);
    free(alias);
    return result;
}

bool cu_guard_find(cu_word handle, struct reef_guarded *found)
{
    pthread_mutex_lock(&lock);
    struct function *f = *bucket_of(handle);
    while (f && f->of.handle != handle)
        f = f->next;
    if (f)
        *found = f->of;
    pthread_mutex_unlock(&lock);
    return f != NULL;
}

void cu_guard_forget(cu_word module)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < FUNCTION_BUCKETS; i++)
        for (struct function **at = &functions[i]; *at;) {
            struct function *f = *at;
            const struct module *m = module_of_locked(f->module);
            bool gone = !module || f->module == module || (m && m->library == module);
            if (gone) {
                *at = f->next;
                free(f);
            } else {
                at = &f->next;
            }
        }
    for (struct module **at = &modules; *at;) {
        struct module *m = *at;
        if (module && m->handle != module && m->library != module) {
            at = &m->next;
            continue;
        }
        *at = m->next;
        if (!m->library)
            cu_guard_drop(m->r);
        free(m);
    }
    pthread_mutex_unlock(&lock);
}

/* --- what the program can ask --- */

static unsigned twins_of(cu_word module)
{
    pthread_mutex_lock(&lock);
    const struct module *m = module_of_locked(module);
    unsigned count = m ? m->r->kernels : 0;
    pthread_mutex_unlock(&lock);
    return count;
}

/* cuModuleGetFunctionCount(count *, module) and cuLibraryGetKernelCount. */
static cu_result count_functions(struct cu_api *api, const cu_word *a)
{
    unsigned *count = cu_pointer(a[0]);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result == CUDA_SUCCESS)
        *count -= twins_of(a[1]);
    return result;
}

static bool is_twin(const struct cu_api *api, cu_word handle)
{
    const char *name = NULL;
    bool library = api == &cu_api[CU_cuLibraryEnumerateKernels];
    __typeof__(cu.cuFuncGetName) ask = library ? cu.cuKernelGetName : cu.cuFuncGetName;
    return ask && ask(cu_out(name), handle) == CUDA_SUCCESS && name &&
           strncmp(name, REEF_PTX_PREFIX, strlen(REEF_PTX_PREFIX)) == 0;
}

/* cuModuleEnumerateFunctions(functions *, most, module) and cuLibraryEnumerateKernels: the driver's
 * list without the twins. */
static cu_result list_functions(struct cu_api *api, const cu_word *a)
{
    cu_word *to = cu_pointer(a[0]);
    unsigned twins = twins_of(a[2]), most = cu_u32(a[1]), count = 0;
    uint64_t all = (uint64_t)most + twins;
    cu_word *list = twins && to && all < LISTED_MAX ? calloc(all + 1, sizeof(*list)) : NULL;
    if (!list)
        return cu_call(cu_real(api), a, api->arguments);
    const cu_word words[] = {(cu_word)(uintptr_t)list, all, a[2]};
    cu_result result = cu_call(cu_real(api), words, 3);
    for (uint64_t i = 0; result == CUDA_SUCCESS && i < all && count < most; i++)
        if (list[i] && !is_twin(api, list[i]))
            to[count++] = list[i];
    free(list);
    return result;
}

/* cuFuncSetAttribute(function, ...), cuKernelSetAttribute(which, value, kernel, device), and of the
 * cache: the twin is to run as the program's own. If it cannot, it is not used. */
static cu_result set_attribute(struct cu_api *api, const cu_word *a)
{
    struct reef_guarded of;
    cu_word words[4];
    unsigned function = api == &cu_api[CU_cuKernelSetAttribute] ? 2 : 0;
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result != CUDA_SUCCESS || !cu_guard_find(a[function], &of))
        return result;
    memcpy(words, a, api->arguments * sizeof(*a));
    words[function] = of.twin;
    if (cu_call(cu_real(api), words, api->arguments) != CUDA_SUCCESS) {
        pthread_mutex_lock(&lock);
        remove_function(a[function]);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

cu_result cu_guard_function(struct cu_api *api, cu_word *a)
{
    switch (api->kind) {
    case CU_KIND_CODE_FUNCTION:
        return get_function(api, a);
    case CU_KIND_CODE_OF_KERNEL:
        return function_of_kernel(api, a);
    case CU_KIND_CODE_OF_LIBRARY:
        return module_of_library(api, a);
    case CU_KIND_CODE_COUNT:
        return count_functions(api, a);
    case CU_KIND_CODE_LIST:
        return list_functions(api, a);
    default:
        return set_attribute(api, a);
    }
}
