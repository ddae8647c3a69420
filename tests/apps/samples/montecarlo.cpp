// SPDX-License-Identifier: Apache-2.0
/*
 * Monte Carlo in double precision: an Asian call option by a counter-based generator (Philox 4x32),
 * Box-Muller, log-normal steps, and a tree reduction in a fixed order. Each path against the CPU,
 * and the price of a plain call against Black and Scholes.
 */
#include <hip/hip_runtime.h>

#include <cmath>
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

constexpr int PATHS = 4096, STEPS = 8, GROUP = 128;
constexpr double SPOT = 100, STRIKE = 105, RATE = 0.03, SIGMA = 0.25, YEARS = 1.5;

struct words {
    uint32_t v[4];
};

__host__ __device__ words philox(uint32_t path, uint32_t step)
{
    words c = {{path, step, 0x12345678u, 0}};
    uint32_t k0 = 0xdecafbad, k1 = 0x600df00d;

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)0xd2511f53u * c.v[0], b = (uint64_t)0xcd9e8d57u * c.v[2];

        c = {{(uint32_t)(b >> 32) ^ c.v[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c.v[3] ^ k1,
              (uint32_t)a}};
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    return c;
}

__host__ __device__ double uniform(uint32_t high, uint32_t low)
{
    return ((double)((uint64_t)high << 21 | low >> 11) + 0.5) * 0x1p-53;
}

/* The discounted payoffs of one path: of a call on the average, and of a plain one. */
__host__ __device__ void walk(uint32_t path, double *asian, double *plain)
{
    const double dt = YEARS / STEPS, drift = (RATE - SIGMA * SIGMA / 2) * dt;
    const double spread = SIGMA * sqrt(dt), discount = exp(-RATE * YEARS);
    double logarithm = log(SPOT), sum = 0;

    for (int step = 0; step < STEPS; step++) {
        words w = philox(path, step);
        double radius = sqrt(-2 * log(uniform(w.v[0], w.v[1])));

        logarithm += drift + spread * radius * cos(2 * M_PI * uniform(w.v[2], w.v[3]));
        sum += exp(logarithm);
    }
    *asian = discount * fmax(sum / STEPS - STRIKE, 0.0);
    *plain = discount * fmax(exp(logarithm) - STRIKE, 0.0);
}

__global__ void simulate(double *asian, double *sums)
{
    __shared__ double sum[GROUP], plain[GROUP];
    const unsigned t = threadIdx.x, path = blockIdx.x * GROUP + t;

    walk(path, &sum[t], &plain[t]);
    asian[path] = sum[t];
    for (unsigned half = GROUP / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            sum[t] += sum[t + half];
            plain[t] += plain[t + half];
        }
    }
    if (t == 0) {
        sums[2 * blockIdx.x] = sum[0];
        sums[2 * blockIdx.x + 1] = plain[0];
    }
}

static double black_scholes()
{
    double root = SIGMA * std::sqrt(YEARS);
    double d1 = (std::log(SPOT / STRIKE) + (RATE + SIGMA * SIGMA / 2) * YEARS) / root;
    auto normal = [](double x) { return std::erfc(-x / M_SQRT2) / 2; };

    return SPOT * normal(d1) - STRIKE * std::exp(-RATE * YEARS) * normal(d1 - root);
}

int main()
{
    std::vector<double> asian(PATHS), sums(2 * PATHS / GROUP);
    double *d_asian, *d_sums, worst = 0, mean = 0, plain = 0, want_mean = 0;

    HIP(hipMalloc(&d_asian, PATHS * sizeof(double)));
    HIP(hipMalloc(&d_sums, sums.size() * sizeof(double)));
    simulate<<<PATHS / GROUP, GROUP>>>(d_asian, d_sums);
    HIP(hipGetLastError());
    HIP(hipMemcpy(asian.data(), d_asian, PATHS * sizeof(double), hipMemcpyDeviceToHost));
    HIP(hipMemcpy(sums.data(), d_sums, sums.size() * sizeof(double), hipMemcpyDeviceToHost));

    for (uint32_t path = 0; path < PATHS; path++) {
        double want, unused;

        walk(path, &want, &unused);
        worst = std::fmax(worst, std::fabs(asian[path] - want));
        want_mean += want / PATHS;
    }
    for (size_t i = 0; i < sums.size(); i += 2) {
        mean += sums[i] / PATHS;
        plain += sums[i + 1] / PATHS;
    }
    if (!(worst < 1e-9 && std::fabs(mean - want_mean) < 1e-9 &&
          std::fabs(plain - black_scholes()) < 1.0)) {
        printf("FAILED: paths off by %g, mean %.9f instead of %.9f, plain %.4f\n", worst, mean,
               want_mean, plain);
        return 1;
    }
    printf("%d paths: ok, asian call %.6f, plain call %.6f\n", PATHS, mean, plain);
    HIP(hipFree(d_asian));
    HIP(hipFree(d_sums));
    return 0;
}
