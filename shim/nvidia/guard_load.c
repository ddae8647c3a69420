// SPDX-License-Identifier: Apache-2.0
/*
 * Loading code with guards (guard.h). Where the PTX of a module is what the driver would compile,
 * it gets the text with guarded twins behind the program's own kernels (ptx/rewrite.h); should it
 * not take that, the program's own image, so the result is the driver's own for that. Left alone:
 * machine code, fat binaries that hold any (then their PTX is not used), compressed or more than
 * one PTX, and what is linked at run time. Any thread, no lock.
 */
#include "shim/nvidia/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/ptx/image.h"
#include "shim/preload/log.h"
#include "shim/preload/restartable.h"

enum { FILE_BYTES_MAX = 1 << 28 };

bool cu_guards_wanted(void)
{
    const struct reef_config *config = &reef_state.config;
    return config->guard == REEF_GUARD_PTX && config->priority == REEF_PRIORITY_BE &&
           !atomic_load(&reef_state.passive) && cu.cuStreamBatchMemOp_v2 &&
           cu.cuPointerGetAttributes && cu.cuMemAlloc_v2 && cu.cuMemFree_v2 && cu.cuMemHostAlloc &&
           cu.cuMemFreeHost && cu.cuMemHostGetDevicePointer_v2 && cu.cuMemsetD32Async &&
           cu.cuStreamSynchronize && cu.cuModuleGetFunction && cu.cuModuleLoadData;
}

/* A file of PTX with a NUL. NULL: it is none, or cannot be read. To be freed. */
static char *file_text(const char *path)
{
    FILE *f = path ? fopen(path, "re") : NULL;
    long size = -1;
    char *text = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) > 0 && size < FILE_BYTES_MAX &&
        fseek(f, 0, SEEK_SET) == 0 && (text = calloc(1, (size_t)size + 1)) &&
        (fread(text, 1, (size_t)size, f) != (size_t)size ||
         !reef_ptx_is_text(text, (size_t)size))) {
        free(text);
        text = NULL;
    }
    if (f)
        fclose(f);
    return text;
}

static int word_of(void *arg, const char *name, size_t length)
{
    enum reef_rule rule = reef_restartable_word(name, length);
    return rule == REEF_RULE_ASSUME ? 1 : rule == REEF_RULE_NEVER ? -1 : 0;
}

/* The module's text with guards; NULL: it is left alone. */
static struct reef_ptx_rewritten *rewrite(const char *text, size_t size)
{
    struct reef_ptx_rewritten *r = text ? calloc(1, sizeof(*r)) : NULL;
    if (!r)
        return NULL;
    if (reef_ptx_rewrite(r, text, size, word_of, NULL) && r->text)
        return r;
    reef_debug("PTX of %zu bytes is left as it is: %s", size, r->reason ? r->reason : "no memory");
    atomic_fetch_add(&reef_cuda.unguarded, 1 + r->unguarded);
    cu_guard_drop(r);
    return NULL;
}

static bool is_file_call(const struct cu_api *api)
{
    return api == &cu_api[CU_cuModuleLoad] || api == &cu_api[CU_cuLibraryLoadFromFile];
}

/* The same call with text in memory. */
static void *from_memory(const struct cu_api *api)
{
    if (api == &cu_api[CU_cuModuleLoad])
        return (void *)cu.cuModuleLoadData;
    if (api == &cu_api[CU_cuLibraryLoadFromFile])
        return cu_real(&cu_api[CU_cuLibraryLoadData]);
    return NULL;
}

/* The values of a call's options for the compiler, some of which it changes (how much it has
 * written of a log). */
static void **option_values(const struct cu_api *api, const cu_word *a, unsigned *count)
{
    bool library = a && strncmp(api->symbol, "cuLibrary", 9) == 0;
    if (!library && api != &cu_api[CU_cuModuleLoadDataEx])
        *count = 0;
    else
        *count = cu_u32(a[library ? 4 : 2]);
    return *count ? cu_pointer(a[library ? 3 : 4]) : NULL;
}

/* All functions that load have the handle's place first and the image or path next. */
static cu_result load(struct cu_api *api, const cu_word *a)
{
    const char *given = cu_pointer(a[1]);
    cu_word *made = cu_pointer(a[0]), words[CU_ARGUMENTS_MAX];
    enum { OPTIONS = 64 };
    void *kept[OPTIONS];
    unsigned options;
    void **values = option_values(api, a, &options);
    bool wanted = cu_guards_wanted();
    char *file = wanted && is_file_call(api) ? file_text(given) : NULL;
    void *real = is_file_call(api) ? from_memory(api) : cu_real(api);
    size_t size = 0;
    const char *text = file ? file
                       : wanted && given && !is_file_call(api)
                           ? reef_ptx_image_text(given, SIZE_MAX, &size)
                           : NULL;
    struct reef_ptx_rewritten *r =
        made && real && text ? rewrite(text, file ? strlen(file) : size) : NULL;
    free(file);
    if (!r || options > OPTIONS || (options && !values)) {
        cu_guard_drop(r);
        return cu_call(cu_real(api), a, api->arguments);
    }
    if (options)
        memcpy(kept, values, options * sizeof(*values));
    memcpy(words, a, api->arguments * sizeof(*a));
    words[1] = (cu_word)(uintptr_t)r->text;
    cu_result result = cu_call(real, words, api->arguments);
    if (result == CUDA_SUCCESS) {
        if (strncmp(api->symbol, "cuLibrary", 9) != 0) { /* that may go on using it */
            free(r->text);
            r->text = NULL;
        }
        cu_guard_loaded(*made, r);
        return result;
    }
    reef_debug("%s did not take PTX with guards: %d", api->symbol, result);
    cu_guard_drop(r);
    if (options)
        memcpy(values, kept, options * sizeof(*values));
    return cu_call(cu_real(api), a, api->arguments);
}

cu_result cu_guard_load(struct cu_api *api, cu_word *a)
{
    return api->kind == CU_KIND_CODE_LOAD ? load(api, a) : cu_guard_function(api, a);
}
