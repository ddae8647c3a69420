// SPDX-License-Identifier: Apache-2.0
/* Operations across the lanes of a wave of 64, and barriers that count. */
#include "check.h"

enum { WAVE = 64, GROUP = 192, OUTPUTS = 12 };

__global__ void cross_lane(const int *in, int *out, unsigned long long *masks)
{
    int i = blockIdx.x * GROUP + threadIdx.x, lane = threadIdx.x % WAVE, x = in[i];
    int *o = out + i * OUTPUTS;

    o[0] = __shfl(x, (lane * 5 + 3) % WAVE);
    o[1] = __shfl_xor(x, 21);
    o[2] = __shfl_up(x, 7);
    o[3] = __shfl_down(x, 9);
    o[4] = __shfl(x, 2, 16);
    o[5] = __shfl_xor(x, 4, 8);
    o[6] = __any(x > 990);
    o[7] = __all(x > 10);
    o[8] = __syncthreads_count(x % 3 == 0);
    o[9] = __syncthreads_or(x == 500);
    o[10] = __syncthreads_and(x >= 0);
    o[11] = __popcll(__ballot(x & 1)) * 64 + __ffsll(__ballot(x & 1));
    /* Divergent: only the active lanes vote. */
    masks[i] = 0;
    if (x & 2)
        masks[i] = __ballot(x & 4);
}

__global__ void lane_bits(const unsigned *in, unsigned *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        out[i] = __popc(in[i]) + 100 * __clz(in[i]) + 10000 * __ffs(in[i]) +
                 (__brev(in[i]) & 0xff) * 1000000;
}

static void reference(const std::vector<int> &in, int i, int *o, unsigned long long *mask)
{
    int group = i / GROUP * GROUP, wave = i / WAVE * WAVE, lane = i % WAVE, count = 0, any = 0;
    unsigned long long odd = 0, four = 0, two = 0;
    int above = 0, all = 1, positive = 1;

    for (int l = 0; l < WAVE; l++) {
        int x = in[wave + l];

        odd |= (unsigned long long)(x & 1) << l;
        two |= (unsigned long long)((x & 2) != 0) << l;
        four |= (unsigned long long)((x & 4) != 0) << l;
        above |= x > 990;
        all &= x > 10;
    }
    for (int t = 0; t < GROUP; t++) {
        count += in[group + t] % 3 == 0;
        any |= in[group + t] == 500;
        positive &= in[group + t] >= 0;
    }
    o[0] = in[wave + (lane * 5 + 3) % WAVE];
    o[1] = in[wave + (lane ^ 21)];
    o[2] = lane >= 7 ? in[i - 7] : in[i];
    o[3] = lane + 9 < WAVE ? in[i + 9] : in[i];
    o[4] = in[wave + lane / 16 * 16 + 2];
    o[5] = in[wave + (lane ^ 4)];
    o[6] = above;
    o[7] = all;
    o[8] = count;
    o[9] = any;
    o[10] = positive;
    o[11] = __builtin_popcountll(odd) * 64 + __builtin_ffsll(odd);
    *mask = two >> lane & 1 ? four & two : 0;
}

int main()
{
    const int n = GROUP * 10, bits = 1000;
    check_random random(51);
    std::vector<int> in(n), want(n * OUTPUTS);
    std::vector<unsigned long long> want_masks(n);
    std::vector<unsigned> words(bits), want_words(bits);

    check_begin();
    for (int &x : in)
        x = (int)random.below(1000);
    for (int i = 0; i < n; i++)
        reference(in, i, &want[i * OUTPUTS], &want_masks[i]);
    int *din = check_upload(in), *dout = check_alloc<int>(n * OUTPUTS);
    unsigned long long *masks = check_alloc<unsigned long long>(n);
    cross_lane<<<n / GROUP, GROUP>>>(din, dout, masks);
    LAUNCHED();
    std::vector<int> got = check_download(dout, n * OUTPUTS);
    for (int i = 0; i < n; i++) /* truth values, not bit patterns */
        for (int k : {6, 7, 9, 10})
            got[i * OUTPUTS + k] = got[i * OUTPUTS + k] != 0;
    check_equal("crosslane/shuffle-and-vote", got, want);
    check_equal("crosslane/divergent-ballot", check_download(masks, n), want_masks);

    for (int i = 0; i < bits; i++) {
        unsigned v = i == 0 ? 1 : (unsigned)random.next() >> random.below(31), reversed = 0;

        v |= 1u << random.below(32);
        words[i] = v;
        for (int b = 0; b < 8; b++)
            reversed |= (v >> (31 - b) & 1) << b;
        want_words[i] = __builtin_popcount(v) + 100 * __builtin_clz(v) +
                        10000 * __builtin_ffs((int)v) + reversed * 1000000;
    }
    unsigned *dw = check_upload(words), *dv = check_alloc<unsigned>(bits);
    lane_bits<<<check_groups(bits, 64), 64>>>(dw, dv, bits);
    LAUNCHED();
    check_equal("crosslane/bits", check_download(dv, bits), want_words);
    return 0;
}
