// SPDX-License-Identifier: Apache-2.0
/*
 * Policies: what happens to a BE queue when RT work arrives, as tables of functions. A policy
 * decides and keeps no state; the core keeps the state, carries the decision out and makes it safe.
 *
 * RULE: a function of a policy reads only its arguments. No clock, allocation, lock, log, I/O. It
 * is called with the caller's lock on the core held, on the launch path.
 *
 * A new policy: one file in policy/, one line in policy.c.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/** What a policy sees of a queue. Everything is about its DQ but @waiting. */
struct reef_queue_view {
    uint32_t in_flight;       /* commands */
    uint32_t kernels;         /* of them kernels */
    uint32_t not_restartable; /* of the commands: may not be run again */
    uint32_t spent;           /* of the kernels: may not be killed (again): core.h, "Progress" */
    uint32_t evictable;       /* of the kernels: the evict flag ends them */
    uint64_t bound_ns;        /* time of all kernels, upper estimate */
    uint64_t typical_ns;      /* time of all kernels, usual */
    uint64_t waiting;         /* commands not in the DQ and not complete */
    uint64_t stubborn_ns; /* usual time of the kernels that run whatever the evict flag says: those
                             in front of the first that it ends. Only when a policy is asked */
    bool reset_exists;    /* the means to kill exists (reef_core_config.reset) */
    bool evict_exists;    /* the means to evict exists (reef_core_config.evict) */
    bool suspend_exists;  /* the means to suspend exists (reef_core_config.suspend) */
    uint64_t suspend_worth_ns; /* reef_core_config.suspend_worth_ns */
};

/** A command that is next to enter the DQ. */
struct reef_candidate {
    bool kernel;       /* false: a barrier, takes no time */
    bool again;        /* was in the DQ before, a reset took it out */
    bool spent;        /* may not be killed (again) */
    uint64_t bound_ns; /* upper estimate */
};

enum reef_means {
    REEF_MEANS_NONE,    /* not held: the queue goes on as if there were no RT work */
    REEF_MEANS_FINISH,  /* held when the task under way is complete (policies of whole tasks) */
    REEF_MEANS_DRAIN,   /* held; what is in the DQ is waited for */
    REEF_MEANS_EVICT,   /* held; what in the DQ has a guard ends or does not begin and is submitted
                           again later, the rest is waited for */
    REEF_MEANS_RESET,   /* held; what is in the DQ is killed and submitted again later */
    REEF_MEANS_SUSPEND, /* held; what is in the DQ is saved where it is and goes on later */
};

struct reef_policy_ops {
    /** Mandatory. What reef_core_config.policy names. */
    const char *name;

    /**
     * RT work arrived. Called once per queue when BE becomes held, and for a queue that is opened
     * while it is held; not again for RT work that comes and goes while BE is held anyway.
     * Returns the means. A queue with an empty DQ is simply held, unless the answer is NONE. RESET,
     * EVICT and SUSPEND become DRAIN where they are not safe: the means does not exist, or
     * (but for SUSPEND) not_restartable is not 0 (EVICT: unless something is evictable), or (RESET)
     * spent is not 0. If the caller fails, the queue drains. NULL: the policy never holds. RT work
     * then changes nothing and counts as no preemption.
     */
    enum reef_means (*on_rt)(const struct reef_queue_view *queue);

    /**
     * Whether @next may enter the DQ now; only asked of a queue that is OPEN or RESTORING, when the
     * bound on the count (depth_count) allows it and no spent kernel forbids it. Must be true for
     * an empty DQ, or the queue stalls; the core does not ask then. NULL: reef_depth_allows(), the
     * rule on estimated time.
     */
    bool (*may_submit)(const struct reef_queue_view *queue, const struct reef_candidate *next,
                       uint64_t depth_ns);

    /** One queue at a time, a task at a time (core.h, "Tasks"). */
    bool whole_tasks;
    /** BE is held always, RT work or not. */
    bool never_opens;
    /** What BE queues hold may be run beside RT kernels (padding.h). */
    bool pads;
};

#define REEF_POLICIES(P)                                                                           \
    P(reef)       /* reset if that is safe, else drain; padding */                                 \
    P(reef_nopad) /* the same without padding */                                                   \
    P(reef_n)     /* evict if that is safe, else drain */                                          \
    P(wait)       /* always drain */                                                               \
    P(streams)    /* never hold */                                                                 \
    P(sequential) /* one task at a time on the whole GPU, RT first */                              \
    P(rt_only)    /* no BE work at all */

#define REEF_POLICY_DECLARE(name) extern const struct reef_policy_ops reef_policy_##name;
REEF_POLICIES(REEF_POLICY_DECLARE)
#undef REEF_POLICY_DECLARE

/** The policy called @name, or NULL. @name may be NULL. */
const struct reef_policy_ops *reef_policy_find(const char *name);

/** The depth rule's part on time; see core.h. */
static inline bool reef_depth_allows(const struct reef_queue_view *queue,
                                     const struct reef_candidate *next, uint64_t depth_ns)
{
    if (!next->kernel || queue->kernels == 0)
        return true;
    return queue->bound_ns <= depth_ns && next->bound_ns <= depth_ns - queue->bound_ns;
}
