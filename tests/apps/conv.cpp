// SPDX-License-Identifier: Apache-2.0
/* 3x3 convolution with padding 1, bias and ReLU, NCHW. */
#include "check.h"

struct shape {
    int batch, in, out, height, width;
};

__global__ void conv3x3(const float *x, const float *w, const float *bias, float *y, shape s)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    int n = blockIdx.z / s.out, o = blockIdx.z % s.out;
    float sum = bias[o];

    if (col >= s.width || row >= s.height)
        return;
    for (int c = 0; c < s.in; c++)
        for (int dy = -1; dy <= 1; dy++)
            for (int dx = -1; dx <= 1; dx++) {
                int r = row + dy, q = col + dx;

                if (r >= 0 && r < s.height && q >= 0 && q < s.width)
                    sum = fmaf(x[((n * s.in + c) * s.height + r) * s.width + q],
                               w[((o * s.in + c) * 3 + dy + 1) * 3 + dx + 1], sum);
            }
    y[((n * s.out + o) * s.height + row) * s.width + col] = sum > 0 ? sum : 0;
}

static std::vector<float> reference(const std::vector<float> &x, const std::vector<float> &w,
                                    const std::vector<float> &bias, shape s)
{
    std::vector<float> y(s.batch * s.out * s.height * s.width);

    for (int n = 0; n < s.batch; n++)
        for (int o = 0; o < s.out; o++)
            for (int row = 0; row < s.height; row++)
                for (int col = 0; col < s.width; col++) {
                    float sum = bias[o];

                    for (int c = 0; c < s.in; c++)
                        for (int t = 0; t < 9; t++) {
                            int r = row + t / 3 - 1, q = col + t % 3 - 1;

                            if (r < 0 || r >= s.height || q < 0 || q >= s.width)
                                continue;
                            sum = fmaf(x[((n * s.in + c) * s.height + r) * s.width + q],
                                       w[(o * s.in + c) * 9 + t], sum);
                        }
                    y[((n * s.out + o) * s.height + row) * s.width + col] = sum > 0 ? sum : 0;
                }
    return y;
}

int main()
{
    static const shape shapes[] = {{1, 1, 1, 8, 8}, {2, 3, 4, 20, 28}, {1, 8, 5, 13, 7}};

    check_begin();
    for (const shape &s : shapes) {
        std::vector<float> x = check_floats(s.batch * s.in * s.height * s.width, -1, 1, 3);
        std::vector<float> w = check_floats(s.out * s.in * 9, -1, 1, 4);
        std::vector<float> bias = check_floats(s.out, -1, 1, 5), want = reference(x, w, bias, s);
        float *dx = check_upload(x), *dw = check_upload(w), *db = check_upload(bias);
        float *dy = check_alloc<float>(want.size());
        char name[64];

        conv3x3<<<dim3(check_groups(s.width, 16), check_groups(s.height, 8), s.batch * s.out),
                  dim3(16, 8)>>>(dx, dw, db, dy, s);
        LAUNCHED();
        snprintf(name, sizeof(name), "conv/%dx%dx%dx%d", s.batch, s.in, s.height, s.width);
        check_equal(name, check_download(dy, want.size()), want);
        for (float *p : {dx, dw, db, dy})
            HIP(hipFree(p));
    }
    return 0;
}
