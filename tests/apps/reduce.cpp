// SPDX-License-Identifier: Apache-2.0
/* Reductions: a tree in LDS, wave shuffles, several passes; integer sums are exact, float ones
 * bounded. */
#include "check.h"

enum { GROUP = 256, WAVE = 64 };

template <typename T> __global__ void reduce_tree(const T *x, T *partial, unsigned n)
{
    __shared__ T tile[GROUP];
    T sum = 0;

    for (unsigned i = blockIdx.x * GROUP + threadIdx.x; i < n; i += gridDim.x * GROUP)
        sum += x[i];
    tile[threadIdx.x] = sum;
    __syncthreads();
    for (unsigned step = GROUP / 2; step > 0; step /= 2) {
        if (threadIdx.x < step)
            tile[threadIdx.x] += tile[threadIdx.x + step];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        partial[blockIdx.x] = tile[0];
}

template <typename T> __global__ void reduce_shuffle(const T *x, T *partial, unsigned n)
{
    __shared__ T wave_sum[GROUP / WAVE];
    T sum = 0;

    for (unsigned i = blockIdx.x * GROUP + threadIdx.x; i < n; i += gridDim.x * GROUP)
        sum += x[i];
    for (int step = WAVE / 2; step > 0; step /= 2)
        sum += __shfl_down(sum, step);
    if (threadIdx.x % WAVE == 0)
        wave_sum[threadIdx.x / WAVE] = sum;
    __syncthreads();
    if (threadIdx.x < WAVE) {
        sum = threadIdx.x < GROUP / WAVE ? wave_sum[threadIdx.x] : 0;
        for (int step = GROUP / WAVE / 2; step > 0; step /= 2)
            sum += __shfl_down(sum, step);
        if (threadIdx.x == 0)
            partial[blockIdx.x] = sum;
    }
}

template <typename T> using kernel = void (*)(const T *, T *, unsigned);

template <typename T> static std::vector<T> run(kernel<T> pass, const std::vector<T> &x)
{
    const unsigned groups = 20;
    T *dx = check_upload(x), *partial = check_alloc<T>(groups), *total = check_alloc<T>(1);

    pass<<<groups, GROUP>>>(dx, partial, (unsigned)x.size());
    LAUNCHED();
    pass<<<1, GROUP>>>(partial, total, groups);
    LAUNCHED();
    std::vector<T> result = check_download(total, 1);
    HIP(hipFree(dx));
    HIP(hipFree(partial));
    HIP(hipFree(total));
    return result;
}

int main()
{
    const unsigned n = 50021;
    check_random random(21);
    std::vector<int> ints(n);
    std::vector<unsigned long long> longs(n);
    std::vector<float> floats = check_floats(n, 0, 1, 22);
    std::vector<double> doubles = check_doubles(n, -1, 1, 23);
    int int_sum = 0;
    unsigned long long long_sum = 0;
    double float_sum = 0, double_sum = 0;

    check_begin();
    for (unsigned i = 0; i < n; i++) {
        ints[i] = (int)random.below(20001) - 10000;
        longs[i] = random.next();
        int_sum += ints[i];
        long_sum += longs[i];
        float_sum += floats[i];
        double_sum += doubles[i];
    }
    check_equal("reduce/tree/int", run<int>(reduce_tree<int>, ints), {int_sum});
    check_equal("reduce/shuffle/int", run<int>(reduce_shuffle<int>, ints), {int_sum});
    check_equal("reduce/tree/u64", run<unsigned long long>(reduce_tree<unsigned long long>, longs),
                {long_sum});
    check_equal("reduce/shuffle/u64",
                run<unsigned long long>(reduce_shuffle<unsigned long long>, longs), {long_sum});
    check_close("reduce/tree/float", run<float>(reduce_tree<float>, floats),
                std::vector<double>{float_sum}, 0, 1e-5);
    check_close("reduce/shuffle/float", run<float>(reduce_shuffle<float>, floats),
                std::vector<double>{float_sum}, 0, 1e-5);
    check_close("reduce/shuffle/double", run<double>(reduce_shuffle<double>, doubles),
                std::vector<double>{double_sum}, 1e-10, 1e-12);
    return 0;
}
