// SPDX-License-Identifier: Apache-2.0
/* Events and memory that two processes share. */
#include "conformance.h"

#include <unistd.h>

static CUevent shared_event(void)
{
    CUevent e;

    if (!attribute(CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED))
        conf_skip("no events of other processes");
    OK(cuEventCreate(&e, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    return e;
}

static void give_event(int socket, CUevent e)
{
    CUipcEventHandle handle;

    OK(cuIpcGetEventHandle(&handle, e));
    peer_put(socket, &handle, sizeof(handle));
}

static CUevent take_event(int socket)
{
    CUipcEventHandle handle;
    CUevent e;

    peer_get(socket, &handle, sizeof(handle));
    OK(cuIpcOpenEventHandle(&e, handle));
    return e;
}

/* ---- events ---- */

PEER(waits_for_event)
{
    CUevent e = take_event(socket);
    CUdeviceptr at = words(1);
    CUstream s = free_stream();

    peer_go(socket);
    peer_wait(socket); /* it is recorded */
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    OK(cuStreamWaitEvent(s, e, 0));
    affine(s, at, 1, 7);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    EQUAL(peek(at), 0);
    peer_go(socket);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 7);
    OK(cuEventQuery(e));
    OK(cuEventDestroy(e));
}

CASE(ipc_event_wait, "another process's stream waits for a record of this one's")
{
    int other = peer_start("waits_for_event");
    CUstream s = free_stream();
    CUevent e = shared_event();
    struct gate gate;

    give_event(other, e);
    peer_wait(other);
    gate_close(&gate, s);
    OK(cuEventRecord(e, s));
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    peer_go(other);
    peer_wait(other);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    peer_end(other);
}

PEER(records_event)
{
    CUevent e = take_event(socket);
    CUdeviceptr at = words(1);
    CUstream s = free_stream();
    struct gate gate;

    OK(cuEventQuery(e));
    gate_close(&gate, s);
    chain(s, at);
    OK(cuEventRecord(e, s));
    peer_go(socket);
    peer_wait(socket);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
    peer_wait(socket);
}

CASE(ipc_event_record, "a record that another process makes of this one's event counts here")
{
    int other = peer_start("records_event");
    CUevent e = shared_event();
    CUdeviceptr at = words(1);
    CUstream s = free_stream();

    give_event(other, e);
    peer_wait(other);
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    OK(cuStreamWaitEvent(s, e, 0));
    affine(s, at, 1, 7);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    peer_go(other);
    OK(cuEventSynchronize(e));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 7);
    peer_go(other);
    peer_end(other);
}

enum { TURNS = 3 };

/* Records the event behind a gate; the gate opens when the other process's stream waits for it. */
static void record_standing(int socket, CUevent e, CUstream s)
{
    struct gate gate;

    gate_close(&gate, s);
    OK(cuEventRecord(e, s));
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    peer_go(socket);
    peer_wait(socket);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    peer_wait(socket); /* until the other one has seen it; then it may record the event itself */
    peer_go(socket);
}

static void wait_standing(int socket, CUevent e, CUstream s, CUdeviceptr at)
{
    uint32_t before = peek(at);

    peer_wait(socket);
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    OK(cuStreamWaitEvent(s, e, 0));
    affine(s, at, 1, 7);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    EQUAL(peek(at), before);
    peer_go(socket);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), before + 7);
    OK(cuEventQuery(e));
    peer_go(socket);
    peer_wait(socket);
}

PEER(takes_turns)
{
    CUevent e = take_event(socket);
    CUdeviceptr at = words(1);
    CUstream s = free_stream();

    for (int i = 0; i < TURNS; i++) {
        wait_standing(socket, e, s, at);
        record_standing(socket, e, s);
    }
}

/* One after another: with records of two processes standing at the same time driver 580 does not
 * come back from a wait. */
CASE(ipc_event_version,
     "of records that processes make in turn, a wait is for the latest before it")
{
    int other = peer_start("takes_turns");
    CUstream s = free_stream();
    CUevent e = shared_event();
    CUdeviceptr at = words(1);

    give_event(other, e);
    for (int i = 0; i < TURNS; i++) {
        record_standing(other, e, s);
        wait_standing(other, e, s, at);
    }
    peer_end(other);
}

CASE(ipc_event_handle, "an event has a handle only if it was made for other processes")
{
    CUipcEventHandle handle;
    CUevent e = shared_event(), own;

    OK(cuIpcGetEventHandle(&handle, e));
    IS(cuIpcGetEventHandle(NULL, e), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuIpcGetEventHandle(&handle, event()) != CUDA_SUCCESS);
    memset(&handle, 0x5a, sizeof(handle));
    CHECK(cuIpcOpenEventHandle(&own, handle) != CUDA_SUCCESS);
    OK(cuEventRecord(e, NULL));
    OK(cuEventSynchronize(e));
}

CASE(ipc_event_export_held, "an event that is exported after its record was submitted is not ready")
{
    CUipcEventHandle handle;
    CUstream s = free_stream();
    CUevent e = shared_event();
    struct gate gate;

    gate_close(&gate, s);
    OK(cuEventRecord(e, s));
    OK(cuIpcGetEventHandle(&handle, e));
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
}

/* ---- memory ---- */

static void give_memory(int socket, CUdeviceptr at)
{
    CUipcMemHandle handle;

    OK(cuIpcGetMemHandle(&handle, at));
    peer_put(socket, &handle, sizeof(handle));
}

PEER(adds_to_memory)
{
    CUipcMemHandle handle;
    CUdeviceptr at, again;
    CUstream s = stream();

    peer_get(socket, &handle, sizeof(handle));
    OK(cuIpcOpenMemHandle(&at, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
    OK(cuIpcOpenMemHandle(&again, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
    CHECK(again == at);
    OK(cuIpcCloseMemHandle(again)); /* it is counted */
    EQUAL(word(at), 41);
    affine(s, at, 1, 1);
    OK(cuMemsetD32Async(at + 4, 9, 1, s));
    OK(cuStreamSynchronize(s));
    peer_go(socket);
    peer_wait(socket);
    chain(s, at);
    OK(cuIpcCloseMemHandle(at)); /* waits for its users */
    CHECK(cuIpcCloseMemHandle(at) != CUDA_SUCCESS);
    peer_go(socket);
}

CASE(ipc_memory, "memory that another process has opened is the same memory")
{
    int other = peer_start("adds_to_memory");
    CUdeviceptr before = words(3), at = words(2);

    affine(NULL, at, 1, 41);
    OK(cuCtxSynchronize());
    give_memory(other, at);
    peer_wait(other);
    EQUAL(word(at), 42);
    EQUAL(word(at + 4), 9);
    OK(cuMemsetD32(at, 100, 1));
    OK(cuCtxSynchronize());
    peer_go(other);
    peer_wait(other);
    EQUAL(word(at), 100 + CHAIN);
    peer_end(other);
    EQUAL(word(before + 8), 0);
    OK(cuMemFree(at));
}

CASE(ipc_memory_handle, "only the base of an allocation has a handle, and it is for others")
{
    CUipcMemHandle handle;
    CUdeviceptr at = words(4), own;

    OK(cuIpcGetMemHandle(&handle, at));
    IS(cuIpcGetMemHandle(NULL, at), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuIpcGetMemHandle(&handle, (CUdeviceptr)(uintptr_t)pinned(1)) != CUDA_SUCCESS);
    OK(cuIpcGetMemHandle(&handle, at));
    IS(cuIpcOpenMemHandle(&own, handle, 0), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuIpcOpenMemHandle(&own, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) != CUDA_SUCCESS);
    CHECK(cuIpcCloseMemHandle(at) != CUDA_SUCCESS);
    EQUAL(word(at), 0);
}

/* ---- created memory as a file descriptor ---- */

PEER(maps_file)
{
    int fd = peer_get_file(socket);
    CUmemAccessDesc access = {.location = {CU_MEM_LOCATION_TYPE_DEVICE, dev},
                              .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemGenericAllocationHandle memory;
    CUdeviceptr at;
    size_t bytes;

    peer_get(socket, &bytes, sizeof(bytes));
    OK(cuMemImportFromShareableHandle(&memory, (void *)(intptr_t)fd,
                                      CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
    close(fd);
    OK(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemRelease(memory));
    OK(cuMemSetAccess(at, bytes, &access, 1));
    EQUAL(word(at), 5);
    affine(NULL, at, 2, 1);
    OK(cuCtxSynchronize());
    OK(cuMemUnmap(at, bytes));
    OK(cuMemAddressFree(at, bytes));
}

CASE(ipc_virtual, "created memory goes to another process as a file descriptor")
{
    CUmemAllocationProp prop = {
        .type = CU_MEM_ALLOCATION_TYPE_PINNED,
        .requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR,
        .location = {CU_MEM_LOCATION_TYPE_DEVICE, dev},
    };
    CUmemAccessDesc access = {.location = prop.location,
                              .flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemGenericAllocationHandle memory;
    CUdeviceptr at;
    size_t bytes;
    int fd, other;

    if (!attribute(CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED))
        conf_skip("no file descriptors");
    OK(cuMemGetAllocationGranularity(&bytes, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    OK(cuMemCreate(&memory, bytes, &prop, 0));
    OK(cuMemExportToShareableHandle(&fd, memory, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    OK(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemSetAccess(at, bytes, &access, 1));
    OK(cuMemsetD32(at, 5, 1));
    OK(cuCtxSynchronize());
    other = peer_start("maps_file");
    peer_put_file(other, fd);
    peer_put(other, &bytes, sizeof(bytes));
    peer_end(other);
    EQUAL(word(at), 11);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemRelease(memory));
    OK(cuMemAddressFree(at, bytes));
}
