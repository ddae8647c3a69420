// SPDX-License-Identifier: Apache-2.0
/*
 * Another preloaded library that finds the function behind its own with dlsym(RTLD_NEXT), as such
 * libraries do. Built without optimisation, so that its call of dlsym is a real call. glibc looks
 * at the caller's address to know what is next: a dlsym hook that calls on would make this library
 * find itself.
 */
#include <dlfcn.h>
#include <stdlib.h>

typedef int init_fn(void);
int hsa_init(void);

_Atomic unsigned next_preload_calls;

int hsa_init(void)
{
    init_fn *next = (init_fn *)dlsym(RTLD_NEXT, "hsa_init");
    if (next == hsa_init || next_preload_calls > 10)
        abort();
    next_preload_calls++;
    return next ? next() : 0;
}
