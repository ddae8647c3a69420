// SPDX-License-Identifier: Apache-2.0
/*
 * Recording (REEF_TRACE=file; the format is in include/reef/trace.h). Whoever has something to
 * record puts it into a ring of its thread's own: no system call, no lock, no allocation; a full
 * ring loses records and counts them. The agent thread empties the rings into the file now and
 * then, and the last of them is written when the process ends.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/reef/trace.h"

/** How long the agent may leave the rings alone. */
#define REEF_TRACE_POLL_NS 5000000u

extern _Atomic bool reef_trace_active;

/** Opens the file (if another process records into it: FILE.PID). Once, before anything is put.
 *  @be: the process is best-effort. Says why if it cannot, and records nothing. */
void reef_trace_open(const char *path, bool be);
/** Any thread. */
void reef_trace_put(enum reef_trace_type type, uint32_t queue, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t d);
/** Writes what the rings hold. @name fills in a kernel's name (the file has each once). The agent.
 */
typedef void reef_trace_name_fn(uint64_t kernel, char *text, unsigned size);
void reef_trace_flush(reef_trace_name_fn *name);
/** In the child of a fork: the file is the parent's. */
void reef_trace_forked(void);

#define REEF_TRACE_EVENT(...)                                                                      \
    do {                                                                                           \
        if (__builtin_expect(atomic_load_explicit(&reef_trace_active, memory_order_relaxed), 0))   \
            reef_trace_put(__VA_ARGS__);                                                           \
    } while (0)
