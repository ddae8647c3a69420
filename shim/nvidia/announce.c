// SPDX-License-Identifier: Apache-2.0
/*
 * Operations as commands of the core: they are announced to it in the order of the calls, a fence
 * not before everything in front of it is issued; and what the core says is noted in their streams.
 * Called by the program's threads and by the agent, cuda->lock held.
 */
#include "shim/nvidia/guard.h"

static void act(struct reef_stream *s, const struct reef_action *action)
{
    switch (action->type) {
    case REEF_ACTION_RESUBMIT:
        if (action->first < s->resolved)
            s->resolved = s->issued = action->first;
        s->allowed = action->first + action->count;
        break;
    case REEF_ACTION_SUBMIT:
        s->allowed = action->first + action->count;
        break;
    case REEF_ACTION_EVICT:
        s->flags_wanted = true;
        break;
    case REEF_ACTION_ALLOW:
        s->flags_wanted = false;
        break;
    default: /* nothing is ever killed here */
        break;
    }
}

void cu_actions_locked(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_action action;
    while (reef_core_next(cuda->core, &action)) {
        if (action.type == REEF_ACTION_ARM_TIMER) {
            cuda->timer_ns = action.at_ns;
            continue;
        }
        for (struct reef_stream *s = cuda->streams; s; s = s->all_next)
            if (s->core_queue == (int)action.queue)
                act(s, &action);
    }
}

static uint32_t command_flags(const struct reef_op *op)
{
    if (!op->guard)
        return 0;
    return REEF_COMMAND_GUARDED |
           (op->guard->restartable ? REEF_COMMAND_RESTARTABLE | REEF_COMMAND_EVICTABLE : 0);
}

/* A fence comes behind everything before it, and before everything behind it: but for its own
 * stream, which keeps its order by itself. */
static bool may_announce(const struct reef_op *op)
{
    const struct reef_cuda *cuda = &reef_cuda;
    if (op->fence && cuda->announced > (op->stream ? op->stream->announced : 0))
        return false;
    return cuda->fences_announced == 0 || (op->stream && op->stream == cuda->fence_stream);
}

static void count_announced(struct reef_op *op)
{
    struct reef_cuda *cuda = &reef_cuda;
    op->announced = true;
    cuda->announced++;
    if (op->stream)
        op->stream->announced++;
    if (op->fence) {
        cuda->fences_announced++;
        cuda->fence_stream = op->stream;
    }
}

void cu_announce_locked(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    for (struct reef_op *op; (op = cuda->unannounced) && may_announce(op);) {
        if (op->stream) {
            const struct reef_command command = {.key = op->key, .flags = command_flags(op)};
            struct reef_stream *s = op->stream;
            uint64_t number = reef_core_enqueued(cuda->core, (uint32_t)s->core_queue, &command, 0);
            if (number == REEF_CORE_FULL)
                return;
            op->command = number;
            s->enqueued = number + 1;
        }
        count_announced(op);
        cuda->unannounced = op->call_next;
        cu_actions_locked();
    }
}

uint64_t cu_issued_locked(const struct reef_stream *s)
{
    return s->resolved == s->issued ? s->done : s->issued;
}
