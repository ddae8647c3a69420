// SPDX-License-Identifier: Apache-2.0
/*
 * Finding the functions that our hooks stand in front of. libreef.so does not link the vendor's
 * libraries; it looks their symbols up when the first hook runs, that is, when the library is
 * loaded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/** For what may run before a sanitizer's runtime is set up: it looks its own functions up by dlsym.
 */
#define REEF_BEFORE_SANITIZERS __attribute__((no_sanitize("thread", "address", "undefined")))

typedef void *reef_dlsym_fn(void *handle, const char *name);

typedef void *reef_dlvsym_fn(void *handle, const char *name, const char *version);
typedef void *reef_dlopen_fn(const char *file, int mode);

/** A function that the C library defines, whatever is preloaded before it; or NULL. libc.c. */
void *reef_libc_function(const char *name);
/** The C library's dlsym, dlvsym and dlopen (never our hooks), or NULL. Any thread; do not log. */
reef_dlsym_fn *reef_real_dlsym(void);
reef_dlvsym_fn *reef_real_dlvsym(void);
reef_dlopen_fn *reef_real_dlopen(void);

/** A vendor library: how its symbols are found. Static, zero but for @soname_prefix. */
struct reef_library {
    const char *soname_prefix; /* e.g. "libhsa-runtime64.so" */
    void *handle;              /* of the loaded library; borrowed for ever; NULL: not looked for */
};

/**
 * The address of @name in @library: first as the dynamic linker would go on from libreef.so
 * (RTLD_NEXT: respects other preloaded libraries), else in the library itself if the process has
 * loaded it in any scope (dlopen with RTLD_LOCAL). NULL if it is not there.
 */
void *reef_real_lookup(struct reef_library *library, const char *name);

/** Whether @address lies in libreef.so itself. */
bool reef_real_is_own(const void *address);
