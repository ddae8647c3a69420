// SPDX-License-Identifier: Apache-2.0
/*
 * What is made ready when a kernel is launched for the first time: its verdict (may it be run
 * again?), the ranges it touches, and its guards, which are loaded beside its code object. That
 * takes some tenths of a millisecond up to some milliseconds, so it is done by a thread of its own,
 * started when the first kernel needs it: neither under a lock that real-time work or the agent
 * needs, nor in the agent. Meanwhile the packet waits in the virtual queue, with all behind it.
 * Guards are not loaded while real-time work is there: the GPU has to do something for that.
 */
#pragma once

#include "shim/amd/code_load.h"

struct reef_gpu;

/** What was made for one kernel. */
struct reef_prepared {
    hsa_executable_t executable; /* with the guards; 0: it has none */
    hsa_code_object_reader_t reader;
    uint8_t *bytes; /* owned; the code object of the guards: debuggers read it from memory */
    size_t size;
    struct reef_ranges *ranges; /* owned; may be NULL */
};

/** The kernel is launched, and known to be pending: the packet has to wait until reef_feed_resume
 *  is called. False: it will not be prepared, there is no thread for it. Any thread, gpu->lock
 *  held; does not wait. */
bool reef_prepare_want(struct reef_gpu *gpu, uint64_t kernel_object);

/** Nothing is prepared any more, and no ROCr call of this thread is under way, when this returns:
 *  it waits for the kernel that is being prepared, at most two seconds. No lock held. */
void reef_prepare_stop(void);
/** hsa_init after that. */
void reef_prepare_allow(void);

/** Unloads the guards and frees what is owned. @unload false: ROCr is shut down. */
void reef_prepared_free(struct reef_prepared *prepared, bool unload);
