// SPDX-License-Identifier: Apache-2.0
/* Row softmax: maximum and sum over a work-group through LDS, expf. */
#include "check.h"

enum { GROUP = 128 };

template <typename F> __device__ float group_reduce(float value, float *tile, F combine)
{
    tile[threadIdx.x] = value;
    __syncthreads();
    for (unsigned step = GROUP / 2; step > 0; step /= 2) {
        if (threadIdx.x < step)
            tile[threadIdx.x] = combine(tile[threadIdx.x], tile[threadIdx.x + step]);
        __syncthreads();
    }
    value = tile[0];
    __syncthreads();
    return value;
}

__global__ void softmax(const float *x, float *y, int columns)
{
    __shared__ float tile[GROUP];
    const float *row = x + blockIdx.x * columns;
    float top = -INFINITY, sum = 0;

    for (int i = threadIdx.x; i < columns; i += GROUP)
        top = fmaxf(top, row[i]);
    top = group_reduce(top, tile, [](float a, float b) { return fmaxf(a, b); });
    for (int i = threadIdx.x; i < columns; i += GROUP)
        sum += expf(row[i] - top);
    sum = group_reduce(sum, tile, [](float a, float b) { return a + b; });
    for (int i = threadIdx.x; i < columns; i += GROUP)
        y[blockIdx.x * columns + i] = expf(row[i] - top) / sum;
}

int main()
{
    check_begin();
    for (int columns : {10, 128, 1000}) {
        const int rows = 24;
        std::vector<float> x = check_floats(rows * columns, -8, 8, columns);
        std::vector<double> want(x.size());
        float *dx = check_upload(x), *dy = check_alloc<float>(x.size());
        char name[32];

        for (int r = 0; r < rows; r++) {
            double top = -INFINITY, sum = 0;

            for (int i = 0; i < columns; i++)
                top = fmax(top, x[r * columns + i]);
            for (int i = 0; i < columns; i++)
                sum += exp(x[r * columns + i] - top);
            for (int i = 0; i < columns; i++)
                want[r * columns + i] = exp(x[r * columns + i] - top) / sum;
        }
        softmax<<<rows, GROUP>>>(dx, dy, columns);
        LAUNCHED();
        snprintf(name, sizeof(name), "softmax/%d", columns);
        check_close(name, check_download(dy, x.size()), want, 1e-7, 1e-5);
        HIP(hipFree(dx));
        HIP(hipFree(dy));
    }
    return 0;
}
