// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and copies of the fake libcuda. Device and pinned memory are the host's, known by a list;
 * everything else is pageable: read when the call is made, and written before it returns.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/preload/fakes/fake_cuda.h"

#define EXPORT   __attribute__((visibility("default")))
#define WORD(at) ((uint64_t)(uintptr_t)(at))
#define AT(word) ((void *)(uintptr_t)(word))

static struct block {
    struct block *next;
    uint64_t start, bytes;
    int type; /* CUmemorytype */
} * blocks;

static uint64_t allocate(size_t bytes, int type)
{
    struct block *b = malloc(sizeof(*b));
    *b = (struct block){.start = WORD(calloc(1, bytes + 64)), .bytes = bytes, .type = type};
    pthread_mutex_lock(&fake_lock);
    b->next = blocks;
    blocks = b;
    pthread_mutex_unlock(&fake_lock);
    return b->start;
}

static struct block *find(uint64_t at)
{
    pthread_mutex_lock(&fake_lock);
    struct block *b = blocks;
    while (b && (at < b->start || at >= b->start + b->bytes))
        b = b->next;
    pthread_mutex_unlock(&fake_lock);
    return b;
}

/* The bytes are overwritten and never given back, so that use after free shows. */
static CUresult release(uint64_t at)
{
    struct block *b = find(at);
    if (!b || b->start != at)
        return INVALID_VALUE;
    memset(AT(at), 0xdd, b->bytes);
    b->type = 0;
    b->bytes = 0;
    return OK;
}

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr *pointer, size_t bytes)
{
    *pointer = allocate(bytes, 2);
    return OK;
}

EXPORT CUresult cuMemHostAlloc(void **pointer, size_t bytes, unsigned flags)
{
    *pointer = AT(allocate(bytes, 1));
    return OK;
}

EXPORT CUresult cuMemHostRegister_v2(void *pointer, size_t bytes, unsigned flags)
{
    fake_cuda_counts.registered = pointer;
    return OK;
}

EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr *device, void *pointer, unsigned flags)
{
    *device = WORD(pointer);
    return OK;
}

EXPORT CUresult cuMemAllocAsync(CUdeviceptr *pointer, size_t bytes, CUstream stream)
{
    return cuMemAlloc_v2(pointer, bytes);
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr pointer)
{
    fake_wait_all(fake_current(), false);
    return release(pointer);
}

EXPORT CUresult cuMemFreeHost(void *pointer)
{
    fake_wait_all(fake_current(), false);
    return release(WORD(pointer));
}

static CUresult put(CUstream stream, void (*run)(struct fake_work *), uint64_t a, uint64_t b,
                    uint64_t c, bool wait)
{
    struct fake_stream *s = fake_stream_of(stream, false);
    if (!s)
        return INVALID_HANDLE;
    struct fake_work w = {.run = run, .words = {a, b, c}};
    CUresult result = fake_put(s, &w);
    if (wait)
        fake_finish(s);
    return result;
}

static void run_free(struct fake_work *w)
{
    release(w->words[0]);
}

EXPORT CUresult cuMemFreeAsync(CUdeviceptr pointer, CUstream stream)
{
    return put(stream, run_free, pointer, 0, 0, false);
}

EXPORT CUresult cuPointerGetAttribute(void *value, int attribute, CUdeviceptr pointer)
{
    struct block *b = find(pointer);
    if (!b)
        return INVALID_VALUE;
    if (attribute == 2)
        *(unsigned *)value = (unsigned)b->type;
    else if (attribute == 8) /* managed */
        *(unsigned *)value = 0;
    else if (attribute == 17) /* a pool's */
        *(void **)value = b;
    else if (attribute == 11)
        *(uint64_t *)value = b->start;
    else if (attribute == 12)
        *(size_t *)value = b->bytes;
    else
        return NOT_SUPPORTED;
    return OK;
}

static void run_copy(struct fake_work *w)
{
    memcpy(AT(w->words[0]), AT(w->words[1]), w->words[2]);
}

static void run_staged(struct fake_work *w)
{
    run_copy(w);
    free(AT(w->words[1]));
}

EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    bool pageable_from = !find(from), pageable_to = !find(to);
    if (!to || !from)
        return INVALID_VALUE;
    if (pageable_from) {
        void *staged = malloc(bytes);
        memcpy(staged, AT(from), bytes);
        return put(stream, run_staged, to, WORD(staged), bytes, pageable_to);
    }
    return put(stream, run_copy, to, from, bytes, pageable_to);
}

EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void *from, size_t bytes,
                                     CUstream stream)
{
    return cuMemcpyAsync(to, WORD(from), bytes, stream);
}

EXPORT CUresult cuMemcpyDtoHAsync_v2(void *to, CUdeviceptr from, size_t bytes, CUstream stream)
{
    return cuMemcpyAsync(WORD(to), from, bytes, stream);
}

EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void *from, size_t bytes)
{
    return put(NULL, run_copy, to, WORD(from), bytes, true);
}

EXPORT CUresult cuMemcpyDtoH_v2(void *to, CUdeviceptr from, size_t bytes)
{
    return put(NULL, run_copy, WORD(to), from, bytes, true);
}

static void run_set(struct fake_work *w)
{
    uint32_t *to = AT(w->words[0]);
    for (uint64_t i = 0; i < w->words[2]; i++)
        to[i] = (uint32_t)w->words[1];
}

EXPORT CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream)
{
    return put(stream, run_set, to, value, count, false);
}

EXPORT CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count)
{
    return put(NULL, run_set, to, value, count, false);
}
