// SPDX-License-Identifier: Apache-2.0
/*
 * Memory and events of other processes, by handles. What is shared lies in files without a name (of
 * memfd_create): a handle names one of them by the process that has it open, its descriptor and its
 * inode, and whoever opens the handle opens that through /proc. Sources: CUDA Driver API, "Memory
 * Management" (cuIpc*).
 *
 * An event that processes share is a count of the records asked for, and for each of them whether
 * it is done. So a wait is for the record that was the latest when it was asked for, whoever made
 * it.
 *
 * Not here: the end of a process with records that are not done. Who waits for them waits on.
 */
#include "driver.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* More records of one event are never under way in a context (command.c: MOST_IN_FLIGHT). */
enum { RECORDS = 32768 };

struct page {
    _Atomic uint64_t asked;
    _Atomic uint64_t done[RECORDS]; /* [v % RECORDS]: the latest such v that is done */
};

struct nv_shared {
    int fd; /* -1: of another process */
    struct page *page;
};

enum what { MEMORY = 1, EVENT = 2 };

struct name { /* in a handle */
    char magic[8];
    uint32_t what;
    int32_t pid, fd;
    uint64_t inode;
    uint64_t offset, bytes; /* memory */
    uint64_t id;            /* of the allocation: memory at the same place later is another */
};
_Static_assert(sizeof(struct name) <= CU_IPC_HANDLE_SIZE, "a name fits a handle");
static const char magic[8] = "reefipc";

/* ---- names ---- */

static bool make_name(struct name *name, enum what what, int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return false;
    *name = (struct name){.what = what, .pid = getpid(), .fd = fd, .inode = st.st_ino};
    memcpy(name->magic, magic, sizeof(magic));
    return true;
}

/* The file that a name means, or -1. */
static CUresult open_name(const struct name *name, enum what what, int *fd)
{
    char path[64];
    struct stat st;

    if (memcmp(name->magic, magic, sizeof(magic)) != 0 || name->what != (uint32_t)what)
        return CUDA_ERROR_INVALID_VALUE;
    if (name->pid == getpid()) /* for other processes only */
        return CUDA_ERROR_INVALID_CONTEXT;
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", name->pid, name->fd);
    *fd = open(path, O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        return CUDA_ERROR_MAP_FAILED;
    if (fstat(*fd, &st) != 0 || st.st_ino != name->inode ||
        name->offset + name->bytes < name->bytes ||
        name->offset + name->bytes > (uint64_t)st.st_size) {
        close(*fd);
        return CUDA_ERROR_INVALID_HANDLE;
    }
    return CUDA_SUCCESS;
}

/* ---- events ---- */

static struct page *map_page(int fd)
{
    void *map = mmap(NULL, sizeof(struct page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    return map == MAP_FAILED ? NULL : map;
}

struct nv_shared *nv_shared_new(void)
{
    struct nv_shared *shared = calloc(1, sizeof(*shared));

    if (!shared)
        return NULL;
    shared->fd = memfd_create("reef-emu-event", MFD_CLOEXEC);
    if (shared->fd >= 0 && ftruncate(shared->fd, sizeof(struct page)) == 0)
        shared->page = map_page(shared->fd);
    if (!shared->page) {
        nv_shared_free(shared);
        return NULL;
    }
    return shared;
}

void nv_shared_free(struct nv_shared *shared)
{
    if (!shared)
        return;
    if (shared->page)
        munmap(shared->page, sizeof(*shared->page));
    if (shared->fd >= 0)
        close(shared->fd);
    free(shared);
}

uint64_t nv_shared_ask(struct nv_shared *shared)
{
    return atomic_fetch_add(&shared->page->asked, 1) + 1;
}

void nv_shared_done(struct nv_shared *shared, uint64_t version)
{
    atomic_store(&shared->page->done[version % RECORDS], version);
}

uint64_t nv_shared_latest(const struct nv_shared *shared)
{
    return atomic_load(&shared->page->asked);
}

bool nv_shared_ready(const struct nv_shared *shared, uint64_t version)
{
    return atomic_load(&shared->page->done[version % RECORDS]) >= version;
}

CUresult cuIpcGetEventHandle(CUipcEventHandle *pHandle, CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    struct name name;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event || !event->shared || event->shared->fd < 0)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!pHandle)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (!make_name(&name, EVENT, event->shared->fd))
        return nv_leave(CUDA_ERROR_MAP_FAILED);
    memset(pHandle, 0, sizeof(*pHandle));
    memcpy(pHandle, &name, sizeof(name));
    return nv_leave(CUDA_SUCCESS);
}

static struct nv_event *open_event(struct nv_context *ctx, int fd)
{
    struct nv_shared *shared = calloc(1, sizeof(*shared));
    struct nv_event *event = NULL;

    if (shared) {
        shared->fd = -1;
        shared->page = map_page(fd);
        if (shared->page)
            event = nv_event_new(ctx, CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS);
    }
    if (event)
        event->shared = shared;
    else
        nv_shared_free(shared);
    return event;
}

CUresult cuIpcOpenEventHandle(CUevent *phEvent, CUipcEventHandle handle)
{
    struct nv_context *ctx;
    struct nv_event *event;
    struct name name;
    int fd = -1;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!phEvent)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    memcpy(&name, &handle, sizeof(name));
    name.offset = 0;
    name.bytes = sizeof(struct page);
    rc = open_name(&name, EVENT, &fd);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    event = open_event(ctx, fd);
    close(fd);
    if (!event)
        return nv_leave(CUDA_ERROR_MAP_FAILED);
    *phEvent = event->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- memory ---- */

struct import {
    struct name name;
    unsigned opened;
    uint64_t va;
    char *map; /* of whole pages */
    size_t map_bytes;
    struct import *next;
};

static struct import *imports;

CUresult cuIpcGetMemHandle(CUipcMemHandle *pHandle, CUdeviceptr dptr)
{
    struct nv_context *ctx;
    uint64_t offset, bytes;
    struct name name;
    int fd;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pHandle || !nv_memory_backing(dptr, &fd, &offset, &bytes))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (!make_name(&name, MEMORY, fd))
        return nv_leave(CUDA_ERROR_MAP_FAILED);
    name.offset = offset;
    name.bytes = bytes;
    name.id = nv_memory_find(dptr)->id;
    memset(pHandle, 0, sizeof(*pHandle));
    memcpy(pHandle, &name, sizeof(name));
    return nv_leave(CUDA_SUCCESS);
}

static struct import *find_import(const struct name *name)
{
    struct import *import = imports;

    while (import && memcmp(&import->name, name, sizeof(*name)) != 0)
        import = import->next;
    return import;
}

/* Whole pages around the allocation are mapped; the device reaches only its bytes. */
static CUresult map_import(struct nv_context *ctx, struct import *import, int fd)
{
    uint64_t first = import->name.offset & ~4095ull, inside = import->name.offset - first;
    void *map;

    import->map_bytes = (inside + import->name.bytes + 4095) & ~4095ull;
    import->va = nv_memory_reserve(import->map_bytes, 4096);
    if (!import->va)
        return CUDA_ERROR_MAP_FAILED;
    map = mmap(NULL, import->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)first);
    if (map == MAP_FAILED) {
        munmap((void *)(uintptr_t)import->va, import->map_bytes);
        return CUDA_ERROR_MAP_FAILED;
    }
    import->map = map;
    return nv_memory_add(ctx, import->va, import->name.bytes, import->map + inside, true)
               ? CUDA_SUCCESS
               : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult open_memory(struct nv_context *ctx, const struct name *name, CUdeviceptr *out)
{
    struct import *import = find_import(name);
    int fd = -1;
    CUresult rc = CUDA_SUCCESS;

    if (!import) {
        rc = open_name(name, MEMORY, &fd);
        import = rc == CUDA_SUCCESS ? calloc(1, sizeof(*import)) : NULL;
        if (rc == CUDA_SUCCESS && !import)
            rc = CUDA_ERROR_OUT_OF_MEMORY;
        if (rc == CUDA_SUCCESS) {
            import->name = *name;
            rc = map_import(ctx, import, fd);
        }
        if (fd >= 0)
            close(fd);
        if (rc != CUDA_SUCCESS) {
            free(import);
            return rc;
        }
        import->next = imports;
        imports = import;
    }
    import->opened++;
    *out = import->va;
    return CUDA_SUCCESS;
}

NV_EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned flags);
CUresult cuIpcOpenMemHandle_v2(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned flags)
{
    struct nv_context *ctx;
    struct name name;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pdptr || flags != CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    memcpy(&name, &handle, sizeof(name));
    return nv_leave(open_memory(ctx, &name, pdptr));
}

#undef cuIpcOpenMemHandle
NV_EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned flags);
CUresult cuIpcOpenMemHandle(CUdeviceptr *pdptr, CUipcMemHandle handle, unsigned flags)
{
    return cuIpcOpenMemHandle_v2(pdptr, handle, flags);
}

/* Kernels may still use it. */
CUresult cuIpcCloseMemHandle(CUdeviceptr dptr)
{
    struct import **link = &imports, *import;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    nv_context_wait(ctx);
    while (*link && (*link)->va != dptr)
        link = &(*link)->next;
    import = *link;
    if (!import)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (--import->opened > 0)
        return nv_leave(CUDA_SUCCESS);
    *link = import->next;
    nv_memory_free(import->va);
    munmap(import->map, import->map_bytes);
    munmap((void *)(uintptr_t)import->va, import->map_bytes);
    free(import);
    return nv_leave(CUDA_SUCCESS);
}
