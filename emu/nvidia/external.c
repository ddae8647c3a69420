// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and semaphores of other drivers. On hardware a file descriptor of Vulkan's names them;
 * here any file of memory does: memory is its bytes, a semaphore is the 64-bit word at its
 * beginning, which is a timeline's value, or 1 while a binary one is signalled. Source: CUDA Driver
 * API, "External Resource Interoperability".
 *
 * Not here: handles of Windows and NvSci, images (mipmapped arrays) in external memory.
 */
#include "graph.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- memory ---- */

struct external_memory {
    void *handle;
    char *map;
    uint64_t bytes;
    unsigned refs; /* of its handle, and of buffers */
};

static void release_memory(struct external_memory *memory)
{
    if (--memory->refs > 0)
        return;
    munmap(memory->map, memory->bytes);
    free(memory);
}

/* A file's descriptor belongs to the driver once its import has succeeded. */
static void *map_file(int fd, uint64_t bytes)
{
    struct stat st;
    void *map;

    if (bytes == 0 || fstat(fd, &st) != 0 || st.st_size < 0 || (uint64_t)st.st_size < bytes)
        return NULL;
    map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED)
        return NULL;
    close(fd);
    return map;
}

CUresult cuImportExternalMemory(CUexternalMemory *out, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
    struct external_memory *memory;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !desc || (desc->flags & ~CUDA_EXTERNAL_MEMORY_DEDICATED))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (desc->type != CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD)
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    memory = calloc(1, sizeof(*memory));
    if (!memory || !(memory->handle = nv_handle_new(NV_EXTERNAL_MEMORY, memory))) {
        free(memory);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    memory->map = map_file(desc->handle.fd, desc->size);
    if (!memory->map) {
        nv_handle_free(memory->handle);
        free(memory);
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    }
    memory->bytes = desc->size;
    memory->refs = 1;
    *out = memory->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* Buffers are freed with cuMemFree, which finds them here. */
struct buffer {
    uint64_t va, bytes;
    struct external_memory *memory;
    struct buffer *next;
};
static struct buffer *buffers;

bool nv_external_free(uint64_t va)
{
    struct buffer **link = &buffers, *b;

    while (*link && (*link)->va != va)
        link = &(*link)->next;
    if (!(b = *link))
        return false;
    *link = b->next;
    nv_memory_free(va);
    munmap((void *)(uintptr_t)va, b->bytes);
    release_memory(b->memory);
    free(b);
    return true;
}

CUresult cuExternalMemoryGetMappedBuffer(CUdeviceptr *dptr, CUexternalMemory handle,
                                         const CUDA_EXTERNAL_MEMORY_BUFFER_DESC *desc)
{
    struct external_memory *memory;
    struct nv_context *ctx;
    struct buffer *b;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    memory = nv_object(handle, NV_EXTERNAL_MEMORY);
    if (!memory)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!dptr || !desc || desc->flags || desc->size == 0 || desc->offset > memory->bytes ||
        desc->size > memory->bytes - desc->offset)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    b = calloc(1, sizeof(*b));
    if (!b)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    b->bytes = (desc->size + 4095) & ~4095ull;
    b->va = nv_memory_reserve(b->bytes, 4096);
    if (!b->va || !nv_memory_add(ctx, b->va, desc->size, memory->map + desc->offset, true)) {
        free(b);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    b->memory = memory;
    memory->refs++;
    b->next = buffers;
    buffers = b;
    *dptr = b->va;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDestroyExternalMemory(CUexternalMemory handle)
{
    struct external_memory *memory;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    memory = nv_object(handle, NV_EXTERNAL_MEMORY);
    if (!memory)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_context_wait(ctx);
    nv_handle_free(memory->handle);
    release_memory(memory);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- semaphores ---- */

struct nv_semaphore {
    void *handle;
    unsigned refs;
    bool timeline;
    _Atomic uint64_t *word;
};

static void release_semaphore(struct nv_semaphore *s)
{
    if (--s->refs > 0)
        return;
    munmap((void *)s->word, sizeof(*s->word));
    free(s);
}

CUresult cuImportExternalSemaphore(CUexternalSemaphore *out,
                                   const CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC *desc)
{
    struct nv_semaphore *s;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!out || !desc || desc->flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (desc->type != CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD &&
        desc->type != CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD)
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    s = calloc(1, sizeof(*s));
    if (!s || !(s->handle = nv_handle_new(NV_EXTERNAL_SEMAPHORE, s))) {
        free(s);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    s->word = map_file(desc->handle.fd, sizeof(*s->word));
    if (!s->word) {
        nv_handle_free(s->handle);
        free(s);
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    }
    s->refs = 1;
    s->timeline = desc->type == CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD;
    *out = s->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* What waits for it or is to signal it still does. */
CUresult cuDestroyExternalSemaphore(CUexternalSemaphore handle)
{
    struct nv_semaphore *s;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    s = nv_object(handle, NV_EXTERNAL_SEMAPHORE);
    if (!s)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_handle_free(s->handle);
    release_semaphore(s);
    return nv_leave(CUDA_SUCCESS);
}

CUexternalSemaphore nv_semaphore_handle(const struct nv_semaphore *s)
{
    return s->handle;
}

void nv_semaphores_retain(const struct nv_semaphore_op *ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        ops[i].semaphore->refs++;
}

void nv_semaphores_clear(struct nv_semaphore_op *ops, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        release_semaphore(ops[i].semaphore);
    free(ops);
}

bool nv_semaphore_run(const struct nv_semaphore_op *op)
{
    uint64_t one = 1;

    if (!op->wait) {
        atomic_store(op->semaphore->word, op->semaphore->timeline ? op->value : 1);
        return true;
    }
    if (op->semaphore->timeline)
        return atomic_load(op->semaphore->word) >= op->value;
    return atomic_compare_exchange_strong(op->semaphore->word, &one, 0);
}

/* The two kinds of parameters begin with the fence's value and have flags. */
CUresult nv_semaphores_op(const CUexternalSemaphore *handles,
                          const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *signals,
                          const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *waits, unsigned count,
                          struct nv_op *op)
{
    struct nv_semaphore_op *ops;

    if (!handles || (!signals && !waits) || count == 0)
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < count; i++) {
        if (!nv_object(handles[i], NV_EXTERNAL_SEMAPHORE))
            return CUDA_ERROR_INVALID_HANDLE;
        if (signals ? signals[i].flags : waits[i].flags)
            return CUDA_ERROR_INVALID_VALUE;
    }
    ops = calloc(count, sizeof(*ops));
    if (!ops)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (unsigned i = 0; i < count; i++) {
        ops[i].semaphore = nv_object(handles[i], NV_EXTERNAL_SEMAPHORE);
        ops[i].wait = waits != NULL;
        ops[i].value = waits ? waits[i].params.fence.value : signals[i].params.fence.value;
    }
    nv_semaphores_retain(ops, count);
    *op = (struct nv_op){.kind = NV_OP_SEMAPHORES, .semaphores = {ops, count}};
    return CUDA_SUCCESS;
}

static CUresult submit(const CUexternalSemaphore *handles,
                       const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *signals,
                       const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *waits, unsigned count,
                       CUstream handle)
{
    struct nv_stream *stream;
    struct nv_context *ctx;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc == CUDA_SUCCESS)
        rc = nv_semaphores_op(handles, signals, waits, count, &op);
    return nv_leave(rc == CUDA_SUCCESS ? nv_submit(stream, &op, NULL) : rc);
}

CUresult cuSignalExternalSemaphoresAsync(const CUexternalSemaphore *handles,
                                         const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *params,
                                         unsigned int count, CUstream stream)
{
    return submit(handles, params, NULL, count, stream);
}

CUresult cuWaitExternalSemaphoresAsync(const CUexternalSemaphore *handles,
                                       const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *params,
                                       unsigned int count, CUstream stream)
{
    return submit(handles, NULL, params, count, stream);
}
