// SPDX-License-Identifier: Apache-2.0
/* Dynamic LDS, alone and beside static LDS, up to the 64 KiB of a compute unit. */
#include "check.h"

enum { GROUP = 256 };

__global__ void reverse(const unsigned *in, unsigned *out, unsigned count)
{
    extern __shared__ unsigned tile[];
    __shared__ unsigned total;
    unsigned base = blockIdx.x * count;

    if (threadIdx.x == 0)
        total = 0;
    for (unsigned i = threadIdx.x; i < count; i += GROUP)
        tile[i] = in[base + i];
    __syncthreads();
    for (unsigned i = threadIdx.x; i < count; i += GROUP)
        atomicAdd(&total, tile[i] & 0xff);
    __syncthreads();
    for (unsigned i = threadIdx.x; i < count; i += GROUP)
        out[base + i] = tile[count - 1 - i] + total;
}

int main()
{
    check_begin();
    for (unsigned bytes : {256u, 4096u, 33000u, 65024u}) {
        const unsigned groups = 9, count = bytes / 4;
        check_random random(bytes);
        std::vector<unsigned> in(groups * count), want(in.size());
        char name[32];

        for (unsigned &v : in)
            v = (unsigned)random.next();
        for (unsigned g = 0; g < groups; g++) {
            unsigned total = 0;

            for (unsigned i = 0; i < count; i++)
                total += in[g * count + i] & 0xff;
            for (unsigned i = 0; i < count; i++)
                want[g * count + i] = in[g * count + count - 1 - i] + total;
        }
        unsigned *din = check_upload(in), *dout = check_alloc<unsigned>(in.size());
        reverse<<<groups, GROUP, bytes>>>(din, dout, count);
        LAUNCHED();
        snprintf(name, sizeof(name), "dynlds/%u", bytes);
        check_equal(name, check_download(dout, in.size()), want);
        HIP(hipFree(din));
        HIP(hipFree(dout));
    }
    return 0;
}
