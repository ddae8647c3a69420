// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator's loop; and what stands between the core and the device: submissions, preemption,
 * and RT requests in turn. See engine.h.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/internal.h"

void engine_log(struct engine *e, const char *format, ...)
{
    char line[256];
    va_list args;

    if (!e->options->log)
        return;
    int used = snprintf(line, sizeof(line), "%llu ", (unsigned long long)e->now_ns);
    va_start(args, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used, format, args);
    va_end(args);
    e->options->log(e->options->arg, line);
}

const struct replay_kernel *engine_kernel(const struct engine *e, uint32_t client, uint32_t kernel)
{
    const struct client *c = &e->clients[client];
    const struct replay_model *model = c->config->model;

    return &model->kernels[model->sequence[c->first + kernel]];
}

/* --- RT requests --- */

static void launch_rt(struct engine *e, uint32_t index, uint32_t stream)
{
    struct client *c = &e->clients[index];

    c->launched_ns = e->now_ns;
    c->pushed = 0;
    e->streams[stream].client = index;
    stream_feed_rt(e, stream);
    stream_wake(e, stream, e->now_ns);
}

void engine_rt_serve(struct engine *e)
{
    uint32_t index = e->rt_queue[e->rt_head];
    struct client *c = &e->clients[index];

    e->rt_waiting = false;
    if (e->rt_count == 0 || e->rt_running)
        return;
    if (e->options->policy->rt_waits && !reef_core_clear(e->core)) {
        e->rt_waiting = true;
        return;
    }
    if (e->now_ns - c->served_ns > c->result->wait_ns_max)
        c->result->wait_ns_max = e->now_ns - c->served_ns;
    e->rt_running = true;
    launch_rt(e, index, e->rt_stream);
}

static void tell_rt(struct engine *e, bool active)
{
    bool busy = !reef_core_clear(e->core);

    engine_log(e, "rt %s", active ? "begins" : "is over");
    reef_core_rt(e->core, active, e->now_ns);
    if (active && busy && e->options->policy->rt_waits) {
        e->result->preemptions++;
        e->preempting = true;
        e->preempt_ns = e->now_ns;
    }
    engine_actions(e);
}

void engine_rt_begin(struct engine *e, uint32_t index)
{
    if (e->rt_requests++ == 0)
        tell_rt(e, true);
    if (e->options->policy->rt_concurrent) {
        launch_rt(e, index, index);
        return;
    }
    e->rt_queue[(e->rt_head + e->rt_count++) % REPLAY_CLIENTS] = index;
    if (e->rt_count == 1)
        engine_rt_serve(e);
}

void engine_rt_end(struct engine *e, uint32_t index)
{
    (void)index;
    if (!e->options->policy->rt_concurrent) {
        e->rt_running = false;
        e->rt_head = (e->rt_head + 1) % REPLAY_CLIENTS;
        if (--e->rt_count > 0)
            e->clients[e->rt_queue[e->rt_head]].served_ns = e->now_ns;
    }
    if (--e->rt_requests == 0)
        tell_rt(e, false);
    else if (!e->options->policy->rt_concurrent)
        engine_rt_serve(e);
}

/* --- the loop --- */

static void handle(struct engine *e, const struct event *event)
{
    switch (event->type) {
    case EVENT_ARRIVAL:
        client_arrived(e, event->index);
        break;
    case EVENT_START:
        if (e->streams[event->index].generation == event->generation &&
            e->streams[event->index].starting)
            stream_start(e, event->index);
        break;
    case EVENT_STOPPED:
        engine_be_stopped(e, event->index);
        break;
    case EVENT_TIMER:
        if (event->generation == e->timer_generation) {
            reef_core_timer(e->core, e->now_ns);
            engine_actions(e);
        }
        break;
    }
}

static void tell_busy(struct engine *e)
{
    uint32_t rt = emu_bulk_busy_cus(e->bulk, e->rt_slots);
    uint32_t be = emu_bulk_busy_cus(e->bulk, e->be_slots);

    if (rt == e->seen_rt_cus && be == e->seen_be_cus)
        return;
    e->seen_rt_cus = rt;
    e->seen_be_cus = be;
    e->options->busy(e->options->arg, e->now_ns, rt, be);
}

static int loop(struct engine *e)
{
    struct event event;

    for (uint64_t rounds = 1;; rounds++) {
        uint64_t device_ns = emu_bulk_next(e->bulk), next_ns = events_next(&e->events);

        if (device_ns < next_ns)
            next_ns = device_ns;
        if (next_ns >= e->end_ns)
            return 0;
        e->now_ns = next_ns;
        if (device_ns == next_ns)
            streams_ended(e, emu_bulk_advance(e->bulk, next_ns));
        while (events_take(&e->events, next_ns, &event))
            handle(e, &event);
        if (e->events.failed)
            return -ENOMEM;
        if (e->error)
            return e->error;
        if (e->options->busy)
            tell_busy(e);
        if (e->options->progress && rounds % 65536 == 0 &&
            e->options->progress(e->options->arg, e->now_ns) != 0)
            return -ECANCELED;
    }
}

/* --- begin and end --- */

static struct reef_core *make_core(const struct replay_options *options)
{
    const struct replay_policy *policy = options->policy;
    const struct emu_profile *profile = options->profile;
    struct reef_core_config config = {
        .policy = policy->core,
        .depth_ns = UINT64_MAX,
        .depth_count = policy->depth_count,
        .unknown_ns = 100000,
        .linger_ns = (uint64_t)policy->linger_us * 1000,
        .restore_ns = policy->linger_us ? options->costs->reset_ns + options->costs->resume_ns : 0,
        .kill_limit = policy->kill_limit ? policy->kill_limit : UINT32_MAX,
        .reset = true,
        .evict = true,
        .padding = policy->padding,
        .device =
            {
                .cus = profile->compute_units,
                .simds = profile->simds_per_cu,
                .waves_per_simd = profile->waves_per_simd,
                .groups_per_cu = profile->workgroups_per_cu,
                .vgprs = profile->vgprs_per_simd,
                .vgpr_granule = profile->vgpr_granule,
                .sgprs = profile->sgprs_per_simd,
                .sgpr_granule = profile->sgpr_granule,
                .lds_bytes = profile->lds_bytes_per_cu,
                .lds_granule = profile->lds_granule,
            },
    };

    return reef_core_create(&config);
}

static uint32_t longest_request(const struct replay_client *client)
{
    uint32_t longest = client->slices ? 1 : client->model->length;

    for (uint32_t i = 0; i < client->slice_count; i++)
        if (client->slices[i].count > longest)
            longest = client->slices[i].count;
    return longest;
}

static int open_clients(struct engine *e)
{
    const struct replay_workload *workload = e->workload;

    for (uint32_t i = 0; i < workload->client_count; i++) {
        struct client *c = &e->clients[i];

        c->config = &workload->clients[i];
        c->result = &e->result->clients[i];
        c->random = replay_random_seed(e->options->seed, i);
        c->keep_late = c->config->keep_late || e->options->keep_late;
        c->restart = UINT64_MAX;
        e->streams[i].client = e->streams[i].tag = i;
        e->streams[i].slot = -1;
        if (c->config->rt)
            continue;
        c->core_queue = reef_core_queue_open(e->core, longest_request(c->config));
        if (c->core_queue < 0)
            return c->core_queue;
    }
    while (e->rt_stream + 1 < workload->client_count && !workload->clients[e->rt_stream].rt)
        e->rt_stream++;
    for (int slot = 0; slot < EMU_BULK_KERNELS; slot++)
        e->slot_stream[slot] = -1;
    return 0;
}

static int start(struct engine *e)
{
    uint32_t count = e->workload->client_count;

    e->result->clients = calloc(count ? count : 1, sizeof(*e->result->clients));
    e->result->client_count = e->result->clients ? count : 0;
    e->clients = calloc(count ? count : 1, sizeof(*e->clients));
    e->streams = calloc(count ? count : 1, sizeof(*e->streams));
    e->bulk = emu_bulk_create(e->options->profile, e->options->costs->interference_milli);
    e->core = make_core(e->options);
    if (!e->result->clients || !e->clients || !e->streams)
        return -ENOMEM;
    if (!e->core || !e->bulk)
        return -EINVAL;
    return open_clients(e);
}

int replay_run(const struct replay_workload *workload, const struct replay_options *options,
               struct replay_result *result)
{
    struct engine e = {.workload = workload, .options = options, .result = result};

    memset(result, 0, sizeof(*result));
    e.end_ns = options->duration_ns ? options->duration_ns : workload->duration_ns;
    result->duration_ns = e.end_ns;
    int error = start(&e);
    if (!error) {
        clients_begin(&e);
        error = loop(&e);
        result->busy_cu_ns = emu_bulk_busy_ns(e.bulk, e.end_ns);
    }
    reef_core_destroy(e.core);
    emu_bulk_destroy(e.bulk);
    free(e.events.heap);
    free(e.clients);
    free(e.streams);
    if (error)
        replay_result_free(result);
    return error;
}

void replay_result_free(struct replay_result *result)
{
    for (uint32_t i = 0; i < result->client_count; i++)
        free(result->clients[i].latency_ns.values);
    free(result->clients);
    result->clients = NULL;
    result->client_count = 0;
}
