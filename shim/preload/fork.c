// SPDX-License-Identifier: Apache-2.0
/*
 * fork: the child has none of our threads, and ROCm does not work in it. So the child forgets
 * everything, takes no lock (a thread that is gone may hold it) and passes calls through. exec
 * starts afresh.
 */
#include <pthread.h>

#include "shim/preload/log.h"
#include "shim/preload/state.h"
#include "shim/trace/trace.h"

static void in_child(void)
{
    atomic_store(&reef_state.forked, true);
    atomic_store(&reef_state.passive, true);
    reef_trace_forked();
#ifndef REEF_NO_AMD
    reef_amd_forked();
#endif
    reef_cuda_forked();
}

void reef_fork_register(void)
{
    if (pthread_atfork(NULL, NULL, in_child) != 0)
        reef_disable("pthread_atfork failed");
}
