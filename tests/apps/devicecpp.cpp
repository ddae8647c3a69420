// SPDX-License-Identifier: Apache-2.0
/*
 * C++ in kernels: virtual functions of objects made on the device, pointers to functions, lambdas,
 * templates with recursion, inline assembly, the clock, recursion, and copies of large structures.
 */
#include "check.h"

struct shape {
    __device__ virtual ~shape() {}
    __device__ virtual int area() const = 0;
    __device__ virtual int edges() const { return 0; }
};

struct square : shape {
    int side;

    __device__ explicit square(int s) : side(s) {}
    __device__ int area() const override { return side * side; }
    __device__ int edges() const override { return 4; }
};

struct strip : shape {
    int width, height;

    __device__ strip(int w, int h) : width(w), height(h) {}
    __device__ int area() const override { return width * height; }
};

__global__ void virtual_calls(int *out)
{
    __shared__ char memory[64][32];
    const int t = threadIdx.x;
    shape *s;

    if (t % 2)
        s = new (memory[t]) square(t);
    else
        s = new (memory[t]) strip(t, 3);
    out[t] = s->area() * 10 + s->edges();
    s->~shape();
}

typedef int (*operation)(int, int);
__device__ __noinline__ int plus(int a, int b)
{
    return a + b;
}
__device__ __noinline__ int times(int a, int b)
{
    return a * b;
}
__device__ __noinline__ int power(int a, int b)
{
    return b == 0 ? 1 : a * power(a, b - 1);
}
__device__ operation table[] = {plus, times, power};

__global__ void pointers(int *out)
{
    const int t = threadIdx.x;

    out[t] = table[t % 3](t % 7, t % 5); /* different in the lanes of one wave */
}

template <int N> __device__ int factorial()
{
    return N * factorial<N - 1>();
}
template <> __device__ int factorial<0>()
{
    return 1;
}

template <typename F> __global__ void apply(int *out, F f)
{
    out[threadIdx.x] = f(threadIdx.x) + factorial<5>();
}

struct large {
    double values[40];
    int count;
};

__device__ __noinline__ large doubled(large in)
{
    for (int i = 0; i < in.count; i++)
        in.values[i] *= 2;
    return in;
}

__global__ void structures(large in, double *out)
{
    large two = doubled(in), four = doubled(two);

    out[threadIdx.x] = four.values[threadIdx.x] + two.values[39 - threadIdx.x];
}

__device__ __noinline__ unsigned ackermann(unsigned m, unsigned n)
{
    if (m == 0)
        return n + 1;
    return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}

__global__ void recursion(unsigned *out)
{
    out[threadIdx.x] = ackermann(2, threadIdx.x % 5);
}

__global__ void assembly(const unsigned *in, unsigned *out, long long *ticks)
{
    long long begin = clock64();
    unsigned x = in[threadIdx.x], reversed, sum;

    asm volatile("v_bfrev_b32 %0, %1" : "=v"(reversed) : "v"(x));
    asm volatile("v_add_u32 %0, %1, %2" : "=v"(sum) : "v"(reversed), "v"(x));
    out[threadIdx.x] = sum;
    ticks[threadIdx.x] = clock64() - begin + (__builtin_amdgcn_s_memrealtime() > 0 ? 0 : -1000000);
}

template <typename T, typename K, typename... A>
static std::vector<T> run(K kernel, int threads, A... arguments)
{
    T *p = check_alloc<T>(threads);

    kernel<<<1, threads>>>(arguments..., p);
    LAUNCHED();
    std::vector<T> v = check_download(p, threads);
    HIP(hipFree(p));
    return v;
}

int main()
{
    std::vector<int> want(64);
    std::vector<unsigned> words(64), want_words(64);
    std::vector<double> want_doubles(40);
    large value = {};
    int factor = 3;

    check_begin();
    for (int t = 0; t < 64; t++)
        want[t] = t % 2 ? t * t * 10 + 4 : t * 30;
    check_equal("devicecpp/virtual", run<int>(virtual_calls, 64), want);
    for (int t = 0; t < 64; t++) {
        int a = t % 7, b = t % 5, p = 1;

        for (int i = 0; i < b; i++)
            p *= a;
        want[t] = t % 3 == 0 ? a + b : t % 3 == 1 ? a * b : p;
    }
    check_equal("devicecpp/pointers", run<int>(pointers, 64), want);
    auto lambda = [factor] __device__(int i) { return i * factor; };
    int *p = check_alloc<int>(64);
    apply<<<1, 64>>>(p, lambda);
    LAUNCHED();
    for (int t = 0; t < 64; t++)
        want[t] = 3 * t + 120;
    check_equal("devicecpp/lambda", check_download(p, 64), want);
    HIP(hipFree(p));
    value.count = 40;
    for (int i = 0; i < 40; i++)
        value.values[i] = i + 0.25;
    for (int i = 0; i < 40; i++)
        want_doubles[i] = 4 * value.values[i] + 2 * value.values[39 - i];
    check_equal("devicecpp/structures", run<double>(structures, 40, value), want_doubles);
    for (int t = 0; t < 64; t++)
        want_words[t] = 2 * (t % 5) + 3;
    check_equal("devicecpp/recursion", run<unsigned>(recursion, 64), want_words);
    for (unsigned t = 0; t < 64; t++) {
        words[t] = t * 0x01234567u;
        unsigned reversed = 0;
        for (int bit = 0; bit < 32; bit++)
            reversed |= (words[t] >> bit & 1) << (31 - bit);
        want_words[t] = reversed + words[t];
    }
    unsigned *in = check_upload(words), *out = check_alloc<unsigned>(64);
    long long *ticks = check_alloc<long long>(64);
    assembly<<<1, 64>>>(in, out, ticks);
    LAUNCHED();
    check_equal("devicecpp/assembly", check_download(out, 64), want_words);
    for (long long t : check_download(ticks, 64))
        CHECK(t > 0 && t < 1000000);
    printf("devicecpp/clock ok\n");
    for (void *q : {(void *)in, (void *)out, (void *)ticks})
        HIP(hipFree(q));
    return 0;
}
