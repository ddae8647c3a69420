// SPDX-License-Identifier: Apache-2.0
/* See rig.h. */
#include "tests/preload/cuda/rig.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/layout.h"

CUfunction rig_add, rig_scale, rig_wait, rig_none;
CUmodule rig_module;
CUcontext rig_context;

static struct reef_board *board;
static _Atomic bool holding;

void rig_fail(const char *file, int line, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    _exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pause_ns(long ns)
{
    const struct timespec pause = {.tv_nsec = ns};
    nanosleep(&pause, NULL);
}

/* The lease of a process that has real-time work. */
static void *renew(void *arg)
{
    for (;; pause_ns(5000000))
        if (atomic_load(&holding))
            reef_board_rt_renew(board, now_ns());
    return NULL;
}

void rig_be_comes(void)
{
    reef_board_set_class(board, REEF_BOARD_BE);
}

void rig_rt_comes(void)
{
    reef_board_set_class(board, REEF_BOARD_RT);
}

void rig_start(void)
{
    char why[160];
    pthread_t thread;
    TRY(cuInit(0));
    TRY(cuDevicePrimaryCtxRetain(&rig_context, 0));
    TRY(cuCtxSetCurrent(rig_context));
    TRY(cuModuleLoadData(&rig_module, "fake"));
    TRY(cuModuleGetFunction(&rig_add, rig_module, "add"));
    TRY(cuModuleGetFunction(&rig_scale, rig_module, "scale"));
    TRY(cuModuleGetFunction(&rig_wait, rig_module, "wait"));
    TRY(cuModuleGetFunction(&rig_none, rig_module, "none"));
    CHECK(reef_board_open(&board, getenv("REEF_BOARD_DIR"), "gpu-fafafafafafafafafafafafafafafafa",
                          why, sizeof(why)) == 0,
          "%s", why);
    if (getenv("RIG_BESIDE"))
        rig_be_comes();
    else if (!getenv("RIG_ALONE")) /* as long as no RT program is there, the depth does not count */
        rig_rt_comes();
    CHECK(pthread_create(&thread, NULL, renew, NULL) == 0);
}

static bool class_is(const char *name)
{
    const char *class = getenv("REEF_PRIORITY");
    return dlsym(RTLD_DEFAULT, "hsa_init") && class && strcmp(class, name) == 0;
}

bool rig_is_be(void)
{
    return class_is("be");
}

bool rig_is_rt(void)
{
    return class_is("rt");
}

void rig_hold(void)
{
    atomic_store(&holding, true);
    reef_board_rt_raise(board);
}

void rig_hold_unheard(void)
{
    atomic_store(&holding, true);
    reef_board_rt_renew(board, now_ns());
    atomic_fetch_or(&board->map->rt, 1ull << board->slot);
}

void rig_release(void)
{
    atomic_store(&holding, false);
    reef_board_rt_clear(board);
}

static void *release_soon(void *arg)
{
    pause_ns(3000000);
    rig_release();
    return NULL;
}

void rig_release_soon(void)
{
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, release_soon, NULL) == 0);
    pthread_detach(thread);
}

uint64_t rig_launches(void)
{
    struct fake_cuda_counts *counts = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(counts);
    return counts->launches;
}

bool rig_rt_raised(void)
{
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    int count = reef_board_read(getenv("REEF_BOARD_DIR"), "gpu-fafafafafafafafafafafafafafafafa",
                                peers, REEF_BOARD_SLOTS);
    for (int i = 0; i < count; i++)
        if (peers[i].cls == REEF_BOARD_RT && peers[i].rt_active)
            return true;
    return false;
}

int64_t *rig_int64(void)
{
    CUdeviceptr at;
    TRY(cuMemAlloc_v2(&at, 64));
    return (int64_t *)(uintptr_t)at;
}

CUstream rig_stream(unsigned flags)
{
    CUstream stream;
    TRY(cuStreamCreate(&stream, flags));
    return stream;
}

void rig_do(CUfunction f, CUstream stream, const void *at, int64_t value)
{
    /* The arguments are gone when the call returns. */
    uint64_t words[2] = {dev(at), (uint64_t)value};
    void *params[2] = {&words[0], &words[1]};
    TRY(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, stream, params, NULL));
    memset(words, 0xee, sizeof(words));
    memset(params, 0xee, sizeof(params));
}
