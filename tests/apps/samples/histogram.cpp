// SPDX-License-Identifier: Apache-2.0
/*
 * Histograms of bytes and of wide values: bins in shared memory by atomics, one sub-histogram a
 * wave, merged by global atomics; and with bins in global memory only. Exact.
 */
#include <hip/hip_runtime.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define HIP(call)                                                                                  \
    do {                                                                                           \
        hipError_t error = (call);                                                                 \
        if (error != hipSuccess) {                                                                 \
            printf("FAILED: line %d: %s\n", __LINE__, hipGetErrorString(error));                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

constexpr int ITEMS = 60000, GROUP = 256, WAVES = GROUP / 64, WIDE_BINS = 5000;

__global__ void bytes_shared(const uchar4 *data, int count, unsigned *bins)
{
    __shared__ unsigned local[WAVES][256];
    unsigned *mine = local[threadIdx.x / 64];

    for (int i = threadIdx.x; i < WAVES * 256; i += GROUP)
        local[i / 256][i % 256] = 0;
    __syncthreads();
    for (int i = blockIdx.x * GROUP + threadIdx.x; i < count; i += gridDim.x * GROUP) {
        uchar4 v = data[i];

        atomicAdd(&mine[v.x], 1u);
        atomicAdd(&mine[v.y], 1u);
        atomicAdd(&mine[v.z], 1u);
        atomicAdd(&mine[v.w], 1u);
    }
    __syncthreads();
    unsigned sum = 0;
    for (int w = 0; w < WAVES; w++)
        sum += local[w][threadIdx.x];
    if (sum)
        atomicAdd(&bins[threadIdx.x], sum);
}

__global__ void wide_global(const uint32_t *data, int count, unsigned long long *bins,
                            uint32_t *least, uint32_t *most)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i >= count)
        return;
    atomicAdd(&bins[data[i] % WIDE_BINS], 1ull);
    atomicMin(least, data[i]);
    atomicMax(most, data[i]);
}

int main()
{
    std::vector<uint32_t> data(ITEMS);
    std::vector<unsigned> bytes(256), want_bytes(256);
    std::vector<unsigned long long> wide(WIDE_BINS), want_wide(WIDE_BINS);
    uint32_t want_least = UINT32_MAX, want_most = 0, limits[2] = {UINT32_MAX, 0};
    uint64_t state = 88172645463325252ull;

    for (uint32_t &v : data) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        v = (uint32_t)(state >> 20) & (uint32_t)(state >> 40); /* uneven */
        for (int k = 0; k < 4; k++)
            want_bytes[v >> 8 * k & 255]++;
        want_wide[v % WIDE_BINS]++;
        want_least = v < want_least ? v : want_least;
        want_most = v > want_most ? v : want_most;
    }

    uint32_t *d_data, *d_limits;
    unsigned *d_bytes;
    unsigned long long *d_wide;
    HIP(hipMalloc(&d_data, ITEMS * sizeof(*d_data)));
    HIP(hipMalloc(&d_limits, sizeof(limits)));
    HIP(hipMalloc(&d_bytes, 256 * sizeof(*d_bytes)));
    HIP(hipMalloc(&d_wide, WIDE_BINS * sizeof(*d_wide)));
    HIP(hipMemcpy(d_data, data.data(), ITEMS * sizeof(*d_data), hipMemcpyHostToDevice));
    HIP(hipMemcpy(d_limits, limits, sizeof(limits), hipMemcpyHostToDevice));
    HIP(hipMemset(d_bytes, 0, 256 * sizeof(*d_bytes)));
    HIP(hipMemset(d_wide, 0, WIDE_BINS * sizeof(*d_wide)));
    bytes_shared<<<9, GROUP>>>((const uchar4 *)d_data, ITEMS, d_bytes);
    wide_global<<<(ITEMS + 511) / 512, 512>>>(d_data, ITEMS, d_wide, d_limits, d_limits + 1);
    HIP(hipGetLastError());
    HIP(hipMemcpy(bytes.data(), d_bytes, 256 * sizeof(*d_bytes), hipMemcpyDeviceToHost));
    HIP(hipMemcpy(wide.data(), d_wide, WIDE_BINS * sizeof(*d_wide), hipMemcpyDeviceToHost));
    HIP(hipMemcpy(limits, d_limits, sizeof(limits), hipMemcpyDeviceToHost));

    if (bytes != want_bytes || wide != want_wide || limits[0] != want_least ||
        limits[1] != want_most) {
        printf("FAILED: bins differ\n");
        return 1;
    }
    printf("%d values: ok, %u zero bytes, between %u and %u\n", ITEMS, bytes[0], limits[0],
           limits[1]);
    for (void *p : {(void *)d_data, (void *)d_limits, (void *)d_bytes, (void *)d_wide})
        HIP(hipFree(p));
    return 0;
}
