// SPDX-License-Identifier: Apache-2.0
/* Vector addition: the smallest program. Sizes that do and do not fill their last work-group. */
#include "check.h"

__global__ void vadd(const float *a, const float *b, float *c, unsigned n)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        c[i] = a[i] + b[i];
}

int main()
{
    check_begin();
    for (unsigned n : {1u, 64u, 1000u, 65536u, 100003u}) {
        std::vector<float> a = check_floats(n, -10, 10, n), b = check_floats(n, -10, 10, n + 1);
        std::vector<float> want(n);
        float *da = check_upload(a), *db = check_upload(b), *dc = check_alloc<float>(n);
        char name[32];

        for (unsigned i = 0; i < n; i++)
            want[i] = a[i] + b[i];
        vadd<<<check_groups(n, 256), 256>>>(da, db, dc, n);
        LAUNCHED();
        snprintf(name, sizeof(name), "vadd/%u", n);
        check_equal(name, check_download(dc, n), want);
        HIP(hipFree(da));
        HIP(hipFree(db));
        HIP(hipFree(dc));
    }
    return 0;
}
