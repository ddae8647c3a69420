// SPDX-License-Identifier: Apache-2.0
/*
 * What the core wants, carried out on the device: submissions, resets, evictions, and when they are
 * done. This is what libreef's shim does in production.
 */
#include "replay/internal.h"

static uint32_t client_of(const struct engine *e, uint32_t core_queue)
{
    uint32_t i = 0;

    while (e->clients[i].config->rt || e->clients[i].core_queue != (int)core_queue)
        i++;
    return i;
}

/* A restart that does not know what was complete begins some kernels before where it was stopped.
 */
static void push_again(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];
    uint64_t back = e->options->costs->restart_back;

    if (c->restart == UINT64_MAX)
        return;
    if (e->options->policy->inexact && c->restart >= c->core_base) {
        uint64_t kernel = c->restart - c->core_base;

        for (uint64_t k = kernel > back ? kernel - back : 0; k < kernel; k++)
            stream_push(&e->streams[index], (uint32_t)k, true);
    }
    c->restart = UINT64_MAX;
}

static void submit(struct engine *e, const struct reef_action *action)
{
    uint32_t index = client_of(e, action->queue);
    struct client *c = &e->clients[index];
    bool again = action->type == REEF_ACTION_RESUBMIT;
    uint64_t at_ns = e->now_ns;

    if (again || c->restart != UINT64_MAX) {
        at_ns += e->options->costs->resume_ns;
        e->result->restore_ns += e->options->costs->resume_ns;
    }
    push_again(e, index);
    for (uint32_t i = 0; i < action->count; i++)
        stream_push(&e->streams[index], (uint32_t)(action->first + i - c->core_base), false);
    stream_wake(e, index, at_ns);
}

static void reset(struct engine *e, uint32_t queue)
{
    uint32_t index = client_of(e, queue);

    e->clients[index].resetting = true;
    stream_clear(&e->streams[index]);
    stream_kill(e, index);
    events_add(&e->events, e->now_ns + e->options->costs->reset_ns, EVENT_STOPPED, index, 0);
}

static void evict(struct engine *e, uint32_t queue)
{
    uint32_t index = client_of(e, queue);
    struct client *c = &e->clients[index];
    struct stream *s = &e->streams[index];

    c->evicted = stream_clear(s);
    c->evicting = true;
    if (s->parts == 0)
        engine_stream_idle(e, index);
    else
        stream_withdraw(e, index);
}

void engine_stream_idle(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];

    if (!c->evicting)
        return;
    c->evicting = false;
    events_add(&e->events, e->now_ns + (uint64_t)c->evicted * e->options->costs->evict_ns,
               EVENT_STOPPED, index, 0);
}

void engine_actions(struct engine *e)
{
    static const char *const names[] = {
        [REEF_ACTION_SUBMIT] = "submit", [REEF_ACTION_RESUBMIT] = "resubmit",
        [REEF_ACTION_EVICT] = "evict",   [REEF_ACTION_ALLOW] = "allow",
        [REEF_ACTION_RESET] = "reset",   [REEF_ACTION_SUSPEND] = "suspend",
        [REEF_ACTION_RESUME] = "resume",
    };
    struct reef_action action;

    while (reef_core_next(e->core, &action)) {
        if (action.type == REEF_ACTION_ARM_TIMER) {
            engine_log(e, "timer %llu", (unsigned long long)action.at_ns);
            events_add(&e->events, action.at_ns, EVENT_TIMER, 0, ++e->timer_generation);
            continue;
        }
        engine_log(e, "%s %s %llu+%u", names[action.type],
                   e->clients[client_of(e, action.queue)].config->name,
                   (unsigned long long)action.first, action.count);
        switch (action.type) {
        case REEF_ACTION_SUBMIT:
        case REEF_ACTION_RESUBMIT:
            submit(e, &action);
            break;
        case REEF_ACTION_ALLOW: /* stopped() was the answer to EVICT: no flag is up */
            break;
        case REEF_ACTION_EVICT:
            evict(e, action.queue);
            break;
        case REEF_ACTION_RESET:
            reset(e, action.queue);
            break;
        default: /* no policy of ours suspends */
            reef_core_reset_failed(e->core, action.queue, e->now_ns);
            break;
        }
    }
    if (e->preempting && reef_core_clear(e->core)) {
        uint64_t took_ns = e->now_ns - e->preempt_ns;

        e->preempting = false;
        e->result->preempt_ns_sum += took_ns;
        if (took_ns > e->result->preempt_ns_max)
            e->result->preempt_ns_max = took_ns;
    }
    if (e->rt_waiting && reef_core_clear(e->core))
        engine_rt_serve(e);
}

void engine_be_stopped(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];

    if (c->resetting) {
        c->resetting = false;
        c->restart = c->core_base + c->completed;
    }
    engine_log(e, "stopped %s", c->config->name);
    reef_core_stopped(e->core, (uint32_t)c->core_queue, e->now_ns);
    engine_actions(e);
}
