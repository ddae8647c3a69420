// SPDX-License-Identifier: Apache-2.0
/*
 * The functions of libcuda that libreef.so exports: one for each HOOK row of api.def, which packs
 * its arguments into an array of machine words and goes to cu_enter(). That is sound because every
 * one of them takes only integers and pointers and returns an int (checked against cuda.h by the
 * audit test): such arguments travel in the same registers and stack slots whatever their exact
 * types are (System V ABI, AMD64 3.2.3; AAPCS64 6.4), and the words are handed on as they came. A
 * handle of another process's object is a structure by value and has a hook of its own form. So
 * have the few that take floats: these travel in registers of their own, in the order of the floats
 * alone, and so do the words; so two of each, whatever the function takes of them, are all of it.
 *
 * Launches have a fast path, all of it here (fast.c says when): between two launches of a program
 * the cache has seen much else, so what counts is how few lines of it they touch.
 */
#include <string.h>

#include "shim/nvidia/nvidia.h"
#include "shim/preload/hooks.h"
#include "shim/preload/real.h"
#include "shim/preload/state.h"

#define P0  void
#define P1  cu_word a0
#define P2  P1, cu_word a1
#define P3  P2, cu_word a2
#define P4  P3, cu_word a3
#define P5  P4, cu_word a4
#define P6  P5, cu_word a5
#define P7  P6, cu_word a6
#define P8  P7, cu_word a7
#define P9  P8, cu_word a8
#define P10 P9, cu_word a9
#define P11 P10, cu_word a10
#define A0  0
#define A1  a0
#define A2  A1, a1
#define A3  A2, a2
#define A4  A3, a3
#define A5  A4, a4
#define A6  A5, a5
#define A7  A6, a6
#define A8  A7, a7
#define A9  A8, a8
#define A10 A9, a9
#define A11 A10, a10

/* The stream of a launch; without any that of the thread, which has no fast path. */
static inline cu_word launch_stream(enum cu_kind kind, const cu_word *a)
{
    const struct cu_launch_config *config = kind == CU_KIND_LAUNCH_EX ? cu_pointer(a[0]) : NULL;
    if (kind == CU_KIND_LAUNCH)
        return a[8];
    return config ? config->stream : CU_STREAM_PER_THREAD_HANDLE;
}

static inline bool is_launch(enum cu_kind kind)
{
    return kind == CU_KIND_LAUNCH || kind == CU_KIND_LAUNCH_EX;
}

/* The driver's function if the call is to go there at once: then the thread is in a hook until
 * fast_return(). Else NULL. */
__attribute__((always_inline)) static inline void *fast_path(enum cu_symbol symbol,
                                                             enum cu_kind kind, const cu_word *a)
{
    uint8_t fast = atomic_load_explicit(&reef_cuda.fast, memory_order_acquire);
    if (!(fast & (is_launch(kind) ? REEF_FAST_LAUNCH : REEF_FAST_CODE)) || cu_inside ||
        (is_launch(kind) && launch_stream(kind, a) == CU_STREAM_PER_THREAD_HANDLE))
        return NULL;
    void *real = atomic_load_explicit(&cu_api[symbol].real, memory_order_acquire);
    if (!real)
        return NULL;
    cu_inside = true;
    if (is_launch(kind))
        atomic_fetch_add_explicit(&reef_cuda.arrivals, 1, memory_order_relaxed);
    return real;
}

__attribute__((always_inline)) static inline cu_result
fast_return(enum cu_kind kind, const cu_word *a, cu_result result)
{
    cu_inside = false;
    if (!is_launch(kind) || reef_likely(result == CUDA_SUCCESS && atomic_load(&reef_cuda.fast)))
        return result;
    return cu_fast_returned(launch_stream(kind, a), result);
}

#define HOOK(symbol, name, version, arguments, kind, stream)                                       \
    REEF_EXPORT cu_result symbol(P##arguments);                                                    \
    cu_result symbol(P##arguments)                                                                 \
    {                                                                                              \
        cu_word a[] = {A##arguments};                                                              \
        return cu_enter(&cu_api[CU_##symbol], a);                                                  \
    }
#define HOOK_FAST(symbol, name, version, arguments, kind, stream)                                  \
    REEF_EXPORT cu_result symbol(P##arguments);                                                    \
    cu_result symbol(P##arguments)                                                                 \
    {                                                                                              \
        cu_word a[] = {A##arguments};                                                              \
        typedef cu_result function(P##arguments);                                                  \
        function *real = fast_path(CU_##symbol, CU_KIND_##kind, a);                                \
        if (real) {                                                                                \
            cu_result result = real(A##arguments);                                                 \
            return fast_return(CU_KIND_##kind, a, result);                                         \
        }                                                                                          \
        return cu_enter(&cu_api[CU_##symbol], a);                                                  \
    }
#define HOOK_HANDLE(symbol, name, version, arguments, kind, stream)                                \
    REEF_EXPORT cu_result symbol(cu_word out, struct cu_ipc_handle handle);                        \
    cu_result symbol(cu_word out, struct cu_ipc_handle handle)                                     \
    {                                                                                              \
        return cu_enter_handle(&cu_api[CU_##symbol], out, &handle);                                \
    }
#define HOOK_FLOAT(symbol, name, version, arguments, kind, stream)                                 \
    REEF_EXPORT cu_result symbol(cu_word a0, cu_word a1, float f0, float f1);                      \
    cu_result symbol(cu_word a0, cu_word a1, float f0, float f1)                                   \
    {                                                                                              \
        cu_word a[] = {a0, a1, 0, 0};                                                              \
        memcpy(&a[2], &f0, sizeof(f0));                                                            \
        memcpy(&a[3], &f1, sizeof(f1));                                                            \
        return cu_enter(&cu_api[CU_##symbol], a);                                                  \
    }
#include "shim/nvidia/api.def"

enum {
#define KIND(name, work, text) WORK_##name = work,
#include "shim/nvidia/kinds.def"
};

#define ROW(symbol_, name_, version_, arguments_, kind_, stream_, per_thread_, floats_)            \
    {                                                                                              \
        .symbol = #symbol_,                                                                        \
        .name = #name_,                                                                            \
        .version = version_,                                                                       \
        .arguments = arguments_,                                                                   \
        .kind = CU_KIND_##kind_,                                                                   \
        .stream = stream_,                                                                         \
        .per_thread = per_thread_,                                                                 \
        .work = WORK_##kind_,                                                                      \
        .floats = floats_,                                                                         \
        .hook = (void *)&symbol_,                                                                  \
    },
struct cu_api cu_api[CU_SYMBOL_COUNT] = {
#define HOOK(s, n, v, a, k, i)       ROW(s, n, v, a, k, i, false, false)
#define HOOK_PT(s, n, v, a, k, i)    ROW(s, n, v, a, k, i, true, false)
#define HOOK_FLOAT(s, n, v, a, k, i) ROW(s, n, v, a, k, i, false, true)
#include "shim/nvidia/api.def"
};

/* For the dlsym hook. */
const struct reef_hook reef_cuda_hooks[] = {
#define HOOK(symbol, name, version, arguments, kind, stream) {#symbol, (void *)&symbol},
#include "shim/nvidia/api.def"
    {NULL, NULL},
};

static struct reef_library library = {.soname_prefix = "libcuda.so"};

void *cu_real_by_name(const char *symbol)
{
    return reef_real_lookup(&library, symbol);
}

void *cu_real(struct cu_api *api)
{
    void *real = atomic_load_explicit(&api->real, memory_order_relaxed);
    if (reef_unlikely(!real)) {
        real = cu_real_by_name(api->symbol);
        if (real)
            atomic_store_explicit(&api->real, real, memory_order_relaxed);
    }
    return real;
}

cu_result cu_call(void *function, const cu_word *a, unsigned count)
{
    typedef cu_result fn0(void);
    typedef cu_result fn2(cu_word, cu_word);
    typedef cu_result fn4(cu_word, cu_word, cu_word, cu_word);
    typedef cu_result fn6(cu_word, cu_word, cu_word, cu_word, cu_word, cu_word);
    typedef cu_result fn8(cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word);
    typedef cu_result fn9(cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word,
                          cu_word);
    typedef cu_result fn11(cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word, cu_word,
                           cu_word, cu_word, cu_word);
    /* A word too many is an unused register, or lies on the stack where nobody looks. */
    switch (count) {
    case 0:
        return ((fn0 *)function)();
    case 1:
        return ((fn2 *)function)(a[0], 0);
    case 2:
        return ((fn2 *)function)(a[0], a[1]);
    case 3:
        return ((fn4 *)function)(a[0], a[1], a[2], 0);
    case 4:
        return ((fn4 *)function)(a[0], a[1], a[2], a[3]);
    case 5:
        return ((fn6 *)function)(a[0], a[1], a[2], a[3], a[4], 0);
    case 6:
        return ((fn6 *)function)(a[0], a[1], a[2], a[3], a[4], a[5]);
    case 7:
        return ((fn8 *)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], 0);
    case 8:
        return ((fn8 *)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]);
    case 9:
        return ((fn9 *)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]);
    case 10:
        return ((fn11 *)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], 0);
    default: /* CU_ARGUMENTS_MAX */
        return ((fn11 *)function)(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9],
                                  a[10]);
    }
}

cu_result cu_call_floats(void *function, const cu_word *a)
{
    typedef cu_result fn(cu_word, cu_word, float, float);
    float f[2];
    memcpy(&f[0], &a[2], sizeof(f[0]));
    memcpy(&f[1], &a[3], sizeof(f[1]));
    return ((fn *)function)(a[0], a[1], f[0], f[1]);
}
