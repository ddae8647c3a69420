/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The format of traces (REEF_TRACE=file), version 1. docs/trace-format.md explains it.
 *
 * A file is a header and then records of one size until its end, all little-endian. It is appended
 * to while the program runs, so a file that ends in the middle of a record was cut; what is before
 * is good. Records of one thread are in order; those of several are not: sort by time.
 *
 * A reader refuses another magic and a higher version; it skips record types that it does not know.
 * What exists is never changed: a new version adds types or fields in @reserved.
 */
#ifndef REEF_TRACE_H
#define REEF_TRACE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define REEF_TRACE_MAGIC   0x3145434152544652ull /* "RFTRACE1" as bytes */
#define REEF_TRACE_VERSION 1

enum reef_trace_class { REEF_TRACE_RT = 0, REEF_TRACE_BE = 1 };

struct reef_trace_header {
    uint64_t magic;
    uint32_t version;
    uint32_t header_bytes; /* where the records begin */
    uint32_t record_bytes; /* of one; a reader uses the first sizeof(struct reef_trace_record) */
    uint32_t pid;
    uint32_t process_class; /* enum reef_trace_class: of the program's ordinary queues */
    uint32_t reserved[9];
};

/* What the fields @a to @d of a record are. Commands of a queue are numbered 0, 1, 2, ... */
enum reef_trace_type {
    /* A queue exists. a: enum reef_trace_class. Comes again when the class changes. */
    REEF_TRACE_QUEUE = 1,
    REEF_TRACE_QUEUE_GONE = 2,
    /* The program launched a kernel. a: number; b: kernel (see NAME); c: work-groups, and above bit
     * 32 threads of one; d: LDS bytes of a work-group. */
    REEF_TRACE_LAUNCH = 3,
    /* The program put something else into the queue (a barrier). a: number. */
    REEF_TRACE_BARRIER = 4,
    /* Command a is complete. b: its time on the device in ns; 0: not known. */
    REEF_TRACE_COMPLETE = 5,
    /* RT work of this process began, or is over. */
    REEF_TRACE_RT_BEGIN = 6,
    REEF_TRACE_RT_END = 7,
    /* BE work of this process is held from now on, or no longer. */
    REEF_TRACE_HOLD = 8,
    REEF_TRACE_RELEASE = 9,
    /* A queue was reset, or its evict flag raised. */
    REEF_TRACE_RESET = 10,
    REEF_TRACE_EVICT = 11,
    /* Commands a to a + b - 1 were put into the device queue again. */
    REEF_TRACE_RESUBMIT = 12,
    /* A kernel's name, in pieces. a: kernel; @queue: where in the name the piece begins; b, c, d:
     * 24 bytes of it, zeroes behind its end. */
    REEF_TRACE_NAME = 13,
    /* a: so many records of this thread were lost here. */
    REEF_TRACE_LOST = 14,
    /* A queue was suspended (a: 1), or goes on (a: 0). */
    REEF_TRACE_SUSPEND = 15,
    REEF_TRACE_LAST = REEF_TRACE_SUSPEND
};

struct reef_trace_record {
    uint64_t at_ns; /* CLOCK_MONOTONIC */
    uint16_t type;  /* enum reef_trace_type */
    uint16_t thread;
    uint32_t queue; /* of this process */
    uint64_t a, b, c, d;
};

#ifdef __cplusplus
static_assert(sizeof(struct reef_trace_header) == 64, "layout");
static_assert(sizeof(struct reef_trace_record) == 48, "layout");
}
#else
_Static_assert(sizeof(struct reef_trace_header) == 64, "layout");
_Static_assert(sizeof(struct reef_trace_record) == 48, "layout");
#endif

#endif
