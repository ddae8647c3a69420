// SPDX-License-Identifier: Apache-2.0
/*
 * What the NVIDIA part records (REEF_TRACE; shim/trace/trace.h): launches with their kernels'
 * names, completions, holds, real-time work. While a process records, the depth counts at all
 * times, so that every command of a BE stream has a number in the core; a stream's records carry
 * that number.
 *
 * Any thread. A kernel's first launch asks the driver for its name; later ones look it up without a
 * lock.
 */
#pragma once

#include "shim/nvidia/nvidia.h"
#include "shim/trace/trace.h"

static inline bool cu_tracing(void)
{
    return reef_unlikely(atomic_load_explicit(&reef_trace_active, memory_order_relaxed));
}

/** Fills in @traced for a launch of @function: grid and block have three dimensions each. */
void cu_trace_kernel(struct reef_traced *traced, cu_word function, const uint32_t *grid,
                     const uint32_t *block, uint32_t shared_bytes);
/** The same for a CUDA graph, which counts as a kernel that fills the GPU. */
void cu_trace_graph(struct reef_traced *traced, cu_word exec);
/** Records command @number of stream @s: a launch if @traced names a kernel. */
void cu_trace_command(const struct reef_stream *s, uint64_t number,
                      const struct reef_traced *traced);
/** Commands of @s up to @last are complete; @last_ns: what that one took on the device, 0: not
 * known. (The core may have been told before of some: stall.c.) */
void cu_trace_completed(struct reef_stream *s, uint64_t last, uint64_t last_ns);
/** A call of an RT process, which arrived as number @number of its stream. */
void cu_trace_rt(const struct cu_api *api, const cu_word *a, const struct reef_stream *s,
                 uint64_t number);
/** Handles may mean other kernels from now on. */
void cu_trace_forget_kernels(void);
/** The agent: looks what is complete and writes the records. Returns after how many ns again. */
uint64_t cu_trace_step(void);
/** The process ends: the last look. */
void cu_trace_end(void);
