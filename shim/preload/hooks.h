// SPDX-License-Identifier: Apache-2.0
/* The hooked functions by name, for the dlsym hook. */
#pragma once

struct reef_hook {
    const char *name;
    void *address;
};

/** A library's hooks; @hooks ends with a NULL name. */
struct reef_hook_table {
    const char *symbol_prefix; /* all its hooks begin with this */
    const char *soname_prefix; /* a symbol counts only if it lies in a library of this name */
    const struct reef_hook *hooks;
};

/** Ends with NULL hooks. */
extern const struct reef_hook_table reef_hook_tables[];

extern const struct reef_hook reef_hsa_hooks[], reef_hip_hooks[], reef_cuda_hooks[];

/** The first library that was loaded with RTLD_DEEPBIND, or NULL: its calls pass the hooks by. */
const char *reef_deepbind_library(void);
