// SPDX-License-Identifier: Apache-2.0
/*
 * Atomics in global memory and LDS. The operands are chosen so that the result does not depend on
 * the order (integers; floats whose sums are exact), or the check accepts any order (exchange).
 */
#include "check.h"

enum { GROUP = 128, GROUPS = 24, ITEMS = GROUP * GROUPS };
typedef unsigned long long u64;

__global__ void int_atomics(int *r, unsigned *u)
{
    int i = blockIdx.x * GROUP + threadIdx.x;

    atomicAdd(&r[0], i);
    atomicSub(&r[1], i);
    atomicMin(&r[2], (i * 7919) % 10007 - 5000);
    atomicMax(&r[3], (i * 7919) % 10007 - 5000);
    atomicAnd(&r[4], ~(1 << (i % 5)));
    atomicOr(&r[5], 1 << (i % 23));
    atomicXor(&r[6], i);
    atomicInc(&u[0], 1000);
    atomicDec(&u[1], 700);
    atomicMax(&u[2], 0x80000000u + i);
    atomicMin(&u[3], 0x90000000u - i);
}

__global__ void cas_and_exchange(unsigned *counter, unsigned *chain, unsigned *previous)
{
    unsigned i = blockIdx.x * GROUP + threadIdx.x, seen = *(volatile unsigned *)counter, old;

    while ((old = atomicCAS(counter, seen, seen + (i % 3) + 1)) != seen)
        seen = old;
    previous[i] = atomicExch(chain, i + 1);
}

__global__ void wide_atomics(u64 *r, float *f, double *d)
{
    unsigned i = blockIdx.x * GROUP + threadIdx.x;
    u64 big = (u64)i * 0x100000001ull;

    atomicAdd(&r[0], big);
    atomicMax(&r[1], big);
    atomicMin(&r[2], ~big);
    atomicXor(&r[3], big);
    atomicOr(&r[4], 1ull << (i % 61));
    atomicAdd(f, (float)(i % 8));
    atomicAdd(d, i * 0.125);
}

__global__ void lds_histogram(const unsigned char *data, unsigned *histogram, int n)
{
    __shared__ unsigned bins[256];

    for (int b = threadIdx.x; b < 256; b += GROUP)
        bins[b] = 0;
    __syncthreads();
    for (int i = blockIdx.x * GROUP + threadIdx.x; i < n; i += ITEMS)
        atomicAdd(&bins[data[i]], 1);
    __syncthreads();
    for (int b = threadIdx.x; b < 256; b += GROUP)
        atomicAdd(&histogram[b], bins[b]);
}

__global__ void lds_float(float *out)
{
    __shared__ float sum;
    __shared__ int least;
    __shared__ u64 wide;

    if (threadIdx.x == 0) {
        sum = 0;
        least = 1 << 30;
        wide = 0;
    }
    __syncthreads();
    atomicAdd(&sum, (float)threadIdx.x);
    atomicMin(&least, (int)((threadIdx.x * 37 + 5) % 101));
    atomicAdd(&wide, (u64)threadIdx.x << 20);
    __syncthreads();
    if (threadIdx.x == 0)
        out[blockIdx.x] = sum + least + (float)(wide >> 20);
}

static void test_int()
{
    std::vector<int> r = {0, 0, 1 << 30, -(1 << 30), -1, 0, 0}, want = r;
    std::vector<unsigned> u = {0, 0, 0, ~0u}, want_u = u;
    int *dr = check_upload(r);
    unsigned *du = check_upload(u);

    for (int i = 0; i < ITEMS; i++) {
        int v = (i * 7919) % 10007 - 5000;

        want[0] += i;
        want[1] -= i;
        want[2] = v < want[2] ? v : want[2];
        want[3] = v > want[3] ? v : want[3];
        want[4] &= ~(1 << (i % 5));
        want[5] |= 1 << (i % 23);
        want[6] ^= i;
        want_u[0] = want_u[0] >= 1000 ? 0 : want_u[0] + 1;
        want_u[1] = want_u[1] == 0 || want_u[1] > 700 ? 700 : want_u[1] - 1;
    }
    want_u[2] = 0x80000000u + ITEMS - 1;
    want_u[3] = 0x90000000u - (ITEMS - 1);
    int_atomics<<<GROUPS, GROUP>>>(dr, du);
    LAUNCHED();
    check_equal("atomics/int", check_download(dr, r.size()), want);
    check_equal("atomics/unsigned", check_download(du, u.size()), want_u);
    HIP(hipFree(dr));
    HIP(hipFree(du));
}

static void test_cas()
{
    unsigned *counter = check_upload(std::vector<unsigned>{0, 0});
    unsigned *previous = check_alloc<unsigned>(ITEMS);
    unsigned want = 0;

    for (unsigned i = 0; i < ITEMS; i++)
        want += i % 3 + 1;
    cas_and_exchange<<<GROUPS, GROUP>>>(counter, counter + 1, previous);
    LAUNCHED();
    check_equal("atomics/cas", check_download(counter, 1), {want});

    /* Exchange: the values taken out and the one left are 0 and every i + 1, each once. */
    std::vector<unsigned> seen = check_download(previous, ITEMS), count(ITEMS + 1);
    seen.push_back(check_download(counter + 1, 1)[0]);
    for (unsigned v : seen) {
        CHECK(v <= ITEMS);
        count[v]++;
    }
    check_equal("atomics/exch", count, std::vector<unsigned>(ITEMS + 1, 1));
    HIP(hipFree(counter));
    HIP(hipFree(previous));
}

static void test_wide()
{
    std::vector<u64> r = {0, 0, ~0ull, 0, 0}, want = r;
    u64 *dr = check_upload(r);
    float *f = check_upload(std::vector<float>{0});
    double *d = check_upload(std::vector<double>{0});
    float want_f = 0;
    double want_d = 0;

    for (unsigned i = 0; i < ITEMS; i++) {
        u64 big = (u64)i * 0x100000001ull;

        want[0] += big;
        want[1] = big > want[1] ? big : want[1];
        want[2] = ~big < want[2] ? ~big : want[2];
        want[3] ^= big;
        want[4] |= 1ull << (i % 61);
        want_f += (float)(i % 8);
        want_d += i * 0.125;
    }
    wide_atomics<<<GROUPS, GROUP>>>(dr, f, d);
    LAUNCHED();
    check_equal("atomics/u64", check_download(dr, r.size()), want);
    check_equal("atomics/float", check_download(f, 1), {want_f});
    check_equal("atomics/double", check_download(d, 1), {want_d});
    HIP(hipFree(dr));
    HIP(hipFree(f));
    HIP(hipFree(d));
}

static void test_lds()
{
    const int n = 20000;
    check_random random(31);
    std::vector<unsigned char> data(n);
    std::vector<unsigned> want(256);
    float sum = 0, least = 1 << 30;

    for (unsigned char &c : data) {
        c = (unsigned char)random.below(256);
        want[c]++;
    }
    unsigned char *dd = check_upload(data);
    unsigned *histogram = check_upload(std::vector<unsigned>(256));
    lds_histogram<<<GROUPS, GROUP>>>(dd, histogram, n);
    LAUNCHED();
    check_equal("atomics/lds/histogram", check_download(histogram, 256), want);

    float *out = check_alloc<float>(GROUPS);
    for (int i = 0; i < GROUP; i++) {
        sum += 2 * i;
        least = fminf(least, (i * 37 + 5) % 101);
    }
    lds_float<<<GROUPS, GROUP>>>(out);
    LAUNCHED();
    check_equal("atomics/lds/float", check_download(out, GROUPS),
                std::vector<float>(GROUPS, sum + least));
    HIP(hipFree(dd));
    HIP(hipFree(histogram));
    HIP(hipFree(out));
}

int main()
{
    check_begin();
    test_int();
    test_cas();
    test_wide();
    test_lds();
    return 0;
}
