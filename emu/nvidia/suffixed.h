// SPDX-License-Identifier: Apache-2.0
/* For the generated suffixed.c: while the plain function runs, the null stream of this thread means
 * its per-thread default stream (CUDA Driver API, "Stream synchronization behavior"). */
#pragma once

extern __thread unsigned nv_per_thread_default;

#define PER_THREAD(call)                                                                           \
    do {                                                                                           \
        CUresult result;                                                                           \
        nv_per_thread_default++;                                                                   \
        result = (call);                                                                           \
        nv_per_thread_default--;                                                                   \
        return result;                                                                             \
    } while (0)
