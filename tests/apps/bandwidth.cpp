// SPDX-License-Identifier: Apache-2.0
/*
 * What memory accesses cost in device time, by hipEvents: the copy of an array that fits no cache
 * runs at the memory's bandwidth; one that fits the second-level cache faster; a lone work-group no
 * faster than its compute unit can draw; arithmetic takes no longer for being done on all units.
 *
 *   bandwidth [GBPS]    that of the memory (default: an emulated MI50's)
 */
#include "check.h"

enum { GROUP = 256, UNITS = 60 };

__global__ void copy(float *to, const float *from, size_t count)
{
    for (size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x; i < count;
         i += (size_t)gridDim.x * blockDim.x)
        to[i] = from[i];
}

__global__ void copy4(float4 *to, const float4 *from)
{
    size_t i = blockIdx.x * (size_t)blockDim.x + threadIdx.x;

    to[i] = from[i];
}

/* Much in flight at a time. */
__global__ void read4(float *sums, const float4 *from, int rounds)
{
    float4 sum = {0, 0, 0, 0};

#pragma unroll 8
    for (int i = 0; i < rounds; i++) {
        float4 x = from[i * blockDim.x + threadIdx.x];

        sum.x += x.x;
        sum.y += x.y;
        sum.z += x.z;
        sum.w += x.w;
    }
    sums[threadIdx.x] = sum.x + sum.y + sum.z + sum.w;
}

/* Each work-item its own row: every lane has a line of its own, and finds its neighbours there. */
__global__ void sum_rows(float *sums, const float *matrix, int columns)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    for (int column = 0; column < columns; column++)
        sum += matrix[(size_t)row * columns + column];
    sums[row] = sum;
}

/* All read the same elements, each work-group from another place on. */
__global__ void stride(float *sums, const float4 *from, int count)
{
    float sum = 0;

#pragma unroll 4
    for (int i = 0; i < 32; i++)
        sum += from[((blockIdx.x * 32 + i) * blockDim.x + threadIdx.x) % count].x;
    sums[threadIdx.x] = sum;
}

__global__ void arithmetic(float *out, int rounds)
{
    float x = threadIdx.x;

    for (int i = 0; i < rounds; i++)
        x = fmaf(x, 0.999f, 0.25f);
    out[blockIdx.x * blockDim.x + threadIdx.x] = x;
}

static hipEvent_t begin, end;

/* Microseconds. While a long kernel runs, all of it is enqueued: no pause of the host is measured.
 */
template <typename Launch> static double time_us(Launch launch)
{
    static float *busy = check_alloc<float>(64);
    float ms;

    HIP(hipDeviceSynchronize());
    arithmetic<<<1, 64>>>(busy, 40000);
    HIP(hipEventRecord(begin));
    launch();
    LAUNCHED();
    HIP(hipEventRecord(end));
    check_wait(end);
    HIP(hipEventElapsedTime(&ms, begin, end));
    return ms * 1e3;
}

static double gbps(double bytes, double us)
{
    return bytes / us / 1e3;
}

static void check_copies(double memory, float *to, const float *from, size_t count)
{
    const double bytes = 2.0 * sizeof(float) * count;
    double each = gbps(bytes, time_us([&] { copy<<<count / GROUP, GROUP>>>(to, from, count); }));
    double loop = gbps(bytes, time_us([&] { copy<<<UNITS * 8, GROUP>>>(to, from, count); }));
    double four = gbps(bytes, time_us([&] {
                           copy4<<<count / 4 / GROUP, GROUP>>>((float4 *)to, (const float4 *)from);
                       }));

    printf("copy: %.0f GB/s an element each, %.0f in a loop, %.0f four elements each\n", each, loop,
           four);
    CHECK(fabs(each / memory - 1) < 0.1);
    CHECK(fabs(loop / memory - 1) < 0.1);
    CHECK(fabs(four / memory - 1) < 0.1);
}

int main(int argc, char **argv)
{
    const double memory = argc > 1 ? atof(argv[1]) : 800;
    const size_t count = 6 << 20; /* 24 MiB */
    std::vector<float> data(count);
    float *sums, *to;
    double speed;

    check_begin();
    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    for (size_t i = 0; i < count; i++)
        data[i] = (float)(i % 1021);
    float *from = check_upload(data);
    to = check_alloc<float>(count);
    sums = check_alloc<float>(count / 256);
    float *small = check_alloc<float>(262144);
    HIP(hipMemcpy(small, from, 262144 * sizeof(float), hipMemcpyDeviceToDevice));
    check_copies(memory, to, from, count);
    CHECK(check_download(to, count) == data);

    /* A lane's next 15 elements come from the line that it has. */
    speed =
        gbps(4.0 * count, time_us([&] { sum_rows<<<count / 256 / 64, 64>>>(sums, from, 256); }));
    printf("sums of rows: %.0f GB/s\n", speed);
    CHECK(speed > memory / 4 && speed < memory);

    speed =
        gbps(4.0 * count,
             time_us([&] { read4<<<1, 1024>>>(sums, (const float4 *)from, count / 4 / 1024); }));
    printf("one work-group: %.0f GB/s\n", speed);
    CHECK(speed > 50 && speed < 111); /* 64 bytes a cycle */

    /* The same reads over and over, of 1 MiB that stays in the second-level cache, and of what
     * might not. */
    double in =
        gbps(16.0 * UNITS * 8 * GROUP * 32,
             time_us([&] { stride<<<UNITS * 8, GROUP>>>(small, (const float4 *)small, 65536); }));
    double out =
        gbps(16.0 * UNITS * 8 * GROUP * 32,
             time_us([&] { stride<<<UNITS * 8, GROUP>>>(sums, (const float4 *)from, 65536); }));
    printf("out of the cache: %.0f GB/s, else %.0f\n", in, out);
    CHECK(in > 1.5 * out);

    double one = time_us([&] { arithmetic<<<1, GROUP>>>(to, 4000); });
    double all = time_us([&] { arithmetic<<<UNITS, GROUP>>>(to, 4000); });
    printf("arithmetic: %.1f us on one unit, %.1f us on all\n", one, all);
    CHECK(fabs(all - one) < 0.02 * one);
    return 0;
}
