// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual memory management: addresses that are reserved, memory that is created without any, and
 * mappings of the one into the other, which can be used once access was granted. Source: CUDA
 * Driver API, "Virtual Memory Management".
 *
 * A reservation is two stretches of the host's address space: one that nobody can touch, whose
 * addresses are the program's, and one into which the files of created memory are mapped; so
 * mappings side by side are one stretch for copies as well.
 *
 * Threading: as driver.h. Not here: memory of the host's, multicast, compression, sparse arrays.
 */
#include "driver.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_BYTES    4096ull
#define GRANULE_BYTES (2ull << 20)

struct physical {
    void *handle;
    unsigned refs; /* of its handle, and of mappings */
    unsigned handles;
    int fd;
    uint64_t bytes;
    bool imported; /* counted where it was created */
    CUmemAllocationProp prop;
};

struct mapping {
    uint64_t va, bytes;
    struct physical *physical;
    CUmemAccess_flags access;
    struct mapping *next;
};

struct reservation {
    uint64_t base, bytes;
    char *host;
    struct mapping *mappings; /* by address */
    struct reservation *next;
};

static struct reservation *reservations;

/* ---- physical memory ---- */

static struct physical *physical_of(CUmemGenericAllocationHandle handle)
{
    return nv_object((const void *)(uintptr_t)handle, NV_PHYSICAL);
}

static void release(struct physical *p)
{
    if (--p->refs > 0)
        return;
    if (!p->imported)
        nv_memory_charge(p->bytes, -1);
    nv_handle_free(p->handle);
    close(p->fd);
    free(p);
}

/* Takes over @fd. */
static struct physical *physical_new(int fd, uint64_t bytes, const CUmemAllocationProp *prop)
{
    struct physical *p = calloc(1, sizeof(*p));

    if (!p || !(p->handle = nv_handle_new(NV_PHYSICAL, p))) {
        free(p);
        return NULL;
    }
    p->refs = p->handles = 1;
    p->fd = fd;
    p->bytes = bytes;
    p->prop = *prop;
    return p;
}

static CUresult check_prop(const CUmemAllocationProp *prop)
{
    if (!prop || prop->type != CU_MEM_ALLOCATION_TYPE_PINNED ||
        (prop->requestedHandleTypes & ~CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR))
        return CUDA_ERROR_INVALID_VALUE;
    if (prop->location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return CUDA_ERROR_NOT_SUPPORTED; /* HOST_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED is 0 */
    return prop->location.id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

static CUresult create(uint64_t bytes, const CUmemAllocationProp *prop, struct physical **out)
{
    int fd;

    if (!nv_memory_charge(bytes, 1))
        return CUDA_ERROR_OUT_OF_MEMORY;
    fd = memfd_create("reef-emu-physical", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, (off_t)bytes) == 0 && (*out = physical_new(fd, bytes, prop)))
        return CUDA_SUCCESS;
    if (fd >= 0)
        close(fd);
    nv_memory_charge(bytes, -1);
    return CUDA_ERROR_OUT_OF_MEMORY;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle *handle, size_t size,
                     const CUmemAllocationProp *prop, unsigned long long flags)
{
    struct nv_context *ctx;
    struct physical *p;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = check_prop(prop);
    if (rc == CUDA_SUCCESS && (!handle || flags || !size || size % GRANULE_BYTES))
        rc = CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        rc = create(size, prop, &p);
    if (rc == CUDA_SUCCESS)
        *handle = (uintptr_t)p->handle;
    return nv_leave(rc);
}

/* What is mapped stays. */
CUresult cuMemRelease(CUmemGenericAllocationHandle handle)
{
    struct nv_context *ctx;
    struct physical *p;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    p = physical_of(handle);
    if (!p || p->handles == 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    p->handles--;
    release(p);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemGetAllocationGranularity(size_t *granularity, const CUmemAllocationProp *prop,
                                       CUmemAllocationGranularity_flags option)
{
    CUresult rc = check_prop(prop);

    if (!granularity || (option != CU_MEM_ALLOC_GRANULARITY_MINIMUM &&
                         option != CU_MEM_ALLOC_GRANULARITY_RECOMMENDED))
        return CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        *granularity = GRANULE_BYTES;
    return rc;
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp *prop,
                                                CUmemGenericAllocationHandle handle)
{
    struct nv_context *ctx;
    struct physical *p;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    p = physical_of(handle);
    if (!p || !prop)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *prop = p->prop;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- handles for other processes: the file itself ---- */

CUresult cuMemExportToShareableHandle(void *shareable, CUmemGenericAllocationHandle handle,
                                      CUmemAllocationHandleType type, unsigned long long flags)
{
    struct nv_context *ctx;
    struct physical *p;
    int fd;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    p = physical_of(handle);
    if (!shareable || !p || flags || type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR ||
        !(p->prop.requestedHandleTypes & type))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    fd = fcntl(p->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *(int *)shareable = fd;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle *handle, void *os_handle,
                                        CUmemAllocationHandleType type)
{
    const CUmemAllocationProp prop = {
        .type = CU_MEM_ALLOCATION_TYPE_PINNED,
        .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
        .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE},
    };
    struct nv_context *ctx;
    struct physical *p;
    struct stat st;
    int fd;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle || type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    fd = fcntl((int)(intptr_t)os_handle, F_DUPFD_CLOEXEC, 0);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 || (uint64_t)st.st_size % GRANULE_BYTES ||
        !(p = physical_new(fd, (uint64_t)st.st_size, &prop))) {
        if (fd >= 0)
            close(fd);
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    }
    p->imported = true;
    *handle = (uintptr_t)p->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- reservations ---- */

static struct reservation *reservation_of(uint64_t va, uint64_t bytes)
{
    struct reservation *r = reservations;

    while (r && (va < r->base || va - r->base >= r->bytes || bytes > r->bytes - (va - r->base)))
        r = r->next;
    return r;
}

static void free_reservation(struct reservation *r)
{
    if (r->base)
        munmap((void *)(uintptr_t)r->base, r->bytes);
    if (r->host)
        munmap(r->host, r->bytes);
    free(r);
}

CUresult cuMemAddressReserve(CUdeviceptr *ptr, size_t size, size_t alignment, CUdeviceptr addr,
                             unsigned long long flags)
{
    uint64_t align = alignment > GRANULE_BYTES ? alignment : GRANULE_BYTES;
    struct nv_context *ctx;
    struct reservation *r;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!ptr || flags || !size || size % PAGE_BYTES || addr % PAGE_BYTES ||
        (alignment & (alignment - 1)))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    r = calloc(1, sizeof(*r));
    if (!r)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    r->bytes = size;
    r->base = nv_memory_reserve(size, align);
    r->host = (char *)(uintptr_t)nv_memory_reserve(size, PAGE_BYTES);
    if (!r->base || !r->host) {
        free_reservation(r);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    r->next = reservations;
    reservations = r;
    *ptr = r->base;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size)
{
    struct reservation **link = &reservations, *r;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    while (*link && (*link)->base != ptr)
        link = &(*link)->next;
    r = *link;
    if (!r || r->bytes != size || r->mappings)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *link = r->next;
    free_reservation(r);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- mappings ---- */

/* The link to the first mapping that ends behind @va. */
static struct mapping **mapping_behind(struct reservation *r, uint64_t va)
{
    struct mapping **link = &r->mappings;

    while (*link && (*link)->va + (*link)->bytes <= va)
        link = &(*link)->next;
    return link;
}

static CUresult map(struct reservation *r, uint64_t va, uint64_t bytes, struct physical *p)
{
    struct mapping **link = mapping_behind(r, va), *m;

    if (*link && (*link)->va < va + bytes)
        return CUDA_ERROR_INVALID_VALUE; /* something is mapped there */
    m = calloc(1, sizeof(*m));
    if (!m)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (mmap(r->host + (va - r->base), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, p->fd,
             0) == MAP_FAILED) {
        free(m);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *m = (struct mapping){va, bytes, p, CU_MEM_ACCESS_FLAGS_PROT_NONE, *link};
    *link = m;
    p->refs++;
    return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle,
                  unsigned long long flags)
{
    struct nv_context *ctx;
    struct reservation *r;
    struct physical *p;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    p = physical_of(handle);
    r = reservation_of(ptr, size);
    if (!p || !reservation_of(ptr, 1) || flags || offset || !size || ptr % GRANULE_BYTES ||
        size % GRANULE_BYTES)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (!r)
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED); /* beyond it: so answers driver 580 */
    return nv_leave(size > p->bytes ? CUDA_ERROR_INVALID_VALUE : map(r, ptr, size, p));
}

/* Whether whole mappings side by side are exactly this stretch. */
static bool whole_mappings(struct reservation *r, uint64_t va, uint64_t bytes)
{
    uint64_t at = va;

    for (const struct mapping *m = *mapping_behind(r, va); m && at < va + bytes; m = m->next) {
        if (m->va != at)
            return false;
        at += m->bytes;
    }
    return bytes > 0 && at == va + bytes;
}

static void unmap(struct reservation *r, uint64_t va, uint64_t bytes)
{
    struct mapping **link = mapping_behind(r, va);

    while (*link && (*link)->va < va + bytes) {
        struct mapping *m = *link;

        if (m->access != CU_MEM_ACCESS_FLAGS_PROT_NONE)
            nv_memory_free(m->va);
        *link = m->next;
        release(m->physical);
        free(m);
    }
    (void)mmap(r->host + (va - r->base), bytes, PROT_NONE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

/* It waits for nothing (seen on driver 580): what still uses the memory breaks its context. */
CUresult cuMemUnmap(CUdeviceptr ptr, size_t size)
{
    struct nv_context *ctx;
    struct reservation *r;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = reservation_of(ptr, size);
    if (!r || !whole_mappings(r, ptr, size))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    unmap(r, ptr, size);
    return nv_leave(CUDA_SUCCESS);
}

static CUresult set_access(struct reservation *r, uint64_t va, uint64_t bytes,
                           CUmemAccess_flags access)
{
    for (struct mapping *m = *mapping_behind(r, va); m && m->va < va + bytes; m = m->next) {
        if (m->access == access)
            continue; /* it may be in use */
        if (m->access != CU_MEM_ACCESS_FLAGS_PROT_NONE)
            nv_memory_free(m->va);
        m->access = CU_MEM_ACCESS_FLAGS_PROT_NONE;
        if (access == CU_MEM_ACCESS_FLAGS_PROT_NONE)
            continue;
        if (!nv_memory_add(NULL, m->va, m->bytes, r->host + (m->va - r->base),
                           access == CU_MEM_ACCESS_FLAGS_PROT_READWRITE))
            return CUDA_ERROR_OUT_OF_MEMORY;
        m->access = access;
    }
    return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc *desc, size_t count)
{
    struct nv_context *ctx;
    struct reservation *r;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    r = reservation_of(ptr, size);
    if (!r || !desc || !count || !whole_mappings(r, ptr, size))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; i < count; i++) {
        if (desc[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE)
            return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
        if (desc[i].location.id != 0)
            return nv_leave(CUDA_ERROR_INVALID_DEVICE);
        if (desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE &&
            desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READ &&
            desc[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
            return nv_leave(CUDA_ERROR_INVALID_VALUE);
    }
    return nv_leave(set_access(r, ptr, size, desc[count - 1].flags));
}

static struct mapping *mapping_at(uint64_t va)
{
    struct reservation *r = reservation_of(va, 1);
    struct mapping *m = r ? *mapping_behind(r, va) : NULL;

    return m && m->va <= va ? m : NULL;
}

CUresult cuMemGetAccess(unsigned long long *flags, const CUmemLocation *location, CUdeviceptr ptr)
{
    struct nv_context *ctx;
    const struct mapping *m;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    m = mapping_at(ptr);
    if (!flags || !location || !m)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (location->type != CU_MEM_LOCATION_TYPE_DEVICE || location->id != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    *flags = m->access;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle *handle, void *addr)
{
    struct nv_context *ctx;
    const struct mapping *m;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    m = mapping_at((uintptr_t)addr);
    if (!handle || !m)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    m->physical->refs++;
    m->physical->handles++;
    *handle = (uintptr_t)m->physical->handle;
    return nv_leave(CUDA_SUCCESS);
}
