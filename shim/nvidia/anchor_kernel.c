// SPDX-License-Identifier: Apache-2.0
/*
 * One context's anchor: its two kernels, and the words by which they are told to end. When there is
 * to be one is anchor.c's.
 *
 * The words are in a page of our own that is registered with the driver. It outlives the context,
 * and it is shared memory. Of a private page a store after a fork may go to a copy, while the
 * device goes on looking at the old one. The child has the page too, but nothing of libreef runs
 * there (fork.c), so nobody but this process writes to it.
 *
 * Threads: any. Two never put one down at the same time: the lock is only tried.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/nvidia/anchor.h"

enum {
    PAGE_BYTES = 4096,
    HOST_PORTABLE_MAPPED = 3, /* CU_MEMHOSTREGISTER_PORTABLE | _DEVICEMAP */
    NONBLOCKING = 1,
};

/* words[0]: anchors up to this number are to end; words[1]: have ended by themselves. */
static const char ptx[] = ".version 6.3\n"
                          ".target sm_70\n"
                          ".address_size 64\n"
                          ".visible .entry anchor(.param .u64 words, .param .u32 number, "
                          ".param .u32 limit)\n"
                          "{\n"
                          "    .reg .pred %p<4>;\n"
                          "    .reg .b32 %r<6>;\n"
                          "    .reg .b64 %d<6>;\n"
                          "    ld.param.u64 %d0, [words];\n"
                          "    ld.param.u32 %r0, [number];\n"
                          "    ld.param.u32 %r1, [limit];\n"
                          "    cvt.u64.u32 %d1, %r1;\n"
                          "    mov.u64 %d2, %globaltimer;\n"
                          "again:\n"
                          "    ld.volatile.global.u32 %r2, [%d0];\n"
                          "    sub.u32 %r3, %r2, %r0;\n"
                          "    setp.ge.s32 %p0, %r3, 0;\n"
                          "    @%p0 bra done;\n"
                          "    ld.volatile.global.u32 %r2, [%d0+4];\n"
                          "    sub.u32 %r3, %r2, %r0;\n"
                          "    setp.ge.s32 %p1, %r3, 0;\n"
                          "    @%p1 bra done;\n"
                          "    mov.u64 %d3, %globaltimer;\n"
                          "    sub.u64 %d4, %d3, %d2;\n"
                          "    setp.gt.u64 %p2, %d4, %d1;\n"
                          "    @%p2 bra late;\n"
                          "    nanosleep.u32 500;\n"
                          "    bra again;\n"
                          "late:\n"
                          "    st.volatile.global.u32 [%d0+4], %r0;\n"
                          "done:\n"
                          "    ret;\n"
                          "}\n";

static bool reached(uint32_t word, uint32_t number)
{
    return (int32_t)(word - number) >= 0;
}

static void release_up_to(struct reef_anchor *anchor, uint32_t number)
{
    uint32_t word = atomic_load(&anchor->words[0]);
    while (!reached(word, number) &&
           !atomic_compare_exchange_weak(&anchor->words[0], &word, number))
        ;
}

static bool launch(const struct reef_anchor *anchor, uint32_t number)
{
    uint32_t limit_ns = ANCHOR_LIMIT_NS;
    void *parameters[] = {(void *)&anchor->words_at, &number, &limit_ns};
    const cu_word a[] = {
        anchor->function, 1, 1, 1, 1, 1, 1, 0, anchor->stream, (cu_word)(uintptr_t)parameters, 0};
    void *real = cu_real(&cu_api[CU_cuLaunchKernel]);
    return real && cu_call(real, a, 11) == CUDA_SUCCESS;
}

/* Not where the host must not touch managed memory while a kernel runs (cuda.h,
 * CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS): a program that has waited for its work does so.
 * Nor where each launch waits for its kernel. */
static bool can_be(void)
{
    int device = 0, concurrent = 0;
    const char *blocking = getenv("CUDA_LAUNCH_BLOCKING");
    return (!blocking || strcmp(blocking, "0") == 0 || !*blocking) &&
           cu.cuCtxGetDevice(cu_out(device)) == CUDA_SUCCESS &&
           cu.cuDeviceGetAttribute(cu_out(concurrent), CU_DEVICE_CONCURRENT_MANAGED,
                                   (cu_word)(unsigned)device) == CUDA_SUCCESS &&
           concurrent;
}

static bool make(struct reef_anchor *anchor)
{
    cu_word module = 0;
    void *page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    anchor->words = page;
    bool made =
        cu.cuMemHostRegister_v2 && cu.cuMemHostGetDevicePointer_v2 && cu.cuModuleLoadData &&
        cu.cuModuleGetFunction &&
        cu.cuMemHostRegister_v2((cu_word)(uintptr_t)page, PAGE_BYTES, HOST_PORTABLE_MAPPED) ==
            CUDA_SUCCESS &&
        cu.cuMemHostGetDevicePointer_v2(cu_out(anchor->words_at), (cu_word)(uintptr_t)page, 0) ==
            CUDA_SUCCESS &&
        cu.cuModuleLoadData(cu_out(module), (cu_word)(uintptr_t)ptx) == CUDA_SUCCESS &&
        cu.cuModuleGetFunction(cu_out(anchor->function), module, (cu_word)(uintptr_t) "anchor") ==
            CUDA_SUCCESS &&
        cu.cuStreamCreateWithPriority(cu_out(anchor->stream), NONBLOCKING, 0) == CUDA_SUCCESS;
    /* One that ends at once, so that its code is on the device before it matters. */
    atomic_store(&anchor->number, 1);
    atomic_store(&anchor->words[0], 1);
    return made && launch(anchor, 1);
}

struct reef_anchor *anchor_new(void)
{
    struct reef_anchor *anchor = can_be() ? calloc(1, sizeof(*anchor)) : NULL;
    /* What was made stays if something fails: once in a process's life. */
    return anchor && pthread_mutex_init(&anchor->lock, NULL) == 0 && make(anchor) ? anchor : NULL;
}

bool anchor_gave_up(const struct reef_anchor *anchor)
{
    return reached(atomic_load(&anchor->words[1]), atomic_load(&anchor->number));
}

bool anchor_is_fresh(const struct reef_anchor *anchor, uint64_t now_ns)
{
    uint64_t placed_ns = atomic_load(&anchor->placed_ns);
    return atomic_load(&anchor->up) && !anchor_gave_up(anchor) &&
           now_ns < placed_ns + ANCHOR_LIMIT_NS / 2;
}

/* The new one stands behind the old one before that is told to end. */
enum anchor_put anchor_put_down(struct reef_anchor *anchor, uint64_t now_ns)
{
    if (anchor_is_fresh(anchor, now_ns) || pthread_mutex_trylock(&anchor->lock) != 0)
        return ANCHOR_STAYS;
    uint32_t before = atomic_load(&anchor->number);
    atomic_store(&anchor->number, before + 1);
    atomic_store(&anchor->placed_ns, now_ns);
    atomic_store(&anchor->up, true);
    bool launched = launch(anchor, before + 1) && launch(anchor, before + 1);
    release_up_to(anchor, before);
    pthread_mutex_unlock(&anchor->lock);
    return launched ? ANCHOR_PUT : ANCHOR_REFUSED;
}

bool anchor_take_up(struct reef_anchor *anchor)
{
    if (!atomic_exchange(&anchor->up, false))
        return false;
    release_up_to(anchor, atomic_load(&anchor->number));
    return true;
}
