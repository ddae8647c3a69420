// SPDX-License-Identifier: Apache-2.0
/* Matrix product with tiles in LDS and a barrier between them; sizes that are no multiple of a
 * tile. */
#include "check.h"

enum { TILE = 16 };

__global__ void matmul(const float *a, const float *b, float *c, int m, int n, int k)
{
    __shared__ float ta[TILE][TILE + 1], tb[TILE][TILE + 1];
    int row = blockIdx.y * TILE + threadIdx.y, col = blockIdx.x * TILE + threadIdx.x;
    float sum = 0;

    for (int t = 0; t < k; t += TILE) {
        int ka = t + threadIdx.x, kb = t + threadIdx.y;

        ta[threadIdx.y][threadIdx.x] = row < m && ka < k ? a[row * k + ka] : 0;
        tb[threadIdx.y][threadIdx.x] = kb < k && col < n ? b[kb * n + col] : 0;
        __syncthreads();
        for (int i = 0; i < TILE; i++)
            sum = fmaf(ta[threadIdx.y][i], tb[i][threadIdx.x], sum);
        __syncthreads();
    }
    if (row < m && col < n)
        c[row * n + col] = sum;
}

int main()
{
    static const int sizes[][3] = {
        {16, 16, 16}, {1, 1, 1}, {33, 17, 50}, {64, 96, 80}, {100, 75, 31}};

    check_begin();
    for (const int *s : sizes) {
        int m = s[0], n = s[1], k = s[2];
        std::vector<float> a = check_floats(m * k, -1, 1, 1), b = check_floats(k * n, -1, 1, 2);
        std::vector<float> want(m * n);
        float *da = check_upload(a), *db = check_upload(b), *dc = check_alloc<float>(m * n);
        char name[48];

        /* The same order of the same operations; the zeroes that pad a tile change nothing. */
        for (int i = 0; i < m; i++)
            for (int j = 0; j < n; j++) {
                float sum = 0;

                for (int x = 0; x < k; x++)
                    sum = fmaf(a[i * k + x], b[x * n + j], sum);
                want[i * n + j] = sum;
            }
        matmul<<<dim3(check_groups(n, TILE), check_groups(m, TILE)), dim3(TILE, TILE)>>>(da, db, dc,
                                                                                         m, n, k);
        LAUNCHED();
        snprintf(name, sizeof(name), "matmul/%dx%dx%d", m, n, k);
        check_equal(name, check_download(dc, m * n), want);
        HIP(hipFree(da));
        HIP(hipFree(db));
        HIP(hipFree(dc));
    }
    return 0;
}
