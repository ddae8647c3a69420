// SPDX-License-Identifier: Apache-2.0
/*
 * A workload of recorded traces. See trace.h. Per process: a first look finds the kernels and what
 * they took, then each queue's launches become a client's model (its launches in order) and its
 * requests (slices of them).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "emu/model/curve.h"
#include "replay/trace.h"

enum { KINDS = 4096, QUEUES = 1024, FALLBACK_NS = 50000 };

/* A kernel by name and size, in any of the traces. */
struct kind {
    char name[REPLAY_NAME];
    uint32_t groups, threads, lds_bytes;
    uint64_t ns, runs;         /* measured: sum and how many */
    uint64_t share_ns, shares; /* RT: its share of the time RT work was there */
};

struct launch {
    uint64_t at_ns, done_ns; /* done_ns 0: not known */
    uint32_t kind;
    uint64_t number;
};

struct queue {
    bool used, rt;
    uint32_t pid, number;
    struct launch *launches; /* owned */
    size_t count, room;
    size_t next_done; /* completions come about in order: where to look first */
};

struct builder {
    struct kind kinds[KINDS];
    uint32_t kind_count;
    struct queue queues[QUEUES];
    uint32_t queue_count;
    uint64_t first_ns, last_ns;
    char *err;
    size_t err_size;
};

static bool fail(struct builder *b, const char *what)
{
    snprintf(b->err, b->err_size, "%s", what);
    return false;
}

static struct queue *find_queue(struct builder *b, const struct replay_trace *trace,
                                uint32_t number)
{
    for (uint32_t i = 0; i < b->queue_count; i++)
        if (b->queues[i].pid == trace->pid && b->queues[i].number == number)
            return &b->queues[i];
    if (b->queue_count == QUEUES)
        return NULL;
    struct queue *q = &b->queues[b->queue_count++];

    *q = (struct queue){.rt = !trace->be, .pid = trace->pid, .number = number};
    return q;
}

static int find_kind(struct builder *b, const struct replay_trace *trace,
                     const struct reef_trace_record *r)
{
    struct kind k = {.groups = (uint32_t)r->c, .threads = (uint32_t)(r->c >> 32)};

    if (k.groups == 0)
        k.groups = 1;
    if (k.threads == 0 || k.threads > 1024)
        k.threads = 64;
    k.lds_bytes = r->d < 65536 ? (uint32_t)r->d : 65536;
    replay_trace_name(trace, r->b, k.name, sizeof(k.name));
    for (uint32_t i = 0; i < b->kind_count; i++)
        if (b->kinds[i].groups == k.groups && b->kinds[i].threads == k.threads &&
            b->kinds[i].lds_bytes == k.lds_bytes && strcmp(b->kinds[i].name, k.name) == 0)
            return (int)i;
    if (b->kind_count == KINDS)
        return -1;
    b->kinds[b->kind_count] = k;
    return (int)b->kind_count++;
}

/* Kernel numbers are looked up often and names seldom change: the last answers are kept. */
struct memory {
    uint64_t kernel, size, lds;
    int kind;
};

static int kind_of(struct builder *b, const struct replay_trace *trace,
                   const struct reef_trace_record *r, struct memory *memory)
{
    struct memory *m = &memory[(r->b ^ r->c) * 0x9e3779b97f4a7c15ull >> 56];

    if (m->kind < 0 || m->kernel != r->b || m->size != r->c || m->lds != r->d)
        *m = (struct memory){r->b, r->c, r->d, find_kind(b, trace, r)};
    return m->kind;
}

static bool add_launch(struct builder *b, struct queue *q, const struct reef_trace_record *r,
                       int kind)
{
    if (!q || kind < 0)
        return fail(b, "too many queues or kernels");
    if (q->count == q->room) {
        size_t room = q->room ? 2 * q->room : 64;
        struct launch *grown =
            room > REPLAY_SEQUENCE ? NULL : realloc(q->launches, room * sizeof(*grown));

        if (!grown)
            return fail(b, "too many launches");
        q->launches = grown;
        q->room = room;
    }
    q->launches[q->count++] =
        (struct launch){.at_ns = r->at_ns, .kind = (uint32_t)kind, .number = r->a};
    return true;
}

static void complete(struct builder *b, struct queue *q, const struct reef_trace_record *r)
{
    for (size_t i = q->next_done; i < q->count && i < q->next_done + 4096; i++) {
        struct launch *l = &q->launches[i];

        if (l->number != r->a || l->done_ns)
            continue;
        l->done_ns = r->at_ns;
        if (r->b > 0 && r->b < REPLAY_LONGEST_NS) {
            b->kinds[l->kind].ns += r->b;
            b->kinds[l->kind].runs++;
        }
        while (q->next_done < q->count && q->launches[q->next_done].done_ns)
            q->next_done++;
        return;
    }
}

/* RT work of the process is over: what was launched since it began shares the time. */
static void end_rt(struct builder *b, const struct replay_trace *trace, uint64_t began_ns,
                   uint64_t now_ns)
{
    size_t count = 0;

    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < b->queue_count; i++) {
            struct queue *q = &b->queues[i];

            if (!q->rt || q->pid != trace->pid)
                continue;
            for (size_t l = q->count; l-- > 0 && !q->launches[l].done_ns;) {
                if (pass == 0) {
                    count++;
                    continue;
                }
                q->launches[l].done_ns = now_ns;
                b->kinds[q->launches[l].kind].share_ns += (now_ns - began_ns) / count;
                b->kinds[q->launches[l].kind].shares++;
            }
        }
}

static bool read_trace(struct builder *b, const struct replay_trace *trace)
{
    struct memory memory[256];
    uint64_t began_ns = 0;

    for (size_t i = 0; i < 256; i++)
        memory[i].kind = -1;
    for (size_t i = 0; i < trace->count; i++) {
        const struct reef_trace_record *r = &trace->records[i];
        struct queue *q;

        switch (r->type) {
        case REEF_TRACE_QUEUE:
            if ((q = find_queue(b, trace, r->queue)) && q->count == 0)
                q->rt = r->a == REEF_TRACE_RT;
            break;
        case REEF_TRACE_LAUNCH:
            if (!add_launch(b, find_queue(b, trace, r->queue), r, kind_of(b, trace, r, memory)))
                return false;
            if (b->first_ns == 0 || r->at_ns < b->first_ns)
                b->first_ns = r->at_ns;
            break;
        case REEF_TRACE_COMPLETE:
            if ((q = find_queue(b, trace, r->queue)))
                complete(b, q, r);
            break;
        case REEF_TRACE_RT_BEGIN:
            began_ns = r->at_ns;
            break;
        case REEF_TRACE_RT_END:
            if (began_ns)
                end_rt(b, trace, began_ns, r->at_ns);
            began_ns = 0;
            break;
        default:
            break;
        }
        if (r->at_ns > b->last_ns)
            b->last_ns = r->at_ns;
    }
    return true;
}

/* --- the workload --- */

static uint64_t duration_of(const struct kind *k)
{
    uint64_t ns = k->runs ? k->ns / k->runs : k->shares ? k->share_ns / k->shares : FALLBACK_NS;

    return ns < 1000 ? 1000 : ns > 1000000000 ? 1000000000 : ns;
}

/* A kernel that takes, alone on the device, what it took. */
static struct replay_kernel make_kernel(const struct kind *k, const struct emu_profile *profile)
{
    struct replay_kernel kernel = {.groups = k->groups, .threads = k->threads};
    uint32_t waves = (k->threads + 63) / 64;
    uint64_t ns = duration_of(k);

    snprintf(kernel.name, sizeof(kernel.name), "%s", k->name);
    kernel.shape.waves = waves;
    kernel.shape.lds_bytes = k->lds_bytes;
    uint32_t most = emu_occupancy(profile, &kernel.shape);

    kernel.curve_length = most > 0 && most < REPLAY_CURVE ? most : 1;
    emu_curve_from_one(1000000, waves, profile->simds_per_cu, kernel.curve_length, kernel.curve_ns);
    struct emu_bulk_kernel bulk;
    if (emu_bulk_prepare(profile, &kernel.shape, kernel.curve_ns, kernel.curve_length, &bulk) != 0)
        return kernel;
    uint64_t alone_ns = emu_bulk_alone_ns(profile, &bulk, kernel.groups);

    for (uint32_t i = 0; i < kernel.curve_length; i++) {
        uint64_t scaled = (uint64_t)((unsigned __int128)kernel.curve_ns[i] * ns / alone_ns);

        kernel.curve_ns[i] = scaled ? (uint32_t)scaled : 1;
    }
    return kernel;
}

static struct replay_model *make_model(struct builder *b, const struct queue *q, const char *name,
                                       const struct emu_profile *profile)
{
    struct replay_model *model = replay_model_create(name);
    int *index = malloc(sizeof(int) * KINDS);

    for (uint32_t i = 0; index && i < KINDS; i++)
        index[i] = -1;
    for (size_t i = 0; model && index && i < q->count; i++) {
        uint32_t kind = q->launches[i].kind;

        if (index[kind] < 0) {
            struct replay_kernel kernel = make_kernel(&b->kinds[kind], profile);
            index[kind] = replay_model_add_kernel(model, &kernel);
        }
        if (index[kind] < 0 || replay_model_append(model, (uint32_t)index[kind]) != 0) {
            replay_model_destroy(model);
            model = NULL;
        }
    }
    if (!index) {
        replay_model_destroy(model);
        model = NULL;
    }
    free(index);
    return model;
}

/* A request begins with a launch before which all earlier ones were complete. */
static bool make_requests(const struct builder *b, const struct queue *q,
                          struct replay_client *client)
{
    uint64_t done_ns = 0; /* all before it; UINT64_MAX: one of them was never seen to be */
    size_t count = 0;

    client->slices = calloc(q->count, sizeof(*client->slices));
    if (!client->slices)
        return false;
    for (size_t i = 0; i < q->count; i++) {
        const struct launch *l = &q->launches[i];

        if (i == 0 || l->at_ns > done_ns) {
            uint64_t since = i ? done_ns : b->first_ns;
            client->slices[count++] =
                (struct replay_slice){.first = (uint32_t)i, .think_ns = l->at_ns - since};
            if (client->rt && replay_client_add_arrival(client, l->at_ns - b->first_ns) != 0)
                return false;
        }
        client->slices[count - 1].count++;
        uint64_t own = l->done_ns ? l->done_ns : UINT64_MAX;
        done_ns = own > done_ns ? own : done_ns;
    }
    client->slice_count = (uint32_t)count;
    client->load = client->rt ? REPLAY_TRACE : REPLAY_CONTINUOUS;
    client->keep_late = true;
    return true;
}

static bool add_client(struct builder *b, struct replay_workload *workload, const struct queue *q,
                       const struct emu_profile *profile)
{
    char name[REPLAY_NAME];

    snprintf(name, sizeof(name), "%u.%u", q->pid, q->number);
    struct replay_model *model = make_model(b, q, name, profile);
    if (!model)
        return fail(b, "no memory");
    if (replay_workload_add_model(workload, model) != 0) {
        replay_model_destroy(model);
        return fail(b, "more queues with launches than replay can take");
    }
    struct replay_client *client = replay_workload_add_client(workload);
    if (!client)
        return fail(b, "more queues with launches than replay can take");
    snprintf(client->name, sizeof(client->name), "%s", name);
    client->rt = q->rt;
    client->model = model;
    return make_requests(b, q, client) || fail(b, "arrivals go back in time, or no memory");
}

static bool build(struct builder *b, struct replay_workload *workload,
                  struct replay_trace *const *traces, unsigned count,
                  const struct emu_profile *profile, uint32_t gap_ns)
{
    for (unsigned i = 0; i < count; i++)
        if (!read_trace(b, traces[i]))
            return false;
    for (uint32_t i = 0; i < b->queue_count; i++)
        if (b->queues[i].count > 0 && !add_client(b, workload, &b->queues[i], profile))
            return false;
    if (workload->client_count == 0)
        return fail(b, "no launches in the trace");
    if (b->last_ns - b->first_ns > REPLAY_LONGEST_NS)
        return fail(b, "the trace is longer than an hour, or damaged");
    /* Some time more, for what is slower than it was. */
    workload->duration_ns = (b->last_ns - b->first_ns) * 5 / 4 + 100000000;
    for (uint32_t i = 0; i < workload->model_count; i++)
        if (replay_model_prepare(workload->models[i], profile, gap_ns, b->err, b->err_size) != 0)
            return false;
    return true;
}

struct replay_workload *replay_trace_workload(const char *name, struct replay_trace *const *traces,
                                              unsigned count, const struct emu_profile *profile,
                                              uint32_t gap_ns, char *err, size_t err_size)
{
    struct builder *b = calloc(1, sizeof(*b));
    struct replay_workload *workload = replay_workload_create(name);
    bool good = false;

    if (b && workload) {
        b->err = err;
        b->err_size = err_size;
        good = build(b, workload, traces, count, profile, gap_ns);
    } else {
        snprintf(err, err_size, "no memory");
    }
    for (uint32_t i = 0; b && i < b->queue_count; i++)
        free(b->queues[i].launches);
    free(b);
    if (good)
        return workload;
    replay_workload_destroy(workload);
    return NULL;
}
