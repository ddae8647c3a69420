// SPDX-License-Identifier: Apache-2.0
/* What the files of kernel launches share: launch.c, launch_function.c, launch_check.c. */
#pragma once

#include "shim/nvidia/nvidia.h"

/** A launch, as it was called. */
struct cu_shape {
    cu_word function;
    const uint32_t *grid, *block;
    uint32_t shared_bytes;
    void **parameters;
    void **extra;
};

/** What is known of a function. Entries are never freed. */
struct cu_function {
    struct cu_function *next;
    cu_word handle;
    cu_word attributes_of; /* the CUfunction to ask */
    unsigned count;
    uint32_t bytes;              /* of all parameters, each aligned to 8 */
    size_t end;                  /* of the last one in a buffer of them */
    _Atomic cu_word accepted_in; /* a context in whose stream it was launched, of many contexts */
    int max_threads, static_shared, cluster_needed;
    uint32_t sizes[];
};

/** Asks the driver at the first launch that is held. NULL: it does not tell. */
const struct cu_function *cu_function_of(cu_word handle);

/** Whether the driver would surely take the launch. @config: with its attributes, or NULL. If it
 * surely would not, call->refused is what it says. @f may be NULL. */
bool cu_launch_check(const struct cu_shape *shape, const struct cu_function *f,
                     const struct cu_launch_config *config, struct reef_call *call);
