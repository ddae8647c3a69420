// SPDX-License-Identifier: Apache-2.0
/* DISB's workload files. See read.h; the format is that of the benchmark's own configurations. */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/read/read.h"

struct reader {
    struct replay_workload *workload;
    replay_find_model *find;
    void *arg;
    char *err;
    size_t err_size;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct reader *r, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(r->err, r->err_size, format, args);
    va_end(args);
    return false;
}

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* A number of @unit_ns nanoseconds each, in (0, REPLAY_LONGEST_NS]. */
static bool read_time(const cJSON *number, double unit_ns, uint64_t *ns)
{
    double value = cJSON_IsNumber(number) ? number->valuedouble * unit_ns : -1;

    if (!(value >= 0 && value <= (double)REPLAY_LONGEST_NS))
        return false;
    *ns = (uint64_t)(value + 0.5);
    return true;
}

static bool read_frequency(struct reader *r, const cJSON *load, struct replay_client *client)
{
    const cJSON *frequency = get(load, "frequency");
    double per_s = cJSON_IsNumber(frequency) ? frequency->valuedouble : 0;

    if (!(per_s >= 1e-3 && per_s <= 1e8))
        return fail(r, "task %s: a load of this type needs a frequency", client->name);
    client->period_ns = (uint64_t)(1e9 / per_s + 0.5);
    return true;
}

static bool read_trace(struct reader *r, const cJSON *load, struct replay_client *client)
{
    const cJSON *trace = get(load, "trace"), *at;
    uint64_t ns;

    cJSON_ArrayForEach(at, trace)
    {
        if (!read_time(at, 1e6, &ns) || replay_client_add_arrival(client, ns) != 0)
            return fail(r, "task %s: a trace is a list of times in ms that grow", client->name);
    }
    return client->arrival_count > 0 ||
           fail(r, "task %s: a load of this type needs a trace", client->name);
}

static bool read_load(struct reader *r, const cJSON *load, struct replay_client *client)
{
    static const struct {
        const char *name;
        enum replay_load load;
    } types[] = {
        {"continuous", REPLAY_CONTINUOUS}, {"periodic", REPLAY_PERIODIC},
        {"uniform", REPLAY_PERIODIC},      {"poisson", REPLAY_POISSON},
        {"trace", REPLAY_TRACE},           {"dependent", REPLAY_DEPENDENT},
    };
    const cJSON *type = get(load, "type"), *priority = get(load, "priority");
    size_t i = 0, count = sizeof(types) / sizeof(types[0]);

    while (i < count && (!cJSON_IsString(type) || strcmp(type->valuestring, types[i].name) != 0))
        i++;
    if (i == count)
        return fail(r, "task %s: the type of its load is not known", client->name);
    client->load = types[i].load;
    client->rt = cJSON_IsNumber(priority) && priority->valuedouble == 0;
    if (client->load == REPLAY_PERIODIC || client->load == REPLAY_POISSON)
        return read_frequency(r, load, client);
    if (client->load == REPLAY_TRACE)
        return read_trace(r, load, client);
    return true;
}

static bool read_model(struct reader *r, const cJSON *task, struct replay_client *client)
{
    static const char *const keys[] = {"model", "model_name", "name"};
    const cJSON *object = get(task, "client"), *name = NULL;

    for (size_t i = 0; i < 3 && !cJSON_IsString(name); i++)
        name = get(object, keys[i]);
    if (!cJSON_IsString(name))
        return fail(r, "task %s: its client names no model", client->name);
    client->model = replay_workload_find_model(r->workload, name->valuestring);
    if (client->model)
        return true;
    struct replay_model *model = r->find(r->arg, name->valuestring, r->err, r->err_size);
    if (!model)
        return false;
    if (replay_workload_add_model(r->workload, model) != 0) {
        replay_model_destroy(model);
        return fail(r, "too many models");
    }
    client->model = model;
    return true;
}

static bool read_task(struct reader *r, const cJSON *task)
{
    const cJSON *id = get(task, "id");
    struct replay_client *client = replay_workload_add_client(r->workload);

    if (!client)
        return fail(r, "more than %d tasks", REPLAY_CLIENTS);
    if (cJSON_IsString(id))
        snprintf(client->name, sizeof(client->name), "%s", id->valuestring);
    else
        snprintf(client->name, sizeof(client->name), "task%u", r->workload->client_count - 1);
    if (!read_load(r, get(task, "load"), client))
        return false;
    return read_model(r, task, client);
}

/* When all tasks are there: those that a dependent one names. */
static bool read_depends(struct reader *r, const cJSON *task, struct replay_client *client)
{
    const cJSON *ids = get(get(task, "load"), "prev_task_ids"), *id;

    if (client->load != REPLAY_DEPENDENT)
        return true;
    cJSON_ArrayForEach(id, ids)
    {
        uint32_t i = 0;

        while (i < r->workload->client_count &&
               !(cJSON_IsString(id) && strcmp(id->valuestring, r->workload->clients[i].name) == 0))
            i++;
        if (i == r->workload->client_count || client->depend_count == REPLAY_DEPENDS)
            return fail(r, "task %s depends on what is not there, or on too much", client->name);
        client->depends[client->depend_count++] = i;
    }
    return client->depend_count > 0 ||
           fail(r, "task %s: a load of this type needs prev_task_ids", client->name);
}

static bool read_all(struct reader *r, const cJSON *json)
{
    const cJSON *tasks = get(json, "tasks"), *task;
    uint32_t i = 0;

    if (!read_time(get(json, "time"), 1e9, &r->workload->duration_ns) ||
        r->workload->duration_ns == 0)
        return fail(r, "expected \"time\": seconds");
    if (!cJSON_IsArray(tasks))
        return fail(r, "expected \"tasks\": [...]");
    cJSON_ArrayForEach(task, tasks)
    {
        if (!read_task(r, task))
            return false;
    }
    cJSON_ArrayForEach(task, tasks)
    {
        if (!read_depends(r, task, &r->workload->clients[i++]))
            return false;
    }
    return true;
}

struct replay_workload *replay_read_disb(const char *name, const char *text, size_t size,
                                         replay_find_model *find, void *arg, char *err,
                                         size_t err_size)
{
    struct reader r = {.find = find, .arg = arg, .err = err, .err_size = err_size};
    cJSON *json = cJSON_ParseWithLength(text, size);
    bool good = false;

    r.workload = replay_workload_create(name);
    if (!json)
        fail(&r, "not JSON");
    else if (!r.workload)
        fail(&r, "no memory");
    else
        good = read_all(&r, json);
    cJSON_Delete(json);
    if (good) {
        return r.workload;
    }
    replay_workload_destroy(r.workload);
    return NULL;
}
