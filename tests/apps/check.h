// SPDX-License-Identifier: Apache-2.0
/*
 * What the HIP programs under test share: error checks, deterministic data, comparison with the CPU
 * and the lines they print. Part of the programs, not of libreef: nothing here knows of libreef.
 *
 * A program prints one line "NAME ok CHECKSUM" per case. The lines are the same on every run (no
 * times, no addresses), so the outputs of two runs can be compared byte for byte. Exit status: 0
 * all right, 1 a wrong result or an API error (said on stdout), 77 there is no GPU.
 */
#pragma once

#include <hip/hip_runtime.h>

#include <cmath>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <time.h>
#include <vector>

/** Ends the program with exit status 1 and the line "FAILED: ...". */
[[noreturn]] __attribute__((format(printf, 1, 2))) static inline void check_fail(const char *format,
                                                                                 ...)
{
    va_list args;

    va_start(args, format);
    printf("FAILED: ");
    vprintf(format, args);
    printf("\n");
    va_end(args);
    fflush(stdout);
    exit(1);
}

static inline void check_hip(hipError_t error, const char *call, const char *file, int line)
{
    if (error != hipSuccess)
        check_fail("%s:%d: %s: %s", file, line, call, hipGetErrorName(error));
}

/** A HIP call that must succeed. */
#define HIP(call) check_hip((call), #call, __FILE_NAME__, __LINE__)
/** After a <<<>>> launch. */
#define LAUNCHED() HIP(hipGetLastError())
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_fail("%s:%d: %s", __FILE_NAME__, __LINE__, #condition);                          \
    } while (0)

/** First call of every program. */
static inline void check_begin()
{
    int count = 0;
    hipError_t error = hipGetDeviceCount(&count);

    if (error == hipErrorNoDevice || (error == hipSuccess && count == 0)) {
        printf("skipped: no GPU\n");
        exit(77);
    }
    check_hip(error, "hipGetDeviceCount", __FILE_NAME__, __LINE__);
}

/** SplitMix64: the same data on every machine. */
struct check_random {
    uint64_t state;

    explicit check_random(uint64_t seed) : state(seed) {}
    uint64_t next()
    {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    uint32_t below(uint32_t limit) { return (uint32_t)(((next() >> 32) * limit) >> 32); }
    double real(double low, double high)
    {
        return low + (high - low) * ((double)(next() >> 11) * 0x1p-53);
    }
};

static inline std::vector<float> check_floats(size_t count, float low, float high, uint64_t seed)
{
    check_random random(seed);
    std::vector<float> v(count);

    for (float &x : v)
        x = (float)random.real(low, high);
    return v;
}

static inline std::vector<double> check_doubles(size_t count, double low, double high,
                                                uint64_t seed)
{
    check_random random(seed);
    std::vector<double> v(count);

    for (double &x : v)
        x = random.real(low, high);
    return v;
}

/** Waits without polling hard: the runtime's own wait takes a CPU core, or two, because only the
 * first of a signal's waiters sleeps (ROCR-Runtime 5.2, Signal::WaitAny) and one of them is the
 * runtime's event thread. */
template <typename Query, typename Handle> static inline void check_poll(Query query, Handle handle)
{
    const struct timespec nap = {0, 100000};
    hipError_t error;

    while ((error = query(handle)) == hipErrorNotReady)
        nanosleep(&nap, nullptr);
    HIP(error);
}

static inline void check_wait(hipStream_t stream)
{
    check_poll(hipStreamQuery, stream);
}

static inline void check_wait(hipEvent_t event)
{
    check_poll(hipEventQuery, event);
}

/* Device memory. */
template <typename T> T *check_alloc(size_t count)
{
    T *p = nullptr;

    HIP(hipMalloc((void **)&p, count * sizeof(T)));
    return p;
}

template <typename T> T *check_upload(const std::vector<T> &v)
{
    T *p = check_alloc<T>(v.size());

    HIP(hipMemcpy(p, v.data(), v.size() * sizeof(T), hipMemcpyHostToDevice));
    return p;
}

template <typename T> std::vector<T> check_download(const T *p, size_t count)
{
    std::vector<T> v(count);

    HIP(hipMemcpy(v.data(), p, count * sizeof(T), hipMemcpyDeviceToHost));
    return v;
}

/** FNV-1a over the bytes. */
static inline uint64_t check_sum(const void *data, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)data;
    uint64_t h = 0xcbf29ce484222325ull;

    for (size_t i = 0; i < bytes; i++)
        h = (h ^ p[i]) * 0x100000001b3ull;
    return h;
}

/** Prints the line of a case that went well. */
template <typename T> void check_ok(const char *name, const std::vector<T> &result)
{
    printf("%s ok %016llx\n", name,
           (unsigned long long)check_sum(result.data(), result.size() * sizeof(T)));
    fflush(stdout);
}

/** @got is bit for bit @want; then the line. */
template <typename T>
void check_equal(const char *name, const std::vector<T> &got, const std::vector<T> &want)
{
    CHECK(got.size() == want.size());
    for (size_t i = 0; i < got.size(); i++)
        if (memcmp(&got[i], &want[i], sizeof(T)) != 0)
            check_fail("%s: element %zu of %zu is %.17g, expected %.17g", name, i, got.size(),
                       (double)got[i], (double)want[i]);
    check_ok(name, got);
}

/** |got - want| <= absolute + relative * |want| for every element; then the line. */
template <typename T, typename U>
void check_close(const char *name, const std::vector<T> &got, const std::vector<U> &want,
                 double absolute, double relative)
{
    CHECK(got.size() == want.size());
    for (size_t i = 0; i < got.size(); i++) {
        double g = (double)got[i], w = (double)want[i];

        if (!(std::fabs(g - w) <= absolute + relative * std::fabs(w)))
            check_fail("%s: element %zu of %zu is %.9g, expected %.9g", name, i, got.size(), g, w);
    }
    check_ok(name, got);
}

static inline unsigned check_groups(size_t items, unsigned group)
{
    return (unsigned)((items + group - 1) / group);
}
