// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time program whose requests are regular (shim/nvidia/ahead.c), above the fake libcuda: its
 * bit is on the board and its anchor on the device before the next request, and neither stays if
 * that does not come. The program itself stands for the best-effort one.
 *
 *   ahead_cases CASE       as class rt; RIG_ALONE=1
 *
 * Machines under load wake a program late, so that there is no rhythm for a while: what is to be
 * seen is waited for, for PATIENCE periods.
 */
#include <dlfcn.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { PERIOD_US = 25000, PATIENCE = 1500, FEW = 20 };

static CUstream stream;
static int64_t *at, requests_done;
static uint64_t next_ns;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct fake_cuda_counts *counts(void)
{
    struct fake_cuda_counts *found = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(found);
    return found;
}

/* Anchors up to this number have been told to end. */
static uint32_t taken_up(void)
{
    return *(_Atomic uint32_t *)counts()->registered;
}

static uint64_t anchors(void)
{
    return counts()->anchors;
}

static void request(void)
{
    rig_do(rig_add, stream, at, 1);
    TRY(cuCtxSynchronize_v2(rig_context));
    requests_done++;
}

static void wait_until_lowered(void)
{
    for (int i = 0; rig_rt_raised(); i++) {
        CHECK(i < 20000, "the bit stays on the board");
        usleep(1000);
    }
}

/* Sleeps until @until_ns. Whether the bit was on the board meanwhile. */
static bool raised_before(uint64_t until_ns)
{
    wait_until_lowered();
    while (now_ns() < until_ns) {
        if (rig_rt_raised())
            return true;
        usleep(20);
    }
    return false;
}

static void sleep_until(uint64_t until_ns)
{
    const struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000u),
                                   .tv_nsec = (long)(until_ns % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* Regular requests, until the bit is there before one, which then has not begun. False: it never
 * was in so many. */
static bool becomes_ready(int periods)
{
    bool ready = false;
    next_ns = now_ns();
    for (int i = 0; i < periods && !ready; i++) {
        sleep_until(next_ns);
        request();
        next_ns += PERIOD_US * 1000ull;
        ready = raised_before(next_ns);
    }
    return ready;
}

static void wait_for_anchor(void)
{
    for (int i = 0; anchors() == 0; i++) {
        CHECK(i < 20000, "no anchor was made");
        usleep(1000);
    }
}

/* A request finds it, and is right. */
static void test_ready(void)
{
    rig_be_comes();
    request();
    wait_for_anchor();
    uint64_t before = anchors();
    CHECK(becomes_ready(PATIENCE));
    for (int i = 0; anchors() == before; i++) {
        CHECK(i < 20000, "no anchor was put down");
        usleep(1000);
    }
    request();
    wait_until_lowered();
    TRY(cuMemFree_v2(dev(rig_int64()))); /* waits for the device: no anchor is there for ever */
}

/* The anchor stays for the request: its kernel was launched before, and that all work of the
 * context was waited for since does not change that. */
static void test_known(void)
{
    bool stays = false;
    rig_be_comes();
    request();
    wait_for_anchor();
    for (int i = 0; i < FEW && !stays; i++) {
        uint64_t before = anchors();
        CHECK(becomes_ready(PATIENCE));
        while (anchors() == before)
            usleep(10);
        uint32_t before_it = taken_up();
        rig_do(rig_add, stream, at, 1);
        stays = taken_up() == before_it;
        TRY(cuCtxSynchronize_v2(rig_context));
        requests_done++;
    }
    CHECK(stays, "taken up for a kernel that was launched before");
}

/* It does not come: the bit goes, is there once more at the next beat at most, and then no more. */
static void test_in_vain(void)
{
    rig_be_comes();
    CHECK(becomes_ready(PATIENCE));
    wait_until_lowered();
    raised_before(now_ns() + 2 * PERIOD_US * 1000ull);
    wait_until_lowered();
    CHECK(!raised_before(now_ns() + 20 * PERIOD_US * 1000ull), "it goes on for ever");
}

/* Requests that come while what was made ready is taken back: as long as they run the bit stays.
 * When that is, is learned from requests that come later. */
static void test_edge(void)
{
    int64_t *flag = rig_int64();
    uint64_t lowered_ns = 0; /* so long after the request was due */
    rig_be_comes();
    for (int i = 0; i < FEW; i++) {
        CHECK(becomes_ready(PATIENCE));
        if (i % 4 == 0) {
            while (rig_rt_raised())
                ;
            lowered_ns = now_ns() - next_ns;
        }
        while (now_ns() < next_ns + lowered_ns - (uint64_t)(i * 2000))
            ;
        *(volatile int32_t *)flag = 0;
        rig_do(rig_wait, stream, flag, 0);
        for (uint64_t until_ns = now_ns() + 3000000; now_ns() < until_ns;)
            CHECK(rig_rt_raised(), "real-time work runs, and nobody knows");
        __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
        TRY(cuStreamSynchronize(stream));
    }
}

/* The device is waited for at all times: no anchor that was put down meanwhile is in the way. */
static void test_frees(void)
{
    rig_be_comes();
    for (int i = 0; i < FEW; i++) {
        becomes_ready(2);
        while (now_ns() < next_ns)
            TRY(cuMemFree_v2(dev(rig_int64())));
    }
}

/* Without best-effort programs, or if it is not wanted. */
static void test_alone(void)
{
    CHECK(!becomes_ready(FEW));
}

static void test_off(void)
{
    rig_be_comes();
    CHECK(!becomes_ready(FEW));
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"ready", test_ready}, {"known", test_known}, {"in-vain", test_in_vain},
             {"edge", test_edge},   {"frees", test_frees}, {"alone", test_alone},
             {"off", test_off}};

int main(int argc, char **argv)
{
    rig_start();
    stream = rig_stream(1);
    at = rig_int64();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            CHECK(*at == requests_done);
            return 0;
        }
    return 2;
}
