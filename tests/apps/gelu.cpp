// SPDX-License-Identifier: Apache-2.0
/* GELU, exact (erff) and by tanhf; also the special values. */
#include "check.h"

__global__ void gelu_erf(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678118f));
}

__global__ void gelu_tanh(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        y[i] =
            0.5f * x[i] * (1.0f + tanhf(0.7978845608f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

int main()
{
    const int n = 10000;
    std::vector<float> x = check_floats(n, -6, 6, 11);
    std::vector<double> want_erf(n), want_tanh(n);

    check_begin();
    x[0] = 0;
    x[1] = -0.0f;
    x[2] = 30;
    x[3] = -30;
    for (int i = 0; i < n; i++) {
        double v = x[i];

        want_erf[i] = 0.5 * v * (1 + erf(v * M_SQRT1_2));
        want_tanh[i] = 0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
    }
    float *dx = check_upload(x), *dy = check_alloc<float>(n);
    gelu_erf<<<check_groups(n, 192), 192>>>(dx, dy, n);
    LAUNCHED();
    check_close("gelu/erf", check_download(dy, n), want_erf, 2e-6, 2e-6);
    gelu_tanh<<<check_groups(n, 192), 192>>>(dx, dy, n);
    LAUNCHED();
    check_close("gelu/tanh", check_download(dy, n), want_tanh, 2e-6, 2e-6);
    HIP(hipFree(dx));
    HIP(hipFree(dy));
    return 0;
}
