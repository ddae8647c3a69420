// SPDX-License-Identifier: Apache-2.0
/*
 * Launches that are not looked at, and what ends that (shim/nvidia/fast.c), above the fake libcuda.
 * The fake tells from where a launch came: on the fast path that is the hook itself.
 *
 *   fast_cases CASE        RIG_ALONE=1
 */
#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { PATIENCE = 5000 };

static struct fake_cuda_counts *counts;
static CUstream stream;

static bool is_fast(void *from)
{
    Dl_info info;
    return dladdr(from, &info) && info.dli_sname && strcmp(info.dli_sname, "cuLaunchKernel") == 0;
}

static bool fast;

static void note(void *from)
{
    fast = is_fast(from);
}

static void launch_until(bool wanted)
{
    for (int i = 0;; i++) {
        counts->in_launch = note;
        rig_do(rig_none, stream, NULL, 0);
        if (fast == wanted)
            return;
        CHECK(i < PATIENCE, "launches are %slooked at", wanted ? "" : "not ");
        usleep(1000);
    }
}

static void wait_until_down(void)
{
    for (int i = 0; rig_rt_raised(); i++) {
        CHECK(i < PATIENCE, "the bit stays");
        usleep(1000);
    }
}

static void be_comes(void *from)
{
    CHECK(is_fast(from));
    rig_be_comes();
    wait_until_down(); /* nothing of the launch is known, so the program has no work */
}

/* The fast path ends while the driver launches: the launch is known when it is back. */
static void test_late(void)
{
    int64_t *flag = rig_int64();
    launch_until(true);
    counts->in_launch = be_comes;
    rig_do(rig_wait, stream, flag, 0);
    CHECK(rig_rt_raised(), "the launch is not known");
    *(volatile int32_t *)flag = 1;
    TRY(cuStreamSynchronize(stream));
    wait_until_down();
}

/* Work that nobody has looked at keeps the bit set, in streams of all kinds, also when nothing has
 * come for so long that the driver is asked. */
static void test_lingers(void)
{
    for (int i = 0; i < 2; i++) {
        CUstream of = i ? NULL : stream;
        int64_t *flag = rig_int64();
        launch_until(true);
        rig_do(rig_wait, of, flag, 0);
        for (uint64_t before = counts->queries; counts->queries < before + 10; usleep(1000))
            CHECK(rig_rt_raised(), "the bit went while a kernel runs");
        *(volatile int32_t *)flag = 1;
        TRY(cuStreamSynchronize(of));
        wait_until_down();
    }
}

/* What is held ends it at once: the next launch comes behind that. */
static void test_overtakes(void)
{
    int64_t *at = rig_int64(), value = 0;
    for (int i = 0; i < 3000; i++) {
        launch_until(true);
        rig_hold_unheard();
        TRY(cuMemsetD32Async(dev(at), 0xffffffff, 2, stream));
        rig_do(rig_add, stream, at, 1);
        rig_release();
        TRY(cuStreamSynchronize(stream));
        TRY(cuMemcpyDtoH_v2(&value, dev(at), sizeof(value)));
        CHECK(value == 0, "a launch has overtaken a memset: %lld", (long long)value);
    }
}

/* A real-time program that comes ends it, and it begins again when that has gone. */
static void test_held(void)
{
    for (int i = 0; i < 3; i++) {
        launch_until(true);
        rig_rt_comes();
        launch_until(false);
        rig_hold();
        uint64_t before = rig_launches();
        rig_do(rig_none, stream, NULL, 0);
        CHECK(!rig_is_be() || rig_launches() == before, "a launch was not held");
        rig_release();
        rig_be_comes(); /* not a real-time one any more */
    }
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {
        {"late", test_late},
        {"lingers", test_lingers},
        {"overtakes", test_overtakes},
        {"held", test_held},
    };
    rig_start();
    counts = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(counts && argc == 2);
    stream = rig_stream(1);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (strcmp(cases[i].name, argv[1]) == 0) {
            cases[i].run();
            return 0;
        }
    CHECK(false, "no case %s", argv[1]);
}
