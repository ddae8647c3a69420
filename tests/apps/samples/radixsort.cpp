// SPDX-License-Identifier: Apache-2.0
/*
 * Radix sort of pairs, least significant digit first: digit counts of each work-group, a scan of
 * them, and a stable scatter that ranks by ballots. Exact, against std::stable_sort.
 */
#include <hip/hip_runtime.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <vector>

#define HIP(call)                                                                                  \
    do {                                                                                           \
        hipError_t error = (call);                                                                 \
        if (error != hipSuccess) {                                                                 \
            printf("FAILED: line %d: %s\n", __LINE__, hipGetErrorString(error));                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

constexpr int ITEMS = 20011, GROUP = 256, WAVES = GROUP / 64, BITS = 4, DIGITS = 1 << BITS;
constexpr int GROUPS = (ITEMS + GROUP - 1) / GROUP;

__global__ void count_digits(const uint32_t *keys, int n, int shift, unsigned *counts)
{
    __shared__ unsigned local[DIGITS];
    int i = blockIdx.x * GROUP + threadIdx.x;

    if (threadIdx.x < DIGITS)
        local[threadIdx.x] = 0;
    __syncthreads();
    if (i < n)
        atomicAdd(&local[keys[i] >> shift & (DIGITS - 1)], 1u);
    __syncthreads();
    if (threadIdx.x < DIGITS)
        counts[threadIdx.x * gridDim.x + blockIdx.x] = local[threadIdx.x];
}

/* Exclusive scan by one work-group. */
__global__ void scan(unsigned *v, int n)
{
    __shared__ unsigned sums[1024];
    const int t = threadIdx.x, each = (n + blockDim.x - 1) / blockDim.x, first = t * each;
    unsigned sum = 0;

    for (int i = first; i < min(n, first + each); i++)
        sum += v[i];
    sums[t] = sum;
    for (int step = 1; step < (int)blockDim.x; step *= 2) {
        __syncthreads();
        unsigned add = t >= step ? sums[t - step] : 0;
        __syncthreads();
        sums[t] += add;
    }
    sum = sums[t] - sum;
    for (int i = first; i < min(n, first + each); i++) {
        unsigned x = v[i];

        v[i] = sum;
        sum += x;
    }
}

__global__ void scatter(const uint32_t *keys, const uint32_t *values, int n, int shift,
                        const unsigned *starts, uint32_t *keys_out, uint32_t *values_out)
{
    __shared__ unsigned in_wave[WAVES][DIGITS];
    const int i = blockIdx.x * GROUP + threadIdx.x, wave = threadIdx.x / 64,
              lane = threadIdx.x % 64;
    const bool present = i < n;
    const uint32_t key = present ? keys[i] : 0;
    const unsigned digit = key >> shift & (DIGITS - 1);
    unsigned long long same = __ballot(present);

    for (int bit = 0; bit < BITS; bit++) {
        unsigned long long set = __ballot(digit >> bit & 1);

        same &= digit >> bit & 1 ? set : ~set;
    }
    for (int d = threadIdx.x; d < WAVES * DIGITS; d += GROUP)
        in_wave[d / DIGITS][d % DIGITS] = 0;
    __syncthreads();
    unsigned rank = __popcll(same & ((1ull << lane) - 1));
    if (present && rank == 0)
        in_wave[wave][digit] = __popcll(same);
    __syncthreads();
    if (!present)
        return;
    unsigned to = starts[digit * gridDim.x + blockIdx.x] + rank;
    for (int w = 0; w < wave; w++)
        to += in_wave[w][digit];
    keys_out[to] = key;
    values_out[to] = values[i];
}

int main()
{
    std::vector<uint32_t> keys(ITEMS), order(ITEMS), got_keys(ITEMS), got_order(ITEMS);
    uint32_t *k[2], *v[2], seed = 2463534242u;
    unsigned *counts;

    for (uint32_t &key : keys) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        key = seed % 3 ? seed : seed & 0xff00ff; /* with repetitions */
    }
    std::iota(order.begin(), order.end(), 0);
    for (int i = 0; i < 2; i++) {
        HIP(hipMalloc(&k[i], ITEMS * sizeof(uint32_t)));
        HIP(hipMalloc(&v[i], ITEMS * sizeof(uint32_t)));
    }
    HIP(hipMalloc(&counts, DIGITS * GROUPS * sizeof(*counts)));
    HIP(hipMemcpy(k[0], keys.data(), ITEMS * sizeof(uint32_t), hipMemcpyHostToDevice));
    HIP(hipMemcpy(v[0], order.data(), ITEMS * sizeof(uint32_t), hipMemcpyHostToDevice));
    for (int shift = 0, from = 0; shift < 32; shift += BITS, from = 1 - from) {
        count_digits<<<GROUPS, GROUP>>>(k[from], ITEMS, shift, counts);
        scan<<<1, 1024>>>(counts, DIGITS * GROUPS);
        scatter<<<GROUPS, GROUP>>>(k[from], v[from], ITEMS, shift, counts, k[1 - from],
                                   v[1 - from]);
    }
    HIP(hipGetLastError());
    HIP(hipMemcpy(got_keys.data(), k[0], ITEMS * sizeof(uint32_t), hipMemcpyDeviceToHost));
    HIP(hipMemcpy(got_order.data(), v[0], ITEMS * sizeof(uint32_t), hipMemcpyDeviceToHost));

    std::stable_sort(order.begin(), order.end(),
                     [&](uint32_t a, uint32_t b) { return keys[a] < keys[b]; });
    for (int i = 0; i < ITEMS; i++) {
        if (got_order[i] != order[i] || got_keys[i] != keys[order[i]]) {
            printf("FAILED: place %d has %08x, expected %08x\n", i, got_keys[i], keys[order[i]]);
            return 1;
        }
    }
    printf("%d pairs: ok, median %08x\n", ITEMS, got_keys[ITEMS / 2]);
    for (void *p : {(void *)k[0], (void *)k[1], (void *)v[0], (void *)v[1], (void *)counts})
        HIP(hipFree(p));
    return 0;
}
