// SPDX-License-Identifier: Apache-2.0
/* Loading of the real libhsa-runtime64 functions. See hsa.h. */
#include "shim/amd/hsa.h"

#include <pthread.h>

#include "shim/preload/log.h"
#include "shim/preload/real.h"

struct reef_hsa reef_hsa;

static struct reef_library library = {.soname_prefix = "libhsa-runtime64.so"};

static void load(void)
{
    unsigned missing = 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#define LOOK_UP(symbol)                                                                            \
    reef_hsa.symbol = (__typeof__(reef_hsa.symbol))reef_real_lookup(&library, #symbol);            \
    if (!reef_hsa.symbol)                                                                          \
        missing++;
#define HSA_HOOK(name) LOOK_UP(name)
#define HSA_LATER(symbol)                                                                          \
    reef_hsa.symbol = (__typeof__(reef_hsa.symbol))reef_real_lookup(&library, #symbol);
#define HSA_REAL(name) LOOK_UP(name)
#define HSA_GUARD(symbol)                                                                          \
    reef_hsa.symbol = (__typeof__(reef_hsa.symbol))reef_real_lookup(&library, #symbol);            \
    if (!reef_hsa.symbol)                                                                          \
        reef_hsa.guards = false;
#define HSA_NEED HSA_GUARD
    reef_hsa.guards = true;
#include "shim/amd/hooks.def"
#undef LOOK_UP
#pragma GCC diagnostic pop
    if (!reef_hsa.hsa_queue_create)
        return;
    reef_start();
    if (missing)
        reef_disable("this libhsa-runtime64 lacks functions that are needed");
    atomic_store_explicit(&reef_hsa.loaded, true, memory_order_release);
}

bool reef_hsa_load(void)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!atomic_load_explicit(&reef_hsa.loaded, memory_order_relaxed))
        load();
    pthread_mutex_unlock(&lock);
    return atomic_load_explicit(&reef_hsa.loaded, memory_order_relaxed);
}
