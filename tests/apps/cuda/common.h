// SPDX-License-Identifier: Apache-2.0
/*
 * What the CUDA programs here share: a context on device 0 with a module of PTX text, options,
 * reproducible numbers, the wall clock and percentiles. Plain driver API; the programs know nothing
 * of libreef and run on any driver.
 */
#pragma once

#include <cuda.h>

#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        CUresult result_ = (call);                                                                 \
        if (result_ != CUDA_SUCCESS)                                                               \
            app_fail("%s:%d: %s: %d", __FILE__, __LINE__, #call, (int)result_);                    \
    } while (0)

__attribute__((format(printf, 1, 2), noreturn)) static inline void app_fail(const char *format, ...)
{
    va_list list;

    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    exit(1);
}

/** The primary context of device 0 becomes current, and @ptx is loaded. */
static inline CUmodule app_start(const char *ptx)
{
    CUdevice device;
    CUcontext context;
    CUmodule module;

    TRY(cuInit(0));
    TRY(cuDeviceGet(&device, 0));
    TRY(cuDevicePrimaryCtxRetain(&context, device));
    TRY(cuCtxSetCurrent(context));
    TRY(cuModuleLoadData(&module, ptx));
    return module;
}

static inline CUfunction app_function(CUmodule module, const char *name)
{
    CUfunction function;

    TRY(cuModuleGetFunction(&function, module, name));
    return function;
}

/* --- memory --- */

static inline CUdeviceptr app_alloc(size_t floats)
{
    CUdeviceptr at;

    TRY(cuMemAlloc(&at, floats * sizeof(float)));
    return at;
}

static inline CUdeviceptr app_upload(const void *words, size_t count)
{
    CUdeviceptr at = app_alloc(count);

    TRY(cuMemcpyHtoD(at, words, count * sizeof(float)));
    return at;
}

/** @count numbers from @low to @high, the same for the same @seed (splitmix64). To be freed. */
static inline float *app_floats(size_t count, float low, float high, uint64_t seed)
{
    float *f = malloc(count * sizeof(*f));

    if (!f)
        app_fail("out of memory");
    for (size_t i = 0; i < count; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15ull);

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ z >> 27) * 0x94d049bb133111ebull;
        f[i] = low + (high - low) * (float)((z ^ z >> 31) >> 40) * 0x1p-24f;
    }
    return f;
}

/* --- time --- */

static inline double app_wall_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static inline void app_sleep_us(double us)
{
    struct timespec t = {(time_t)(us / 1e6), (long)(fmod(us, 1e6) * 1e3)};

    if (us > 0)
        nanosleep(&t, NULL);
}

/** Waits for @event without taking a core from whoever interprets the GPU. */
static inline void app_wait(CUevent event)
{
    CUresult result;

    while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY)
        app_sleep_us(100);
    TRY(result);
}

static inline int app_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/** Nearest rank; sorts. */
static inline double app_percentile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof(*values), app_compare);
    size_t rank = (size_t)ceil(share * (double)count);
    return count ? values[rank ? rank - 1 : 0] : 0;
}

/* --- options --- */

/** "--name VALUE" or, with @flag, "--name". Exactly one pointer is not NULL. */
struct app_option {
    const char *name, *help;
    double *number;
    const char **text;
    bool *flag;
};

static inline const struct app_option *app_find_option(const struct app_option *options,
                                                       const char *name)
{
    while (options->name && strcmp(options->name, name) != 0)
        options++;
    return options->name ? options : NULL;
}

/** Parses; --help or a bad argument ends the program (status 0 or 2). @options ends with {0}. */
static inline void app_parse(int argc, char **argv, const char *about,
                             const struct app_option *options)
{
    for (int i = 1; i < argc; i++) {
        const struct app_option *o = app_find_option(options, argv[i]);
        bool help = strcmp(argv[i], "--help") == 0;
        char *end = NULL;

        if (o && o->flag) {
            *o->flag = true;
            continue;
        }
        if (o && o->text && i + 1 < argc) {
            *o->text = argv[++i];
            continue;
        }
        if (o && o->number && i + 1 < argc) {
            double value = strtod(argv[i + 1], &end);
            if (end != argv[i + 1] && *end == '\0' && value >= 0) {
                *o->number = value;
                i++;
                continue;
            }
        }
        FILE *out = help ? stdout : stderr;
        if (!help)
            fprintf(out, "%s: bad argument '%s'\n", argv[0], argv[i]);
        fprintf(out, "%s\n", about);
        for (o = options; o->name; o++)
            fprintf(out, "  %-16s %s\n", o->name, o->help);
        exit(help ? 0 : 2);
    }
}

static inline FILE *app_open(const char *path)
{
    FILE *file = fopen(path, "w");

    if (!file)
        app_fail("cannot write %s", path);
    return file;
}
