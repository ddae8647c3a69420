// SPDX-License-Identifier: Apache-2.0
/* Half precision, one at a time and packed in pairs, bit for bit against rounding on the host. */
#include "check.h"

#include <hip/hip_fp16.h>

enum { N = 4096, OPERATIONS = 7 };

__global__ void half_ops(const __half *a, const __half *b, const __half *c, __half *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    __half *o = out + i * OPERATIONS;

    o[0] = __hadd(a[i], b[i]);
    o[1] = __hsub(a[i], b[i]);
    o[2] = __hmul(a[i], b[i]);
    o[3] = __hfma(a[i], b[i], c[i]);
    o[4] = __hgt(a[i], b[i]) ? a[i] : b[i];
    o[5] = __float2half(__half2float(a[i]) * 0.37f);
    o[6] = __int2half_rn(__half2int_rz(__hmul(a[i], __float2half(100.0f))));
}

__global__ void half2_ops(const __half2 *a, const __half2 *b, const __half2 *c, __half2 *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i >= N / 2)
        return;
    out[4 * i] = __hadd2(a[i], b[i]);
    out[4 * i + 1] = __hmul2(a[i], b[i]);
    out[4 * i + 2] = __hfma2(a[i], b[i], c[i]);
    out[4 * i + 3] = __hsub2(__lowhigh2highlow(a[i]), b[i]);
}

__global__ void dot(const __half2 *a, const __half2 *b, float *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    for (int k = 0; k < 16; k++) {
        float2 x = __half22float2(a[(i * 16 + k) % (N / 2)]);
        float2 y = __half22float2(b[(i * 16 + k) % (N / 2)]);

        sum = fmaf(x.x, y.x, fmaf(x.y, y.y, sum));
    }
    out[i] = sum;
}

/** Nearest half, ties to even, denormals kept. */
static uint16_t to_half(double x)
{
    double magnitude = fabs(x);
    uint16_t sign = std::signbit(x) ? 0x8000 : 0;

    if (magnitude < 0x1p-14)
        return sign | (uint16_t)nearbyint(magnitude * 0x1p24);
    int exponent = std::ilogb(magnitude);
    double mantissa = nearbyint(std::scalbn(magnitude, 10 - exponent));
    if (mantissa == 2048) {
        mantissa = 1024;
        exponent++;
    }
    if (exponent > 15)
        return sign | 0x7c00;
    return sign | (uint16_t)((exponent + 14) * 1024 + (int)mantissa);
}

static double from_half(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 1023;
    double m = exponent ? std::scalbn(1024 + mantissa, exponent - 25) : mantissa * 0x1p-24;

    return h & 0x8000 ? -m : m;
}

int main()
{
    check_random random(91);
    std::vector<uint16_t> a(N), b(N), c(N), want(N * OPERATIONS), pairs(N * 4);
    std::vector<float> dots(256);

    check_begin();
    for (int i = 0; i < N; i++) {
        a[i] = to_half(random.real(-4, 4));
        b[i] = to_half(random.real(-4, 4));
        c[i] = to_half(random.real(-1, 1));
    }
    for (int i = 0; i < N; i++) {
        double x = from_half(a[i]), y = from_half(b[i]), z = from_half(c[i]);
        uint16_t *w = &want[i * OPERATIONS], *p = &pairs[i / 2 * 8 + i % 2];

        w[0] = p[0] = to_half(x + y);
        w[1] = to_half(x - y);
        w[2] = p[2] = to_half(x * y);
        w[3] = p[4] = to_half(x * y + z);
        p[6] = to_half(from_half(a[i ^ 1]) - y);
        w[4] = x > y ? a[i] : b[i];
        w[5] = to_half((float)x * 0.37f);
        w[6] = to_half((int)from_half(to_half(x * 100))); /* no -0 */
    }
    for (int i = 0; i < 256; i++)
        for (int k = 0; k < 16; k++) {
            int at = (i * 16 + k) % (N / 2) * 2;
            float inner = fmaf((float)from_half(a[at + 1]), (float)from_half(b[at + 1]), dots[i]);

            dots[i] = fmaf((float)from_half(a[at]), (float)from_half(b[at]), inner);
        }
    uint16_t *da = check_upload(a), *db = check_upload(b), *dc = check_upload(c);
    uint16_t *out = check_alloc<uint16_t>(N * OPERATIONS);
    float *sums = check_alloc<float>(256);
    half_ops<<<N / 128, 128>>>((__half *)da, (__half *)db, (__half *)dc, (__half *)out);
    LAUNCHED();
    check_equal("fp16/half", check_download(out, N * OPERATIONS), want);
    half2_ops<<<check_groups(N / 2, 128), 128>>>((__half2 *)da, (__half2 *)db, (__half2 *)dc,
                                                 (__half2 *)out);
    LAUNCHED();
    check_equal("fp16/half2", check_download(out, N * 4), pairs);
    dot<<<4, 64>>>((__half2 *)da, (__half2 *)db, sums);
    LAUNCHED();
    check_equal("fp16/dot", check_download(sums, 256), dots);
    return 0;
}
