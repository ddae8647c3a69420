// SPDX-License-Identifier: Apache-2.0
/*
 * The latency-critical half of the demo: every period it runs one inference of a small network, 20
 * kernels on one stream, and times it with events. Four input frames take turns; each result is
 * compared bit for bit with the first result of that frame, and those first ones with a computation
 * on the CPU. As neighbouring inferences differ in all their data, a kernel that was lost or cut
 * short shows.
 *
 * The network works on 32 channels of 8x8 (2048 features). Its convolutions and dense layers are
 * pruned: the weights that are left form linked lists, so the inner loop is bound by memory
 * latency, as inference of batch 1 is. A convolution stages two maps of 32 channels with borders in
 * LDS: 25 KiB. All layers are launched with one LDS size (--lds-kib).
 */
#include "demo.h"

enum { CHANNELS = 32, SIDE = 8, PIXELS = SIDE * SIDE, FEATURES = CHANNELS * PIXELS };
enum { PADDED = SIDE + 2, PLANE = PADDED * PADDED, FRAMES = 4, LAYERS = 20 };

/* ---- the network's kernels: one work-group of one wave per channel (or token) ---- */

/** A weight that was not pruned. Offsets are in bytes; the last one's next is not followed. */
struct tap {
    uint32_t next;  /* of the next tap, in the table */
    uint32_t input; /* of the input, in LDS, relative to the work-item's base */
    float weight;
    uint32_t unused;
};

__device__ static float follow(const tap *taps, uint32_t node, const char *input, int count,
                               float sum)
{
#pragma unroll 4
    for (int i = 0; i < count; i++) {
        tap t = *(const tap *)((const char *)taps + node);

        sum = fmaf(t.weight, *(const float *)(input + t.input), sum);
        node = t.next;
    }
    return sum;
}

/** Copies @maps maps of all channels into LDS, each plane with a border of @edge. */
__device__ static void stage(float *lds, const float *x, const float *skip, float edge)
{
    int lane = threadIdx.x, planes = skip ? 2 * CHANNELS : CHANNELS;

    for (int i = lane; i < planes * PLANE; i += PIXELS)
        lds[i] = edge;
    __syncthreads();
    for (int c = 0; c < planes; c++) {
        const float *from = c < CHANNELS ? x + c * PIXELS : skip + (c - CHANNELS) * PIXELS;

        lds[c * PLANE + (lane / SIDE + 1) * PADDED + lane % SIDE + 1] = from[lane];
    }
    __syncthreads();
}

/** Pruned 3x3 convolution over the channels of @x and @skip, bias, ReLU. */
__global__ void sparse_conv(const tap *taps, const uint32_t *first, int count, const float *bias,
                            const float *x, const float *skip, float *y)
{
    extern __shared__ float lds[];
    int lane = threadIdx.x, out = blockIdx.x * PIXELS + lane;

    stage(lds, x, skip, 0);
    float sum = follow(taps, first[out], (const char *)&lds[lane / SIDE * PADDED + lane % SIDE],
                       count, bias[blockIdx.x]);
    y[out] = fmaxf(sum, 0);
}

/** Pruned dense layer over all features. */
__global__ void sparse_dense(const tap *taps, const uint32_t *first, int count, const float *bias,
                             const float *x, float *y)
{
    extern __shared__ float lds[];
    int lane = threadIdx.x, out = blockIdx.x * PIXELS + lane;

    for (int i = lane; i < FEATURES; i += PIXELS)
        lds[i] = x[i];
    __syncthreads();
    y[out] = follow(taps, first[out], (const char *)lds, count, bias[blockIdx.x]);
}

/** 3x3 maximum pooling, stride 1. */
__global__ void max_pool(const float *x, float *y)
{
    extern __shared__ float lds[];
    int lane = threadIdx.x;
    float top = -INFINITY;

    stage(lds, x, nullptr, -INFINITY);
    for (int t = 0; t < 9; t++)
        top = fmaxf(top,
                    lds[blockIdx.x * PLANE + (lane / SIDE + t / 3) * PADDED + lane % SIDE + t % 3]);
    y[blockIdx.x * PIXELS + lane] = top;
}

__device__ static float wave_sum(float v)
{
    for (int step = PIXELS / 2; step > 0; step /= 2)
        v += __shfl_xor(v, step);
    return v;
}

__device__ static float wave_max(float v)
{
    for (int step = PIXELS / 2; step > 0; step /= 2)
        v = fmaxf(v, __shfl_xor(v, step));
    return v;
}

/** Normalises each row (channel) of x + residual. */
__global__ void layer_norm(const float *x, const float *residual, const float *gain, float *y)
{
    int i = blockIdx.x * PIXELS + threadIdx.x;
    float v = x[i] + residual[i], mean = wave_sum(v) / PIXELS;
    float variance = wave_sum((v - mean) * (v - mean)) / PIXELS;

    y[i] = (v - mean) * rsqrtf(variance + 1e-5f) * gain[threadIdx.x];
}

__global__ void gelu(const float *x, float *y)
{
    int i = blockIdx.x * PIXELS + threadIdx.x;

    y[i] = 0.5f * x[i] * (1.0f + erff(x[i] * 0.70710678f));
}

/** Attention scores: token times token, as 32 rows of 64, the right half empty (-infinity). */
__global__ void scores(const float *x, float *y)
{
    extern __shared__ float lds[];
    int lane = threadIdx.x, token = blockIdx.x;
    float sum = 0;

    for (int t = 0; t < CHANNELS; t++) /* one more column: lanes read from different banks */
        lds[t * (PIXELS + 1) + lane] = x[t * PIXELS + lane];
    __syncthreads();
    for (int k = 0; k < PIXELS && lane < CHANNELS; k++)
        sum = fmaf(lds[token * (PIXELS + 1) + k], lds[lane * (PIXELS + 1) + k], sum);
    y[token * PIXELS + lane] = lane < CHANNELS ? sum * 0.125f : -INFINITY;
}

__global__ void softmax(const float *x, float *y)
{
    int i = blockIdx.x * PIXELS + threadIdx.x;
    float e = expf(x[i] - wave_max(x[i]));

    y[i] = e / wave_sum(e);
}

/** Attention weights times tokens. */
__global__ void attend(const float *weights, const float *x, float *y)
{
    extern __shared__ float lds[];
    int lane = threadIdx.x;
    float sum = 0;

    lds[lane] = weights[blockIdx.x * PIXELS + lane];
    for (int t = 0; t < CHANNELS; t++)
        lds[PIXELS + t * PIXELS + lane] = x[t * PIXELS + lane];
    __syncthreads();
    for (int t = 0; t < CHANNELS; t++)
        sum = fmaf(lds[t], lds[PIXELS + t * PIXELS + lane], sum);
    y[blockIdx.x * PIXELS + lane] = sum;
}

/* ---- the network ---- */

struct layer {
    enum kind { CONV, DENSE, POOL, NORM, GELU, SCORES, SOFTMAX, ATTEND } kind;
    int input, other; /* buffers: 0 the frame, n the output of layer n - 1 */
};

static const layer network[LAYERS] = {
    {layer::CONV, 0, 0},     {layer::CONV, 1, 0},     {layer::POOL, 2, 0},
    {layer::CONV, 3, 1},     {layer::CONV, 4, 2},     {layer::POOL, 5, 0},
    {layer::NORM, 6, 4},     {layer::DENSE, 7, 0},    {layer::GELU, 8, 0},
    {layer::DENSE, 9, 0},    {layer::NORM, 10, 7},    {layer::SCORES, 11, 0},
    {layer::SOFTMAX, 12, 0}, {layer::ATTEND, 13, 11}, {layer::NORM, 14, 11},
    {layer::DENSE, 15, 0},   {layer::GELU, 16, 0},    {layer::DENSE, 17, 0},
    {layer::NORM, 18, 15},   {layer::SOFTMAX, 19, 0},
};

/** Weights of a layer, on the host and on the device. */
struct weights {
    std::vector<tap> taps;
    std::vector<uint32_t> first; /* of each output */
    std::vector<float> bias, gain;
    tap *d_taps;
    uint32_t *d_first;
    float *d_bias, *d_gain;
};

/** Chains @count random taps for each group of @sharing outputs, scattered over the table as
 * pruning and updating leave them. */
static void make_taps(weights &w, bool conv, int count, int sharing, uint64_t seed)
{
    check_random random(seed);
    size_t lists = FEATURES / sharing, total = lists * count;
    std::vector<uint32_t> place(total);
    float scale = 1.7f / sqrtf((float)count);

    for (size_t i = 0; i < total; i++)
        place[i] = (uint32_t)i;
    for (size_t i = total; i > 1; i--)
        std::swap(place[i - 1], place[random.below((uint32_t)i)]);
    w.taps.resize(total);
    w.first.resize(FEATURES);
    for (size_t l = 0; l < lists; l++)
        for (int i = 0; i < count; i++) {
            size_t at = l * count + i;
            tap &t = w.taps[place[at]];
            uint32_t where = conv ? random.below(2 * CHANNELS) * PLANE + random.below(3) * PADDED +
                                        random.below(3)
                                  : random.below(FEATURES);

            t.next = i + 1 < count ? place[at + 1] * (uint32_t)sizeof(tap) : 0;
            t.input = where * (uint32_t)sizeof(float);
            t.weight = (float)random.real(-scale, scale);
        }
    for (size_t o = 0; o < FEATURES; o++)
        w.first[o] = place[o / sharing * count] * (uint32_t)sizeof(tap);
}

static void make_weights(weights &w, const layer &l, int index, int count)
{
    bool sparse = l.kind == layer::CONV || l.kind == layer::DENSE;

    if (sparse) {
        make_taps(w, l.kind == layer::CONV, count, l.kind == layer::CONV ? PIXELS : 16,
                  1000 + index);
        w.d_taps = check_upload(w.taps);
        w.d_first = check_upload(w.first);
    }
    w.bias = check_floats(CHANNELS, -0.1f, 0.1f, 2000 + index);
    w.gain = check_floats(PIXELS, 0.8f, 1.2f, 3000 + index);
    w.d_bias = check_upload(w.bias);
    w.d_gain = check_upload(w.gain);
}

struct detector {
    int taps;
    size_t lds_bytes;
    weights w[LAYERS];
    float *buffer[LAYERS + 1]; /* [0] is set to the frame */
    float *frame[FRAMES];
    hipStream_t stream;
    hipEvent_t begin, end;
};

static void launch(const detector &d, int index)
{
    const layer &l = network[index];
    const weights &w = d.w[index];
    const float *x = d.buffer[l.input], *other = d.buffer[l.other];
    float *y = d.buffer[index + 1];
    const dim3 grid(CHANNELS), group(PIXELS);

    switch (l.kind) {
    case layer::CONV:
        sparse_conv<<<grid, group, d.lds_bytes, d.stream>>>(w.d_taps, w.d_first, d.taps, w.d_bias,
                                                            x, other, y);
        break;
    case layer::DENSE:
        sparse_dense<<<grid, group, d.lds_bytes, d.stream>>>(w.d_taps, w.d_first, d.taps, w.d_bias,
                                                             x, y);
        break;
    case layer::POOL:
        max_pool<<<grid, group, d.lds_bytes, d.stream>>>(x, y);
        break;
    case layer::NORM:
        layer_norm<<<grid, group, d.lds_bytes, d.stream>>>(x, other, w.d_gain, y);
        break;
    case layer::GELU:
        gelu<<<grid, group, d.lds_bytes, d.stream>>>(x, y);
        break;
    case layer::SCORES:
        scores<<<grid, group, d.lds_bytes, d.stream>>>(x, y);
        break;
    case layer::SOFTMAX:
        softmax<<<grid, group, d.lds_bytes, d.stream>>>(x, y);
        break;
    case layer::ATTEND:
        attend<<<grid, group, d.lds_bytes, d.stream>>>(x, other, y);
        break;
    }
    LAUNCHED();
}

/** Runs one inference; returns its duration in device microseconds. */
static double infer(detector &d, int frame, std::vector<float> &result)
{
    float ms;

    d.buffer[0] = d.frame[frame];
    HIP(hipEventRecord(d.begin, d.stream));
    for (int i = 0; i < LAYERS; i++)
        launch(d, i);
    HIP(hipEventRecord(d.end, d.stream));
    check_wait(d.end);
    HIP(hipEventElapsedTime(&ms, d.begin, d.end));
    result = check_download(d.buffer[LAYERS], FEATURES);
    return ms * 1e3;
}

/* ---- the same on the CPU, in double precision where the order of a sum is free ---- */

typedef std::vector<float> map;

static float cpu_pixel(const map &x, const map *skip, int channel, int row, int col, float edge)
{
    if (row < 0 || row >= SIDE || col < 0 || col >= SIDE)
        return edge;
    const map &m = channel < CHANNELS ? x : *skip;
    return m[channel % CHANNELS * PIXELS + row * SIDE + col];
}

static float cpu_sparse(const weights &w, bool conv, int count, const map &x, const map &other,
                        int out)
{
    float sum = w.bias[out / PIXELS];
    uint32_t node = w.first[out];
    int row = out % PIXELS / SIDE, col = out % SIDE;

    for (int i = 0; i < count; i++) {
        const tap &t = w.taps[node / sizeof(tap)];
        int at = t.input / sizeof(float);
        float v = conv ? cpu_pixel(x, &other, at / PLANE, row + at % PLANE / PADDED - 1,
                                   col + at % PADDED - 1, 0)
                       : x[at];

        sum = fmaf(t.weight, v, sum);
        node = t.next;
    }
    return conv ? fmaxf(sum, 0) : sum;
}

/** Layers whose outputs depend on one row of inputs. */
static void cpu_row(const layer &l, const weights &w, const float *x, const float *other, float *y)
{
    double sum = 0, square = 0, top = -INFINITY;
    double v[PIXELS];

    for (int i = 0; i < PIXELS; i++) {
        v[i] = l.kind == layer::NORM ? x[i] + other[i] : x[i];
        top = fmax(top, v[i]);
        sum += l.kind == layer::NORM ? v[i] : 0;
    }
    for (int i = 0; i < PIXELS; i++) {
        square += (v[i] - sum / PIXELS) * (v[i] - sum / PIXELS);
        sum += l.kind == layer::SOFTMAX ? exp(v[i] - top) : 0;
    }
    for (int i = 0; i < PIXELS; i++)
        if (l.kind == layer::NORM)
            y[i] = (float)((v[i] - sum / PIXELS) / sqrt(square / PIXELS + 1e-5) * w.gain[i]);
        else
            y[i] = (float)(exp(v[i] - top) / sum);
}

static float cpu_element(const layer &l, const map &x, const map &other, int out)
{
    int row = out / PIXELS, lane = out % PIXELS;
    double sum = 0;

    switch (l.kind) {
    case layer::POOL:
        sum = -INFINITY;
        for (int t = 0; t < 9; t++)
            sum = fmax(sum, cpu_pixel(x, nullptr, row, lane / SIDE + t / 3 - 1,
                                      lane % SIDE + t % 3 - 1, -INFINITY));
        return (float)sum;
    case layer::GELU:
        return (float)(0.5 * x[out] * (1 + erf(x[out] * M_SQRT1_2)));
    case layer::SCORES:
        if (lane >= CHANNELS)
            return -INFINITY;
        for (int k = 0; k < PIXELS; k++)
            sum += (double)x[row * PIXELS + k] * x[lane * PIXELS + k];
        return (float)(sum / 8);
    default: /* ATTEND */
        for (int t = 0; t < CHANNELS; t++)
            sum += (double)x[row * PIXELS + t] * other[t * PIXELS + lane];
        return (float)sum;
    }
}

static map cpu_infer(const detector &d, const map &frame)
{
    std::vector<map> buffer(LAYERS + 1, map(FEATURES));

    buffer[0] = frame;
    for (int i = 0; i < LAYERS; i++) {
        const layer &l = network[i];
        const map &x = buffer[l.input], &other = buffer[l.other];
        map &y = buffer[i + 1];
        bool conv = l.kind == layer::CONV;

        if (l.kind == layer::NORM || l.kind == layer::SOFTMAX)
            for (int row = 0; row < FEATURES; row += PIXELS)
                cpu_row(l, d.w[i], &x[row], &other[row], &y[row]);
        else
            for (int out = 0; out < FEATURES; out++)
                y[out] = conv || l.kind == layer::DENSE
                             ? cpu_sparse(d.w[i], conv, d.taps, x, other, out)
                             : cpu_element(l, x, other, out);
    }
    return buffer[LAYERS];
}

/* ---- the program ---- */

static void set_up(detector &d, std::vector<map> &frames)
{
    HIP(hipStreamCreateWithFlags(&d.stream, hipStreamNonBlocking));
    HIP(hipEventCreate(&d.begin));
    HIP(hipEventCreate(&d.end));
    for (int i = 0; i < LAYERS; i++) {
        make_weights(d.w[i], network[i], i, d.taps);
        d.buffer[i + 1] = check_alloc<float>(FEATURES);
    }
    for (int f = 0; f < FRAMES; f++) {
        frames.push_back(check_floats(FEATURES, -1, 1, 100 + f));
        d.frame[f] = check_upload(frames[f]);
    }
}

static void report(const std::vector<double> &us, long wrong, const std::string &json, bool times)
{
    double p50 = demo_percentile(us, 0.5), p99 = demo_percentile(us, 0.99),
           top = demo_percentile(us, 1);

    printf("detector: %zu inferences, %ld wrong results\n", us.size(), wrong);
    if (times)
        printf("detector: p50 %.1f us, p99 %.1f us, max %.1f us\n", p50, p99, top);
    if (json.empty())
        return;
    FILE *out = demo_open(json);
    fprintf(out,
            "{\"count\":%zu,\"kernels\":%d,\"p50_us\":%.3f,\"p99_us\":%.3f,\"max_us\":%.3f,"
            "\"wrong_results\":%ld}\n",
            us.size(), LAYERS, p50, p99, top, wrong);
    demo_close(out);
}

int main(int argc, char **argv)
{
    double count = 100, period_us = 100000, warmup = 4, taps = 640, lds_kib = 26;
    std::string json, latencies;
    bool no_times = false;

    demo_parse(
        argc, argv, "detector: times the inferences of a small network, one every period",
        {{"--count", "inferences to time (100)", &count, nullptr, nullptr},
         {"--warmup", "inferences before those (4)", &warmup, nullptr, nullptr},
         {"--period-us", "wall time from one start to the next (100000)", &period_us, nullptr,
          nullptr},
         {"--taps", "weights for each output of a pruned layer (640)", &taps, nullptr, nullptr},
         {"--lds-kib", "LDS of every work-group (26)", &lds_kib, nullptr, nullptr},
         {"--json", "write the figures to this file, - for stdout", nullptr, &json, nullptr},
         {"--latencies", "write every latency, a line each, in us", nullptr, &latencies, nullptr},
         {"--no-times", "print nothing that differs between runs", nullptr, nullptr, &no_times}});
    check_begin();

    static detector d;
    std::vector<map> frames;
    d.taps = (int)taps;
    d.lds_bytes = (size_t)(lds_kib * 1024);
    if (d.taps < 1 || d.lds_bytes < 2 * CHANNELS * PLANE * sizeof(float))
        check_fail("--taps must be at least 1, --lds-kib at least 25");
    set_up(d, frames);

    std::vector<float> first[FRAMES], result;
    for (int f = 0; f < FRAMES; f++) {
        char name[32];

        infer(d, f, first[f]);
        snprintf(name, sizeof(name), "detector/frame%d", f);
        check_close(name, first[f], cpu_infer(d, frames[f]), 1e-6, 1e-3);
    }

    std::vector<double> us;
    long wrong = 0, total = (long)warmup + (long)count;
    double next = demo_wall_us();
    for (long i = 0; i < total; i++) {
        int f = (int)(i % FRAMES);

        demo_sleep_until(next);
        double took = infer(d, f, result);
        wrong += memcmp(result.data(), first[f].data(), FEATURES * sizeof(float)) != 0;
        if (i >= (long)warmup)
            us.push_back(took);
        next = std::max(next + period_us,
                        demo_wall_us()); /* a period that was missed is not made up */
    }
    if (!latencies.empty()) {
        FILE *out = demo_open(latencies);
        for (double v : us)
            fprintf(out, "%.3f\n", v);
        demo_close(out);
    }
    report(us, wrong, json, !no_times);
    return wrong ? 1 : 0;
}
