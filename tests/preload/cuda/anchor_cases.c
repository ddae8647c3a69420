// SPDX-License-Identifier: Apache-2.0
/*
 * Anchors of a real-time program (shim/nvidia/anchor.c), above the fake libcuda: when one is made,
 * and what a fork does to the words that its kernels look at. The program itself stands for the
 * best-effort one.
 *
 *   anchor_cases CASE      as class rt; RIG_ALONE=1
 */
#include <dlfcn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { PATIENCE_MS = 20000 };

static struct fake_cuda_counts *counts(void)
{
    struct fake_cuda_counts *found = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(found);
    return found;
}

/* Its kernel was launched once to try it. */
static bool is_made(void)
{
    return counts()->anchors > 0;
}

/* One burst of work of a program that waits after each kernel. */
static void burst(CUstream s, int64_t *at)
{
    for (int i = 0; i < 8; i++) {
        rig_do(rig_add, s, at, 1);
        TRY(cuStreamSynchronize(s));
    }
}

static void wait_until_made(void)
{
    for (int ms = 0; !is_made() && ms < PATIENCE_MS; ms++)
        usleep(1000);
    CHECK(is_made());
}

/* Beside a best-effort program it is made before there is any work. */
static void test_ready(void)
{
    rig_be_comes();
    rig_stream(1);
    wait_until_made();
    CHECK(rig_launches() == 0);
}

/* Without one it is not made; and if one comes, not in the middle of real-time work. */
static void test_late(void)
{
    CUstream s = rig_stream(1), busy = rig_stream(1);
    int64_t *flag = rig_int64(), *at = rig_int64();
    for (int i = 0; i < 20; i++) {
        burst(s, at);
        usleep(2000);
    }
    CHECK(!is_made());
    rig_do(rig_wait, busy, flag, 0);
    rig_be_comes();
    for (int i = 0; i < 20; i++) {
        burst(s, at);
        usleep(5000);
    }
    CHECK(!is_made(), "made while real-time work ran");
    __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
    TRY(cuStreamSynchronize(busy));
    wait_until_made();
    CHECK(*at == 40 * 8);
}

/* It is there for a program that pauses, and its memory can be freed meanwhile. */
static void test_used(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    int bursts = 0;
    rig_be_comes();
    wait_until_made();
    uint64_t first = counts()->anchors;
    for (; counts()->anchors == first && bursts < PATIENCE_MS; bursts++) {
        burst(s, at);
        usleep(1000);
    }
    CHECK(counts()->anchors > first);
    CHECK(*at == bursts * 8);
    TRY(cuMemFree_v2(dev(at)));
}

/* What kernels have printed is shown to who waits for the context, though all is known to be over.
 */
static void test_shown(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    for (int i = 0; i < 20; i++) {
        rig_do(rig_add, s, at, 1);
        TRY(cuStreamSynchronize(s));
        uint64_t before = counts()->shown;
        TRY(cuCtxSynchronize());
        CHECK(counts()->shown > before);
    }
    CHECK(is_made());
}

/* Where a kernel that runs would be in the program's way all the time there is none. */
static void test_never(void)
{
    CUstream s = rig_stream(1);
    int64_t *at = rig_int64();
    rig_be_comes();
    for (int i = 0; i < 100; i++) {
        burst(s, at);
        usleep(2000);
    }
    CHECK(!is_made());
}

/* The child's page is the one that was registered: it sees what the parent stores. And what it does
 * itself, it does without touching it. */
static void child(int from_parent, int to_parent, const _Atomic uint32_t *words, uint32_t before)
{
    CUfunction f;
    CUevent event;
    uint32_t after;
    cuModuleGetFunction(&f, rig_module, "add");
    cuEventCreate(&event, 0);
    if (words[0] != before)
        _exit(2);
    CHECK(write(to_parent, "x", 1) == 1);
    CHECK(read(from_parent, &after, sizeof(after)) == sizeof(after));
    if (after == before || words[0] != after)
        _exit(3);
    exit(0);
}

static void test_fork(void)
{
    CUstream s = rig_stream(1);
    int64_t *flag = rig_int64();
    int down[2], up[2], status;
    char byte;
    CHECK(pipe(down) == 0 && pipe(up) == 0);
    rig_do(rig_wait, s, flag, 0); /* real-time work goes on all the time */
    CHECK(is_made() && counts()->anchors > 1);
    _Atomic uint32_t *words = counts()->registered;
    uint32_t before = words[0];
    pid_t pid = fork();
    if (pid == 0)
        child(down[0], up[1], words, before);
    CHECK(read(up[0], &byte, 1) == 1);
    CHECK(words[0] == before, "the child told an anchor to end");
    __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
    TRY(cuCtxSynchronize());
    TRY(cuMemFree_v2(dev(flag))); /* waits for the device: the anchor has to go */
    uint32_t after = words[0];
    CHECK(after != before);
    CHECK(write(down[1], &after, sizeof(after)) == sizeof(after));
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0,
          "child: %x", status);
}

static void call_other(const char *symbol)
{
    typedef CUresult other(uint64_t, uint64_t);
    other *function = (other *)dlsym(RTLD_DEFAULT, symbol);
    CHECK(function && function(0, 0) == NOT_SUPPORTED, "%s", symbol);
}

/* What the program only writes down is not in an anchor's way; what may wait for the device is. */
static void test_changes(void)
{
    CUstream s = rig_stream(1);
    int64_t *flag = rig_int64();
    rig_do(rig_wait, s, flag, 0); /* real-time work goes on all the time */
    CHECK(is_made() && counts()->anchors > 1);
    const _Atomic uint32_t *words = counts()->registered;
    uint32_t before = words[0];
    call_other("cuTexRefSetFlags");
    CHECK(words[0] == before, "told to end for a texture reference");
    call_other("cuCtxSetLimit");
    CHECK(words[0] != before, "not told to end for a limit");
    __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
    TRY(cuStreamSynchronize(s));
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"ready", test_ready},     {"late", test_late},   {"used", test_used},
             {"changes", test_changes}, {"shown", test_shown}, {"never", test_never},
             {"fork", test_fork}};

int main(int argc, char **argv)
{
    rig_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return 2;
}
