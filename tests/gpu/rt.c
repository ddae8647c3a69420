// SPDX-License-Identifier: Apache-2.0
/*
 * rt PERIODS PERIOD_US KERNELS KERNEL_US [each|each-context|graph|poisson]: a periodic program:
 * every period it launches some kernels on a stream and waits for them (each: for every one by
 * itself; each-context: so, by cuCtxSynchronize; graph: as a CUDA graph; poisson: periods of random
 * length, exponentially distributed with that mean).
 * PERIODS 0: only ns for each round of the spin kernel (KIT_NS_PER_ROUND).
 * Prints the latency from the beginning of a request to its end, in us, and whether all results
 * were right.
 */
#include "tests/gpu/kit.h"

enum { MAX_PERIODS = 100000 };

static CUgraphExec make_graph(const struct kit *kit, CUstream stream, CUdeviceptr out, int kernels,
                              uint32_t rounds)
{
    CUgraph graph;
    CUgraphExec exec;
    TRY(cuStreamBeginCapture_v2(stream, 0));
    for (int k = 0; k < kernels; k++)
        kit_spin(kit, stream, out, rounds);
    TRY(cuStreamEndCapture(stream, &graph));
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuGraphDestroy(graph));
    return exec;
}

static uint32_t last_value(const struct kit *kit, CUdeviceptr out)
{
    uint32_t value = 0;
    TRY(cuMemcpyDtoH_v2(&value, out + ((size_t)kit->processors * 128 - 1) * 4, 4));
    return value;
}

int main(int argc, char **argv)
{
    static double us[MAX_PERIODS];
    struct kit kit = {0};
    if (argc < 5)
        return 2;
    int periods = atoi(argv[1]), kernels = atoi(argv[3]), wrong = 0;
    double period_us = atof(argv[2]), kernel_us = atof(argv[4]);
    int each = argc > 5 && strncmp(argv[5], "each", 4) == 0;
    int by_context = argc > 5 && strcmp(argv[5], "each-context") == 0;
    int poisson = argc > 5 && strcmp(argv[5], "poisson") == 0;
    int graph = argc > 5 && strcmp(argv[5], "graph") == 0;
    if (periods < 0 || periods > MAX_PERIODS)
        return 2;
    kit_start(&kit);
    kit_calibrate(&kit);
    if (periods == 0) {
        printf("%.4f\n", kit.ns_per_round);
        return 0;
    }
    CUstream stream;
    CUdeviceptr out;
    uint32_t rounds = kit_rounds(&kit, kernel_us);
    TRY(cuStreamCreate(&stream, 1));
    TRY(cuMemAlloc_v2(&out, (size_t)kit.processors * 128 * 4));
    kit_spin(&kit, stream, out, rounds);
    TRY(cuStreamSynchronize(stream));
    uint32_t want = last_value(&kit, out);
    CUgraphExec exec = graph ? make_graph(&kit, stream, out, kernels, rounds) : NULL;
    unsigned seed = 1;
    double next_us = kit_now_us() + period_us;
    for (int i = 0; i < periods; i++, next_us += kit_period_us(period_us, poisson ? &seed : NULL)) {
        kit_sleep_until_us(next_us);
        double begin_us = kit_now_us();
        if (graph)
            TRY(cuGraphLaunch(exec, stream));
        for (int k = 0; k < kernels && !graph; k++) {
            kit_spin(&kit, stream, out, rounds);
            if (each)
                TRY(by_context ? cuCtxSynchronize() : cuStreamSynchronize(stream));
        }
        TRY(cuStreamSynchronize(stream));
        us[i] = kit_now_us() - begin_us;
        if (i % 16 == 0)
            wrong += last_value(&kit, out) != want;
        if (kit_now_us() > next_us + period_us) /* late: do not pile up */
            next_us = kit_now_us();
    }
    kit_sort(us, periods);
    printf(
        "{\"periods\": %d, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f, "
        "\"wrong\": %d}\n",
        periods, kit_percentile(us, periods, .5), kit_percentile(us, periods, .9),
        kit_percentile(us, periods, .99), us[periods - 1], wrong);
    return wrong != 0;
}
