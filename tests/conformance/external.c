// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and semaphores of other drivers. What exports them here is this file: on the emulated
 * device any file of memory will do; a real one wants Vulkan's, and the cases are skipped.
 */
#include "conformance.h"

#include <sys/mman.h>
#include <unistd.h>

/* A file of memory, all zero, that is mapped at *map. */
static int memory_file(size_t bytes, void *map)
{
    int fd = memfd_create("conformance", MFD_CLOEXEC);
    void *at;

    CHECK(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    CHECK(at != MAP_FAILED);
    *(void **)map = at;
    return fd;
}

static CUexternalSemaphore semaphore(CUexternalSemaphoreHandleType type, uint64_t **word)
{
    CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC desc = {.type = type};
    CUexternalSemaphore s;

    desc.handle.fd = memory_file(4096, word);
    if (cuImportExternalSemaphore(&s, &desc) != CUDA_SUCCESS)
        conf_skip("a semaphore of this kind cannot be made here");
    return s;
}

#define TIMELINE CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD
#define BINARY   CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_OPAQUE_FD

static uint64_t value_of(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

CASE(semaphore_wait, "a stream waits until a timeline has the value; the parameters are copied")
{
    uint64_t *word;
    CUexternalSemaphore sem = semaphore(TIMELINE, &word);
    CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS p = {.params = {.fence = {.value = 5}}};
    CUexternalSemaphore array[1] = {sem};
    CUstream s = free_stream();
    CUdeviceptr at = words(1);

    OK(cuWaitExternalSemaphoresAsync(array, &p, 1, s));
    memset(&p, 0, sizeof(p));
    array[0] = NULL;
    affine(s, at, 1, 3);
    __atomic_store_n(word, 4, __ATOMIC_SEQ_CST);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    EQUAL(peek(at), 0);
    __atomic_store_n(word, 6, __ATOMIC_SEQ_CST);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 3);
    OK(cuDestroyExternalSemaphore(sem));
}

CASE(semaphore_signal, "a timeline gets its value after what is before it in the stream")
{
    uint64_t *word;
    CUexternalSemaphore sem = semaphore(TIMELINE, &word);
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS p = {.params = {.fence = {.value = 7}}};
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    chain(s, at);
    OK(cuSignalExternalSemaphoresAsync(&sem, &p, 1, s));
    memset(&p, 0, sizeof(p));
    gate_begun(&gate);
    EQUAL(value_of(word), 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(value_of(word), 7);
    EQUAL(peek(at), CHAIN);
}

CASE(semaphore_between, "one stream's signal lets another's wait go on, however they are submitted")
{
    uint64_t *word;
    CUexternalSemaphore sem = semaphore(TIMELINE, &word);
    CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait = {.params = {.fence = {.value = 1}}};
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS signal = {.params = {.fence = {.value = 1}}};
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);

    OK(cuWaitExternalSemaphoresAsync(&sem, &wait, 1, a));
    affine(a, at, 10, 1);
    affine(b, at, 1, 4);
    OK(cuSignalExternalSemaphoresAsync(&sem, &signal, 1, b));
    EQUAL(word[0] > 1, 0);
    OK(cuStreamSynchronize(a));
    EQUAL(peek(at), 41);
}

CASE(semaphore_binary, "a binary semaphore is taken by its wait")
{
    uint64_t *word;
    CUexternalSemaphore sem = semaphore(BINARY, &word);
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS signal = {0};
    CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait = {0};
    CUstream s = free_stream();

    OK(cuSignalExternalSemaphoresAsync(&sem, &signal, 1, s));
    OK(cuStreamSynchronize(s));
    EQUAL(value_of(word), 1);
    OK(cuWaitExternalSemaphoresAsync(&sem, &wait, 1, s));
    OK(cuStreamSynchronize(s));
    EQUAL(value_of(word), 0);
}

CASE(semaphore_destroy_busy,
     "a semaphore that is destroyed is still signalled by what was submitted")
{
    uint64_t *word;
    CUexternalSemaphore sem = semaphore(TIMELINE, &word);
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS p = {.params = {.fence = {.value = 7}}};
    CUstream s = free_stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    OK(cuSignalExternalSemaphoresAsync(&sem, &p, 1, s));
    OK(cuStreamSynchronize(s));
    OK(cuDestroyExternalSemaphore(sem));
    EQUAL(value_of(word), 7);
    CHECK(cuSignalExternalSemaphoresAsync(NULL, &p, 1, s) != CUDA_SUCCESS);
}

CASE(semaphore_invalid, "a descriptor that is none, and kinds of another system, are refused")
{
    CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC desc = {.type = BINARY, .handle = {.fd = -1}};
    CUexternalSemaphore s;

    CHECK(cuImportExternalSemaphore(&s, &desc) != CUDA_SUCCESS);
    desc.type = CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_D3D12_FENCE;
    CHECK(cuImportExternalSemaphore(&s, &desc) != CUDA_SUCCESS);
    OK(cuCtxSynchronize());
}

static CUexternalMemory external_memory(size_t bytes, uint32_t **map)
{
    CUDA_EXTERNAL_MEMORY_HANDLE_DESC desc = {.type = CU_EXTERNAL_MEMORY_HANDLE_TYPE_OPAQUE_FD,
                                             .size = bytes};
    CUexternalMemory memory;

    desc.handle.fd = memory_file(bytes, map);
    if (cuImportExternalMemory(&memory, &desc) != CUDA_SUCCESS)
        conf_skip("external memory cannot be made here");
    return memory;
}

CASE(external_memory_buffer, "a buffer in external memory is that memory")
{
    uint32_t *map;
    CUexternalMemory memory = external_memory(65536, &map);
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC desc = {.offset = 4096, .size = 8192};
    CUstream s = stream();
    CUdeviceptr at;

    map[1024] = 20;
    OK(cuExternalMemoryGetMappedBuffer(&at, memory, &desc));
    affine(s, at, 2, 2);
    OK(cuStreamSynchronize(s));
    EQUAL(map[1024], 42);
    OK(cuMemFree(at));
    OK(cuDestroyExternalMemory(memory));
}

CASE(external_memory_destroy_busy, "external memory goes after the work that uses it")
{
    uint32_t *map;
    CUexternalMemory memory = external_memory(65536, &map);
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC desc = {.size = 4096};
    CUstream s = stream();
    CUdeviceptr at;

    OK(cuExternalMemoryGetMappedBuffer(&at, memory, &desc));
    chain(s, at);
    OK(cuMemFree(at));
    EQUAL(map[0], CHAIN);
    OK(cuDestroyExternalMemory(memory));
    EQUAL(map[0], CHAIN);
}

CASE(external_memory_invalid, "a buffer that is not inside is refused")
{
    uint32_t *map;
    CUexternalMemory memory = external_memory(65536, &map);
    CUDA_EXTERNAL_MEMORY_BUFFER_DESC desc = {.offset = 65536, .size = 4096};
    CUdeviceptr at;

    CHECK(cuExternalMemoryGetMappedBuffer(&at, memory, &desc) != CUDA_SUCCESS);
    desc = (CUDA_EXTERNAL_MEMORY_BUFFER_DESC){.size = 0};
    CHECK(cuExternalMemoryGetMappedBuffer(&at, memory, &desc) != CUDA_SUCCESS);
    OK(cuDestroyExternalMemory(memory));
}

/* ---- graphics: nothing is registered here ---- */

CASE(graphics_none, "resources of graphics that are none are refused by the call")
{
    CUstream s = stream();
    CUgraphicsResource none = NULL; /* any other handle has to be one */
    CUdeviceptr at = words(1);

    chain(s, at);
    CHECK(cuGraphicsMapResources(1, &none, s) != CUDA_SUCCESS);
    CHECK(cuGraphicsUnmapResources(1, &none, s) != CUDA_SUCCESS);
    CHECK(cuGraphicsUnregisterResource(none) != CUDA_SUCCESS);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}
