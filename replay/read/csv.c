// SPDX-License-Identifier: Apache-2.0
/* Workloads as CSV: one request a line. See read.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/read/read.h"
#include "replay/text.h"

enum { FIELDS = 5, WORK_MAX = 1000 };

struct request {
    uint64_t at_ns;
    uint32_t client, line;
};

struct reader {
    struct replay_text text;
    struct replay_workload *workload;
    struct request *requests; /* owned */
    size_t count, room;
    replay_find_model *find;
    void *arg;
};

/* Cuts the line at its commas. */
static bool split(char *line, char *fields[FIELDS])
{
    for (int i = 0; i < FIELDS; i++) {
        char *comma = strchr(line, ',');

        if ((comma == NULL) != (i + 1 == FIELDS))
            return false;
        fields[i] = line;
        if (comma)
            *comma = '\0';
        line = comma + 1;
    }
    return true;
}

static const struct replay_model *find_model(struct reader *r, const char *name)
{
    const struct replay_model *known = replay_workload_find_model(r->workload, name);
    char err[512] = "";

    if (known)
        return known;
    struct replay_model *model = r->find(r->arg, name, err, sizeof(err));
    if (!model) {
        replay_text_fail(&r->text, "%s", err);
        return NULL;
    }
    if (replay_workload_add_model(r->workload, model) == 0)
        return model;
    replay_model_destroy(model);
    replay_text_fail(&r->text, "too many models");
    return NULL;
}

static struct replay_client *find_client(struct reader *r, char *const fields[FIELDS])
{
    bool rt = strcmp(fields[2], "rt") == 0;
    struct replay_client *client;

    for (uint32_t i = 0; i < r->workload->client_count; i++) {
        client = &r->workload->clients[i];
        if (strcmp(client->name, fields[1]) != 0)
            continue;
        if (client->rt == rt && strcmp(client->model->name, fields[3]) == 0)
            return client;
        replay_text_fail(&r->text, "client %s has one class and one model", fields[1]);
        return NULL;
    }
    const struct replay_model *model = find_model(r, fields[3]);
    client = model ? replay_workload_add_client(r->workload) : NULL;
    if (!client) {
        if (model)
            replay_text_fail(&r->text, "more than %d clients", REPLAY_CLIENTS);
        return NULL;
    }
    snprintf(client->name, sizeof(client->name), "%s", fields[1]);
    client->rt = rt;
    client->load = REPLAY_TRACE;
    client->keep_late = true;
    client->model = model;
    return client;
}

static bool read_request(struct reader *r, char *line)
{
    char *fields[FIELDS];
    uint64_t us, work;

    if (!split(line, fields) || strlen(fields[1]) >= REPLAY_NAME)
        return replay_text_fail(&r->text, "expected t_us,client,class,model,work");
    if (strcmp(fields[0], "t_us") == 0 && r->count == 0)
        return true;
    if (!replay_text_milli(fields[0], REPLAY_LONGEST_NS, &us))
        return replay_text_fail(&r->text, "'%s' is no time in us", fields[0]);
    if (strcmp(fields[2], "rt") != 0 && strcmp(fields[2], "be") != 0)
        return replay_text_fail(&r->text, "class '%s' is neither rt nor be", fields[2]);
    if (!replay_text_uint(fields[4], WORK_MAX, &work) || work == 0)
        return replay_text_fail(&r->text, "work: 1 to %d", WORK_MAX);
    struct replay_client *client = find_client(r, fields);
    if (!client)
        return false;
    for (uint64_t i = 0; i < work; i++) {
        if (r->count == r->room) {
            size_t room = r->room ? 2 * r->room : 256;
            struct request *grown =
                room > REPLAY_ARRIVALS ? NULL : realloc(r->requests, room * sizeof(*grown));

            if (!grown)
                return replay_text_fail(&r->text, "too many requests");
            r->requests = grown;
            r->room = room;
        }
        r->requests[r->count++] = (struct request){
            .at_ns = us,
            .client = (uint32_t)(client - r->workload->clients),
            .line = (uint32_t)r->count,
        };
    }
    return true;
}

static int by_time(const void *a, const void *b)
{
    const struct request *x = a, *y = b;

    if (x->at_ns != y->at_ns)
        return x->at_ns < y->at_ns ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

static bool read_all(struct reader *r)
{
    while (replay_text_line(&r->text)) {
        char *line = replay_text_word(&r->text);

        if (line && replay_text_word(&r->text))
            return replay_text_fail(&r->text, "expected no spaces");
        if (line && !read_request(r, line))
            return false;
    }
    if (r->text.failed)
        return false;
    if (r->count == 0)
        return replay_text_fail(&r->text, "no requests");
    qsort(r->requests, r->count, sizeof(*r->requests), by_time);
    for (size_t i = 0; i < r->count; i++)
        if (replay_client_add_arrival(&r->workload->clients[r->requests[i].client],
                                      r->requests[i].at_ns) != 0)
            return replay_text_fail(&r->text, "no memory");
    /* Long enough for what began last, unless it has to queue. */
    r->workload->duration_ns = r->requests[r->count - 1].at_ns + 1000000000;
    return true;
}

struct replay_workload *replay_read_csv(const char *name, const char *text, size_t size,
                                        replay_find_model *find, void *arg, char *err,
                                        size_t err_size)
{
    struct reader r = {.find = find, .arg = arg, .workload = replay_workload_create(name)};
    bool good;

    replay_text_init(&r.text, text, size, err, err_size);
    good = r.workload ? read_all(&r) : replay_text_fail(&r.text, "no memory");
    free(r.requests);
    if (good)
        return r.workload;
    replay_workload_destroy(r.workload);
    return NULL;
}
