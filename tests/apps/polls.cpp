// SPDX-License-Identifier: Apache-2.0
/*
 * What it costs that wavefronts look at a word while they compute: nobody looks; each at a word of
 * its compute unit, at one word for all in the GPU's memory, at one in the host's; or only the first
 * work-group at the host's, now and then. Prints "MODE US" for each, in the GPU's time, and checks the results.
 */
#include "check.h"

#include <algorithm>

constexpr int kGroups = 60 * 32, kItems = 64, kRounds = 150, kAdds = 50;

enum Mode { kNone, kUnit, kDevice, kHost, kFirst, kModes };
static const char *const kNames[kModes] = {"none", "unit", "device", "host", "first"};

/* A round is kAdds additions: of eight wavefronts on a SIMD one takes some 800 cycles for them. */
template <int mode>
__global__ void compute(const unsigned *words, unsigned *out)
{
    unsigned value = threadIdx.x, unit = 0, seen = 0;
    asm volatile("s_getreg_b32 %0, hwreg(HW_REG_HW_ID, 8, 4)" : "=s"(unit));
    const unsigned *word = mode == kUnit ? words + 64 + unit * 32 : words;
    const bool looks = mode != kNone && (mode != kFirst || blockIdx.x == 0);
    for (int r = 0; r < kRounds; r++) {
        if (looks && (mode != kFirst || r % 64 == 0)) {
            unsigned got;
            asm volatile("s_load_dword %0, %1, 0x0 glc\n\ts_waitcnt lgkmcnt(0)" : "=s"(got) : "s"(word));
            seen |= got;
        }
#pragma unroll
        for (int i = 0; i < kAdds; i++)
            asm volatile("v_add_u32 %0, %0, 1" : "+v"(value));
    }
    out[blockIdx.x * kItems + threadIdx.x] = value + seen;
}

int main()
{
    unsigned *device, *host, *out;
    void (*kernels[kModes])(const unsigned *, unsigned *) = {compute<kNone>, compute<kUnit>, compute<kDevice>,
                                                             compute<kHost>, compute<kFirst>};
    HIP(hipMalloc(&device, 4096));
    HIP(hipMemset(device, 0, 4096));
    HIP(hipHostMalloc(&host, 4096, hipHostMallocCoherent));
    host[0] = 0;
    HIP(hipMalloc(&out, kGroups * kItems * 4));
    hipEvent_t begin, end;
    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    int wrong = 0;
    for (int mode = 0; mode < kModes; mode++) {
        float least_ms = 1e9;
        for (int n = 0; n < 3; n++) { /* the host is in the first one's time, and now and then in another's */
            float ms = 0;
            HIP(hipEventRecord(begin));
            kernels[mode]<<<kGroups, kItems>>>(mode == kHost || mode == kFirst ? host : device, out);
            LAUNCHED();
            HIP(hipEventRecord(end));
            check_wait(end);
            HIP(hipEventElapsedTime(&ms, begin, end));
            least_ms = std::min(least_ms, ms);
        }
        std::vector<unsigned> got(kGroups * kItems);
        HIP(hipMemcpy(got.data(), out, got.size() * 4, hipMemcpyDeviceToHost));
        for (size_t i = 0; i < got.size(); i++)
            wrong += got[i] != i % kItems + kRounds * kAdds;
        std::printf("%s %.1f\n", kNames[mode], least_ms * 1000);
    }
    std::printf("wrong %d\n", wrong);
    return wrong != 0;
}
