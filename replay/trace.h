// SPDX-License-Identifier: Apache-2.0
/*
 * Recorded traces (include/reef/trace.h): reading them, and making workloads of them. Pure: reads
 * memory, and believes nothing of what is there.
 */
#pragma once

#include "include/reef/trace.h"
#include "replay/workload.h"

struct replay_trace {
    uint32_t pid;
    bool be;                           /* the process was best-effort */
    struct reef_trace_record *records; /* owned; in order of time */
    size_t count;
    size_t unknown; /* records of types that this version does not know: left out */
    size_t cut;     /* bytes behind the last whole record */
    uint64_t lost;  /* records that the program's threads could not keep */
};

/** NULL and a line in @err: not a trace, of a newer version, or no memory. */
struct replay_trace *replay_trace_read(const void *data, size_t size, char *err, size_t err_size);
void replay_trace_free(struct replay_trace *trace);
/** The name of a kernel, as far as the trace has it; else its number. */
void replay_trace_name(const struct replay_trace *trace, uint64_t kernel, char *text, size_t size);

/**
 * A workload of what @count processes did, recorded at the same time on one machine: one client per
 * queue. Launches that followed each other before the earlier ones were complete are one request.
 * RT requests arrive when they did; BE clients wait after each request as long as they did. Kernels
 * take what they took on average; for those of RT queues, which are not timed one by one, what was
 * measured of the same kernel elsewhere, else an even share of the time that RT work was there.
 * NULL and a line in @err: no launches, too many, or no memory.
 */
struct replay_workload *replay_trace_workload(const char *name, struct replay_trace *const *traces,
                                              unsigned count, const struct emu_profile *profile,
                                              uint32_t gap_ns, char *err, size_t err_size);
