// SPDX-License-Identifier: Apache-2.0
/*
 * The kernels of the detector's network. It works on 32 channels (or tokens) of 64 values: a row is
 * a map of 8x8, or a token's features.
 */
#include "tests/apps/cuda/device.h"

enum { CHANNELS = 32, SIDE = 8, WIDTH = SIDE * SIDE, PADDED = SIDE + 2, PLANE = PADDED * PADDED };
enum { TILE = 16 };

/** 3x3 convolution over the channels of @x and @skip, bias, ReLU. A block makes one channel. */
KERNEL conv3x3(const float *weights, const float *bias, const float *x, const float *skip, float *y)
{
    __shared__ float maps[2 * CHANNELS * PLANE];
    int lane = THREAD_X, out = BLOCK_X;
    const float *w = weights + out * 2 * CHANNELS * 9;
    float sum = bias[out];

    for (int i = lane; i < 2 * CHANNELS * PLANE; i += WIDTH)
        maps[i] = 0;
    __syncthreads();
    for (int c = 0; c < 2 * CHANNELS; c++)
        maps[c * PLANE + (lane / SIDE + 1) * PADDED + lane % SIDE + 1] =
            c < CHANNELS ? x[c * WIDTH + lane] : skip[(c - CHANNELS) * WIDTH + lane];
    __syncthreads();
    for (int c = 0; c < 2 * CHANNELS; c++) {
        const float *at = &maps[c * PLANE + lane / SIDE * PADDED + lane % SIDE];
        for (int row = 0; row < 3; row++, at += PADDED) {
#pragma unroll 1
            for (int column = 0; column < 3; column++)
                sum = fmaf(*w++, at[column], sum);
        }
    }
    y[out * WIDTH + lane] = fmaxf(sum, 0);
}

/** 3x3 maximum pooling, stride 1. */
KERNEL max_pool(const float *x, float *y)
{
    int lane = THREAD_X, row = lane / SIDE, column = lane % SIDE;
    const float *map = x + BLOCK_X * WIDTH;
    float top = map[lane];

    for (int t = 0; t < 9; t++) {
        int r = row + t / 3 - 1, c = column + t % 3 - 1;

        if (r >= 0 && r < SIDE && c >= 0 && c < SIDE)
            top = fmaxf(top, map[r * SIDE + c]);
    }
    y[BLOCK_X * WIDTH + lane] = top;
}

/** y[CHANNELS x WIDTH] = x[CHANNELS x WIDTH] * w[WIDTH x WIDTH] + bias. Blocks of a tile. */
KERNEL matmul(const float *w, const float *bias, const float *x, float *y)
{
    __shared__ float a[TILE][TILE + 1], b[TILE][TILE + 1];
    int column = THREAD_X, row = THREAD_Y, out_column = BLOCK_X * TILE + column,
        out_row = BLOCK_Y * TILE + row;
    float sum = bias[out_column];

    for (int tile = 0; tile < WIDTH; tile += TILE) {
        a[row][column] = x[out_row * WIDTH + tile + column];
        b[row][column] = w[(tile + row) * WIDTH + out_column];
        __syncthreads();
        for (int k = 0; k < TILE; k++)
            sum = fmaf(a[row][k], b[k][column], sum);
        __syncthreads();
    }
    y[out_row * WIDTH + out_column] = sum;
}

/* A row is one block of two warps: each reduces by shuffles, the halves meet in shared memory. */
__device__ static float row_sum(float v, float *halves)
{
    for (int step = 16; step > 0; step /= 2)
        v += shuffle_xor(v, step);
    halves[THREAD_X / 32] = v;
    __syncthreads();
    v = halves[0] + halves[1];
    __syncthreads();
    return v;
}

__device__ static float row_max(float v, float *halves)
{
    for (int step = 16; step > 0; step /= 2)
        v = fmaxf(v, shuffle_xor(v, step));
    halves[THREAD_X / 32] = v;
    __syncthreads();
    v = fmaxf(halves[0], halves[1]);
    __syncthreads();
    return v;
}

/** Normalises each row of x + residual. */
KERNEL layer_norm(const float *gain, const float *x, const float *residual, float *y)
{
    __shared__ float halves[2];
    int i = BLOCK_X * WIDTH + THREAD_X;
    float v = x[i] + residual[i], mean = row_sum(v, halves) / WIDTH;
    float variance = row_sum((v - mean) * (v - mean), halves) / WIDTH;

    y[i] = (v - mean) * rsqrtf(variance + 1e-5f) * gain[THREAD_X];
}

/** By tanh, as tanh(z) = 1 - 2 / (1 + exp(2z)). */
KERNEL gelu(const float *x, float *y)
{
    int i = BLOCK_X * WIDTH + THREAD_X;
    float v = x[i], z = 0.79788456f * fmaf(0.044715f * v * v, v, v);

    y[i] = 0.5f * v * (2.0f - 2.0f / (1.0f + expf(2.0f * z)));
}

/** Attention scores: token times token, as 32 rows of 64, the right half empty (-infinity). */
KERNEL scores(const float *x, float *y)
{
    __shared__ float tokens[CHANNELS * (WIDTH + 1)];
    int lane = THREAD_X, token = BLOCK_X;
    float sum = 0;

    for (int t = 0; t < CHANNELS; t++)
        tokens[t * (WIDTH + 1) + lane] = x[t * WIDTH + lane];
    __syncthreads();
    for (int k = 0; k < WIDTH && lane < CHANNELS; k++)
        sum = fmaf(tokens[token * (WIDTH + 1) + k], tokens[lane * (WIDTH + 1) + k], sum);
    y[token * WIDTH + lane] = lane < CHANNELS ? sum * 0.125f : -__builtin_inff();
}

KERNEL softmax(const float *x, float *y)
{
    __shared__ float halves[2];
    int i = BLOCK_X * WIDTH + THREAD_X;
    float e = expf(x[i] - row_max(x[i], halves));

    y[i] = e / row_sum(e, halves);
}

/** Attention weights times tokens. */
KERNEL attend(const float *weights, const float *x, float *y)
{
    int lane = THREAD_X, token = BLOCK_X;
    float sum = 0;

    for (int t = 0; t < CHANNELS; t++)
        sum = fmaf(weights[token * WIDTH + t], x[t * WIDTH + lane], sum);
    y[token * WIDTH + lane] = sum;
}
