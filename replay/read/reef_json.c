// SPDX-License-Identifier: Apache-2.0
/*
 * REEF's model files, as its artifact's loader reads them: kernels [{"name", "launch_params": [grid
 * x, y, z, block x, y, z]}] in the order of launch with "shared_memory" {name: bytes}, and a
 * profile
 * {"model_latency": us, "kernel_latency": {name: {"total_latency": us, "latency": [us, with 1, 2,
 * 3,
 * ... work-groups on each unit]}}}. Registers are not in them. Each time has in it what timing the
 * kernel by itself added; it is found from what a whole run takes.
 */
#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/read/read.h"

enum { GAP_US = 2 }; /* total_latency less latency[layers - 1]: a launch (median of the profiles) */

struct reader {
    struct replay_model *model;
    const cJSON *kernels, *shared, *latencies;
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

static bool read_whole(const cJSON *number, double least, double most, double *value)
{
    if (!cJSON_IsNumber(number) || !(number->valuedouble >= least && number->valuedouble <= most))
        return false;
    *value = number->valuedouble;
    return true;
}

static bool read_launch(struct reader *r, const cJSON *kernel, struct replay_kernel *k)
{
    const cJSON *params = get(kernel, "launch_params"), *shared = get(r->shared, k->name);
    double size[6], groups, threads;

    for (int i = 0; i < 6; i++)
        if (!read_whole(cJSON_GetArrayItem(params, i), 1, 1 << 24, &size[i]))
            return fail(r, "kernel %s: launch_params are 6 numbers from 1 on", k->name);
    groups = size[0] * size[1] * size[2];
    threads = size[3] * size[4] * size[5];
    if (groups > 1 << 30 || threads > 1024)
        return fail(r, "kernel %s: more threads than a work-group can have, or too many groups",
                    k->name);
    k->groups = (uint32_t)groups;
    k->threads = (uint32_t)threads;
    if (shared && read_whole(shared, 0, 1 << 24, &size[0]))
        k->shape.lds_bytes = (uint32_t)size[0];
    return true;
}

static bool read_curve(struct reader *r, struct replay_kernel *k)
{
    const cJSON *latency = get(get(r->latencies, k->name), "latency"), *point;
    double us;

    cJSON_ArrayForEach(point, latency)
    {
        if (k->curve_length == REPLAY_CURVE || !read_whole(point, 0.001, 1e6, &us))
            return fail(r, "kernel %s: its latencies are not 1 to %d times in us", k->name,
                        REPLAY_CURVE);
        k->curve_ns[k->curve_length++] = (uint32_t)(us * 1000 + 0.5);
    }
    return k->curve_length > 0 || fail(r, "the profile has no latency of kernel %s", k->name);
}

static bool same(const struct replay_kernel *a, const struct replay_kernel *b)
{
    return strcmp(a->name, b->name) == 0 && a->groups == b->groups && a->threads == b->threads;
}

static bool read_kernel(struct reader *r, const cJSON *kernel)
{
    const cJSON *name = get(kernel, "name");
    struct replay_kernel k = {0};
    int index = 0;

    if (!cJSON_IsString(name) || !*name->valuestring || strlen(name->valuestring) >= sizeof(k.name))
        return fail(r, "a kernel without a name, or with a long one");
    snprintf(k.name, sizeof(k.name), "%s", name->valuestring);
    if (!read_launch(r, kernel, &k) || !read_curve(r, &k))
        return false;
    while (index < (int)r->model->kernel_count && !same(&r->model->kernels[index], &k))
        index++;
    if (index == (int)r->model->kernel_count)
        index = replay_model_add_kernel(r->model, &k);
    return (index >= 0 && replay_model_append(r->model, (uint32_t)index) == 0) ||
           fail(r, "too many kernels");
}

/* A run's time in ns if each kernel's time is @overhead_ns less, but 1 us at least. */
static uint64_t run_ns(const struct replay_model *model, uint32_t overhead_ns)
{
    uint64_t ns = 0;

    for (uint32_t i = 0; i < model->length; i++) {
        const struct replay_kernel *k = &model->kernels[model->sequence[i]];
        uint32_t layers = (k->groups + 59) / 60; /* the profiles are an MI50's: 60 units */
        uint32_t full = layers / k->curve_length, rest = layers % k->curve_length;
        uint64_t whole = k->curve_ns[k->curve_length - 1], part = rest ? k->curve_ns[rest - 1] : 0;

        whole = whole > overhead_ns + 1000u ? whole - overhead_ns : 1000;
        if (rest)
            part = part > overhead_ns + 1000u ? part - overhead_ns : 1000;
        ns += full * whole + part + GAP_US * 1000;
    }
    return ns;
}

static void remove_overhead(struct replay_model *model, uint64_t single_ns)
{
    uint32_t low = 0, high = 1000000;

    while (low < high) {
        uint32_t middle = (low + high) / 2;

        if (run_ns(model, middle) > single_ns)
            low = middle + 1;
        else
            high = middle;
    }
    model->overhead_ns = low;
    for (uint32_t i = 0; i < model->kernel_count; i++)
        for (uint32_t n = 0; n < model->kernels[i].curve_length; n++) {
            uint32_t *ns = &model->kernels[i].curve_ns[n];

            *ns = *ns > low + 1000 ? *ns - low : 1000;
        }
}

static bool read_all(struct reader *r, const cJSON *kernels, const cJSON *profile,
                     uint64_t single_ns)
{
    const cJSON *kernel;
    double us = 0;

    r->shared = get(kernels, "shared_memory");
    r->latencies = get(profile, "kernel_latency");
    if (!cJSON_IsArray(get(kernels, "kernels")))
        return fail(r, "expected \"kernels\": [...] in the model");
    cJSON_ArrayForEach(kernel, get(kernels, "kernels"))
    {
        if (!read_kernel(r, kernel))
            return false;
    }
    if (r->model->length == 0)
        return fail(r, "a model without kernels");
    if (single_ns == 0 && !read_whole(get(profile, "model_latency"), 1, 1e9, &us))
        return fail(r, "expected \"model_latency\": us in the profile");
    remove_overhead(r->model, single_ns ? single_ns : (uint64_t)(us * 1000));
    return true;
}

struct replay_model *replay_read_reef(const char *name, const char *kernels, size_t kernels_size,
                                      const char *profile, size_t profile_size, uint64_t single_ns,
                                      char *err, size_t err_size)
{
    cJSON *kernels_json = cJSON_ParseWithLength(kernels, kernels_size);
    cJSON *profile_json = cJSON_ParseWithLength(profile, profile_size);
    struct reader r = {
        .model = replay_model_create(name),
        .err = err,
        .err_size = err_size,
    };
    bool good = false;

    if (!r.model)
        fail(&r, "no memory");
    else if (!kernels_json || !profile_json)
        fail(&r, "%s is not JSON", kernels_json ? "the profile" : "the model");
    else
        good = read_all(&r, kernels_json, profile_json, single_ns);
    cJSON_Delete(kernels_json);
    cJSON_Delete(profile_json);
    if (good)
        return r.model;
    replay_model_destroy(r.model);
    return NULL;
}
