// SPDX-License-Identifier: Apache-2.0
/*
 * Clients: when they want a run of their model, what of that is kept while they are busy, and what
 * a request's end leads to. See workload.h.
 */
#include "replay/internal.h"

/* Announces the arrival that follows the one at @last_ns. */
static void announce(struct engine *e, uint32_t index, uint64_t last_ns)
{
    struct client *c = &e->clients[index];
    const struct replay_client *config = c->config;
    uint64_t at_ns = EMU_NEVER;

    switch (config->load) {
    case REPLAY_PERIODIC:
        at_ns = last_ns + config->period_ns;
        break;
    case REPLAY_POISSON:
        at_ns = last_ns + replay_random_exponential(&c->random, config->period_ns);
        break;
    case REPLAY_TRACE:
        if (c->next_arrival < config->arrival_count)
            at_ns = config->arrivals[c->next_arrival++];
        break;
    case REPLAY_CONTINUOUS: /* client_finished() */
    case REPLAY_DEPENDENT:
        break;
    }
    if (at_ns < e->end_ns)
        events_add(&e->events, at_ns, EVENT_ARRIVAL, index, 0);
}

void clients_begin(struct engine *e)
{
    for (uint32_t i = 0; i < e->workload->client_count; i++) {
        struct client *c = &e->clients[i];
        const struct replay_client *config = c->config;

        if (config->load == REPLAY_CONTINUOUS)
            events_add(&e->events, config->slices ? config->slices[0].think_ns : 0, EVENT_ARRIVAL,
                       i, 0);
        else if (config->load == REPLAY_PERIODIC)
            events_add(&e->events, config->offset_ns, EVENT_ARRIVAL, i, 0);
        else
            announce(e, i, 0);
    }
}

static bool has_more(const struct client *c)
{
    return !c->config->slices || c->config->repeat || c->next_slice < c->config->slice_count;
}

static void enqueue_be(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];

    c->launched_ns = e->now_ns;
    for (uint32_t k = 0; k < c->length; k++) {
        const struct replay_kernel *kernel = engine_kernel(e, index, k);
        struct reef_command command = {
            .key = (uint64_t)(uintptr_t)(c->config->model->sequence[c->first + k] + 1) << 8 |
                   (index + 1),
            .flags = REEF_COMMAND_RESTARTABLE | (k + 1 == c->length ? REEF_COMMAND_TASK_END : 0),
            .pad = &kernel->pad,
        };
        uint64_t seq = reef_core_enqueued(e->core, (uint32_t)c->core_queue, &command, e->now_ns);

        if (k == 0)
            c->core_base = seq;
    }
    engine_actions(e);
}

static void begin(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];
    const struct replay_client *config = c->config;

    c->busy = true;
    c->first = 0;
    c->length = config->model->length;
    if (config->slices) {
        const struct replay_slice *slice = &config->slices[c->next_slice++];

        if (c->next_slice == config->slice_count && config->repeat)
            c->next_slice = 0;
        c->first = slice->first;
        c->length = slice->count;
    }
    c->completed = 0;
    c->begun_ns = c->served_ns = e->now_ns;
    c->result->begun++;
    for (uint32_t d = 0; d < config->depend_count; d++)
        c->depended[d] = e->clients[config->depends[d]].finished;
    engine_log(e, "begin %s", config->name);
    if (config->rt)
        engine_rt_begin(e, index);
    else
        enqueue_be(e, index);
}

void client_arrived(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];

    announce(e, index, e->now_ns);
    if (!has_more(c))
        return;
    if (!c->busy) {
        begin(e, index);
    } else if (c->keep_late || c->late == 0) {
        c->late++;
    } else {
        c->result->dropped++;
    }
}

/* A dependent client is ready when each of those it depends on has completed one more request than
 * when it began last. */
static void wake_dependent(struct engine *e)
{
    for (uint32_t i = 0; i < e->workload->client_count; i++) {
        struct client *c = &e->clients[i];
        bool ready = c->config->load == REPLAY_DEPENDENT && !c->busy;

        for (uint32_t d = 0; ready && d < c->config->depend_count; d++)
            ready = e->clients[c->config->depends[d]].finished > c->depended[d];
        if (ready)
            begin(e, i);
    }
}

void client_finished(struct engine *e, uint32_t index)
{
    struct client *c = &e->clients[index];
    struct replay_client_result *result = c->result;

    if (replay_series_add(&result->latency_ns, e->now_ns - c->begun_ns) != 0)
        e->events.failed = true;
    result->queued_ns += c->served_ns - c->begun_ns;
    c->busy = false;
    c->finished++;
    engine_log(e, "end %s", c->config->name);
    if (c->config->load == REPLAY_CONTINUOUS) {
        uint64_t think_ns = e->options->costs->turnaround_ns;

        if (c->config->slices && has_more(c))
            think_ns = c->config->slices[c->next_slice].think_ns;
        if (has_more(c))
            events_add(&e->events, e->now_ns + think_ns, EVENT_ARRIVAL, index, 0);
    } else if (c->late > 0) {
        c->late--;
        if (has_more(c))
            begin(e, index);
    }
    wake_dependent(e);
    if (c->config->rt)
        engine_rt_end(e, index);
}
