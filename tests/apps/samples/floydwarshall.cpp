// SPDX-License-Identifier: Apache-2.0
/*
 * All shortest paths, blocked Floyd-Warshall: for each diagonal tile first the tile itself, then
 * its row and column, then the rest. Successors are kept along. Exact, against the CPU.
 */
#include <hip/hip_runtime.h>

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

constexpr int TILE = 16, NODES = 112, TILES = NODES / TILE, FAR = 1 << 28;

struct tile {
    int distance[TILE][TILE + 1], next[TILE][TILE + 1];
};

__device__ void load(tile &to, const int *distance, const int *next, int row, int column)
{
    int at = (row * TILE + threadIdx.y) * NODES + column * TILE + threadIdx.x;

    to.distance[threadIdx.y][threadIdx.x] = distance[at];
    to.next[threadIdx.y][threadIdx.x] = next[at];
}

__device__ void store(const tile &from, int *distance, int *next, int row, int column)
{
    int at = (row * TILE + threadIdx.y) * NODES + column * TILE + threadIdx.x;

    distance[at] = from.distance[threadIdx.y][threadIdx.x];
    next[at] = from.next[threadIdx.y][threadIdx.x];
}

/* to = min(to, left + up); the three may be one tile. */
__device__ void relax(tile &to, const tile &left, const tile &up)
{
    const int x = threadIdx.x, y = threadIdx.y;

    __syncthreads();
    for (int k = 0; k < TILE; k++) {
        int through = left.distance[y][k] + up.distance[k][x];
        int next = left.next[y][k];
        bool better = through < to.distance[y][x];

        __syncthreads();
        if (better) {
            to.distance[y][x] = through;
            to.next[y][x] = next;
        }
        __syncthreads();
    }
}

__global__ void diagonal(int *distance, int *next, int step)
{
    __shared__ tile self;

    load(self, distance, next, step, step);
    relax(self, self, self);
    store(self, distance, next, step, step);
}

__global__ void cross(int *distance, int *next, int step)
{
    __shared__ tile self, pivot;
    int other = blockIdx.x + ((int)blockIdx.x >= step);
    bool in_row = blockIdx.y == 0;
    int row = in_row ? step : other, column = in_row ? other : step;

    load(self, distance, next, row, column);
    load(pivot, distance, next, step, step);
    if (in_row)
        relax(self, pivot, self);
    else
        relax(self, self, pivot);
    store(self, distance, next, row, column);
}

__global__ void rest(int *distance, int *next, int step)
{
    __shared__ tile self, left, up;
    int row = blockIdx.y + ((int)blockIdx.y >= step),
        column = blockIdx.x + ((int)blockIdx.x >= step);

    load(self, distance, next, row, column);
    load(left, distance, next, row, step);
    load(up, distance, next, step, column);
    relax(self, left, up);
    store(self, distance, next, row, column);
}

static long walk(const std::vector<int> &next, const std::vector<int> &edge, int from, int to)
{
    long length = 0;

    for (int hops = 0; from != to && hops < NODES; hops++) {
        int step = next[from * NODES + to];

        length += edge[from * NODES + step];
        from = step;
    }
    return from == to ? length : -1;
}

int main()
{
    const size_t bytes = sizeof(int) * NODES * NODES;
    std::vector<int> edge(NODES * NODES, FAR), next(NODES * NODES), got(NODES * NODES);
    std::vector<int> got_next(NODES * NODES);
    int *d_distance, *d_next;
    unsigned seed = 7;
    long sum = 0;

    for (int i = 0; i < NODES; i++) {
        for (int j = 0; j < NODES; j++) {
            seed = seed * 1664525u + 1013904223u;
            if (i == j)
                edge[i * NODES + j] = 0;
            else if (j == (i + 1) % NODES || (seed >> 16) % 20 == 0)
                edge[i * NODES + j] = 1 + (int)((seed >> 8) % 100);
            next[i * NODES + j] = j;
        }
    }
    HIP(hipMalloc(&d_distance, bytes));
    HIP(hipMalloc(&d_next, bytes));
    HIP(hipMemcpy(d_distance, edge.data(), bytes, hipMemcpyHostToDevice));
    HIP(hipMemcpy(d_next, next.data(), bytes, hipMemcpyHostToDevice));
    for (int step = 0; step < TILES; step++) {
        dim3 threads(TILE, TILE);

        diagonal<<<1, threads>>>(d_distance, d_next, step);
        cross<<<dim3(TILES - 1, 2), threads>>>(d_distance, d_next, step);
        rest<<<dim3(TILES - 1, TILES - 1), threads>>>(d_distance, d_next, step);
    }
    HIP(hipGetLastError());
    HIP(hipMemcpy(got.data(), d_distance, bytes, hipMemcpyDeviceToHost));
    HIP(hipMemcpy(got_next.data(), d_next, bytes, hipMemcpyDeviceToHost));

    std::vector<int> want = edge;
    for (int k = 0; k < NODES; k++)
        for (int i = 0; i < NODES; i++)
            for (int j = 0; j < NODES; j++)
                if (want[i * NODES + k] + want[k * NODES + j] < want[i * NODES + j])
                    want[i * NODES + j] = want[i * NODES + k] + want[k * NODES + j];
    for (int i = 0; i < NODES * NODES; i++) {
        int from = i / NODES, to = i % NODES;

        if (got[i] != want[i] || walk(got_next, edge, from, to) != want[i]) {
            printf("FAILED: from %d to %d: %d, expected %d\n", from, to, got[i], want[i]);
            return 1;
        }
        sum += got[i];
    }
    printf("%d nodes: ok, mean distance %.3f\n", NODES, (double)sum / NODES / NODES);
    HIP(hipFree(d_distance));
    HIP(hipFree(d_next));
    return 0;
}
