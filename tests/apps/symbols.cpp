// SPDX-License-Identifier: Apache-2.0
/* __device__ and __constant__ variables: initialised, written and read from the host, by the
 * kernel. */
#include "check.h"

enum { N = 300 };

__constant__ float coefficients[8] = {1, 2, 3, 4, 5, 6, 7, 8};
__device__ int table[N];
__device__ int counter = 41;
__managed__ int shared_counter = 7;

__global__ void polynomial(const float *x, float *y)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    if (i >= N)
        return;
    for (int k = 7; k >= 0; k--)
        sum = fmaf(sum, x[i], coefficients[k]);
    y[i] = sum;
}

__global__ void bump()
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < N)
        table[i] = table[i] * 2 + i;
    if (i == 0) {
        counter++;
        shared_counter += 3;
    }
}

static std::vector<float> evaluate(const std::vector<float> &x, const float *c)
{
    std::vector<float> y(x.size());

    for (size_t i = 0; i < x.size(); i++)
        for (int k = 7; k >= 0; k--)
            y[i] = fmaf(y[i], x[i], c[k]);
    return y;
}

int main()
{
    static const float first[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    static const float second[8] = {-1, 0.5f, 3, -2, 0, 1, 0.25f, 2};
    std::vector<float> x = check_floats(N, -2, 2, 71);
    std::vector<int> values(N), want(N);
    void *address;
    size_t size;
    int count;

    check_begin();
    float *dx = check_upload(x), *dy = check_alloc<float>(N);
    polynomial<<<check_groups(N, 64), 64>>>(dx, dy);
    LAUNCHED();
    check_equal("symbols/constant-initial", check_download(dy, N), evaluate(x, first));
    HIP(hipMemcpyToSymbol(HIP_SYMBOL(coefficients), second, sizeof(second)));
    polynomial<<<check_groups(N, 64), 64>>>(dx, dy);
    LAUNCHED();
    check_equal("symbols/constant-written", check_download(dy, N), evaluate(x, second));

    for (int i = 0; i < N; i++) {
        values[i] = i * i;
        want[i] = 4 * i * i + 3 * i;
    }
    HIP(hipMemcpyToSymbol(HIP_SYMBOL(table), values.data(), sizeof(int) * N));
    bump<<<check_groups(N, 64), 64>>>();
    bump<<<check_groups(N, 64), 64>>>();
    LAUNCHED();
    HIP(hipMemcpyFromSymbol(values.data(), HIP_SYMBOL(table), sizeof(int) * N));
    check_equal("symbols/device", values, want);
    HIP(hipMemcpyFromSymbol(&count, HIP_SYMBOL(counter), sizeof(count)));
    CHECK(count == 43);
    HIP(hipDeviceSynchronize());
    CHECK(shared_counter == 13);
    HIP(hipGetSymbolAddress(&address, HIP_SYMBOL(table)));
    HIP(hipGetSymbolSize(&size, HIP_SYMBOL(table)));
    CHECK(size == sizeof(int) * N);
    HIP(hipMemcpy(values.data(), address, size, hipMemcpyDeviceToHost));
    check_equal("symbols/address", values, want);
    HIP(hipFree(dx));
    HIP(hipFree(dy));
    return 0;
}
