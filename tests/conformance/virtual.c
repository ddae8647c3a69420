// SPDX-License-Identifier: Apache-2.0
/* Virtual memory management: reservations, created memory, mappings, access. */
#include "conformance.h"

static CUmemAllocationProp prop(void)
{
    return (CUmemAllocationProp){.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                 .location = {CU_MEM_LOCATION_TYPE_DEVICE, dev}};
}

/* Also says whether the device has it. */
static size_t granule(void)
{
    const CUmemAllocationProp p = prop();
    size_t bytes;

    if (!attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED))
        conf_skip("no virtual memory management");
    OK(cuMemGetAllocationGranularity(&bytes, &p, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    CHECK(bytes > 0 && (bytes & (bytes - 1)) == 0);
    return bytes;
}

static CUmemGenericAllocationHandle create(size_t bytes)
{
    const CUmemAllocationProp p = prop();
    CUmemGenericAllocationHandle memory;

    OK(cuMemCreate(&memory, bytes, &p, 0));
    return memory;
}

static CUdeviceptr reserve(size_t bytes)
{
    CUdeviceptr at;

    OK(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    return at;
}

static void grant(CUdeviceptr at, size_t bytes, CUmemAccess_flags flags)
{
    const CUmemAccessDesc desc = {.location = {CU_MEM_LOCATION_TYPE_DEVICE, dev}, .flags = flags};

    OK(cuMemSetAccess(at, bytes, &desc, 1));
}

/* Memory at an address, ready for use; its handle is released. */
static CUdeviceptr mapped(size_t bytes)
{
    CUmemGenericAllocationHandle memory = create(bytes);
    CUdeviceptr at = reserve(bytes);

    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemRelease(memory));
    grant(at, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    return at;
}

CASE(virtual_map, "mapped memory is used as any other; what was released lives while it is mapped")
{
    size_t bytes = granule();
    CUdeviceptr at = mapped(bytes);
    CUstream s = stream();

    OK(cuMemsetD32Async(at + bytes - 4, 20, 1, s));
    affine(s, at + bytes - 4, 2, 2);
    EQUAL(word(at + bytes - 4), 42);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemAddressFree(at, bytes));
}

CASE(virtual_remap, "memory keeps its contents when it is mapped elsewhere")
{
    size_t bytes = granule();
    CUmemGenericAllocationHandle memory = create(bytes);
    CUdeviceptr at = reserve(2 * bytes);

    OK(cuMemMap(at, bytes, 0, memory, 0));
    grant(at, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    OK(cuMemsetD32(at, 77, 1));
    OK(cuCtxSynchronize()); /* the fill may still run, and unmapping does not wait for it */
    OK(cuMemUnmap(at, bytes));
    OK(cuMemMap(at + bytes, bytes, 0, memory, 0));
    grant(at + bytes, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    EQUAL(word(at + bytes), 77);
    OK(cuMemUnmap(at + bytes, bytes));
    OK(cuMemRelease(memory));
    OK(cuMemAddressFree(at, 2 * bytes));
}

CASE(virtual_grow, "mappings side by side are one stretch for kernels, copies and fills")
{
    size_t bytes = granule();
    CUdeviceptr at = reserve(2 * bytes), middle = at + bytes;
    CUmemGenericAllocationHandle memory[2] = {create(bytes), create(bytes)};
    CUstream s = stream();
    uint32_t host[4] = {1, 2, 3, 4};

    OK(cuMemMap(at, bytes, 0, memory[0], 0));
    grant(at, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    OK(cuMemMap(middle, bytes, 0, memory[1], 0));
    grant(at, 2 * bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    OK(cuMemcpyHtoD(middle - 8, host, sizeof(host)));
    affine(s, middle - 4, 10, 0);
    affine(s, middle, 10, 0);
    OK(cuMemcpyDtoDAsync(at, middle - 8, 16, s));
    OK(cuMemsetD32Async(middle - 8, 6, 4, s));
    OK(cuStreamSynchronize(s));
    OK(cuMemcpyDtoH(host, at, sizeof(host)));
    EQUAL(host[0], 1);
    EQUAL(host[1], 20);
    EQUAL(host[2], 30);
    EQUAL(host[3], 4);
    EQUAL(word(middle + 4), 6);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemUnmap(middle, bytes));
    for (int i = 0; i < 2; i++)
        OK(cuMemRelease(memory[i]));
    OK(cuMemAddressFree(at, 2 * bytes));
}

/* It waits for no user of the memory: that is for the program to do. */
CASE(virtual_unmap_busy, "memory whose users are done is unmapped while other work is on its way")
{
    size_t bytes = granule();
    CUdeviceptr at = mapped(bytes), other = words(2), out = other + 4;
    CUstream s = stream(), busy = stream();

    OK(cuMemsetD32Async(at, 0, 1, s));
    chain(s, at);
    OK(cuMemcpyDtoDAsync(out, at, 4, s));
    chain(busy, other);
    OK(cuStreamSynchronize(s));
    chain(busy, other);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemAddressFree(at, bytes));
    EQUAL(word(out), CHAIN);
    EQUAL(word(other), 2 * CHAIN);
}

CASE(virtual_release_busy, "releasing the handle of memory in use changes nothing for its users")
{
    size_t bytes = granule();
    CUmemGenericAllocationHandle memory = create(bytes);
    CUdeviceptr at = reserve(bytes);
    CUstream s = stream();

    OK(cuMemMap(at, bytes, 0, memory, 0));
    grant(at, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    OK(cuMemsetD32Async(at, 0, 1, s));
    chain(s, at);
    OK(cuMemRelease(memory));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(virtual_no_access, "mapped memory without access is not there for kernels")
{
    size_t bytes = granule();
    CUmemGenericAllocationHandle memory = create(bytes);
    CUdeviceptr at = reserve(bytes);

    OK(cuMemMap(at, bytes, 0, memory, 0));
    affine(NULL, at, 1, 1);
    IS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}

CASE(virtual_access, "the access of an address is the one that was set")
{
    size_t bytes = granule();
    CUdeviceptr at = mapped(bytes);
    CUmemLocation here = {CU_MEM_LOCATION_TYPE_DEVICE, dev};
    unsigned long long flags = 0;

    OK(cuMemGetAccess(&flags, &here, at));
    EQUAL(flags, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    OK(cuMemUnmap(at, bytes));
    CHECK(cuMemGetAccess(&flags, &here, at) != CUDA_SUCCESS);
    OK(cuMemAddressFree(at, bytes));
}

CASE(virtual_handle, "a mapping's handle can be had from its address, and is counted")
{
    size_t bytes = granule();
    CUmemGenericAllocationHandle memory = create(bytes), same;
    CUmemAllocationProp got;
    CUdeviceptr at = reserve(bytes);

    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemRetainAllocationHandle(&same, (void *)(uintptr_t)(at + 4096)));
    CHECK(same == memory);
    OK(cuMemRelease(memory));
    OK(cuMemGetAllocationPropertiesFromHandle(&got, same));
    EQUAL(got.location.id, dev);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemRelease(same));
    CHECK(cuMemRetainAllocationHandle(&same, (void *)(uintptr_t)at) != CUDA_SUCCESS);
    OK(cuMemAddressFree(at, bytes));
}

CASE(virtual_invalid, "sizes, addresses and mappings that do not fit are refused by the call")
{
    size_t bytes = granule();
    const CUmemAllocationProp p = prop();
    CUmemGenericAllocationHandle memory = create(bytes), none;
    CUdeviceptr at = reserve(bytes), nowhere;

    IS(cuMemCreate(&none, bytes + 1, &p, 0), CUDA_ERROR_INVALID_VALUE);
    IS(cuMemCreate(&none, 0, &p, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuMemAddressReserve(&nowhere, 4097, 0, 0, 0) != CUDA_SUCCESS);
    IS(cuMemAddressReserve(&nowhere, bytes, 3, 0, 0), CUDA_ERROR_INVALID_VALUE);
    IS(cuMemMap(at, bytes, 0, memory, 1), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuMemMap(at, 2 * bytes, 0, memory, 0) != CUDA_SUCCESS); /* beyond both: 801 by 580 */
    OK(cuMemMap(at, bytes, 0, memory, 0));
    CHECK(cuMemMap(at, bytes, 0, memory, 0) != CUDA_SUCCESS); /* something is mapped there */
    OK(cuMemUnmap(at, bytes)); /* a second time is fine by driver 580 */
    OK(cuMemRelease(memory));
    OK(cuMemAddressFree(at, bytes));
}

CASE(virtual_counts, "created memory is the device's: there is less of it until it is released")
{
    enum { TRIES = 20 }; /* other processes may take and give memory meanwhile */
    size_t bytes = granule(), before, during, after, total;
    CUmemGenericAllocationHandle memory;
    bool seen = false;

    for (int i = 0; i < TRIES && !seen; i++) {
        OK(cuMemGetInfo(&before, &total));
        memory = create(32 * bytes);
        OK(cuMemGetInfo(&during, &total));
        OK(cuMemRelease(memory));
        OK(cuMemGetInfo(&after, &total));
        seen = during <= before - 32 * bytes && after >= during + 32 * bytes;
    }
    CHECK(seen);
}
