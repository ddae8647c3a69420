// SPDX-License-Identifier: Apache-2.0
/* Kernels of loaded code objects, for who prepares them (prepare.h). Any thread. */
#pragma once

#include "shim/amd/guards.h"

struct reef_loaded;
struct reef_prepared;

/** A kernel; its code object stays until it is given back. */
struct reef_code_kernel {
    struct reef_loaded *loaded;
    unsigned number; /* in it */
    uint64_t kernel_object;
    uint64_t entry; /* address of its first instruction */
    hsa_agent_t agent;
    struct reef_object object;
    struct reef_object_kernel kernel;
};

/** False if there is none, or it is prepared already. */
bool reef_code_take(uint64_t kernel_object, struct reef_code_kernel *kernel);
/** Whether its code object is being unloaded, which waits for the kernel to be given back. */
bool reef_code_is_leaving(const struct reef_code_kernel *kernel);
/** Gives it back, with what was made (owned by it from now on; NULL: nothing) and what is known. */
void reef_code_give(const struct reef_code_kernel *kernel, struct reef_prepared *prepared,
                    const struct reef_kernel *known);

/** From an address in a code object to one in memory. */
bool reef_code_delta(hsa_loaded_code_object_t object, uint64_t *delta);

/** The runtime is shut down: what was loaded is gone. */
void reef_code_forget(void);
