// SPDX-License-Identifier: Apache-2.0
/*
 * What the files of the simulator share.
 *   engine.c   the loop, RT requests in turn
 *   actions.c  what the core wants
 *   clients.c  arrivals, requests
 *   streams.c  the device's queues: which kernel starts when, and what its end means
 *   events.c   the heap of events
 */
#pragma once

#include "replay/engine.h"
#include "sched/core.h"

enum event_type {
    EVENT_ARRIVAL, /* of client @index */
    EVENT_START,   /* stream @index may start a kernel */
    EVENT_STOPPED, /* nothing of BE queue @index runs any more */
    EVENT_TIMER,   /* the core's */
};

struct event {
    uint64_t at_ns;
    uint64_t order; /* of two at the same time, the one announced first goes first */
    uint32_t index, generation;
    enum event_type type;
};

struct events {
    struct event *heap; /* owned */
    size_t count, room;
    uint64_t order;
    bool failed; /* no memory */
};

/* A kernel in a stream. */
struct item {
    uint32_t kernel; /* of the request's kernels */
    bool again;      /* was complete; an inexact restart runs it again */
};

enum { ITEMS = 2048 }; /* DQ depth and what an inexact restart adds; a power of two */

/* What the core calls a pad, with the kernel on the device. */
struct pad {
    struct reef_core_pad core;
    int slot;
};

struct stream {
    uint32_t client; /* whose kernels these are; RT's shared stream: of the request it runs */
    uint32_t tag;    /* for the device: kernels of one stream do not interfere */
    struct item items[ITEMS];
    uint32_t head, tail;
    bool starting;       /* a START is due */
    uint32_t generation; /* of the START that counts */
    bool wants_slot;     /* the device has no number left */
    int slot;            /* of the kernel that runs (RT: of the RT part), or -1 */
    uint32_t parts;      /* slots on the device: the kernel and its pads */
    uint32_t asked;      /* work-groups of the kernel */
    bool whole;          /* all of them were run */
    uint64_t began_ns, free_ns;
    struct pad pads[REEF_PADS_MAX];
    unsigned pad_count;
};

struct client {
    const struct replay_client *config; /* borrowed */
    struct replay_client_result *result;
    uint64_t random;
    uint32_t next_arrival; /* trace */
    uint64_t late;         /* arrivals that wait; without keep_late at most 1 */
    bool keep_late, busy;
    uint32_t next_slice, first, length; /* of the request under way, in the model's sequence */
    uint32_t completed, pushed;         /* kernels of it; RT: put into the stream */
    uint64_t begun_ns;                  /* the client began it */
    uint64_t served_ns;                 /* its turn came (RT: first in the queue) */
    uint64_t launched_ns;               /* its launches began */
    uint64_t finished, depended[REPLAY_DEPENDS]; /* requests; of others, when it began last */
    int core_queue;                              /* BE */
    uint64_t core_base;                          /* command 0 of the request */
    bool resetting, evicting;                    /* what the core wants is under way */
    uint32_t evicted;                            /* kernels that are to run to nothing */
    uint64_t restart; /* command at which a reset stopped it; UINT64_MAX: none */
};

struct engine {
    const struct replay_workload *workload;
    const struct replay_options *options;
    struct replay_result *result;
    struct reef_core *core;
    struct emu_bulk *bulk;
    struct events events;
    uint64_t now_ns, end_ns;
    int error;
    struct client *clients; /* owned */
    struct stream *streams; /* owned; one per client. RT requests in turn all use the first's */
    uint32_t rt_stream;     /* of RT requests in turn */
    int32_t slot_stream[EMU_BULK_KERNELS]; /* -1: none */
    uint32_t rt_slots, be_slots;           /* a bit per kernel on the device */
    uint64_t timer_ns;
    uint32_t timer_generation;
    /* RT requests in turn: clients, a ring. */
    uint32_t rt_queue[REPLAY_CLIENTS];
    uint32_t rt_head, rt_count;
    uint32_t rt_requests; /* under way or waiting */
    bool rt_running;      /* the first of them is on the device */
    bool rt_waiting;      /* the first of them waits for BE work to leave */
    bool preempting;      /* since preempt_ns */
    uint64_t preempt_ns;
    uint32_t seen_rt_cus, seen_be_cus;
};

/* events.c */
void events_add(struct events *events, uint64_t at_ns, enum event_type type, uint32_t index,
                uint32_t generation);
bool events_take(struct events *events, uint64_t now_ns, struct event *event);
uint64_t events_next(const struct events *events); /* EMU_NEVER: none */

/* actions.c */
/** Carries out what the core wants. After each event told to it. */
void engine_actions(struct engine *e);
/** Nothing of the client's work runs any more, as the core wanted. */
void engine_be_stopped(struct engine *e, uint32_t client);
/** Nothing of the stream runs. */
void engine_stream_idle(struct engine *e, uint32_t stream);

/* engine.c */
__attribute__((format(printf, 2, 3))) void engine_log(struct engine *e, const char *format, ...);
/** An RT request has begun or ended. */
void engine_rt_begin(struct engine *e, uint32_t client);
void engine_rt_end(struct engine *e, uint32_t client);
/** Begins the RT request whose turn it is, if nothing is in the way. */
void engine_rt_serve(struct engine *e);
const struct replay_kernel *engine_kernel(const struct engine *e, uint32_t client, uint32_t kernel);

/* clients.c */
void clients_begin(struct engine *e);
void client_arrived(struct engine *e, uint32_t client);
/** All kernels of the client's request are complete. */
void client_finished(struct engine *e, uint32_t client);

/* streams.c */
/** RT: puts what there is room for of the request into the stream. */
void stream_feed_rt(struct engine *e, uint32_t stream);
void stream_push(struct stream *s, uint32_t kernel, bool again);
/** Has the stream start its next kernel at @at_ns or when it can. */
void stream_wake(struct engine *e, uint32_t stream, uint64_t at_ns);
void stream_start(struct engine *e, uint32_t stream);
/** The kernels in @slots have ended. */
void streams_ended(struct engine *e, uint32_t slots);
/** Forgets what is queued; returns how many kernels that were (not those run again). */
uint32_t stream_clear(struct stream *s);
/** Ends what runs. */
void stream_kill(struct engine *e, uint32_t stream);
/** Gives up what of the running kernel has not begun; true if nothing runs. */
bool stream_withdraw(struct engine *e, uint32_t stream);
