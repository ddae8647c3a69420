// SPDX-License-Identifier: Apache-2.0
/* Work-groups of 1024 work-items: an in-place prefix sum in LDS with a barrier in each of its
 * steps. */
#include "check.h"

enum { GROUP = 1024 };

__global__ __launch_bounds__(GROUP) void scan(const unsigned *in, unsigned *out)
{
    __shared__ unsigned tile[GROUP];
    unsigned i = threadIdx.x + threadIdx.y * blockDim.x, base = blockIdx.x * GROUP;

    tile[i] = in[base + i];
    __syncthreads();
    for (unsigned step = 1; step < GROUP; step *= 2) {
        unsigned add = i >= step ? tile[i - step] : 0;

        __syncthreads();
        tile[i] += add;
        __syncthreads();
    }
    out[base + i] = tile[i];
}

int main()
{
    const unsigned groups = 10, n = groups * GROUP;
    check_random random(61);
    std::vector<unsigned> in(n), want(n);

    check_begin();
    for (unsigned i = 0; i < n; i++) {
        in[i] = random.below(1u << 30);
        want[i] = in[i] + (i % GROUP ? want[i - 1] : 0);
    }
    unsigned *din = check_upload(in), *dout = check_alloc<unsigned>(n);
    scan<<<groups, GROUP>>>(din, dout);
    LAUNCHED();
    check_equal("wg1024/line", check_download(dout, n), want);
    HIP(hipMemset(dout, 0, n * sizeof(*dout)));
    scan<<<groups, dim3(32, 32)>>>(din, dout);
    LAUNCHED();
    check_equal("wg1024/square", check_download(dout, n), want);
    HIP(hipFree(din));
    HIP(hipFree(dout));
    return 0;
}
