// SPDX-License-Identifier: Apache-2.0
/* Workloads in memory. See workload.h. */
#include "replay/workload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct replay_workload *replay_workload_create(const char *name)
{
    struct replay_workload *workload = calloc(1, sizeof(*workload));

    if (!workload)
        return NULL;
    snprintf(workload->name, sizeof(workload->name), "%s", name);
    workload->clients = calloc(REPLAY_CLIENTS, sizeof(*workload->clients));
    workload->models = calloc(REPLAY_MODELS, sizeof(*workload->models));
    if (workload->clients && workload->models)
        return workload;
    replay_workload_destroy(workload);
    return NULL;
}

void replay_workload_destroy(struct replay_workload *workload)
{
    if (!workload)
        return;
    for (uint32_t i = 0; i < workload->client_count; i++) {
        free(workload->clients[i].arrivals);
        free(workload->clients[i].slices);
    }
    for (uint32_t i = 0; i < workload->model_count; i++)
        replay_model_destroy(workload->models[i]);
    free(workload->clients);
    free(workload->models);
    free(workload);
}

int replay_workload_add_model(struct replay_workload *workload, struct replay_model *model)
{
    if (workload->model_count == REPLAY_MODELS)
        return -E2BIG;
    workload->models[workload->model_count++] = model;
    return 0;
}

const struct replay_model *replay_workload_find_model(const struct replay_workload *workload,
                                                      const char *name)
{
    for (uint32_t i = 0; i < workload->model_count; i++)
        if (strcmp(workload->models[i]->name, name) == 0)
            return workload->models[i];
    return NULL;
}

struct replay_client *replay_workload_add_client(struct replay_workload *workload)
{
    if (workload->client_count == REPLAY_CLIENTS)
        return NULL;
    return &workload->clients[workload->client_count++];
}

int replay_client_add_arrival(struct replay_client *client, uint64_t at_ns)
{
    uint32_t n = client->arrival_count;

    if (n && client->arrivals[n - 1] > at_ns)
        return -EINVAL;
    if (n == REPLAY_ARRIVALS || at_ns > REPLAY_LONGEST_NS)
        return -E2BIG;
    if ((n & (n - 1)) == 0) {
        uint64_t *grown = realloc(client->arrivals, (n ? 2u * n : 1) * sizeof(*grown));

        if (!grown)
            return -ENOMEM;
        client->arrivals = grown;
    }
    client->arrivals[client->arrival_count++] = at_ns;
    return 0;
}

void replay_workload_stagger(struct replay_workload *workload, uint64_t request_ns)
{
    for (uint32_t i = 0; i < workload->client_count; i++) {
        struct replay_client *client = &workload->clients[i];
        uint64_t offset_ns = 0;

        if (!client->rt || client->load != REPLAY_PERIODIC)
            continue;
        for (uint32_t j = 0; j < i; j++) {
            const struct replay_client *before = &workload->clients[j];

            if (before->rt && before->load == REPLAY_PERIODIC &&
                before->period_ns == client->period_ns)
                offset_ns += before->model->single_ns + request_ns;
        }
        client->offset_ns = offset_ns % client->period_ns;
    }
}
