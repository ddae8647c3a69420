// SPDX-License-Identifier: Apache-2.0
/*
 * A program that waits for the GPU again and again: in every burst, after each kernel, in turn for
 * its stream, an event, the context, or the result.
 *
 *   pauses BURSTS KERNELS SLEEP_US [TIMES]
 *
 * It sleeps between bursts. TIMES: how many us of device time each burst took. Prints the last
 * value, which shows a step that was lost, doubled or out of order.
 */
#include "tests/apps/cuda/common.h"

#include "pauses_ptx.h"

int main(int argc, char **argv)
{
    CUstream stream;
    CUevent event, begin, end;
    uint32_t value = 1;
    FILE *times = argc == 5 ? fopen(argv[4], "w") : NULL;
    float ms;

    if (argc < 4 || argc > 5 || (argc == 5 && !times))
        app_fail("pauses BURSTS KERNELS SLEEP_US [TIMES]");
    CUfunction step = app_function(app_start(pauses_ptx), "step");
    CUdeviceptr at = app_upload(&value, 1);
    void *arguments[] = {&at};
    TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    TRY(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    TRY(cuEventCreate(&begin, CU_EVENT_DEFAULT));
    TRY(cuEventCreate(&end, CU_EVENT_DEFAULT));
    for (int burst = 0; burst < atoi(argv[1]); burst++) {
        TRY(cuEventRecord(begin, stream));
        for (int kernel = 0; kernel < atoi(argv[2]); kernel++) {
            TRY(cuLaunchKernel(step, 1, 1, 1, 1, 1, 1, 0, stream, arguments, NULL));
            TRY(cuEventRecord(event, stream));
            if (kernel % 4 == 0)
                TRY(cuStreamSynchronize(stream));
            else if (kernel % 4 == 1)
                TRY(cuEventSynchronize(event));
            else
                TRY(cuCtxSynchronize());
            if (kernel % 4 == 3)
                TRY(cuMemcpyDtoH(&value, at, sizeof(value)));
        }
        TRY(cuEventRecord(end, stream));
        TRY(cuEventSynchronize(end));
        TRY(cuEventElapsedTime(&ms, begin, end));
        if (times)
            fprintf(times, "%.0f\n", ms * 1000);
        app_sleep_us(atof(argv[3]));
    }
    TRY(cuMemcpyDtoH(&value, at, sizeof(value)));
    if (times)
        fclose(times);
    printf("%u\n", value);
    return 0;
}
