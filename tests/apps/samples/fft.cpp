// SPDX-License-Identifier: Apache-2.0
/*
 * Batched complex FFT: Stockham radix 2 in shared memory, one work-group a transform, forward and
 * back. Against a direct transform in double precision on the CPU.
 */
#include <hip/hip_complex.h>
#include <hip/hip_runtime.h>

#include <cmath>
#include <complex>
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

constexpr int POINTS = 512, BATCH = 6;

template <int N, bool INVERSE>
__global__ __launch_bounds__(N / 2) void transform(const hipFloatComplex *in, hipFloatComplex *out)
{
    __shared__ hipFloatComplex buffer[2][N];
    const int t = threadIdx.x;
    int from = 0;

    in += blockIdx.x * N;
    out += blockIdx.x * N;
    buffer[0][t] = in[t];
    buffer[0][t + N / 2] = in[t + N / 2];
    for (int span = 1; span < N; span *= 2) {
        int k = t & (span - 1), to = 2 * (t - k) + k;
        float s, c;

        __syncthreads();
        sincospif((INVERSE ? 1.0f : -1.0f) * k / span, &s, &c);
        hipFloatComplex a = buffer[from][t];
        hipFloatComplex b = hipCmulf(make_hipFloatComplex(c, s), buffer[from][t + N / 2]);

        buffer[1 - from][to] = hipCaddf(a, b);
        buffer[1 - from][to + span] = hipCsubf(a, b);
        from = 1 - from;
    }
    __syncthreads();
    float scale = INVERSE ? 1.0f / N : 1.0f;
    for (int i = t; i < N; i += N / 2) {
        hipFloatComplex x = buffer[from][i];

        out[i] = make_hipFloatComplex(hipCrealf(x) * scale, hipCimagf(x) * scale);
    }
}

static std::complex<double> direct(const hipFloatComplex *in, int k)
{
    std::complex<double> sum = 0;

    for (int n = 0; n < POINTS; n++)
        sum += std::complex<double>(in[n].x, in[n].y) *
               std::polar(1.0, -2 * M_PI * (double)((long)k * n % POINTS) / POINTS);
    return sum;
}

int main()
{
    const size_t count = (size_t)POINTS * BATCH, bytes = count * sizeof(hipFloatComplex);
    std::vector<hipFloatComplex> signal(count), spectrum(count), back(count);
    hipFloatComplex *a, *b;
    double worst = 0, worst_back = 0;

    for (size_t i = 0; i < count; i++)
        signal[i] = make_hipFloatComplex((float)((i * 7919) % 1009) / 1009 - 0.5f,
                                         (float)((i * 104729) % 2003) / 2003 - 0.5f);
    HIP(hipMalloc(&a, bytes));
    HIP(hipMalloc(&b, bytes));
    HIP(hipMemcpy(a, signal.data(), bytes, hipMemcpyHostToDevice));
    transform<POINTS, false><<<BATCH, POINTS / 2>>>(a, b);
    HIP(hipGetLastError());
    HIP(hipMemcpy(spectrum.data(), b, bytes, hipMemcpyDeviceToHost));
    transform<POINTS, true><<<BATCH, POINTS / 2>>>(b, a);
    HIP(hipGetLastError());
    HIP(hipMemcpy(back.data(), a, bytes, hipMemcpyDeviceToHost));

    for (int batch = 0; batch < BATCH; batch++)
        for (int k = batch; k < POINTS; k += 13) {
            hipFloatComplex x = spectrum[(size_t)batch * POINTS + k];

            worst = std::fmax(worst, std::abs(std::complex<double>(x.x, x.y) -
                                              direct(&signal[(size_t)batch * POINTS], k)));
        }
    for (size_t i = 0; i < count; i++)
        worst_back =
            std::fmax(worst_back, std::hypot(back[i].x - signal[i].x, back[i].y - signal[i].y));
    if (!(worst < 2e-4 && worst_back < 2e-6)) {
        printf("FAILED: off by %g, there and back by %g\n", worst, worst_back);
        return 1;
    }
    printf("%d transforms of %d points: ok, mean of the first %.4f\n", BATCH, POINTS,
           (double)spectrum[0].x / POINTS);
    HIP(hipFree(a));
    HIP(hipFree(b));
    return 0;
}
