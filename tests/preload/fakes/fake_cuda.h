// SPDX-License-Identifier: Apache-2.0
/* Inside of the fake libcuda: streams as in-order workers. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tests/preload/cuda/cu.h"

struct fake_context {
    int device;
    struct fake_stream *legacy;
};

enum { FAKE_WORDS = 8, FAKE_DEPENDS = 64 };

/* One operation: @run with @words on the stream's worker, after all of @depends. */
struct fake_work {
    struct fake_work *next;
    void (*run)(struct fake_work *work);
    uint64_t words[FAKE_WORDS];
    struct {
        struct fake_stream *stream;
        uint64_t number; /* has completed so many */
    } depends[FAKE_DEPENDS];
    unsigned depend_count;
};

struct fake_stream {
    struct fake_stream *next; /* all streams */
    struct fake_context *context;
    unsigned flags;
    int priority;
    bool legacy, destroyed, capturing;
    struct fake_graph *graph; /* being captured */
    struct fake_work *head, *tail;
    uint64_t queued, completed;
    pthread_t worker;
    uint64_t magic;
};

struct fake_event {
    struct fake_stream *stream; /* NULL: never recorded */
    uint64_t number, time_ns;
    uint64_t magic;
};

struct fake_function {
    const char *name;
    unsigned count;
    void (*run)(struct fake_work *work);
};

struct fake_graph {
    struct fake_work *first, *last;
};

extern pthread_mutex_t fake_lock;
extern pthread_cond_t fake_changed;
extern struct fake_cuda_counts fake_cuda_counts;
extern bool fake_counting; /* FAKE_CUDA_COUNT: calls cost nothing and do nothing */

struct fake_stream *fake_stream_new(struct fake_context *context, unsigned flags, int priority,
                                    bool legacy);
/** The stream of a handle: NULL and 1: legacy of the current context. NULL: not valid. */
struct fake_stream *fake_stream_of(CUstream handle, bool per_thread);
/** Puts @work (copied) on the stream, with what CUDA says it must wait for. Lock not held. */
CUresult fake_put(struct fake_stream *s, const struct fake_work *work);
/** Waits until the stream has completed @number. */
void fake_wait(struct fake_stream *s, uint64_t number);
/** Waits for all that was put on the stream so far. */
void fake_finish(struct fake_stream *s);
/** As far as the legacy stream waits for others: until all blocking streams are done. */
void fake_wait_all(struct fake_context *context, bool blocking_only);
struct fake_context *fake_current(void);
