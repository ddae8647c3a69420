// SPDX-License-Identifier: Apache-2.0
/*
 * The throughput half of the demo: a closed loop of iterations, each a chain of long kernels. A
 * kernel reads one buffer and writes another, so it may be run again from its start. Its work-items
 * walk a permutation (dependent loads: bound by memory latency) and accumulate on the way; a
 * work-group takes most of a compute unit's LDS and there are more work-groups than compute units.
 *
 * Iterations take turns with several seeds. Each result is compared bit for bit with the first
 * result of its seed, and samples of those with a computation on the CPU; as the data of
 * neighbouring iterations differ, a kernel that was lost, cut short or run twice on changed data
 * shows.
 */
#include "demo.h"

#include <memory>
#include <thread>
#include <unistd.h>

enum { GROUP = 64, SEEDS = 4, KERNELS = 3, MAX_DEPTH = 8 };

__host__ __device__ static inline float blend(float sum, uint32_t at)
{
    return fmaf(sum, 0.9375f, (float)at);
}

/** @next: a permutation as byte offsets. Each work-item walks @steps of it. */
__global__ void train(const uint32_t *next, const float *in, float *out, uint32_t steps,
                      uint32_t seed, uint32_t count)
{
    extern __shared__ float lds[];
    uint32_t i = blockIdx.x * GROUP + threadIdx.x, at = (i * 61 + seed * 7919) % count * 4;
    float sum = in[i];

    lds[threadIdx.x] = sum;
    __syncthreads();
    sum = fmaf(lds[(threadIdx.x * 5 + seed) % GROUP], 0.5f, sum);
#pragma unroll 8
    for (uint32_t s = 0; s < steps; s++) {
        at = *(const uint32_t *)((const char *)next + at);
        sum = blend(sum, at);
    }
    out[i] = fmaf(sum, 0x1p-20f, in[at / 4] * 0.25f);
}

struct options {
    double seconds = 0, iterations = 0, streams = 1, depth = 2, groups = 240, steps = 1200,
           lds_kib = 40;
    std::string until_file, ready_file, json;
    bool no_times = false;
};

/** One closed loop on a stream of its own. */
struct loop {
    const options *opt;
    const std::vector<uint32_t> *next;
    const uint32_t *d_next;
    int number;
    hipStream_t stream;
    float *input, *between[KERNELS - 1], *output[MAX_DEPTH];
    hipEvent_t done[MAX_DEPTH], begin, end;
    std::vector<float> first[SEEDS];
    long iterations, wrong;
    float device_ms; /* from begin to end */
};

static uint32_t items(const options &o)
{
    return (uint32_t)o.groups * GROUP;
}

static uint32_t seed_of(const loop &l, long iteration, int kernel)
{
    return (uint32_t)(1 + iteration % SEEDS + 100 * l.number + 10 * kernel);
}

static float input_of(const loop &l, uint32_t i)
{
    return (float)((i * 2654435761u + (uint32_t)l.number) >> 8) * 0x1p-24f;
}

/** What work-item @i of @kernel computes; asks for what it needs of the kernel before. */
static float cpu_value(const loop &l, long iteration, int kernel, uint32_t i)
{
    uint32_t count = items(*l.opt), seed = seed_of(l, iteration, kernel), lane = i % GROUP;
    uint32_t at = (i * 61 + seed * 7919) % count * 4;
    auto in = [&](uint32_t k) {
        return kernel == 0 ? input_of(l, k) : cpu_value(l, iteration, kernel - 1, k);
    };
    float sum = fmaf(in(i - lane + (lane * 5 + seed) % GROUP), 0.5f, in(i));

    for (uint32_t s = 0; s < (uint32_t)l.opt->steps; s++) {
        at = (*l.next)[at / 4];
        sum = blend(sum, at);
    }
    return fmaf(sum, 0x1p-20f, in(at / 4) * 0.25f);
}

static void check_samples(const loop &l, long iteration, const std::vector<float> &got)
{
    check_random random(500 + iteration);

    for (int k = 0; k < 32; k++) {
        uint32_t i = k == 0 ? (uint32_t)got.size() - 1 : random.below((uint32_t)got.size());
        float want = cpu_value(l, iteration, KERNELS - 1, i);

        if (memcmp(&want, &got[i], sizeof(want)) != 0)
            check_fail("trainer/stream%d/seed%ld: element %u is %.9g, expected %.9g", l.number,
                       iteration % SEEDS, i, got[i], want);
    }
}

static void set_up(loop &l)
{
    uint32_t count = items(*l.opt);
    std::vector<float> input(count);

    for (uint32_t i = 0; i < count; i++)
        input[i] = input_of(l, i);
    l.input = check_upload(input);
    for (float *&p : l.between)
        p = check_alloc<float>(count);
    for (int s = 0; s < (int)l.opt->depth; s++) {
        l.output[s] = check_alloc<float>(count);
        HIP(hipEventCreateWithFlags(&l.done[s], hipEventDisableTiming));
    }
    HIP(hipEventCreate(&l.begin));
    HIP(hipEventCreate(&l.end));
    HIP(hipStreamCreateWithFlags(&l.stream, hipStreamNonBlocking));
}

static void start_iteration(loop &l, long iteration)
{
    const options &o = *l.opt;
    int slot = (int)(iteration % (long)o.depth);
    const float *in = l.input;

    for (int k = 0; k < KERNELS; k++) {
        float *out = k + 1 < KERNELS ? l.between[k] : l.output[slot];

        train<<<(unsigned)o.groups, GROUP, (size_t)(o.lds_kib * 1024), l.stream>>>(
            l.d_next, in, out, (uint32_t)o.steps, seed_of(l, iteration, k), items(o));
        LAUNCHED();
        in = out;
    }
    HIP(hipEventRecord(l.done[slot], l.stream));
}

static void finish_iteration(loop &l, long iteration)
{
    int slot = (int)(iteration % (long)l.opt->depth);
    std::vector<float> &first = l.first[iteration % SEEDS];

    check_wait(l.done[slot]);
    std::vector<float> got = check_download(l.output[slot], items(*l.opt));
    if (first.empty()) {
        check_samples(l, iteration, got);
        first = got;
    } else if (memcmp(first.data(), got.data(), got.size() * sizeof(float)) != 0) {
        l.wrong++;
    }
    l.iterations++;
}

static bool over(const options &o, long started, double end_us)
{
    if (o.iterations > 0 && started >= (long)o.iterations)
        return true;
    if (o.seconds > 0 && demo_wall_us() >= end_us)
        return true;
    return !o.until_file.empty() && access(o.until_file.c_str(), F_OK) == 0;
}

static void run(loop *l, double end_us)
{
    long depth = (long)l->opt->depth, started = 0, finished = 0;

    HIP(hipSetDevice(0));
    HIP(hipEventRecord(l->begin, l->stream));
    /* Every seed is seen once, whatever the limit, so that the printed sums are the same. */
    while (started < SEEDS || !over(*l->opt, started, end_us)) {
        start_iteration(*l, started++);
        if (started - finished >= depth)
            finish_iteration(*l, finished++);
        if (finished == SEEDS && !l->opt->ready_file.empty())
            demo_close(demo_open(l->opt->ready_file));
    }
    HIP(hipEventRecord(l->end, l->stream));
    while (finished < started)
        finish_iteration(*l, finished++);
    HIP(hipEventSynchronize(l->end));
    HIP(hipEventElapsedTime(&l->device_ms, l->begin, l->end));
}

/** One cycle through all of [0, count), in random order. */
static std::vector<uint32_t> make_cycle(uint32_t count)
{
    check_random random(7);
    std::vector<uint32_t> order(count), next(count);

    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count; i > 1; i--)
        std::swap(order[i - 1], order[random.below(i)]);
    for (uint32_t i = 0; i < count; i++)
        next[order[i]] = order[(i + 1) % count] * 4;
    return next;
}

static void report(const options &o, const std::vector<std::unique_ptr<loop>> &loops,
                   double seconds)
{
    long iterations = 0, wrong = 0;
    double per_device_second = 0;

    for (const auto &l : loops) {
        iterations += l->iterations;
        per_device_second += l->iterations / (l->device_ms * 1e-3);
        wrong += l->wrong;
        for (int s = 0; s < SEEDS; s++) {
            char name[48];

            snprintf(name, sizeof(name), "trainer/stream%d/seed%d", l->number, s);
            check_ok(name, l->first[s]);
        }
    }
    if (o.no_times)
        printf("trainer: %ld wrong results\n", wrong);
    else
        printf("trainer: %ld iterations in %.3f s, %.3f per second, %ld wrong results\n",
               iterations, seconds, iterations / seconds, wrong);
    if (!o.json.empty()) {
        FILE *out = demo_open(o.json);
        fprintf(
            out,
            "{\"iterations\":%ld,\"seconds\":%.3f,\"iter_per_s\":%.4f,"
            "\"iter_per_device_s\":%.4f,\"streams\":%zu,\"kernels\":%d,\"wrong_results\":%ld}\n",
            iterations, seconds, iterations / seconds, per_device_second, loops.size(), KERNELS,
            wrong);
        demo_close(out);
    }
    fflush(stdout);
    if (wrong)
        exit(1);
}

int main(int argc, char **argv)
{
    options o;

    demo_parse(
        argc, argv, "trainer: a closed loop of long kernels; stops at the first limit that is met",
        {{"--seconds", "wall time to run (no limit)", &o.seconds, nullptr, nullptr},
         {"--iterations", "iterations of each stream (no limit)", &o.iterations, nullptr, nullptr},
         {"--until-file", "stop when this file exists", nullptr, &o.until_file, nullptr},
         {"--ready-file", "write this file once every seed was seen", nullptr, &o.ready_file,
          nullptr},
         {"--streams", "loops side by side, a stream each (1)", &o.streams, nullptr, nullptr},
         {"--depth", "iterations launched ahead, 1 to 8 (2)", &o.depth, nullptr, nullptr},
         {"--groups", "work-groups of a kernel (240)", &o.groups, nullptr, nullptr},
         {"--steps", "dependent loads of a work-item (1200)", &o.steps, nullptr, nullptr},
         {"--lds-kib", "LDS of a work-group (40)", &o.lds_kib, nullptr, nullptr},
         {"--json", "write the figures to this file, - for stdout", nullptr, &o.json, nullptr},
         {"--no-times", "print nothing that differs between runs", nullptr, nullptr, &o.no_times}});
    if (o.seconds == 0 && o.iterations == 0 && o.until_file.empty())
        o.iterations = 20;
    if (o.depth < 1 || o.depth > MAX_DEPTH || o.groups < 1 || o.streams < 1 || o.lds_kib < 0.25)
        check_fail("an option is out of range (see --help)");
    check_begin();

    std::vector<uint32_t> next = make_cycle(items(o));
    uint32_t *d_next = check_upload(next);
    std::vector<std::unique_ptr<loop>> loops;
    std::vector<std::thread> threads;
    for (int s = 0; s < (int)o.streams; s++) {
        loops.emplace_back(new loop());
        loops.back()->opt = &o;
        loops.back()->next = &next;
        loops.back()->d_next = d_next;
        loops.back()->number = s;
        set_up(*loops.back());
    }
    double begin = demo_wall_us();
    for (auto &l : loops)
        threads.emplace_back(run, l.get(), begin + o.seconds * 1e6);
    for (std::thread &t : threads)
        t.join();
    report(o, loops, (demo_wall_us() - begin) / 1e6);
    return 0;
}
