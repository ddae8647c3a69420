// SPDX-License-Identifier: Apache-2.0
/*
 * guardcost [GROUPS]: the device time of each inference kernel of tests/emu/restart, in launches of about so many
 * work-groups (500), alone on the device; microseconds, least of several. What guards cost is the difference between two
 * runs of it, see scripts/guard-cost.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <hip/hip_ext.h>

#pragma clang diagnostic ignored "-Wsign-compare"
#include "../emu/restart/inference.hip"
#include "check.h"

enum { FLOATS = 1 << 20, TIMES = 7 };

/* Arguments as in cases.def: 'r' and 'w' buffers, 'x' one of small integers, 'f' 0.25; and integers: 'n' the number of
 * work-items, 's' 16, 'k' 64, 'h' the width of eight square images of so many points, 'm' that of a matrix of so many tiles. */
struct test_case {
    const char *name;
    const void *kernel;
    unsigned items[2];
    const char *arguments;
};
#define CASE(kernel, x, y, arguments) {#kernel, (const void *)kernel, {x, y}, arguments}
static const test_case cases[] = {
    CASE(conv2d_direct, 256, 1, "rrrw"),   CASE(conv2d_tiled, 256, 1, "rrw"),
    CASE(conv2d_unrolled, 64, 1, "rrw"),   CASE(depthwise, 256, 1, "rrwhh"),
    CASE(dense, 64, 1, "rrrwsn"),          CASE(dense_tiled, 16, 16, "rrwm"),
    CASE(dense_reduced, 256, 1, "rrwk"),   CASE(max_pool, 256, 1, "rw"),
    CASE(average_pool, 64, 1, "rws"),      CASE(softmax_rows, 128, 1, "rwk"),
    CASE(batch_norm, 256, 1, "rrrrrwnf"),  CASE(relu, 256, 1, "rwn"),
    CASE(residual, 256, 1, "rrwn"),        CASE(fill, 256, 1, "wfn"),
    CASE(transpose, 16, 16, "rwm"),        CASE(gather, 256, 1, "xrwsn"),
    CASE(divergent, 256, 1, "rrwwn"),
};

static float *make_buffer(char kind)
{
    std::vector<float> values(FLOATS);
    unsigned seed = 1;
    for (float &value : values) {
        seed = seed * 1664525 + 1013904223;
        int small = (int)(seed >> 24) % 100;
        if (kind == 'x')
            memcpy(&value, &small, sizeof(value));
        else
            value = (float)small / 50 - 1;
    }
    float *on_device = nullptr;
    HIP(hipMalloc((void **)&on_device, FLOATS * sizeof(float)));
    HIP(hipMemcpy(on_device, values.data(), FLOATS * sizeof(float), hipMemcpyHostToDevice));
    return on_device;
}

static float run(const test_case &c, int groups)
{
    int across = 1, image = 1;
    while ((across + 1) * (across + 1) <= groups)
        across++;
    while (C * (image + 1) * (image + 1) <= groups * 256)
        image++;
    bool square = c.items[1] > 1;
    dim3 grid = square ? dim3(across, across) : dim3(groups), block(c.items[0], c.items[1]);
    float *buffers[8], quarter = 0.25f, least = 1e9f;
    int numbers[8];
    void *arguments[8];
    int count = 0;
    for (const char *kind = c.arguments; *kind; kind++, count++) {
        arguments[count] = &numbers[count];
        numbers[count] = *kind == 'n' ? groups * (int)c.items[0]
                       : *kind == 's' ? 16
                       : *kind == 'k' ? 64
                       : *kind == 'h' ? image
                                      : across * 16;
        buffers[count] = strchr("rwx", *kind) ? make_buffer(*kind) : nullptr;
        if (buffers[count])
            arguments[count] = &buffers[count];
        else if (*kind == 'f')
            arguments[count] = &quarter;
    }
    hipEvent_t begin, end;
    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    for (int i = 0; i < TIMES; i++) {
        float ms = 0;
        HIP(hipExtLaunchKernel(c.kernel, grid, block, arguments, 0, nullptr, begin, end, 0));
        HIP(hipEventSynchronize(end));
        HIP(hipEventElapsedTime(&ms, begin, end));
        least = std::min(least, ms * 1000);
    }
    for (int i = 0; i < count; i++)
        HIP(hipFree(buffers[i]));
    HIP(hipEventDestroy(begin));
    HIP(hipEventDestroy(end));
    return least;
}

int main(int argc, char **argv)
{
    int groups = argc > 1 ? atoi(argv[1]) : 500;
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    for (const test_case &c : cases)
        printf("%-16s %9.3f\n", c.name, run(c, groups));
    return 0;
}
