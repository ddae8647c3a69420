// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program in which a lost order shows: a kernel that may be run again, behind one and
 * before several that may not, which change in place what it reads and take in what it writes.
 * Whatever runs too early, too late, twice or not at all makes the result another one.
 *
 *   overtaken [ROUNDS]
 */
#include "check.h"

constexpr int kGroups = 2, kItems = 64, kSteps = 4, kFollowers = 4, kPause = 3000;

__global__ void copy_on(const unsigned *state, unsigned *out)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = state[i] * 5 + 1;
}

/* A pause is about 0.3 us. */
__global__ void take_in(unsigned *state, const unsigned *in, unsigned number, int pauses)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    for (int p = 0; p < pauses; p++)
        __builtin_amdgcn_s_sleep(8);
    state[i] = state[i] * 1664525u + (in[i] ^ number);
}

int main(int argc, char **argv)
{
    check_begin();
    const unsigned rounds = argc > 1 ? (unsigned)std::atoi(argv[1]) : 2;
    std::vector<unsigned> want(kGroups * kItems), in(want.size());
    for (unsigned i = 0; i < want.size(); i++)
        want[i] = in[i] = i;
    unsigned *state = check_upload(want), *other = check_upload(in);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned step = 0; step < kSteps; step++) {
            take_in<<<kGroups, kItems>>>(state, other, kFollowers, kPause);
            LAUNCHED();
            copy_on<<<kGroups, kItems>>>(state, other);
            LAUNCHED();
            for (unsigned n = 0; n < kFollowers; n++) {
                take_in<<<kGroups, kItems>>>(state, other, n, 0);
                LAUNCHED();
            }
            for (unsigned i = 0; i < want.size(); i++) {
                want[i] = want[i] * 1664525u + (in[i] ^ kFollowers);
                in[i] = want[i] * 5 + 1;
                for (unsigned n = 0; n < kFollowers; n++)
                    want[i] = want[i] * 1664525u + (in[i] ^ n);
            }
        }
        check_wait(hipStream_t{});
    }
    check_equal("overtaken", check_download(state, want.size()), want);
    return 0;
}
