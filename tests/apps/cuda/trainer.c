// SPDX-License-Identifier: Apache-2.0
/*
 * The throughput half of the CUDA demo: a closed loop of iterations, each a chain of long kernels
 * (trainer.cu), some iterations called ahead. Iterations take turns with several seeds. Each result
 * is compared bit for bit with the first result of its seed, and samples of those with a
 * computation on the CPU; as the data of neighbouring iterations differ, a kernel that was lost,
 * cut short or run twice on changed data shows.
 */
#include "tests/apps/cuda/common.h"

#include <unistd.h>

#include "trainer_ptx.h"

enum { LANES = 32, SEEDS = 4, KERNELS = 3, MAX_DEPTH = 8, SAMPLES = 16 };

static double blocks = 80, steps = 5000, depth = 2, iterations;
static const char *until_file, *ready_file, *json;
static bool no_times;

static CUfunction train;
static CUstream stream;
static CUdeviceptr next_at, input, between[KERNELS - 1], output[MAX_DEPTH];
static CUevent done[MAX_DEPTH], begin, end;
static uint32_t *next_of; /* one cycle through all items, as byte offsets */
static float *host_input, *first[SEEDS], *got;

static uint32_t items(void)
{
    return (uint32_t)blocks * LANES;
}

static uint32_t seed_of(long iteration, int kernel)
{
    return (uint32_t)(1 + iteration % SEEDS + 10 * kernel);
}

/* ---- on the CPU ---- */

/* What thread @i of @kernel computes; asks for what it needs of the kernel before. */
static float cpu_value(long iteration, int kernel, uint32_t i)
{
    uint32_t count = items(), seed = seed_of(iteration, kernel), lane = i % LANES;
    uint32_t at = (i * 61 + seed * 7919) % count * 4, other = i - lane + (lane * 5 + seed) % LANES;
#define IN(k) (kernel == 0 ? host_input[k] : cpu_value(iteration, kernel - 1, k))
    float sum = fmaf(IN(other), 0.5f, IN(i));

    for (uint32_t s = 0; s < (uint32_t)steps; s++) {
        at = next_of[at / 4];
        sum = fmaf(sum, 0.9375f, (float)at);
    }
    return fmaf(sum, 0x1p-20f, IN(at / 4) * 0.25f);
#undef IN
}

static void check_samples(long iteration)
{
    for (uint32_t k = 0; k < SAMPLES; k++) {
        uint32_t i = k == 0 ? items() - 1 : k * 2654435761u % items();
        float want = cpu_value(iteration, KERNELS - 1, i);

        if (memcmp(&want, &got[i], sizeof(want)) != 0)
            app_fail("trainer: seed %ld, element %u is %.9g, expected %.9g", iteration % SEEDS, i,
                     (double)got[i], (double)want);
    }
}

/* ---- on the GPU ---- */

static uint32_t *make_cycle(uint32_t count)
{
    uint32_t *order = malloc(count * sizeof(*order)), *next = malloc(count * sizeof(*next));
    float *random = app_floats(count, 0, 1, 7);

    if (!order || !next)
        app_fail("out of memory");
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(random[i] * (float)i), kept = order[i];

        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < count; i++)
        next[order[i]] = order[(i + 1) % count] * 4;
    free(order);
    free(random);
    return next;
}

static void set_up(void)
{
    uint32_t count = items();

    train = app_function(app_start(trainer_ptx), "train");
    next_of = make_cycle(count);
    host_input = app_floats(count, 0, 1, 11);
    got = malloc(count * sizeof(*got));
    next_at = app_upload(next_of, count);
    input = app_upload(host_input, count);
    for (int k = 0; k < KERNELS - 1; k++)
        between[k] = app_alloc(count);
    for (int s = 0; s < (int)depth; s++) {
        output[s] = app_alloc(count);
        TRY(cuEventCreate(&done[s], CU_EVENT_DISABLE_TIMING));
    }
    TRY(cuEventCreate(&begin, CU_EVENT_DEFAULT));
    TRY(cuEventCreate(&end, CU_EVENT_DEFAULT));
    TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
}

static void start_iteration(long iteration)
{
    int slot = (int)(iteration % (long)depth);
    CUdeviceptr *in = &input;

    for (int k = 0; k < KERNELS; k++) {
        CUdeviceptr *out = k + 1 < KERNELS ? &between[k] : &output[slot];
        uint32_t count = items(), seed = seed_of(iteration, k), rounds = (uint32_t)steps;
        void *arguments[] = {&next_at, in, out, &rounds, &seed, &count};

        TRY(cuLaunchKernel(train, (unsigned)blocks, 1, 1, LANES, 1, 1, 0, stream, arguments, NULL));
        in = out;
    }
    TRY(cuEventRecord(done[slot], stream));
}

/* Whether the iteration's result is wrong. */
static bool finish_iteration(long iteration)
{
    int slot = (int)(iteration % (long)depth);
    float **want = &first[iteration % SEEDS];
    size_t bytes = items() * sizeof(float);

    app_wait(done[slot]);
    TRY(cuMemcpyDtoH(got, output[slot], bytes));
    if (*want)
        return memcmp(*want, got, bytes) != 0;
    check_samples(iteration);
    *want = malloc(bytes);
    if (!*want)
        app_fail("out of memory");
    memcpy(*want, got, bytes);
    return false;
}

static bool over(long started)
{
    if (iterations > 0 && started >= (long)iterations)
        return true;
    return until_file && access(until_file, F_OK) == 0;
}

static void report(long finished, long wrong, double device_ms)
{
    printf("trainer: %ld wrong results\n", wrong);
    if (!no_times)
        printf("trainer: %ld iterations, %.2f per second of device time\n", finished,
               (double)finished / device_ms * 1e3);
    if (!json)
        return;
    FILE *out = app_open(json);
    fprintf(
        out,
        "{\"iterations\":%ld,\"iter_per_device_s\":%.4f,\"kernels\":%d,\"wrong_results\":%ld}\n",
        finished, (double)finished / device_ms * 1e3, KERNELS, wrong);
    fclose(out);
}

int main(int argc, char **argv)
{
    long started = 0, finished = 0, wrong = 0;
    float ms;

    app_parse(
        argc, argv, "trainer: a closed loop of long kernels; stops at the first limit that is met",
        (const struct app_option[]){
            {"--iterations", "how many (20 if there is no other limit)", &iterations, NULL, NULL},
            {"--until-file", "stop when this file exists", NULL, &until_file, NULL},
            {"--ready-file", "write this file once every seed was seen", NULL, &ready_file, NULL},
            {"--depth", "iterations called ahead, 1 to 8 (2)", &depth, NULL, NULL},
            {"--blocks", "thread blocks of a kernel (80)", &blocks, NULL, NULL},
            {"--steps", "dependent loads of a thread (5000)", &steps, NULL, NULL},
            {"--json", "write the figures to this file", NULL, &json, NULL},
            {"--no-times", "print nothing that differs between runs", NULL, NULL, &no_times},
            {0}});
    if (iterations == 0 && !until_file)
        iterations = 20;
    if (depth < 1 || depth > MAX_DEPTH || blocks < 1 || steps < 1)
        app_fail("an option is out of range (see --help)");
    set_up();
    TRY(cuEventRecord(begin, stream));
    while (started < SEEDS || !over(started)) {
        start_iteration(started++);
        if (started - finished >= (long)depth)
            wrong += finish_iteration(finished++);
        if (finished == SEEDS && ready_file)
            fclose(app_open(ready_file));
    }
    TRY(cuEventRecord(end, stream));
    while (finished < started)
        wrong += finish_iteration(finished++);
    TRY(cuEventSynchronize(end));
    TRY(cuEventElapsedTime(&ms, begin, end));
    report(finished, wrong, ms);
    return wrong ? 1 : 0;
}
