// SPDX-License-Identifier: Apache-2.0
/*
 * be SECONDS KERNEL_US DEPTH: keeps the GPU busy with kernels of that length, DEPTH of them called
 * ahead, until the time is over. Says "ready" on standard error when it runs. Prints kernels per
 * second, its share of the GPU's time, and whether all results were right.
 */
#include "tests/gpu/kit.h"

enum { MAX_DEPTH = 256 };

int main(int argc, char **argv)
{
    struct kit kit = {0};
    if (argc < 4)
        return 2;
    double seconds = atof(argv[1]), kernel_us = atof(argv[2]);
    int depth = atoi(argv[3]), wrong = 0;
    if (depth < 1 || depth > MAX_DEPTH)
        return 2;
    kit_start(&kit);
    kit_calibrate(&kit);
    CUstream stream;
    CUdeviceptr out[MAX_DEPTH];
    CUevent done[MAX_DEPTH];
    uint32_t rounds = kit_rounds(&kit, kernel_us), want = 0, value;
    size_t bytes = (size_t)kit.processors * 128 * 4;
    TRY(cuStreamCreate(&stream, 1));
    for (int i = 0; i < depth; i++) {
        TRY(cuMemAlloc_v2(&out[i], bytes));
        TRY(cuEventCreate(&done[i], 2 /* CU_EVENT_DISABLE_TIMING */));
    }
    kit_spin(&kit, stream, out[0], rounds);
    TRY(cuStreamSynchronize(stream));
    TRY(cuMemcpyDtoH_v2(&want, out[0] + bytes - 4, 4));
    fprintf(stderr, "ready\n");
    double begin_us = kit_now_us(), end_us = begin_us + seconds * 1e6;
    long count = 0;
    for (; kit_now_us() < end_us; count++) {
        int slot = (int)(count % depth);
        if (count >= depth)
            TRY(cuEventSynchronize(done[slot]));
        if (count % 1000 == 999) {
            TRY(cuMemcpyDtoHAsync_v2(&value, out[slot] + bytes - 4, 4, stream));
            TRY(cuStreamSynchronize(stream));
            wrong += value != want;
        }
        kit_spin(&kit, stream, out[slot], rounds);
        TRY(cuEventRecord(done[slot], stream));
    }
    TRY(cuStreamSynchronize(stream));
    double took_us = kit_now_us() - begin_us;
    printf("{\"kernels_per_s\": %.1f, \"share\": %.3f, \"wrong\": %d}\n",
           (double)count / took_us * 1e6, (double)count * kernel_us / took_us, wrong);
    return wrong != 0;
}
