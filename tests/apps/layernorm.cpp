// SPDX-License-Identifier: Apache-2.0
/* Layer normalisation: mean and variance of a row by wave shuffles and LDS, rsqrtf. */
#include "check.h"

enum { GROUP = 256, WAVE = 64 };

__device__ float group_sum(float value)
{
    __shared__ float part[GROUP / WAVE];

    for (int step = WAVE / 2; step > 0; step /= 2)
        value += __shfl_xor(value, step);
    if (threadIdx.x % WAVE == 0)
        part[threadIdx.x / WAVE] = value;
    __syncthreads();
    value = 0;
    for (int i = 0; i < GROUP / WAVE; i++)
        value += part[i];
    __syncthreads();
    return value;
}

__global__ void layernorm(const float *x, const float *gain, const float *shift, float *y,
                          int columns)
{
    const float *row = x + blockIdx.x * columns;
    float sum = 0, square = 0;

    for (int i = threadIdx.x; i < columns; i += GROUP)
        sum += row[i];
    float mean = group_sum(sum) / columns;
    for (int i = threadIdx.x; i < columns; i += GROUP)
        square += (row[i] - mean) * (row[i] - mean);
    float scale = rsqrtf(group_sum(square) / columns + 1e-5f);
    for (int i = threadIdx.x; i < columns; i += GROUP)
        y[blockIdx.x * columns + i] = (row[i] - mean) * scale * gain[i] + shift[i];
}

int main()
{
    check_begin();
    for (int columns : {7, 256, 768}) {
        const int rows = 16;
        std::vector<float> x = check_floats(rows * columns, -3, 5, columns);
        std::vector<float> gain = check_floats(columns, 0.5, 1.5, 1),
                           shift = check_floats(columns, -1, 1, 2);
        std::vector<double> want(x.size());
        float *dx = check_upload(x), *dg = check_upload(gain), *ds = check_upload(shift);
        float *dy = check_alloc<float>(x.size());
        char name[32];

        for (int r = 0; r < rows; r++) {
            const float *row = &x[r * columns];
            double mean = 0, variance = 0;

            for (int i = 0; i < columns; i++)
                mean += row[i];
            mean /= columns;
            for (int i = 0; i < columns; i++)
                variance += (row[i] - mean) * (row[i] - mean);
            for (int i = 0; i < columns; i++)
                want[r * columns + i] =
                    (row[i] - mean) / sqrt(variance / columns + 1e-5) * gain[i] + shift[i];
        }
        layernorm<<<rows, GROUP>>>(dx, dg, ds, dy, columns);
        LAUNCHED();
        snprintf(name, sizeof(name), "layernorm/%d", columns);
        check_close(name, check_download(dy, x.size()), want, 2e-5, 2e-5);
        for (float *p : {dx, dg, ds, dy})
            HIP(hipFree(p));
    }
    return 0;
}
