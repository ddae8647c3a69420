// SPDX-License-Identifier: Apache-2.0
/* launch BATCHES: what a cuLaunchKernel costs the launching thread on this driver, in ns, median
 * and least. */
#include "tests/gpu/kit.h"

enum { LAUNCHES = 200, MAX_BATCHES = 10000 };

int main(int argc, char **argv)
{
    static double ns[MAX_BATCHES];
    struct kit kit = {0};
    int batches = argc > 1 ? atoi(argv[1]) : 100;
    CUstream stream;
    CUdeviceptr at;
    if (batches < 1 || batches > MAX_BATCHES)
        return 2;
    kit_start(&kit);
    TRY(cuStreamCreate(&stream, 1));
    TRY(cuMemAlloc_v2(&at, 8));
    for (int batch = -10; batch < batches; batch++) {
        double begin = kit_now_us();
        for (int i = 0; i < LAUNCHES; i++)
            kit_scale(&kit, stream, at, 3);
        if (batch >= 0)
            ns[batch] = (kit_now_us() - begin) * 1e3 / LAUNCHES;
        TRY(cuStreamSynchronize(stream));
    }
    kit_sort(ns, batches);
    printf("{\"median_ns\": %.0f, \"least_ns\": %.0f}\n", kit_percentile(ns, batches, .5), ns[0]);
    return 0;
}
