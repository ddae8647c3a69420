// SPDX-License-Identifier: Apache-2.0
/* 64-bit integers: products, quotients, remainders, shifts, high halves; 8- and 16-bit arithmetic
 * too. */
#include "check.h"

typedef unsigned long long u64;
typedef long long s64;
enum { N = 3000, OPERATIONS = 12 };

__host__ __device__ static inline void operations(u64 a, u64 b, u64 high, u64 *o)
{
    s64 sa = (s64)a, sb = (s64)b;
    unsigned shift = (unsigned)b & 63;

    o[0] = a * b;
    o[1] = a / b;
    o[2] = a % b;
    o[3] = (u64)(sa / sb);
    o[4] = (u64)(sa % sb);
    o[5] = a << shift | a >> ((64 - shift) & 63);
    o[6] = (u64)(sa >> shift);
    o[7] = high;
    o[8] = (a > b) + 2 * (sa > sb) + 4 * (a + b < a);
    o[9] = (u64)(double)(a >> 1) + (u64)(s64)(float)(sa >> 20);
    o[10] = (unsigned)a / ((unsigned)b | 1) + (unsigned)a % ((unsigned)(b >> 32) | 1);
    o[11] = (u64)(short)((short)a * (short)b) +
            (unsigned char)((unsigned char)a / ((unsigned char)b | 1));
}

__global__ void compute(const u64 *a, const u64 *b, u64 *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < N)
        operations(a[i], b[i], __umul64hi(a[i], b[i]), out + i * OPERATIONS);
}

int main()
{
    check_random random(101);
    std::vector<u64> a(N), b(N), want(N * OPERATIONS);

    check_begin();
    for (int i = 0; i < N; i++) {
        a[i] = random.next() >> random.below(60);
        b[i] = (random.next() >> random.below(60)) | 1;
        if (i % 5 == 0)
            a[i] = ~a[i];
        if (i % 7 == 0)
            b[i] = ~b[i] | 2;
        operations(a[i], b[i], (u64)((unsigned __int128)a[i] * b[i] >> 64), &want[i * OPERATIONS]);
    }
    u64 *da = check_upload(a), *db = check_upload(b), *out = check_alloc<u64>(N * OPERATIONS);
    compute<<<check_groups(N, 192), 192>>>(da, db, out);
    LAUNCHED();
    check_equal("int64", check_download(out, N * OPERATIONS), want);
    HIP(hipFree(da));
    HIP(hipFree(db));
    HIP(hipFree(out));
    return 0;
}
