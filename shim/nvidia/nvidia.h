// SPDX-License-Identifier: Apache-2.0
/*
 * The NVIDIA part of libreef.so: virtual host queues for the streams of the CUDA driver API.
 *
 * BE class. As long as nothing is held and a stream's device queue is within its depth, a call goes
 * straight to the driver in the caller's thread; and while no RT program is there at all, the depth
 * does not count and nothing is kept account of. Else it becomes an *operation*: the function, its
 * argument words and a deep copy of what they point to, appended to its stream's virtual host
 * queue. The agent issues operations when reef_core allows. The order of issue keeps what CUDA
 * promises:
 *  - operations of a stream are issued in the order of the calls;
 *  - a *fence* (work on the legacy default stream, a wait for an event whose record is held, a wait
 * for a value in memory, whatever else touches something that a held operation uses) is issued
 * after everything called before it and before everything called after it, in the whole process.
 * Between operations of different streams without a fence CUDA promises nothing. So the driver sees
 * calls in an order that the program could have made itself, and does the rest. (A wait for a value
 * would else be issued before what writes it, and legacy work of another thread might come between
 * the two: then neither would ever run.)
 *
 * What cannot be copied, or would not be accepted for sure, is not put off: the calling thread
 * takes its *turn*, that is, it waits until everything before it has been issued, and makes the
 * call itself. Its result is then the driver's own.
 *
 * RT class: calls go straight through after the board's RT bit is set. The agent finds out when the
 * streams are idle again.
 *
 * The whole process is held and released together: a stream that runs may wait for one that does
 * not.
 *
 * Locks: cuda->lock guards all of struct reef_cuda and of its streams but what is _Atomic. The
 * driver is never called with it held. It is held for fractions of a microsecond, and never while
 * waiting.
 */
#pragma once

#include <pthread.h>

#include "sched/core.h"
#include "sched/estimator.h"
#include "shim/agent/agent.h"
#include "shim/nvidia/driver.h"
#include "shim/preload/state.h"

struct reef_stream;
struct reef_op;
struct reef_guards;
struct reef_anchor;
struct reef_op_guard;
struct reef_guarded;

enum {
    REEF_CUDA_GPUS = 16,
    REEF_STREAM_BUCKETS = 1024,
    REEF_OBJECT_BUCKETS = 256,
    REEF_MARKS = 8,         /* per stream; a power of two */
    REEF_STREAM_OPS = 4096, /* operations of a stream that are not complete */
};
#define REEF_HELD_BYTES ((size_t)64 << 20) /* of the whole process; then the caller waits */

/** An event that closes a group of commands in the device queue: when it is over so are they. */
struct reef_mark {
    cu_word start, end;    /* CUevents, owned; 0: not made yet */
    uint64_t last;         /* the last command of the group */
    uint64_t key;          /* of that command, if timed */
    bool timed;            /* start was recorded right before the group's only command */
    _Atomic uint8_t state; /* enum reef_mark_state */
};
enum reef_mark_state { REEF_MARK_FREE, REEF_MARK_PENDING, REEF_MARK_RECORDED, REEF_MARK_FAILED };

/** A context the process used, and its GPU. Never freed. */
struct reef_context {
    struct reef_context *next;
    cu_word handle;
    int gpu; /* index */
    int greatest_priority;
    struct reef_guards *guards;           /* owned; NULL: not made */
    bool no_guards;                       /* they cannot be made */
    _Atomic(struct reef_anchor *) anchor; /* NULL: not made */
    _Atomic bool paused; /* it may be destroyed just now: nothing is asked of it, nobody uses it */
    unsigned asking;     /* calls of ours that concern it and are under way. cuda->lock */
    unsigned waited;     /* RT: threads of the program that wait for all of its work. cuda->lock */
    _Atomic unsigned unseen_over; /* RT: a wait for all of it has come behind so much unseen work */
    _Atomic int late_error; /* cu_result of an operation that failed after its call had returned */
};

/* The first 64 bytes are all that a call looks at that is let through (aligned so, stream.c). */
struct reef_stream {
    _Alignas(64) _Atomic(struct reef_stream *) next; /* in its bucket */
    struct reef_stream *all_next;
    _Atomic cu_word key; /* handle, or context | 1 for its legacy stream; 0: free */
    int core_queue;      /* BE. -1: none, everything is done in turn */
    bool legacy;
    bool uncounted; /* BE: it has, or had, commands that the core does not know of */
    struct reef_context *context;
    /* RT */
    _Atomic uint64_t arrivals, returned; /* calls that bring work: begun, and given to the driver */
    _Atomic uint64_t last;               /* the last arrival's number among all of the process */

    uint32_t number;    /* in traces: of all streams of the process */
    cu_word handle;     /* as the driver wants it */
    int shown_priority; /* what the program chose; only if changed_priority */
    bool changed_priority;

    /* BE */
    struct reef_op *head, *tail; /* of what is not over: first what is in flight (guard.h), */
    struct reef_op *waiting;     /* then from here on what was not issued */
    unsigned announced;          /* of them: what the core knows of */
    uint64_t allowed;            /* commands below may be issued: the core said submit */
    uint64_t enqueued, done;     /* of the core's numbers */
    uint64_t issued;   /* commands below were given to the driver, but for those ended since */
    uint64_t resolved; /* it is known of commands below what became of them; at least done */
    /* While recording: the number of the next command, and up to which completions are recorded. */
    uint64_t traced, traced_done;
    /* Guards: its line (0: none), and how that is on the device. */
    struct reef_guards *guards;
    int line;
    unsigned in_flight; /* guarded launches */
    bool flags_wanted, flags_are_up, chain_is_up;
    /* Launches were left to the device (guard_repeat.c): until the event behind them is over
     * nothing of the stream gets guards, and the device looks at these records. */
    bool left;
    cu_word left_event; /* CUevent, owned; 0: not made */
    uint32_t kept_record;
    uint64_t moved_ns; /* when something of it was issued, or known to be complete, last */
    unsigned stalled;  /* agent: how often in a row nothing had moved */
    struct reef_mark marks[REEF_MARKS];
    unsigned mark_head, mark_count;
    unsigned group_count;
    uint64_t group_ns;
    unsigned samples;
    unsigned querying; /* by so many the driver is asked about it: it must not be destroyed now */
    _Atomic bool capturing;

    /* RT */
    uint64_t idle_at; /* arrivals when it was last seen idle. cuda->lock */
    unsigned waited;  /* threads of the program that wait for it. cuda->lock */
};

/** A held operation. */
struct reef_op {
    struct reef_op *next;                  /* in its stream */
    struct reef_op *call_next, *call_prev; /* in the order of the calls */
    struct reef_stream *stream; /* NULL: administration, waits for nothing but its turn */
    struct cu_api *api;
    cu_word context;             /* current when the call was made */
    uint64_t seq;                /* of all calls */
    uint64_t command;            /* number in the core */
    uint64_t key;                /* for the estimator */
    struct reef_object *pins[2]; /* may be NULL */
    struct reef_op_guard *guard; /* of a launch that may be guarded; in the payload; may be NULL */
    uint32_t bytes;
    bool fence, announced;
    bool in_flight; /* issued with guards, and not known to be complete */
    bool evictable; /* in flight: it looks at the flags */
    cu_word a[];    /* arguments; payload behind them */
};

/** An event or CUgraphExec that held operations use, or of which something is to be remembered; or
 * a stream that is gone. */
struct reef_object {
    struct reef_object *next;
    cu_word handle;
    uint32_t pending; /* held operations that use it */
    uint32_t records; /* of them: records of the event */
    bool exported;    /* an event of other processes */
    bool captured;    /* an event recorded in a capturing stream */
    bool in_turn;     /* a CUgraphExec whose launches may be refused */
    bool waits;       /* a CUgraphExec that waits for values in memory, or for semaphores */
    bool gone;        /* destroyed by the program, not yet by us */
};
/** Something of it is to be remembered while nothing that is held uses it. */
static inline bool cu_object_kept(const struct reef_object *o)
{
    return o->exported || o->captured || o->in_turn || o->waits || o->gone;
}

struct reef_cuda_gpu {
    struct reef_board *board; /* owned */
    _Atomic bool rt_raised;
};

enum { REEF_FAST_LAUNCH = 1, REEF_FAST_CODE = 2 };

/*
 * First what every call looks at, in as few lines of the cache as it can be: between two launches
 * the program's own work puts them out of it, and to fetch each again is most of what a launch
 * costs (docs/measurements/gpu-2026-11-26.md).
 */
struct reef_cuda {
    _Alignas(64) _Atomic uint8_t fast; /* what need not be looked at, REEF_FAST_*: fast.c */
    _Atomic int started;            /* process.c */
    _Atomic int captures;           /* streams being captured */
    _Atomic int gpu_count;
    _Atomic int contexts_created;  /* and not destroyed: by name, not primary ones */
    _Atomic unsigned pending;      /* operations */
    _Atomic unsigned objects_gone; /* destroyed by the program, not by us yet */
    _Atomic bool bounded;          /* RT programs use a GPU of ours: the depth counts */
    _Atomic bool any_guarded;      /* there are functions with guarded twins */
    _Atomic bool anchors;          /* one was made: cu_anchor_before() is to be called, */
    _Atomic bool anchor_due;       /* and may have to be put down, by whoever brings work */
    struct reef_context *contexts;
    _Atomic uint64_t arrivals; /* calls that brought work */
    struct reef_cuda_gpu gpus[REEF_CUDA_GPUS];
    _Atomic int late_errors; /* ever */

    _Alignas(64) pthread_mutex_t lock; /* BE only: from here to `closed` */
    struct reef_core *core;
    int probe;           /* a queue of the core without commands: it shows whether BE is held */
    _Atomic bool closed; /* it is the turn of another BE program */

    _Atomic uint64_t unmanaged;
    pthread_cond_t turn; /* operations were issued, room was made, or BE was released */
    unsigned waiters;
    unsigned turn_waiters; /* of them: what they wait for is not the end of work on the device */
    struct reef_estimator estimator; /* as the core's: how long a command takes */
    uint64_t timer_ns;               /* 0: not armed */
    struct reef_agent agent;
    struct reef_stream *streams;
    struct reef_object *objects[REEF_OBJECT_BUCKETS];

    struct reef_op *first, *last;     /* in the order of the calls */
    struct reef_op *unannounced;      /* the oldest the core does not know of */
    unsigned in_flight;               /* guarded launches */
    unsigned announced;               /* operations the core knows of */
    unsigned fences_announced;        /* of them fences: nothing behind them is announced, */
    struct reef_stream *fence_stream; /* but what is of this stream */
    unsigned fences;
    _Atomic unsigned objects_kept;  /* see cu_object_kept */
    _Atomic unsigned contexts_gone; /* ever: a handle may mean another one since */
    uint64_t next_seq;
    uint32_t streams_made;
    size_t held_bytes;
    _Atomic bool exiting;

    _Atomic unsigned unseen; /* RT: how often work came, or a stream with work to come went, of
                              * which only the driver knows: of whatever context, since a wait for
                              * one may be for others too (green ones) */
    _Atomic(struct reef_context *) rt_context; /* of the work with which RT work last began, */
    _Atomic uint64_t rt_began_ns;              /* and when that was */
    bool rt_watching;
    uint64_t rt_since_ns, rt_moved_ns, rt_idle_ns, rt_arrivals_seen;
    unsigned fast_ends;                  /* how often launches came to be looked at again */
    _Atomic unsigned records;            /* held records of events */
    _Atomic uint64_t guarded, unguarded; /* kernels */
    _Atomic bool timeslice_wanted;       /* there are channel groups to be looked after */
    _Atomic uint64_t depth_ns;           /* that of a device queue */
    _Atomic bool short_slices;           /* all channel groups have such as take BE off at once */
    bool mps;                            /* contexts of several programs may be one on the GPU */
    _Atomic bool peers_rt, peers_be;     /* agent: other programs of the GPUs, by class */
    _Atomic bool rt_seen;                /* real-time work runs, as the agent saw it last */
    _Atomic bool turn_asked;             /* and that it is wanted is on the board */
    _Atomic bool long_slices;            /* several BE programs have work on the GPU */
    _Atomic bool was_held;               /* what the agent saw last */
    /* When a command was issued or completed last, or the first was held. Time for which BE was
     * held does not count: held_ns is when that began. And when the program was told last that its
     * legacy stream is not done, while launches of other streams were in flight. cuda->lock */
    uint64_t moved_ns, held_ns, asked_ns;
    unsigned asking;            /* questions to the driver about streams that are under way */
    _Atomic uint64_t completed; /* commands */
    /* Launches of which it was left to the device what becomes of them, and those before them that
     * had been ended. cuda->lock */
    uint64_t left, left_ended;
};

extern struct reef_cuda reef_cuda;

/** This thread is in a hook, or is the agent: calls that the driver makes of itself by exported
 * names go straight through. */
extern _Thread_local bool cu_inside __attribute__((tls_model("initial-exec")));

/* --- process.c --- */
/** Whether calls are to be scheduled; starts everything at the first call. Fast afterwards. */
bool cu_active(void);
/** The record of the calling thread's context, opened if need be; NULL: there is none. No lock
 * held. */
struct reef_context *cu_context(void);
struct reef_context *cu_context_of(cu_word handle);
/** A context may be destroyed by the call that follows: waits for what we ask of it, and asks
 * nothing more until it is forgotten (@gone) or goes on. Until then whoever comes with its handle,
 * or with one of its streams', waits: they may be a new context's already. No lock held. */
void cu_context_pause(cu_word handle);
void cu_context_resume(cu_word handle, bool gone);
bool cu_context_known(cu_word handle);
/** Keeps it from being destroyed until cu_context_leave(). False: it may be just now, or is gone.
 * No lock held. */
static inline bool cu_context_hold(struct reef_context *context)
{
    pthread_mutex_lock(&reef_cuda.lock);
    bool may = !context->paused && __atomic_load_n(&context->handle, __ATOMIC_ACQUIRE);
    context->asking += may;
    pthread_mutex_unlock(&reef_cuda.lock);
    return may;
}
static inline void cu_context_leave(struct reef_context *context)
{
    pthread_mutex_lock(&reef_cuda.lock);
    context->asking--;
    pthread_mutex_unlock(&reef_cuda.lock);
}
/** Whether the process has more than one context of a GPU: then a function or an event may be of
 * another one than the stream, which only the driver knows. */
bool cu_many_contexts(void);
bool cu_is_rt(void);
void cu_count_unmanaged(void);
void cu_notify_agent(void);

/* --- stream.c --- */
/** The record of a stream by its driver handle (0 or 1: legacy, of the current context); made if it
 * is not known. NULL: no such stream, or it cannot be scheduled. No lock held. */
struct reef_stream *cu_stream(cu_word handle);
/** The stream that stands for the calling thread's per-thread default stream. NULL: none. */
struct reef_stream *cu_stream_per_thread(void);
/** That of @context's legacy stream, which is held. */
struct reef_stream *cu_stream_legacy(struct reef_context *context);
/** A call that is ordered in the per-thread default stream without naming it. */
cu_result cu_per_thread_call(struct cu_api *api, const cu_word *a);
struct reef_stream *cu_stream_created(cu_word handle);
/** Puts the real stream in place of a per-thread one among @a. False: it cannot be. */
bool cu_stream_substitute(const struct cu_api *api, cu_word *word);
void cu_stream_forget_locked(struct reef_stream *s);
/** The driver is asked about @s or its marks: neither they nor its context are destroyed before the
 * end. False: not now. Lock held. */
bool cu_stream_ask_locked(struct reef_stream *s);
void cu_stream_asked_locked(struct reef_stream *s);
/** Whether @s is being captured now (asks the driver if any stream is). */
bool cu_stream_captured(struct reef_stream *s);

/** What a trace says of a call. All 0 unless the process records (trace.h). */
struct reef_traced {
    uint64_t kernel; /* 0: none is launched */
    uint64_t size;   /* blocks, and above bit 32 threads of one */
    uint32_t shared_bytes;
};

/* --- queue.c --- */
/** One call that may be held. */
struct reef_call {
    struct cu_api *api;
    cu_word *a;
    struct reef_stream *stream;
    uint64_t key; /* kernel identity for the estimator; 0: takes no time */
    bool fence;
    cu_word objects[2];                 /* handles to pin; 0: none */
    bool records;                       /* objects[0] is an event that this records */
    const struct reef_guarded *guarded; /* a launch whose function has a twin; NULL: none */
    /* Makes the operation; NULL: the words alone. Returns NULL if it cannot be put off, or, if the
     * driver has said so, is an error: then that is in refused. */
    struct reef_op *(*copy)(struct reef_call *call);
    cu_result refused;
    const void *more;
    struct reef_traced traced;
};
/** Straight through, held, or in turn. */
cu_result cu_submit(struct reef_call *call);
/** An operation with @payload bytes behind its words, or NULL. */
struct reef_op *cu_op_new(const struct reef_call *call, size_t payload);
/** Puts off the destruction of a[0] behind everything held. False: nothing is held, or no memory.
 */
bool cu_put_off(struct cu_api *api, const cu_word *a);
/** The error of a held operation that has not been told yet. */
cu_result cu_late_error(struct reef_context *context);
/** Work in the context has failed; to be told at the next opportunity. */
void cu_note_error(struct reef_context *context, cu_result error);
/** The program was told that its context is broken: so it is for work that would be held, too. */
void cu_note_broken(cu_result error);
/** Forgets all held operations: the process ends. */
void cu_drop_all(void);
/** Whether real-time work runs on a GPU of ours. @now_ns: 0: not known. No lock needed. */
bool cu_board_active(uint64_t now_ns);
bool cu_held_locked(uint64_t now_ns);

/* --- wait.c --- */
/** In turn behind @stream (NULL: all). @work: also while BE is held. */
void cu_take_turn(struct reef_stream *stream, bool work);
/** The same, for a call that then waits for all work of @stream on the device anyway. */
void cu_take_turn_to_wait(struct reef_stream *stream);
/** Behind held operations that use @object, or only behind records of it. */
void cu_take_turn_behind(cu_word object, bool records_only);
/** Behind held records of an event that the call then waits for. */
void cu_take_turn_to_wait_for(cu_word event);
/** Waits until something changes. @for_work: for the end of work on the device, as the program's
 * call does in any case. */
void cu_wait_locked(bool for_work);

/* --- object.c --- */
/** The object of @handle if it is known. Lock held. */
struct reef_object *cu_object_locked(cu_word handle, bool make);
/** Notes one of the things that are to be remembered of an object. Lock held. */
void cu_object_keep_locked(struct reef_object *o, bool *what, bool value);
/** Forgets what is known of an event or graph that is no more. Lock held. */
void cu_object_forget_locked(cu_word handle);
/** Whether a held operation uses it. */
bool cu_object_pending_locked(cu_word handle);
bool cu_object_pending(cu_word handle); /* no lock held */
/** Whether a record of the event is held. No lock held. */
bool cu_event_pending(cu_word event);
/** Whether @handle is something that the program has destroyed, and we have not yet. No lock held.
 */
bool cu_is_gone(cu_word handle);
/** The objects that @op uses. False: no memory. Lock held. */
bool cu_pin_locked(struct reef_op *op, const struct reef_call *call);
void cu_unpin_locked(struct reef_op *op);

/* --- announce.c --- */
void cu_announce_locked(void);
void cu_actions_locked(void);
/** Commands of @s below this number have been issued, and not been ended since. */
uint64_t cu_issued_locked(const struct reef_stream *s);

/* --- be.c --- */
/** The agent's part: issues what may be issued. Returns after how many ns to look again. */
uint64_t cu_be_step(uint64_t now_ns);
/** The agent: asks the driver what of all streams is complete, whether anything waits or not. */
void cu_look_at_all(void);

/* --- issue.c: the agent --- */
/** Issues the oldest operation that may be issued. False: there is none. */
bool cu_issue_one(uint64_t now_ns);
/** In the agent: only while the context cannot be destroyed, since operations of it wait or it is
 * asked about (a destroyed handle is an address of freed memory to the driver). */
void cu_make_current(cu_word context);
/** Holds it, and makes it current. */
static inline bool cu_context_enter(struct reef_context *context)
{
    bool may = cu_context_hold(context);
    if (may)
        cu_make_current(__atomic_load_n(&context->handle, __ATOMIC_ACQUIRE));
    return may;
}
struct reef_mark_plan;
/** Makes the call, with what is planned around it. False: it failed; that is noted. */
bool cu_issue_op(struct reef_op *op, struct reef_mark_plan *plan);
/** The operation is over: forgets and frees it. */
void cu_unlink_locked(struct reef_op *op);
/** Destroys the stream and what belongs to it. Any thread. No lock held. */
cu_result cu_stream_destroy_now(struct reef_stream *s, struct cu_api *api, const cu_word *a);

/* --- depth.c --- */
/** The agent, and before the core is made. */
void cu_depth_step(void);

/* --- stall.c --- */
/** Something of @s was issued, or is known to be complete. @s may be NULL. */
void cu_moved_locked(struct reef_stream *s, uint64_t now_ns);
void cu_stall_held_locked(bool held, uint64_t now_ns);
/** The agent, while BE is not held: gives more to the driver where nothing has moved for long. No
 * lock held. */
void cu_unstall(uint64_t now_ns);

/* --- marks.c --- */
/** What is to be recorded around a command. */
struct reef_mark_plan {
    struct reef_mark *close, *start, *end; /* each may be NULL */
};
void cu_marks_plan_locked(struct reef_stream *s, uint64_t command, uint64_t key, bool close_now,
                          struct reef_mark_plan *plan);
void cu_marks_before(struct reef_stream *s, struct reef_mark_plan *plan);
void cu_marks_after(struct reef_stream *s, struct reef_mark_plan *plan);
/** Whether the stream has nothing to do, the uncounted commands included. No lock held. */
bool cu_stream_is_idle(struct reef_stream *s);
/** Whether the driver knows the event. While something is captured it may not be asked: then it is
 * taken for one. No lock held. */
bool cu_event_is_one(cu_word event);
/** Tells the core of commands that are over. No lock held. True if there were any. */
bool cu_marks_reap(struct reef_stream *s, bool query_stream);

/* --- launch.c, copy.c --- */
cu_result cu_launch(struct cu_api *api, cu_word *a);
cu_result cu_launch_ex(struct cu_api *api, cu_word *a);
void cu_launch_forget_functions(void);
cu_result cu_copy(struct cu_api *api, cu_word *a, struct reef_stream *s);
/** For struct reef_call.copy: put off only what the driver would surely accept. */
struct reef_op *cu_copy_checked(struct reef_call *call);
struct reef_op *cu_copy_event(struct reef_call *call);

/* --- attribute.c --- */
/** Before an attribute of a function is set in a best-effort program: waits if held launches need
 * the one there is. */
void cu_attribute_before(const struct cu_api *api, const cu_word *a);

/* --- change.c --- */
/** Before a call that changes what launches find: waits until those that are held are issued. */
void cu_change_before(const struct cu_api *api, const cu_word *a);

/* --- context.c --- */
cu_result cu_context_create(struct cu_api *api, cu_word *a);
/** Of all calls that may destroy one. */
cu_result cu_context_destroy(struct cu_api *api, cu_word *a);

/* --- event.c --- */
cu_result cu_event_create(struct cu_api *api, cu_word *a);
cu_result cu_event_record(struct cu_api *api, cu_word *a, struct reef_stream *s);
cu_result cu_event_wait(struct cu_api *api, cu_word *a, struct reef_stream *s);
cu_result cu_event_destroy(struct cu_api *api, cu_word *a);
cu_result cu_event_elapsed(struct cu_api *api, cu_word *a);
cu_result cu_event_export(struct cu_api *api, cu_word *a);
/** Other processes look at the event as well from now on. */
void cu_event_exported(cu_word event);
/** A context's events are no more. */
void cu_event_forget_context(cu_word context);

/* --- graph.c --- */
cu_result cu_graph_launch(struct cu_api *api, cu_word *a, struct reef_stream *s);
cu_result cu_graph_instantiate(struct cu_api *api, cu_word *a);
cu_result cu_graph_exec_destroy(struct cu_api *api, cu_word *a);

/* --- rt.c --- */
/** Before a call that puts work on the stream. Returns how many came before. @s may be NULL. */
uint64_t cu_rt_arrive(struct reef_stream *s);
/** After that call. NULL: its stream is not known, so only the driver knows of the work. */
static inline void cu_rt_returned(struct reef_stream *s)
{
    if (reef_likely(s != NULL))
        atomic_fetch_add_explicit(&s->returned, 1, memory_order_release);
    else
        atomic_fetch_add(&reef_cuda.unseen, 1);
}
/** A thread of the program waits for a stream, or for all of a context: meanwhile the agent need
 * not ask the driver about them, and afterwards it is known that they are idle. */
struct cu_rt_wait {
    struct reef_stream *stream;   /* or */
    struct reef_context *context; /* NULL both: nothing is known of it */
    uint64_t arrivals;
    unsigned fast_ends;
};
void cu_rt_wait_begin(struct cu_rt_wait *wait, struct reef_stream *s, struct reef_context *context);
void cu_rt_wait_end(const struct cu_rt_wait *wait, cu_result result);
uint64_t cu_rt_step(uint64_t now_ns);
void cu_rt_end(void);

/* --- fast.c --- */
/** Whether launches need not be looked at now: begins that, or ends it. Agent; no lock held. */
bool cu_fast_step(void);
/** From now on they must be: something that asks for it has just been noted. Any thread. */
void cu_fast_end(void); /* no lock held */
void cu_fast_end_locked(void);
/** A launch into the stream @handle has come back with an error, or when the fast path had been
 * closed meanwhile. Returns @result. */
cu_result cu_fast_returned(cu_word handle, cu_result result);

/* --- peers.c --- */
/** Looks which other programs the GPUs have; @at_once: not only if it is time to. Returns after how
 * many ns it is if it was not. Agent. */
uint64_t cu_peers_look(uint64_t now_ns, bool at_once);

/* --- ahead.c: of a real-time process --- */
/** The agent: real-time work has begun (rt_began_ns); the last was over at @idle_ns. */
void cu_ahead_began(uint64_t idle_ns);
/** The agent, while there is none. Returns after how many ns to be called again. */
uint64_t cu_ahead_step(uint64_t now_ns);
/** The process ends. */
void cu_ahead_end(void);

/* --- anchor.c: of a real-time process --- */
/** Around every call of the program. True: the call may wait for all work of the context, and until
 * cu_anchor_passed() no anchor is put down. */
bool cu_anchor_before(const struct cu_api *api, const cu_word *a);
void cu_anchor_passed(void);
/** Before a call that may wait for the program's work. */
void cu_anchor_waits(const struct cu_api *api);
void cu_anchor_after(const struct cu_api *api, cu_result result);
/** Does cuCtxSynchronize in such a way that the anchor may stay. False: it was another call, or
 * that cannot be done; nothing was. */
bool cu_anchor_wait_for_all(const struct cu_api *api, const cu_word *a, cu_result *result);
/** Tells all anchors to end. A store for each; any thread. False: there were none. */
bool cu_anchor_release(void);
/** From the return on none is put down in this process. Any thread of the program; no lock held. */
void cu_anchor_no_more(const char *why);
/** The process ends (reef_cuda.exiting): none is made any more, nor just being made. */
void cu_anchor_end(void);
/** The agent, while real-time work is there; @over: it is not any more. */
void cu_anchor_step(uint64_t now_ns, bool over);
/** The agent, while none is there, or when one begins: makes what may be needed. Returns after how
 * many ns to be called again. */
uint64_t cu_anchor_prepare(uint64_t now_ns);
/** The agent, while none is there: puts an anchor down in @context (may be NULL), if it has one,
 * which stays until @until_ns, or until real-time work was there and is over. */
void cu_anchor_ahead(struct reef_context *context, uint64_t now_ns, uint64_t until_ns);
/** A context has become known since. */
bool cu_anchor_begins(void);
/** A context became known. No lock held. */
void cu_anchor_opened(void);
/** Whether the program probably only pauses. Agent. */
bool cu_anchor_lingers(uint64_t now_ns, uint64_t idle_since_ns);
void cu_anchor_forget(struct reef_context *context);
/** In a forked child: they are the parent's. */
void cu_anchor_forked(void);
/** How many there were. */
unsigned cu_anchor_count(void);

/* --- resolve.c --- */
cu_result cu_resolve(struct cu_api *api, void *real_resolver, const cu_word *a);
/** The hook for @real, which the driver gave for @name; or @real itself. */
void *cu_resolve_replace(void *real, const char *name, int version, uint64_t flags);
struct cu_api *cu_resolve_variant(const char *name, int version, bool per_thread);

/* --- turns.c --- */
/** Turns with other BE programs. Agent of a BE process; no lock held. Returns after how many ns to
 * be called again. */
uint64_t cu_turns_step(uint64_t now_ns);
/** Whether work is kept back for a turn that nobody has asked for yet: the agent is to be told. */
bool cu_turns_unasked(void);
/** The process ends: its turn does too. */
void cu_turns_end(void);

/* --- timeslice.c --- */
/** Sets the timeslice of channel groups that have had work since. Agent of a BE process only; no
 * lock held. Returns after how many ns to be called again. */
uint64_t cu_timeslice_step(uint64_t now_ns);
