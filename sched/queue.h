// SPDX-License-Identifier: Apache-2.0
/*
 * Private to sched/: one BE queue of the core, its window of commands and its states.
 *
 * Sequence numbers divide a queue's commands:
 *
 *      0 ... retired ... next ... fresh ... enqueued
 *      [0, retired)        complete
 *      [retired, next)     in the DQ, or complete out of order
 *      [next, fresh)       taken out of the DQ by a reset, or complete (reported before or after
 * it) [fresh, enqueued)   never submitted
 *
 * next <= fresh <= enqueued. Without a reset behind it next == fresh. A reset sets next back to
 * retired; RESTORING is nothing but next < fresh. While a queue is EVICTING what was evicted is OUT
 * within [retired, next); next is set back when the DQ is empty. The entries are a ring indexed by
 * sequence number.
 */
#pragma once

#include "sched/core.h"
#include "sched/estimator.h"
#include "sched/gaps.h"
#include "sched/linger.h"
#include "sched/policy.h"

enum reef_entry_place {
    REEF_ENTRY_OUT,  /* waits: never submitted, or taken out by a reset */
    REEF_ENTRY_IN,   /* in the DQ */
    REEF_ENTRY_DONE, /* complete */
};

struct reef_entry {
    uint64_t key;
    struct reef_estimate estimate;     /* as it was counted in at submission */
    uint16_t kills;                    /* times killed while it was the oldest kernel */
    uint16_t kills_max;                /* as was decided at submission */
    uint8_t place;                     /* enum reef_entry_place */
    uint8_t flags;                     /* REEF_COMMAND_* */
    bool paused;                       /* was suspended: its duration is not all its own */
    uint64_t away_ns;                  /* for so long */
    const struct reef_pad_kernel *pad; /* borrowed; may be NULL */
    uint32_t groups_done, groups_out;  /* by padding */
};

/* A range of sequence numbers; count 0: none. */
struct reef_range {
    uint64_t first;
    uint32_t count;
};

struct reef_queue {
    struct reef_core *core; /* owner */
    uint32_t number;
    enum reef_queue_state state;
    uint64_t retired, next, fresh, enqueued;
    uint32_t capacity, mask;
    struct reef_queue_view view; /* kept up to date; `waiting` only when a policy is asked */

    /* Actions the caller has not taken yet; on the core's list while there are any. */
    struct reef_range resubmit, submit;
    bool allow_due, resume_due, evict_due, reset_due, suspend_due, pad_due, unpad_due, listed;
    bool beside;      /* its DQ is its padding queue */
    uint32_t pad_cus; /* units of that; 0: there is none */
    bool off;         /* SUSPENDED, and it has been done: not counted in core->in_flight */
    bool raised;      /* the evict flag is, or may be, up; commands are reported one by one */
    bool evicted;     /* since it was raised something was evicted */
    bool mid_task; /* policies of whole tasks: the last command submitted was not its task's last */
    uint64_t off_ns;              /* when it was suspended, while it is off */
    uint64_t evict_end_ns;        /* EVICTING, DRAINING: when patience ends; UINT64_MAX: never */
    struct reef_queue *list_next; /* borrowed; may be NULL */

    struct reef_entry entries[]; /* mask + 1 */
};

struct reef_core {
    struct reef_core_config config;
    const struct reef_policy_ops *policy;
    bool rt_active;
    bool lingering;  /* RT is idle, BE is held until linger_end_ns */
    bool held;       /* BE is held: RT is active or lingering; never under a policy without on_rt */
    bool timer_due;  /* an ARM_TIMER was not taken yet */
    uint64_t now_ns; /* of the latest event */
    uint64_t linger_end_ns;
    uint64_t evict_end_ns;   /* the first end of a queue's patience; UINT64_MAX: none */
    uint64_t outstanding;    /* commands of open queues that are not complete */
    uint64_t in_flight;      /* commands in the DQs of open queues that are not off */
    struct reef_queue *turn; /* policies of whole tasks: who is in the device; may be NULL */
    uint32_t turn_last;      /* number of the queue whose turn it was last */
    struct reef_linger linger;
    struct reef_gaps gaps;
    struct reef_gaps holds; /* the same the other way round: how long BE was held lately */
    uint32_t room;          /* units that RT work leaves */
    struct reef_pad_account pad_account;
    bool clearing; /* RT work arrived at arrived_ns and found commands in a DQ that are not off yet
                    */
    uint64_t arrived_ns;
    struct reef_core_stats stats;

    struct reef_queue **queues;               /* owned; entries may be NULL */
    uint32_t queue_count;                     /* entries */
    struct reef_queue *list_head, *list_tail; /* queues with actions, oldest first */

    struct reef_estimator estimator;
};

/* core.c */
/** Puts @q on the list of queues with actions. */
void reef_core_list(struct reef_core *core, struct reef_queue *q);
/** Policies of whole tasks: nobody is in the device; the next queue in turn that has something. */
void reef_core_pass_turn(struct reef_core *core);

static inline struct reef_entry *reef_queue_entry(struct reef_queue *q, uint64_t seq)
{
    return &q->entries[seq & q->mask];
}
/** Whether it may not be killed (again). */
static inline bool reef_entry_spent(const struct reef_entry *entry)
{
    return entry->kills >= entry->kills_max;
}
/** Whether the evict flag ends it. */
static inline bool reef_entry_evictable(const struct reef_queue *q, const struct reef_entry *entry)
{
    return entry->key != 0 && entry->flags & REEF_COMMAND_EVICTABLE && q->core->config.evict &&
           !reef_entry_spent(entry);
}
/** Commands are submitted as depth allows. */
static inline bool reef_queue_flowing(const struct reef_queue *q)
{
    return q->state == REEF_QUEUE_OPEN || q->state == REEF_QUEUE_RESTORING ||
           q->state == REEF_QUEUE_FINISHING || q->state == REEF_QUEUE_PADDING;
}

/* queue.c and stop.c. All return having appended the actions that follow. */
/** NULL if there is no memory. */
struct reef_queue *reef_queue_create(struct reef_core *core, uint32_t number, uint32_t capacity);
void reef_queue_destroy(struct reef_queue *q);
uint64_t reef_queue_enqueue(struct reef_queue *q, const struct reef_command *command);
void reef_queue_complete(struct reef_queue *q, uint64_t seq, uint64_t duration_ns);
/** Submits what may be submitted. OPEN, RESTORING, FINISHING, PADDING. */
void reef_queue_feed(struct reef_queue *q);
void reef_queue_unguarded(struct reef_queue *q, uint64_t seq);
/** Counts @entry in (+1) or out of (-1) what is in the DQ. */
void reef_queue_count(struct reef_queue *q, const struct reef_entry *entry, int sign);

/* stop.c */
void reef_queue_evicted(struct reef_queue *q, uint64_t seq, uint64_t now_ns);
/** BE becomes held. */
void reef_queue_hold(struct reef_queue *q, uint64_t now_ns);
/** Resets or suspends the queue if its patience is over and that is safe. */
void reef_queue_lose_patience(struct reef_queue *q, uint64_t now_ns);
/** PADDING: evicts what is in the padding queue. HELD follows when that is empty. */
void reef_queue_leave_padding(struct reef_queue *q, uint64_t now_ns);
/** BE may run again. */
void reef_queue_release(struct reef_queue *q);
/** The DQ of a queue that is held may have become empty. */
void reef_queue_settle(struct reef_queue *q);
void reef_queue_stopped(struct reef_queue *q);
void reef_queue_reset_failed(struct reef_queue *q);

/* pad_queue.c */
/** What @key takes in the queue's DQ, its own or its padding queue. */
struct reef_estimate reef_queue_estimate(const struct reef_queue *q, uint64_t key);
void reef_queue_learn(struct reef_queue *q, uint64_t key, uint64_t duration_ns);
/** Whether @entry may run in the padding queue now. */
bool reef_queue_paddable(const struct reef_queue *q, const struct reef_entry *entry,
                         const struct reef_estimate *estimate);
/** From HELD to PADDING, if there is room. */
void reef_queue_try_padding(struct reef_queue *q);
/** Its DQ, which is empty, is its own again. */
void reef_queue_unpad(struct reef_queue *q);
/** The units that RT work leaves, or its padding queue's, are others. */
void reef_queue_room_changed(struct reef_queue *q, uint64_t now_ns);

/* queue.c */
bool reef_queue_evictable(const struct reef_queue *q, uint64_t seq);
/** The command that may be padded with, or NULL. */
struct reef_entry *reef_queue_pad_candidate(struct reef_queue *q);
void reef_queue_padded(struct reef_queue *q, uint64_t seq);
bool reef_queue_would_submit(const struct reef_queue *q, uint64_t key);
