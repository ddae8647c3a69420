// SPDX-License-Identifier: Apache-2.0
/* reef replay: where its files are, and reading them. The readers proper are in replay/. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "replay/read/read.h"
#include "replay/trace.h"
#include "tools/replay.h"

enum { FILE_MAX = 1 << 30 };

char *replay_file_read(const char *path, size_t *size)
{
    FILE *file = fopen(path, "re");
    size_t room = 1 << 16, used = 0;
    char *text = NULL;

    if (!file) {
        reef_say("replay: %s: %s", path, strerror(errno));
        return NULL;
    }
    for (;;) {
        char *grown = room < FILE_MAX ? realloc(text, room) : NULL;

        if (!grown) {
            reef_say("replay: %s is too large", path);
            free(text);
            fclose(file);
            return NULL;
        }
        text = grown;
        used += fread(text + used, 1, room - used - 1, file);
        if (used + 1 < room)
            break;
        room *= 2;
    }
    bool bad = ferror(file);
    fclose(file);
    text[used] = '\0';
    *size = used;
    if (!bad)
        return text;
    reef_say("replay: %s cannot be read", path);
    free(text);
    return NULL;
}

bool replay_setup_load(struct replay_setup *setup, const char *profile, const char *costs,
                       const char *models)
{
    char path[PATH_MAX], err[512];
    size_t size;

    snprintf(setup->models, sizeof(setup->models), "%s", models ? models : "");
    if (!reef_find_workloads(setup->workloads)) {
        reef_say("replay: the workloads are missing: not at %s", setup->workloads);
        return false;
    }
    if (!reef_find_device(profile, path)) {
        reef_say("replay: there is no device profile '%s' (looked for %s)", profile, path);
        return false;
    }
    if (emu_profile_load(&setup->profile, path, err, sizeof(err)) != 0) {
        reef_say("replay: %s", err);
        return false;
    }
    if (setup->profile.compute_units > EMU_BULK_CUS) {
        reef_say("replay: %s has more than %d compute units", profile, EMU_BULK_CUS);
        return false;
    }
    if (costs)
        snprintf(path, sizeof(path), "%s", costs);
    else if (snprintf(path, sizeof(path), "%s/mi50.costs", setup->workloads) >= PATH_MAX)
        return false;
    char *text = replay_file_read(path, &size);
    if (!text)
        return false;
    int error = replay_costs_parse(&setup->costs, text, size, err, sizeof(err));
    free(text);
    if (error)
        reef_say("replay: %s: %s", path, err);
    return error == 0;
}

/* DIR/name.model in lower case, if it is there. */
static bool model_path(char path[PATH_MAX], const char *dir, const char *below, const char *name)
{
    struct stat st;
    int used = snprintf(path, PATH_MAX, "%s%s/%s.model", dir, below, name);

    if (used < 0 || used >= PATH_MAX || strchr(name, '/'))
        return false;
    for (char *c = path + used - strlen(name) - 6; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    return stat(path, &st) == 0;
}

static struct replay_model *find_model(void *arg, const char *name, char *err, size_t err_size)
{
    struct replay_setup *setup = arg;
    char path[PATH_MAX], why[512];
    size_t size;

    if (!(setup->models[0] && model_path(path, setup->models, "", name)) &&
        !model_path(path, setup->workloads, "/models", name)) {
        snprintf(err, err_size, "there is no model '%s'", name);
        return NULL;
    }
    char *text = replay_file_read(path, &size);
    if (!text) {
        snprintf(err, err_size, "model '%s' cannot be read", name);
        return NULL;
    }
    struct replay_model *model = replay_model_parse(text, size, why, sizeof(why));
    free(text);
    if (model &&
        replay_model_prepare(model, &setup->profile, setup->costs.gap_ns, why, sizeof(why)) == 0) {
        snprintf(model->name, sizeof(model->name), "%s", name);
        return model;
    }
    snprintf(err, err_size, "%s: %s", path, why);
    replay_model_destroy(model);
    return NULL;
}

struct replay_workload *replay_workload_from_json(struct replay_setup *setup, const char *name,
                                                  const char *text, size_t size)
{
    char err[1024] = "";
    struct replay_workload *workload =
        replay_read_disb(name, text, size, find_model, setup, err, sizeof(err));

    if (!workload)
        reef_say("replay: %s: %s", name, err);
    else
        replay_workload_stagger(workload, setup->costs.request_ns);
    return workload;
}

bool replay_is_trace(const char *path)
{
    FILE *file = fopen(path, "re");
    uint64_t magic = 0;

    if (file && fread(&magic, sizeof(magic), 1, file) != 1)
        magic = 0;
    if (file)
        fclose(file);
    return magic == REEF_TRACE_MAGIC;
}

struct replay_workload *replay_workload_from_traces(struct replay_setup *setup,
                                                    const char *const *paths, unsigned count)
{
    struct replay_trace *traces[REPLAY_TRACES] = {NULL};
    struct replay_workload *workload = NULL;
    char err[256];
    unsigned read = 0;

    while (read < count && (traces[read] = replay_trace_load(paths[read])))
        read++;
    if (read == count) {
        workload = replay_trace_workload(paths[0], traces, count, &setup->profile,
                                         setup->costs.gap_ns, err, sizeof(err));
        if (!workload)
            reef_say("replay: %s: %s", paths[0], err);
    }
    for (unsigned i = 0; i < read; i++)
        replay_trace_free(traces[i]);
    return workload;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

struct replay_workload *replay_workload_load(struct replay_setup *setup, const char *name)
{
    char path[PATH_MAX], err[1024] = "";
    struct replay_workload *workload;
    struct stat st;
    size_t size;

    snprintf(path, sizeof(path), "%s", name);
    if (!strchr(name, '/') && stat(name, &st) != 0 &&
        snprintf(path, sizeof(path), "%s/%s.json", setup->workloads, name) >= PATH_MAX)
        return NULL;
    char *text = replay_file_read(path, &size);
    if (!text)
        return NULL;
    if (ends_with(path, ".csv")) {
        workload = replay_read_csv(name, text, size, find_model, setup, err, sizeof(err));
        if (!workload)
            reef_say("replay: %s: %s", path, err);
    } else {
        workload = replay_workload_from_json(setup, name, text, size);
    }
    free(text);
    return workload;
}
