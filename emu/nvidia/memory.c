// SPDX-License-Identifier: Apache-2.0
/*
 * Memory. Device memory is a stretch of addresses that the host cannot touch, as on hardware, and a
 * sparse file behind it that interpreters and copies reach by a constant distance. Pinned,
 * registered and managed memory is the host's own, at the same address on both sides.
 *
 * The table of allocations is sorted by address; interpreters read it under a lock of its own.
 */
#include "driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../common/segment.h"

enum { GRANULE = 512 };
#define WINDOW_BYTES (1ull << 38)

static pthread_rwlock_t table_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
static struct nv_memory *table; /* sorted by base */
static size_t count, size;
static uint64_t window; /* 0: not made yet */
static int64_t delta;
static int fd = -1;
static uint64_t used_bytes, next_va;
static unsigned long long ids;

void nv_memory_lock_read(void)
{
    pthread_rwlock_rdlock(&table_lock);
}

void nv_memory_unlock(void)
{
    pthread_rwlock_unlock(&table_lock);
}

/* Index of the first entry whose base is greater than @va. */
static size_t upper_bound(uint64_t va)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (table[middle].range.base <= va)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct nv_memory *nv_memory_find(uint64_t va)
{
    size_t i = upper_bound(va);

    if (i == 0 || va - table[i - 1].range.base >= table[i - 1].range.size)
        return NULL;
    return &table[i - 1];
}

static bool insert(const struct nv_memory *memory)
{
    size_t i;

    pthread_rwlock_wrlock(&table_lock);
    if (count == size) {
        size_t wanted = size ? size * 2 : 256;
        struct nv_memory *larger = realloc(table, wanted * sizeof(*table));

        if (!larger) {
            pthread_rwlock_unlock(&table_lock);
            return false;
        }
        table = larger;
        size = wanted;
    }
    i = upper_bound(memory->range.base);
    memmove(&table[i + 1], &table[i], (count - i) * sizeof(*table));
    table[i] = *memory;
    table[i].ctx = nv_base(memory->ctx);
    table[i].id = ++ids;
    count++;
    pthread_rwlock_unlock(&table_lock);
    return true;
}

static void erase(size_t i)
{
    pthread_rwlock_wrlock(&table_lock);
    memmove(&table[i], &table[i + 1], (count - i - 1) * sizeof(*table));
    count--;
    pthread_rwlock_unlock(&table_lock);
}

/* Index of the allocation that begins at @va, or -1. */
static ssize_t index_of(uint64_t va)
{
    size_t i = upper_bound(va);

    return i > 0 && table[i - 1].range.base == va ? (ssize_t)i - 1 : -1;
}

void *nv_memory_host(uint64_t va, uint64_t bytes)
{
    size_t i = upper_bound(va);
    const struct nv_memory *memory = nv_memory_find(va);
    int64_t distance = memory ? memory->range.delta : 0;
    uint64_t end = memory ? memory->range.base + memory->range.size : 0;

    if (!memory)
        return NULL;
    while (end - va < bytes && memory->foreign && i < count && table[i].range.base == end &&
           table[i].foreign && table[i].range.delta == distance)
        end += table[i++].range.size;
    return end - va < bytes ? NULL : (void *)(uintptr_t)(va + (uint64_t)distance);
}

bool nv_memory_is_pinned(const void *host)
{
    const struct nv_memory *memory = nv_memory_find((uintptr_t)host);

    return memory && memory->kind != NV_MEMORY_DEVICE;
}

/* ---- device memory ---- */

static bool make_window(void)
{
    void *reserved, *backing;

    fd = memfd_create("reef-emu-memory", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, (off_t)WINDOW_BYTES) != 0)
        return false;
    reserved =
        mmap(NULL, WINDOW_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    backing = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (reserved == MAP_FAILED || backing == MAP_FAILED)
        return false;
    madvise(backing, WINDOW_BYTES, MADV_DONTFORK);
    window = (uintptr_t)reserved;
    delta = (char *)backing - (char *)reserved;
    next_va = window;
    return true;
}

/* The device's memory is shared by all processes; the model keeps what each has. */
bool nv_memory_charge(uint64_t bytes, int sign)
{
    struct emu_device *dev = emu_segment_lock();
    uint64_t total = 0;
    bool fits = true;

    for (unsigned i = 0; i < EMU_MAX_PROCESSES; i++)
        total += dev->processes[i].memory_bytes;
    if (sign > 0 &&
        bytes > dev->profile.memory_bytes -
                    (total < dev->profile.memory_bytes ? total : dev->profile.memory_bytes))
        fits = false;
    else
        dev->processes[emu_segment_process()].memory_bytes += sign > 0 ? bytes : 0 - bytes;
    emu_segment_unlock();
    if (fits)
        used_bytes += sign > 0 ? bytes : 0 - bytes;
    return fits;
}

/* A gap of the window, the address after the latest allocation first: freed addresses come back
 * late, so that a use after free is noticed. */
static uint64_t find_gap(uint64_t bytes)
{
    uint64_t at = next_va;

    for (unsigned round = 0; round < 2; round++, at = window) {
        for (size_t i = upper_bound(at); at + bytes <= window + WINDOW_BYTES; i++) {
            uint64_t end = i > 0 ? table[i - 1].range.base + table[i - 1].range.size : 0;

            if (i > 0 && table[i - 1].range.base >= window && end > at)
                at = end;
            if (i == count || table[i].range.base >= at + bytes)
                return at + bytes <= window + WINDOW_BYTES ? at : 0;
        }
    }
    return 0;
}

CUresult nv_memory_alloc(struct nv_context *ctx, uint64_t bytes, uint64_t *va)
{
    struct nv_memory memory = {.kind = NV_MEMORY_DEVICE, .ctx = ctx, .bytes = bytes};

    if (!window && !make_window())
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (bytes > WINDOW_BYTES / 2)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memory.range.size = (bytes + GRANULE - 1) / GRANULE * GRANULE;
    if (!nv_memory_charge(memory.range.size, 1))
        return CUDA_ERROR_OUT_OF_MEMORY;
    memory.range.base = find_gap(memory.range.size);
    memory.range.delta = delta;
    memory.range.writable = true;
    if (!memory.range.base || !insert(&memory)) {
        nv_memory_charge(memory.range.size, -1);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    next_va = memory.range.base + memory.range.size;
    *va = memory.range.base;
    return CUDA_SUCCESS;
}

uint64_t nv_memory_reserve(uint64_t bytes, uint64_t align)
{
    uint64_t room = bytes + align, base;
    char *map = room > bytes ? mmap(NULL, room, PROT_NONE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                             : MAP_FAILED;

    if (map == MAP_FAILED)
        return 0;
    base = ((uintptr_t)map + align - 1) / align * align;
    if (base > (uintptr_t)map)
        munmap(map, base - (uintptr_t)map);
    munmap((void *)(uintptr_t)(base + bytes), (uintptr_t)map + room - base - bytes);
    return base;
}

bool nv_memory_add(struct nv_context *ctx, uint64_t va, uint64_t bytes, void *host, bool writable)
{
    const struct nv_memory memory = {
        .range = {va, bytes, (int64_t)((uintptr_t)host - va), writable},
        .bytes = bytes,
        .kind = NV_MEMORY_DEVICE,
        .ctx = ctx,
        .internal = true,
        .foreign = true,
    };

    return insert(&memory);
}

bool nv_memory_backing(uint64_t va, int *file, uint64_t *offset, uint64_t *bytes)
{
    ssize_t i = index_of(va);

    if (i < 0 || table[i].kind != NV_MEMORY_DEVICE || table[i].foreign || table[i].internal ||
        table[i].pool)
        return false;
    *file = fd;
    *offset = va - window;
    *bytes = table[i].bytes;
    return true;
}

void nv_memory_set_freed(uint64_t va)
{
    table[index_of(va)].freed = true; /* only looked at with the driver's lock */
}

void nv_memory_set_graph(uint64_t va, struct nv_graph_memory *graph)
{
    ssize_t i = index_of(va);

    pthread_rwlock_wrlock(&table_lock);
    table[i].graph = graph;
    table[i].internal = true;
    pthread_rwlock_unlock(&table_lock);
}

void nv_memory_set_pool(uint64_t va, struct nv_pool *pool, bool internal)
{
    ssize_t i = index_of(va);

    pthread_rwlock_wrlock(&table_lock);
    table[i].pool = pool;
    table[i].internal = internal;
    pthread_rwlock_unlock(&table_lock);
}

static void give_back(const struct nv_memory *memory)
{
    if (memory->foreign)
        return;
    if (memory->kind == NV_MEMORY_DEVICE) {
        uint64_t first = (memory->range.base + 4095) & ~4095ull;
        uint64_t end = (memory->range.base + memory->range.size) & ~4095ull;

        nv_memory_charge(memory->range.size, -1);
        if (end > first) /* whole pages go back to the system */
            madvise((void *)(uintptr_t)(first + (uint64_t)delta), end - first, MADV_REMOVE);
    } else if (memory->kind != NV_MEMORY_REGISTERED) {
        munmap((void *)(uintptr_t)memory->range.base, memory->range.size);
    }
}

void nv_memory_free(uint64_t va)
{
    ssize_t i = index_of(va);
    struct nv_memory memory;

    if (i < 0)
        return;
    memory = table[i];
    erase((size_t)i);
    give_back(&memory);
}

void nv_memory_forget(struct nv_context *ctx)
{
    for (size_t i = count; i-- > 0;) {
        if (table[i].ctx == ctx)
            nv_memory_free(table[i].range.base);
    }
}

CUresult cuMemAlloc(CUdeviceptr *dptr, size_t bytesize)
{
    struct nv_context *ctx;
    uint64_t va;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!dptr || bytesize == 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_capture_check_unsafe();
    if (rc == CUDA_SUCCESS)
        rc = nv_memory_alloc(ctx, bytesize, &va);
    if (rc == CUDA_SUCCESS)
        *dptr = va;
    return nv_leave(rc);
}

CUresult cuMemAllocPitch(CUdeviceptr *dptr, size_t *pPitch, size_t WidthInBytes, size_t Height,
                         unsigned int ElementSizeBytes)
{
    if (!dptr || !pPitch || WidthInBytes == 0 || Height == 0 ||
        (ElementSizeBytes != 4 && ElementSizeBytes != 8 && ElementSizeBytes != 16))
        return CUDA_ERROR_INVALID_VALUE;
    *pPitch = (WidthInBytes + GRANULE - 1) / GRANULE * GRANULE;
    return cuMemAlloc(dptr, *pPitch * Height);
}

/* Freeing waits for everything in the context: a kernel may still use it. */
CUresult cuMemFree(CUdeviceptr dptr)
{
    struct nv_context *ctx;
    ssize_t i;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dptr == 0)
        return nv_leave(CUDA_SUCCESS);
    rc = nv_capture_check_unsafe();
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    i = index_of(dptr);
    if (i >= 0 && table[i].foreign) {
        nv_contexts_wait();
        return nv_leave(nv_external_free(dptr) ? ctx->sticky : CUDA_ERROR_INVALID_VALUE);
    }
    if (i >= 0 && table[i].graph) {
        struct nv_op op;

        rc = nv_graph_memory_free(table[i].graph, &op);
        if (rc != CUDA_SUCCESS)
            return nv_leave(rc);
        nv_contexts_wait();
        nv_op_clear(&op);
        return nv_leave(ctx->sticky);
    }
    if (i < 0 || table[i].internal || table[i].freed ||
        (table[i].kind != NV_MEMORY_DEVICE && table[i].kind != NV_MEMORY_MANAGED))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    nv_context_wait(table[i].ctx ? table[i].ctx : ctx);
    nv_memory_free(dptr);
    return nv_leave(ctx->sticky);
}

CUresult cuMemGetInfo(size_t *free, size_t *total)
{
    struct nv_context *ctx;
    struct emu_device *dev;
    uint64_t used = 0;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    dev = emu_segment_lock();
    for (unsigned i = 0; i < EMU_MAX_PROCESSES; i++)
        used += dev->processes[i].memory_bytes;
    emu_segment_unlock();
    if (free)
        *free = nv_profile.memory_bytes - (used < nv_profile.memory_bytes ? used : 0);
    if (total)
        *total = nv_profile.memory_bytes;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemGetAddressRange(CUdeviceptr *pbase, size_t *psize, CUdeviceptr dptr)
{
    struct nv_context *ctx;
    const struct nv_memory *memory;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    memory = nv_memory_find(dptr);
    if (!memory)
        return nv_leave(CUDA_ERROR_NOT_FOUND);
    if (pbase)
        *pbase = memory->range.base;
    if (psize)
        *psize = memory->bytes;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- the host's memory ---- */

static CUresult host_alloc(void **pp, size_t bytes, unsigned flags, enum nv_memory_kind kind)
{
    struct nv_memory memory = {.kind = kind, .flags = flags, .bytes = bytes};
    struct nv_context *ctx;
    void *map;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pp || bytes == 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_capture_check_unsafe();
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    memory.range.size = (bytes + 4095) & ~4095ull;
    map = memory.range.size >= bytes ? mmap(NULL, memory.range.size, PROT_READ | PROT_WRITE,
                                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                                     : MAP_FAILED;
    if (map == MAP_FAILED)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    memory.range.base = (uintptr_t)map;
    memory.range.writable = true;
    memory.ctx = ctx;
    if (!insert(&memory)) {
        munmap(map, memory.range.size);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    *pp = map;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemAllocHost(void **pp, size_t bytesize)
{
    return host_alloc(pp, bytesize, 0, NV_MEMORY_HOST);
}

CUresult cuMemHostAlloc(void **pp, size_t bytesize, unsigned int Flags)
{
    if (Flags &
        ~(CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED))
        return CUDA_ERROR_INVALID_VALUE;
    return host_alloc(pp, bytesize, Flags, NV_MEMORY_HOST);
}

CUresult cuMemAllocManaged(CUdeviceptr *dptr, size_t bytesize, unsigned int flags)
{
    void *p = NULL;
    CUresult rc;

    if (!dptr || (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST))
        return CUDA_ERROR_INVALID_VALUE;
    rc = host_alloc(&p, bytesize, flags, NV_MEMORY_MANAGED);
    if (rc == CUDA_SUCCESS)
        *dptr = (uintptr_t)p;
    return rc;
}

static CUresult release_host(uint64_t va, enum nv_memory_kind kind, CUresult unknown)
{
    struct nv_context *ctx;
    ssize_t i;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    i = index_of(va);
    if (i < 0 || table[i].kind != kind)
        return nv_leave(unknown);
    nv_context_wait(table[i].ctx ? table[i].ctx : ctx);
    nv_memory_free(va);
    return nv_leave(ctx->sticky);
}

CUresult cuMemFreeHost(void *p)
{
    return release_host((uintptr_t)p, NV_MEMORY_HOST, CUDA_ERROR_INVALID_VALUE);
}

CUresult cuMemHostRegister(void *p, size_t bytesize, unsigned int Flags)
{
    const unsigned known = CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP |
                           CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY;
    struct nv_memory memory = {.kind = NV_MEMORY_REGISTERED, .flags = Flags, .bytes = bytesize};
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p || bytesize == 0 || (Flags & ~known))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    memory.range =
        (struct ptx_range){(uintptr_t)p, bytesize, 0, !(Flags & CU_MEMHOSTREGISTER_READ_ONLY)};
    memory.ctx = ctx;
    for (size_t i = 0; i < count; i++) {
        if (table[i].range.base < memory.range.base + bytesize &&
            memory.range.base < table[i].range.base + table[i].range.size)
            return nv_leave(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    }
    return nv_leave(insert(&memory) ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY);
}

CUresult cuMemHostUnregister(void *p)
{
    return release_host((uintptr_t)p, NV_MEMORY_REGISTERED, CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

CUresult cuMemHostGetDevicePointer(CUdeviceptr *pdptr, void *p, unsigned int Flags)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pdptr || Flags != 0 || !nv_memory_is_pinned(p))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *pdptr = (uintptr_t)p;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemHostGetFlags(unsigned int *pFlags, void *p)
{
    struct nv_context *ctx;
    const struct nv_memory *memory;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    memory = nv_memory_find((uintptr_t)p);
    if (!pFlags || !memory || memory->kind != NV_MEMORY_HOST)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *pFlags = memory->flags | CU_MEMHOSTALLOC_DEVICEMAP;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- attributes of pointers ---- */

static CUresult attribute(void *data, CUpointer_attribute attribute, CUdeviceptr ptr)
{
    const struct nv_memory *memory = nv_memory_find(ptr);

    if (!data)
        return CUDA_ERROR_INVALID_VALUE;
    if (!memory)
        return CUDA_ERROR_INVALID_VALUE;
    switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
        *(CUcontext *)data = memory->pool || !memory->ctx ? NULL : memory->ctx->handle;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE:
        *(unsigned *)data = memory->kind == NV_MEMORY_DEVICE || memory->kind == NV_MEMORY_MANAGED
                                ? CU_MEMORYTYPE_DEVICE
                                : CU_MEMORYTYPE_HOST;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
        *(CUdeviceptr *)data = ptr;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
        if (memory->kind == NV_MEMORY_DEVICE)
            return CUDA_ERROR_INVALID_VALUE;
        *(void **)data = (void *)(uintptr_t)ptr;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
        *(unsigned long long *)data = memory->id;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_MANAGED:
        *(unsigned *)data = memory->kind == NV_MEMORY_MANAGED;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: /* cuMemAlloc's */
        *(unsigned *)data = memory->kind == NV_MEMORY_DEVICE && !memory->pool &&
                            !memory->internal && !memory->foreign;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
        *(int *)data = 0;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
        *(CUdeviceptr *)data = memory->range.base;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
        *(size_t *)data = memory->bytes;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
        *(CUmemoryPool *)data = memory->pool ? nv_pool_handle(memory->pool) : NULL;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_MAPPED:
        *(unsigned *)data = 1;
        return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS:
        *(unsigned *)data = 0;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

CUresult cuPointerGetAttribute(void *data, CUpointer_attribute which, CUdeviceptr ptr)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    return rc == CUDA_SUCCESS ? nv_leave(attribute(data, which, ptr)) : rc;
}

/* Pointers that are not known give zeros and no error. */
CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute *attributes,
                                void **data, CUdeviceptr ptr)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!attributes || !data)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (unsigned i = 0; i < numAttributes; i++) {
        bool wide = attributes[i] == CU_POINTER_ATTRIBUTE_CONTEXT ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_POINTER ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_HOST_POINTER ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_RANGE_START_ADDR ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_RANGE_SIZE ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE ||
                    attributes[i] == CU_POINTER_ATTRIBUTE_BUFFER_ID;

        if (attribute(data[i], attributes[i], ptr) != CUDA_SUCCESS)
            memset(data[i], 0, wide ? 8 : 4);
    }
    return nv_leave(CUDA_SUCCESS);
}
