// SPDX-License-Identifier: Apache-2.0
/*
 * The latency-critical half of the CUDA demo: every period it runs one inference of a small network
 * (detector.cu), 20 kernels on one stream, and times it with events. Four input frames take turns;
 * each result is compared bit for bit with the first result of that frame, and those first ones
 * with a computation on the CPU. As neighbouring inferences differ in all their data, a kernel that
 * was lost or cut short shows.
 */
#include "tests/apps/cuda/common.h"

#include "detector_ptx.h"

enum { CHANNELS = 32, SIDE = 8, WIDTH = SIDE * SIDE, FEATURES = CHANNELS * WIDTH };
enum { FRAMES = 4, LAYERS = 20, TILE = 16, MAX_COUNT = 100000 };

/* X(kind, kernel's name, grid x, grid y, threads x, threads y) */
#define KINDS(X)                                                                                   \
    X(CONV, conv3x3, CHANNELS, 1, WIDTH, 1)                                                        \
    X(POOL, max_pool, CHANNELS, 1, WIDTH, 1)                                                       \
    X(MATMUL, matmul, WIDTH / TILE, CHANNELS / TILE, TILE, TILE)                                   \
    X(NORM, layer_norm, CHANNELS, 1, WIDTH, 1)                                                     \
    X(GELU, gelu, CHANNELS, 1, WIDTH, 1)                                                           \
    X(SCORES, scores, CHANNELS, 1, WIDTH, 1)                                                       \
    X(SOFTMAX, softmax, CHANNELS, 1, WIDTH, 1)                                                     \
    X(ATTEND, attend, CHANNELS, 1, WIDTH, 1)

enum kind {
#define X(kind, ...) kind,
    KINDS(X)
#undef X
        KIND_COUNT
};

static const struct shape {
    const char *name;
    unsigned grid_x, grid_y, block_x, block_y;
} shapes[KIND_COUNT] = {
#define X(kind, name, gx, gy, bx, by) {#name, gx, gy, bx, by},
    KINDS(X)
#undef X
};

struct layer {
    enum kind kind;
    int input, other; /* buffers: 0 the frame, n the output of layer n - 1 */
};

static const struct layer network[LAYERS] = {
    {CONV, 0, 0},    {CONV, 1, 0},    {POOL, 2, 0},   {CONV, 3, 1},     {CONV, 4, 2},
    {POOL, 5, 0},    {NORM, 6, 4},    {MATMUL, 7, 0}, {GELU, 8, 0},     {MATMUL, 9, 0},
    {NORM, 10, 7},   {SCORES, 11, 0}, {SOFTMAX, 12},  {ATTEND, 13, 11}, {NORM, 14, 11},
    {MATMUL, 15, 0}, {GELU, 16, 0},   {MATMUL, 17},   {NORM, 18, 15},   {SOFTMAX, 19, 0},
};

struct weights {
    float *weights, *bias, *gain;
    CUdeviceptr d_weights, d_bias, d_gain;
};

static CUfunction kernels[KIND_COUNT];
static struct weights weights[LAYERS];
static CUdeviceptr buffers[LAYERS + 1], frames[FRAMES];
static float *host_frames[FRAMES];
static CUstream stream;
static CUevent begin, end;

static void set_up(void)
{
    CUmodule module = app_start(detector_ptx);

    for (int k = 0; k < KIND_COUNT; k++)
        kernels[k] = app_function(module, shapes[k].name);
    for (int i = 0; i < LAYERS; i++) {
        bool conv = network[i].kind == CONV;
        size_t count = conv ? CHANNELS * 2 * CHANNELS * 9 : WIDTH * WIDTH;
        float scale = conv ? 0.07f : 0.2f;
        struct weights *w = &weights[i];

        w->weights = app_floats(count, -scale, scale, 1000 + (uint64_t)i);
        w->bias = app_floats(WIDTH, -0.1f, 0.1f, 2000 + (uint64_t)i);
        w->gain = app_floats(WIDTH, 0.8f, 1.2f, 3000 + (uint64_t)i);
        w->d_weights = app_upload(w->weights, count);
        w->d_bias = app_upload(w->bias, WIDTH);
        w->d_gain = app_upload(w->gain, WIDTH);
        buffers[i + 1] = app_alloc(FEATURES);
    }
    for (int f = 0; f < FRAMES; f++) {
        host_frames[f] = app_floats(FEATURES, -1, 1, 100 + (uint64_t)f);
        frames[f] = app_upload(host_frames[f], FEATURES);
    }
    TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    TRY(cuEventCreate(&begin, CU_EVENT_DEFAULT));
    TRY(cuEventCreate(&end, CU_EVENT_DEFAULT));
}

static void launch(int index)
{
    const struct layer *l = &network[index];
    const struct shape *s = &shapes[l->kind];
    struct weights *w = &weights[index];
    void *x = &buffers[l->input], *other = &buffers[l->other], *y = &buffers[index + 1];
    void *by_kind[KIND_COUNT][5] = {
        [CONV] = {&w->d_weights, &w->d_bias, x, other, y},
        [POOL] = {x, y},
        [MATMUL] = {&w->d_weights, &w->d_bias, x, y},
        [NORM] = {&w->d_gain, x, other, y},
        [GELU] = {x, y},
        [SCORES] = {x, y},
        [SOFTMAX] = {x, y},
        [ATTEND] = {x, other, y},
    };

    TRY(cuLaunchKernel(kernels[l->kind], s->grid_x, s->grid_y, 1, s->block_x, s->block_y, 1, 0,
                       stream, by_kind[l->kind], NULL));
}

/* Runs one inference; returns its duration in device microseconds. */
static double infer(int frame, float *result)
{
    float ms;

    buffers[0] = frames[frame];
    TRY(cuEventRecord(begin, stream));
    for (int i = 0; i < LAYERS; i++)
        launch(i);
    TRY(cuEventRecord(end, stream));
    app_wait(end);
    TRY(cuEventElapsedTime(&ms, begin, end));
    TRY(cuMemcpyDtoH(result, buffers[LAYERS], FEATURES * sizeof(float)));
    return ms * 1e3;
}

/* ---- the same on the CPU, in double precision ---- */

static double pixel(const float *map, int row, int column, double edge)
{
    return row < 0 || row >= SIDE || column < 0 || column >= SIDE
               ? edge
               : (double)map[row * SIDE + column];
}

static double cpu_element(const struct layer *l, const struct weights *w, const float *x,
                          const float *other, int row, int lane)
{
    double sum = w->bias[l->kind == CONV ? row : lane];
    int y = lane / SIDE - 1, z = lane % SIDE - 1;

    switch (l->kind) {
    case CONV:
        for (int i = 0; i < 2 * CHANNELS * 9; i++) {
            int channel = i / 9;
            const float *map =
                channel < CHANNELS ? x + channel * WIDTH : other + (channel - CHANNELS) * WIDTH;
            sum += (double)w->weights[row * 2 * CHANNELS * 9 + i] *
                   pixel(map, y + i % 9 / 3, z + i % 3, 0);
        }
        return sum > 0 ? sum : 0;
    case POOL:
        sum = -INFINITY;
        for (int t = 0; t < 9; t++)
            sum = fmax(sum, pixel(x + row * WIDTH, y + t / 3, z + t % 3, -INFINITY));
        return sum;
    case MATMUL:
        for (int k = 0; k < WIDTH; k++)
            sum += (double)x[row * WIDTH + k] * w->weights[k * WIDTH + lane];
        return sum;
    case GELU:
        sum = x[row * WIDTH + lane];
        return 0.5 * sum * (1 + tanh(0.79788456 * (sum + 0.044715 * sum * sum * sum)));
    case SCORES:
        sum = lane < CHANNELS ? 0 : -INFINITY;
        for (int k = 0; k < WIDTH && lane < CHANNELS; k++)
            sum += (double)x[row * WIDTH + k] * x[lane * WIDTH + k];
        return sum * 0.125;
    default: /* ATTEND */
        sum = 0;
        for (int t = 0; t < CHANNELS; t++)
            sum += (double)x[row * WIDTH + t] * other[t * WIDTH + lane];
        return sum;
    }
}

static void cpu_row(const struct layer *l, const struct weights *w, const float *x,
                    const float *other, float *y)
{
    double mean = 0, variance = 0, top = -INFINITY, sum = 0;

    for (int i = 0; i < WIDTH; i++) {
        mean += ((double)x[i] + other[i]) / WIDTH;
        top = fmax(top, x[i]);
    }
    for (int i = 0; i < WIDTH; i++) {
        variance += pow((double)x[i] + other[i] - mean, 2) / WIDTH;
        sum += exp(x[i] - top);
    }
    for (int i = 0; i < WIDTH; i++)
        y[i] = l->kind == NORM
                   ? (float)(((double)x[i] + other[i] - mean) / sqrt(variance + 1e-5) * w->gain[i])
                   : (float)(exp(x[i] - top) / sum);
}

static const float *cpu_infer(int frame)
{
    static float maps[LAYERS + 1][FEATURES];

    memcpy(maps[0], host_frames[frame], sizeof(maps[0]));
    for (int i = 0; i < LAYERS; i++) {
        const struct layer *l = &network[i];
        const float *x = maps[l->input], *other = maps[l->other];
        bool by_row = l->kind == NORM || l->kind == SOFTMAX;

        for (int row = 0; row < CHANNELS && by_row; row++)
            cpu_row(l, &weights[i], x + row * WIDTH, other + row * WIDTH,
                    maps[i + 1] + row * WIDTH);
        for (int at = 0; at < FEATURES && !by_row; at++)
            maps[i + 1][at] = (float)cpu_element(l, &weights[i], x, other, at / WIDTH, at % WIDTH);
    }
    return maps[LAYERS];
}

static void check_first(int frame, const float *got)
{
    const float *want = cpu_infer(frame);

    for (int i = 0; i < FEATURES; i++)
        if (!(fabsf(got[i] - want[i]) <= 1e-6f + 1e-3f * fabsf(want[i])))
            app_fail("detector: frame %d, feature %d is %.9g, expected %.9g", frame, i,
                     (double)got[i], (double)want[i]);
}

/* ---- the program ---- */

static void report(double *us, size_t count, long wrong, const char *json, bool times)
{
    double p50 = app_percentile(us, count, 0.5), p99 = app_percentile(us, count, 0.99),
           top = app_percentile(us, count, 1);

    printf("detector: %zu inferences, %ld wrong results\n", count, wrong);
    if (times)
        printf("detector: p50 %.1f us, p99 %.1f us, max %.1f us\n", p50, p99, top);
    if (!json)
        return;
    FILE *out = app_open(json);
    fprintf(out,
            "{\"count\":%zu,\"kernels\":%d,\"p50_us\":%.3f,\"p99_us\":%.3f,\"max_us\":%.3f,"
            "\"wrong_results\":%ld}\n",
            count, LAYERS, p50, p99, top, wrong);
    fclose(out);
}

int main(int argc, char **argv)
{
    static double us[MAX_COUNT];
    static float first[FRAMES][FEATURES], result[FEATURES];
    double count = 100, period_us = 100000, warmup = 4;
    const char *json = NULL, *latencies = NULL;
    bool no_times = false;
    long wrong = 0;

    app_parse(
        argc, argv, "detector: times the inferences of a small network, one every period",
        (const struct app_option[]){
            {"--count", "inferences to time (100)", &count, NULL, NULL},
            {"--warmup", "inferences before those (4)", &warmup, NULL, NULL},
            {"--period-us", "wall time from one start to the next (100000)", &period_us, NULL,
             NULL},
            {"--json", "write the figures to this file", NULL, &json, NULL},
            {"--latencies", "write every latency, a line each, in us", NULL, &latencies, NULL},
            {"--no-times", "print nothing that differs between runs", NULL, NULL, &no_times},
            {0}});
    if (count < 1 || count > MAX_COUNT)
        app_fail("--count must be from 1 to %d", MAX_COUNT);
    set_up();
    for (int f = 0; f < FRAMES; f++) {
        infer(f, first[f]);
        check_first(f, first[f]);
    }
    double next = app_wall_us();
    for (long i = -(long)warmup; i < (long)count; i++) {
        int f = (int)((i + (long)warmup) % FRAMES);

        app_sleep_us(next - app_wall_us());
        double took = infer(f, result);
        wrong += memcmp(result, first[f], sizeof(result)) != 0;
        if (i >= 0)
            us[i] = took;
        /* What was missed is not made up, and there is a pause all the same: a periodic program is
         * one that lets others in, however slow the machine that it runs on. */
        next = fmax(next + period_us, app_wall_us() + period_us / 4);
    }
    if (latencies) {
        FILE *out = app_open(latencies);
        for (long i = 0; i < (long)count; i++)
            fprintf(out, "%.3f\n", us[i]);
        fclose(out);
    }
    report(us, (size_t)count, wrong, json, !no_times);
    return wrong ? 1 : 0;
}
