// SPDX-License-Identifier: Apache-2.0
/*
 * The scheduling core: what one process does with its best-effort (BE) queues on one GPU when
 * real-time (RT) work comes and goes. Sans-I/O: events go in, actions come out, nothing else
 * happens. The same code runs in libreef.so, in the replay tool and in the unit tests.
 *
 * Pure: no thread, clock, environment, dlfcn, log or vendor type. The caller serialises calls per
 * core (one lock per process in the shim) and passes the time. No call allocates except
 * reef_core_create and reef_core_queue_open; reef_core_enqueued and reef_core_completed are O(1)
 * amortised (the hot path).
 *
 * A queue's commands are numbered 0, 1, 2, ... in the order of enqueued() (sequence numbers). The
 * caller keeps the commands themselves. Commands [0, retired) are complete; a window above it is in
 * the *device queue* (DQ); the rest waits in the virtual host queue (vHQ).
 *
 * States of a BE queue (DESIGN section 4):
 *   OPEN       commands are submitted as depth allows
 *   FINISHING  held once the task under way is complete: its commands are submitted still
 *   DRAINING   held; what is in the DQ is waited for
 *   EVICTING   held; the evict flag is up: kernels with a guard end at once, the others run to
 *              their end
 *   RESETTING  held; the running commands are being killed
 *   SUSPENDED  held; the running commands are saved by the hardware
 *   HELD       held; nothing is in the DQ
 *   PADDING    held, but some of its commands run in its padding queue, beside RT work
 *   RESTORING  what did not complete is being submitted again, in order, before anything new
 *
 * The depth rule. A command enters the DQ, in order, if
 *   - fewer than depth_count commands are in it (barriers count: the caller has that many slots),
 * and
 *   - the estimates of the kernels in it, with its own, are at most depth_ns; or no kernel is in
 * it; or the command is a barrier, which takes no time. A kernel longer than the depth runs alone,
 * but barriers may stand before and behind it. So neither long kernels nor runs of barriers starve.
 *   - no kernel in the DQ has reached kill_limit: the next RT arrival waits for such a kernel, and
 * should wait for no other. A policy may replace the rule on time.
 *
 * Tasks. A policy of whole tasks (policy.h) lets one queue at a time into the device: from the
 * first command of a task until the command marked REEF_COMMAND_TASK_END is complete, or until the
 * queue has nothing more. Then the next queue in turn, if BE is not held.
 *
 * Guards. A kernel that is EVICTABLE may end at any time while the evict flag is up, and the caller
 * says so with reef_core_evicted(). A kernel that is only GUARDED does not begin when something
 * before it was evicted, but once it began it runs to its end. What has no guard at all runs in any
 * case, so it may not stand behind something evictable: it would run before it. Nor may a barrier
 * that waits for other work: if what stood before it was evicted, that other work may be waiting
 * for just this. Such commands enter the DQ when nothing evictable is in it. A kernel that was
 * killed as often as it may be (see below) counts as GUARDED only. That something was evicted may
 * be reported when the SUBMIT of what is behind it was not taken yet: it must not begin either.
 *
 * Patience. What neither the flag nor waiting has emptied after evict_patience_ns is reset, where
 * that is safe, else suspended.
 *
 * Suspending needs nothing of a kernel: its waves are saved, and go on later. It costs more than
 * the others (all waves' state goes through memory), so it is for what may not be killed and
 * commonly takes at least suspend_worth_ns more. Commands of a suspended queue stay in its DQ. How
 * long they were away is in their duration, so that is not learned.
 *
 * The padding queue. While RT work is there, a held queue may have another DQ, on the compute units
 * that RT work leaves (docs/padding.md). The caller says how many units its padding queue has
 * (reef_core_padding_queue) and how many RT work leaves (reef_core_room). As long as these suffice,
 * a queue whose DQ is empty goes from HELD to PADDING: the caller gets PAD, and what is submitted
 * then goes to the padding queue. Only commands that are PADDABLE and EVICTABLE do, and barriers
 * that wait for nothing, in order: what is neither ends it until RT work is gone; and only kernels
 * that are expected to end before RT work does, by how long BE was held lately and what they take
 * on so many units (learned by itself; one that is not known goes alone). When RT work needs the
 * units, or is gone, the queue is evicted as ever, UNPAD follows when its DQ is empty, and what did
 * not complete is submitted again to its own DQ. So never is something of a queue in both.
 *
 * What counts as killed. A reset takes everything out of the DQ, but only the oldest kernel in it
 * surely ran: only its count goes up. It is the one that stands in the way of all others, so
 * progress is certain, and a kernel that was merely queued is not drained for it. What ends in the
 * padding queue does not count: it had been no worse off without.
 *
 * Progress. A kernel that was killed kill_limit times in a row is suspended or drained instead. So
 * is one that is known to take longer than BE was let run at a time lately (gaps.h), for it could
 * not come to its end otherwise: at once if it can be suspended, which loses nothing; else, as RT
 * work has to wait for it then, when it was killed once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/padding.h"

enum reef_queue_state {
    REEF_QUEUE_OPEN,
    REEF_QUEUE_FINISHING,
    REEF_QUEUE_DRAINING,
    REEF_QUEUE_EVICTING,
    REEF_QUEUE_RESETTING,
    REEF_QUEUE_SUSPENDED,
    REEF_QUEUE_HELD,
    REEF_QUEUE_PADDING,
    REEF_QUEUE_RESTORING,
};

/** What the core knows of a command. */
struct reef_command {
    uint64_t key;   /* kernel identity for the duration estimator; 0: not a kernel (barrier) */
    uint32_t flags; /* REEF_COMMAND_* */
    const struct reef_pad_kernel *pad; /* borrowed until it is complete; NULL: no padding with it */
};
enum {
    /* May be run again from its start. Also looked at for key 0: a plain barrier has it set, and a
     * command of an unknown kind has not. */
    REEF_COMMAND_RESTARTABLE = 1 << 0,
    REEF_COMMAND_TASK_END = 1 << 1, /* the last of a task; only policies of whole tasks look */
    /* Does not begin if something before it in the DQ was evicted (see "Guards" above). */
    REEF_COMMAND_GUARDED = 1 << 2,
    /* May be ended by the evict flag at any time. Only with RESTARTABLE and GUARDED. */
    REEF_COMMAND_EVICTABLE = 1 << 3,
    /* A barrier that waits for something that has not happened yet. */
    REEF_COMMAND_WAITS = 1 << 4,
    /* May run in the padding queue. Only with EVICTABLE. */
    REEF_COMMAND_PADDABLE = 1 << 5,
};

/** reef_core_enqueued(): the queue is full. */
#define REEF_CORE_FULL UINT64_MAX

enum reef_action_type {
    REEF_ACTION_SUBMIT,   /* put commands [first, first + count) of @queue into the device queue */
    REEF_ACTION_RESUBMIT, /* the same, for commands that a reset took out of it; skip completed ones
                           */
    REEF_ACTION_EVICT,    /* raise the evict flag of @queue. If there are EVICTABLE commands in its
                             DQ, report what it ends with reef_core_evicted(), and wait for ALLOW to
                             lower it; else answer with reef_core_stopped() */
    REEF_ACTION_ALLOW,    /* lower the evict flag of @queue again */
    REEF_ACTION_RESET,    /* kill what runs on @queue; answer with reef_core_stopped() */
    REEF_ACTION_SUSPEND,  /* save what runs on @queue; answer with reef_core_stopped() */
    REEF_ACTION_RESUME,   /* continue the suspended @queue; what is submitted behind this waits for
                             it by itself */
    REEF_ACTION_PAD,      /* the DQ of @queue, which is empty, is its padding queue from here on; */
    REEF_ACTION_UNPAD,    /* is its own again. Its padding queue is empty */
    REEF_ACTION_ARM_TIMER, /* call reef_core_timer() at @at_ns (replaces the timer armed before) */
};

struct reef_action {
    enum reef_action_type type;
    uint32_t queue;
    uint64_t first;
    uint32_t count;
    uint64_t at_ns;
};

struct reef_core_config {
    const char *policy;   /* name of an ops table: "reef", "wait", "streams"; see policy.h */
    uint64_t depth_ns;    /* estimated time that may be in the DQ of one queue */
    uint32_t depth_count; /* commands that may be in the DQ of one queue, >= 1 */
    uint64_t unknown_ns;  /* estimate for a kernel that was never seen */
    uint64_t linger_ns;   /* BE stays held this long after RT went idle (hysteresis) */
    uint64_t restore_ns; /* what an RT arrival that finds BE running costs, about. Not 0: BE lingers
                            only while that has paid off lately (linger.h) */
    uint32_t kill_limit; /* a kernel killed this many times in a row is drained the next time;
                            0: nothing is ever killed */
    bool reset;          /* the means to kill exists */
    bool evict;          /* the evict flag exists */
    bool suspend;        /* the means to suspend exists */
    uint64_t suspend_worth_ns;  /* what has less than this left is waited for instead */
    uint64_t evict_patience_ns; /* a queue that is not empty so long after RT work came is reset or
                                   suspended; 0: never */
    struct reef_pad_device device; /* for padding, under policies that pad */
    struct reef_pad_rules padding;
};

struct reef_core_stats {
    uint64_t enqueued, completed;
    uint64_t preemptions; /* RT arrivals that found BE work in a DQ or waiting; none under a policy
                             that never holds */
    uint64_t resets;      /* queues reset */
    uint64_t evictions;   /* queues emptied by their evict flag */
    uint64_t suspensions; /* queues suspended */
    uint64_t drains;      /* queues drained, for whatever reason: something in the DQ may not be
                             restarted or was killed too often, the policy, no means to kill, a
                             failed reset */
    uint64_t killed;      /* commands in the DQ at a reset that had not completed */
    uint64_t evicted;     /* commands that the evict flag ended, or kept from beginning */
    uint64_t resubmitted; /* commands submitted again */
    uint64_t padded;      /* commands that padding completed; kernels, of a padding queue */
};

struct reef_core;

/** NULL if there is no memory, no such policy, or depth_count is 0. */
struct reef_core *reef_core_create(const struct reef_core_config *config);
void reef_core_destroy(struct reef_core *core); /* NULL is fine */

/**
 * Returns a queue number (the lowest that is free), or -EINVAL (capacity 0 or over 2^24), -ENOMEM,
 * -ENOSPC (over 1024 queues). @capacity: most commands not retired at any time. While BE is held
 * the queue starts held.
 */
int reef_core_queue_open(struct reef_core *core, uint32_t capacity);
/** In any state. What was not complete is forgotten, and so are the queue's actions not yet taken.
 */
void reef_core_queue_close(struct reef_core *core, uint32_t queue);

/*
 * Events. Each appends to the core's list of actions; the caller takes them with reef_core_next()
 * after every event, in order, and carries them out. The list is bounded: of one queue it holds at
 * most an UNPAD, an ALLOW, a PAD, a RESUME, a RESUBMIT, a SUBMIT, an EVICT, a RESET and a SUSPEND,
 * in this order, and consecutive submissions become one action. Events may be reported from within
 * the loop that takes actions. Events of a queue that is not open, completions of commands that are
 * complete or were never submitted, and answers to a RESET, EVICT or SUSPEND that nobody asked for
 * are ignored.
 */
/** The application put a command on the queue. Returns its sequence number, or REEF_CORE_FULL if
 *  @capacity commands are not retired: then nothing happened. */
uint64_t reef_core_enqueued(struct reef_core *core, uint32_t queue,
                            const struct reef_command *command, uint64_t now_ns);
/** Command @seq completed. @duration_ns: from its beginning to its end on the device, 0 if unknown.
 * A command that a reset took out of the DQ may still be reported (late): it is not submitted again
 * then. */
void reef_core_completed(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t duration_ns,
                         uint64_t now_ns);
/**
 * Command @seq left the DQ without being complete, because of the evict flag: it is submitted
 * again, in its place. Also for a barrier behind it, whatever became of that on the device. In
 * order of sequence numbers. The flag may have been raised by the device itself, so this may come
 * in any state: the queue is then evicted as if RT work had arrived.
 */
void reef_core_evicted(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t now_ns);
/** Command @seq, which is in the DQ, has no guard after all: it runs to its end, or what became of
 * it will never be reported but as complete. So from now on what has no guard may follow it. */
void reef_core_unguarded(struct reef_core *core, uint32_t queue, uint64_t seq);
/** Whether RT work exists anywhere on this GPU, whenever that changes (repeating it is harmless).
 */
void reef_core_rt(struct reef_core *core, bool active, uint64_t now_ns);
/** A RESET, EVICT or SUSPEND of @queue is done: nothing of it runs. The caller has reported before,
 * with completed(), all commands that completed. */
void reef_core_stopped(struct reef_core *core, uint32_t queue, uint64_t now_ns);
/** A RESET, EVICT or SUSPEND could not be done: the queue drains instead. */
void reef_core_reset_failed(struct reef_core *core, uint32_t queue, uint64_t now_ns);
void reef_core_timer(struct reef_core *core, uint64_t now_ns);
/** RT work leaves so many compute units, whenever that changes, and now and then; 0 at first. To be
 *  told before reef_core_rt() where both change. */
void reef_core_room(struct reef_core *core, uint32_t cus, uint64_t now_ns);
/** The padding queue of @queue, which is empty, has @cus units; 0, as at first: there is none (any
 * more). If it went with what was in it, this comes before reef_core_stopped(). */
void reef_core_padding_queue(struct reef_core *core, uint32_t queue, uint32_t cus, uint64_t now_ns);

/*
 * Padding. Before an RT kernel is launched, the caller asks which work-groups of held commands are
 * to run beside it, and merges them. Each queue's oldest incomplete command is a candidate, while
 * the queue is HELD and none of its work-groups is out. A command whose work-groups were all run
 * beside RT kernels is complete; of one that was not finished this way the rest runs when BE is
 * back (reef_core_groups_done() says from where).
 */
struct reef_core_pad {
    uint32_t queue;
    uint64_t seq;
    uint32_t first_group, groups;
    uint32_t first_cu, cus; /* the units they are to run on, */
    uint32_t each;          /* and how many at a time on one */
};
/** Returns how many of @pads (in order of preference) were filled in; they are out from then on. */
unsigned reef_core_pad(struct reef_core *core, const struct reef_pad_kernel *rt,
                       struct reef_core_pad pads[REEF_PADS_MAX]);
/** What reef_core_pad() gave out for @seq is complete. */
void reef_core_padded(struct reef_core *core, uint32_t queue, uint64_t seq, uint64_t now_ns);
/** Work-groups of the command that padding has completed. */
uint32_t reef_core_groups_done(const struct reef_core *core, uint32_t queue, uint64_t seq);

/** Takes the next action. False when there is none. */
bool reef_core_next(struct reef_core *core, struct reef_action *action);

/** HELD for a queue that is not open. */
enum reef_queue_state reef_core_queue_state(const struct reef_core *core, uint32_t queue);
/** Commands of the queue that are in the device queue. */
uint32_t reef_core_in_flight(const struct reef_core *core, uint32_t queue);
/** True if no BE command is in any DQ, but for those that are suspended, as far as is known. */
bool reef_core_clear(const struct reef_core *core);
/** Whether command @seq, which is in the DQ, may be ended by the evict flag now: EVICTABLE, and not
 *  killed too often. */
bool reef_core_evictable(const struct reef_core *core, uint32_t queue, uint64_t seq);
/** True if the queue is OPEN, nothing waits in its vHQ and a command of @key would be submitted at
 * once. */
bool reef_core_would_submit(const struct reef_core *core, uint32_t queue, uint64_t key);
/** How many commands of the queue wait in its vHQ: from the first that is not in the DQ on. */
uint64_t reef_core_waiting(const struct reef_core *core, uint32_t queue);
/** The usual time of everything in the queue's DQ (a mean, where depth counts with an upper bound;
 * what the running kernel has done already is not subtracted), for the caller's polling interval.
 */
uint64_t reef_core_backlog_ns(const struct reef_core *core, uint32_t queue);
/** The usual time of the oldest kernel in the queue's DQ, 0 if there is none. */
uint64_t reef_core_oldest_ns(const struct reef_core *core, uint32_t queue);
/** From now on so much estimated time may be in the DQ of a queue. */
void reef_core_set_depth(struct reef_core *core, uint64_t depth_ns);
void reef_core_stats(const struct reef_core *core, struct reef_core_stats *stats);
