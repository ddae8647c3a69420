// SPDX-License-Identifier: Apache-2.0
/*
 * Double-precision library functions against the host's, within a stated number of units in the
 * last place (the bounds are those of the OpenCL 2.0 specification, section 7.4, full profile, or
 * tighter).
 */
#include "check.h"

#define FUNCTIONS(X)                                                                               \
    X(sin, -100, 100, 4)                                                                           \
    X(cos, -100, 100, 4)                                                                           \
    X(tan, -1.5, 1.5, 5)                                                                           \
    X(exp, -700, 700, 3)                                                                           \
    X(exp2, -1000, 1000, 3)                                                                        \
    X(log, 1e-300, 1e3, 3)                                                                         \
    X(log2, 1e-3, 1e9, 3)                                                                          \
    X(sqrt, 0, 1e12, 1)                                                                            \
    X(cbrt, -1e6, 1e6, 2)                                                                          \
    X(erf, -4, 4, 16)                                                                              \
    X(tanh, -10, 10, 5)                                                                            \
    X(atan, -50, 50, 5)

#define KERNEL(name, low, high, bound)                                                             \
    __global__ void kernel_##name(const double *x, double *y, int n)                               \
    {                                                                                              \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                             \
        if (i < n)                                                                                 \
            y[i] = name(x[i]);                                                                     \
    }
FUNCTIONS(KERNEL)

__global__ void kernel_pow(const double *x, const double *y, double *z, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        z[i] = pow(x[i], y[i]);
}

__global__ void kernel_arithmetic(const double *x, const double *y, double *z, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        z[i] = floor(x[i] / y[i]) + fma(x[i], y[i], trunc(y[i])) + fmod(x[i], y[i]);
}

/** Numbers of doubles between two doubles. */
static int64_t ulps(double a, double b)
{
    int64_t x, y;

    if (std::isnan(a) || std::isnan(b))
        return std::isnan(a) && std::isnan(b) ? 0 : INT64_MAX;
    memcpy(&x, &a, 8);
    memcpy(&y, &b, 8);
    x = x < 0 ? INT64_MIN - x : x;
    y = y < 0 ? INT64_MIN - y : y;
    uint64_t distance = x > y ? (uint64_t)x - (uint64_t)y : (uint64_t)y - (uint64_t)x;
    return distance > INT64_MAX ? INT64_MAX : (int64_t)distance;
}

static void compare(const char *name, const std::vector<double> &got,
                    const std::vector<double> &want, int64_t bound)
{
    char label[32];

    for (size_t i = 0; i < got.size(); i++)
        if (ulps(got[i], want[i]) > bound)
            check_fail("%s: element %zu is %.17g, expected %.17g: %lld ulp, at most %lld", name, i,
                       got[i], want[i], (long long)ulps(got[i], want[i]), (long long)bound);
    snprintf(label, sizeof(label), "libm64/%s", name);
    check_ok(label, got);
}

static void test_unary(const char *name, void (*kernel)(const double *, double *, int),
                       long double (*host)(long double), double low, double high, int64_t bound)
{
    const int n = 2000;
    std::vector<double> x = check_doubles(n, low, high, 41), want(n);
    double *dx, *dy = check_alloc<double>(n);

    x[0] = low;
    x[1] = high;
    x[2] = 1;
    for (int i = 0; i < n; i++)
        want[i] = (double)host(x[i]); /* nearly always correctly rounded */
    dx = check_upload(x);
    kernel<<<check_groups(n, 128), 128>>>(dx, dy, n);
    LAUNCHED();
    compare(name, check_download(dy, n), want, bound);
    HIP(hipFree(dx));
    HIP(hipFree(dy));
}

static void test_binary()
{
    const int n = 2000;
    std::vector<double> x = check_doubles(n, 1e-3, 50, 42), y = check_doubles(n, -20, 20, 43),
                        want(n);
    double *dx = check_upload(x), *dy = check_upload(y), *dz = check_alloc<double>(n);

    for (int i = 0; i < n; i++)
        want[i] = (double)powl(x[i], y[i]);
    kernel_pow<<<check_groups(n, 128), 128>>>(dx, dy, dz, n);
    LAUNCHED();
    compare("pow", check_download(dz, n), want, 16);
    for (int i = 0; i < n; i++)
        want[i] = floor(x[i] / y[i]) + fma(x[i], y[i], trunc(y[i])) + fmod(x[i], y[i]);
    kernel_arithmetic<<<check_groups(n, 128), 128>>>(dx, dy, dz, n);
    LAUNCHED();
    /* Contraction may fuse the sums differently, never the functions. */
    check_close("libm64/arithmetic", check_download(dz, n), want, 1e-11, 1e-14);
    HIP(hipFree(dx));
    HIP(hipFree(dy));
    HIP(hipFree(dz));
}

int main()
{
    check_begin();
#define TEST(name, low, high, bound) test_unary(#name, kernel_##name, name##l, low, high, bound);
    FUNCTIONS(TEST)
    test_binary();
    return 0;
}
