// SPDX-License-Identifier: Apache-2.0
/*
 * Sparse matrix times vector: compressed rows with a thread a row and with a wave a row (reduced by
 * shuffles), and ELLPACK. Rows have from none to many entries. Against the CPU in double precision.
 */
#include <hip/hip_runtime.h>

#include <cmath>
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

constexpr int ROWS = 700, COLUMNS = 900, WIDEST = 96;

__global__ void csr_scalar(int rows, const int *start, const int *column, const float *value,
                           const float *x, float *y)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    if (row >= rows)
        return;
    for (int i = start[row]; i < start[row + 1]; i++)
        sum = fmaf(value[i], x[column[i]], sum);
    y[row] = sum;
}

__global__ void csr_vector(int rows, const int *start, const int *column, const float *value,
                           const float *__restrict__ x, float *y)
{
    int lane = threadIdx.x % warpSize;
    int row = (blockIdx.x * blockDim.x + threadIdx.x) / warpSize;
    float sum = 0;

    if (row >= rows)
        return;
    for (int i = start[row] + lane; i < start[row + 1]; i += warpSize)
        sum += value[i] * x[column[i]];
    for (int offset = warpSize / 2; offset > 0; offset /= 2)
        sum += __shfl_down(sum, offset);
    if (lane == 0)
        y[row] = sum;
}

__global__ void ellpack(int rows, int width, const int *column, const float *value, const float *x,
                        float *y)
{
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    float sum = 0;

    if (row >= rows)
        return;
    for (int k = 0; k < width; k++) {
        int c = column[k * rows + row];

        if (c >= 0)
            sum += value[k * rows + row] * x[c];
    }
    y[row] = sum;
}

template <typename T> T *upload(const std::vector<T> &v)
{
    T *p = nullptr;

    HIP(hipMalloc(&p, v.size() * sizeof(T)));
    HIP(hipMemcpy(p, v.data(), v.size() * sizeof(T), hipMemcpyHostToDevice));
    return p;
}

static int check(const char *name, float *y, const std::vector<double> &want)
{
    std::vector<float> got(ROWS);
    double sum = 0;

    HIP(hipGetLastError());
    HIP(hipMemcpy(got.data(), y, ROWS * sizeof(float), hipMemcpyDeviceToHost));
    HIP(hipMemset(y, 0xff, ROWS * sizeof(float)));
    for (int i = 0; i < ROWS; i++) {
        if (!(std::fabs(got[i] - want[i]) < 1e-4)) {
            printf("FAILED: %s: row %d is %g, expected %g\n", name, i, (double)got[i], want[i]);
            return 1;
        }
        sum += got[i];
    }
    printf("%s: ok, sum %.3f\n", name, sum);
    return 0;
}

int main()
{
    std::vector<int> start(1), column, ell_column((size_t)ROWS * WIDEST, -1);
    std::vector<float> value, ell_value((size_t)ROWS * WIDEST), x(COLUMNS);
    std::vector<double> want(ROWS);
    unsigned seed = 1;
    auto random = [&seed](unsigned below) {
        seed = seed * 1103515245u + 12345u;
        return (seed >> 16) % below;
    };
    int bad = 0;

    for (float &v : x)
        v = (float)random(2001) / 1000 - 1;
    for (int row = 0; row < ROWS; row++) {
        int entries = row % 50 == 7 ? 0 : row % 41 == 3 ? WIDEST : 1 + random(12);

        for (int k = 0; k < entries; k++) {
            int c = random(COLUMNS);
            float v = (float)random(2001) / 1000 - 1;

            column.push_back(c);
            value.push_back(v);
            ell_column[(size_t)k * ROWS + row] = c;
            ell_value[(size_t)k * ROWS + row] = v;
            want[row] += (double)v * x[c];
        }
        start.push_back((int)column.size());
    }

    int *d_start = upload(start), *d_column = upload(column), *d_ell_column = upload(ell_column);
    float *d_value = upload(value), *d_ell_value = upload(ell_value), *d_x = upload(x);
    float *y = upload(std::vector<float>(ROWS));

    csr_scalar<<<(ROWS + 127) / 128, 128>>>(ROWS, d_start, d_column, d_value, d_x, y);
    bad |= check("thread a row", y, want);
    csr_vector<<<(ROWS * 64 + 255) / 256, 256>>>(ROWS, d_start, d_column, d_value, d_x, y);
    bad |= check("wave a row", y, want);
    ellpack<<<(ROWS + 127) / 128, 128>>>(ROWS, WIDEST, d_ell_column, d_ell_value, d_x, y);
    bad |= check("ellpack", y, want);
    for (void *p : {(void *)d_start, (void *)d_column, (void *)d_ell_column, (void *)d_value,
                    (void *)d_ell_value, (void *)d_x, (void *)y})
        HIP(hipFree(p));
    return bad;
}
