// SPDX-License-Identifier: Apache-2.0
/*
 * What libreef.so has to know of the CUDA driver API's binary interface, written by hand: a few
 * constants and the places of fields. No header of a toolkit is needed to build or run libreef, so
 * a library built on a bare Debian is the same as one built beside a toolkit;
 * tests/preload/abi_cuda.c compares all of this with the vendor's cuda.h where there is one. Facts:
 * cuda.h of CUDA 13.0.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/** CUresult, an int in registers. */
typedef int cu_result;
/** An argument of a driver function: they are all integers or pointers. */
typedef uint64_t cu_word;

#define CU_RESULTS(X)                                                                              \
    X(SUCCESS, 0)                                                                                  \
    X(ERROR_INVALID_VALUE, 1)                                                                      \
    X(ERROR_OUT_OF_MEMORY, 2)                                                                      \
    X(ERROR_NOT_INITIALIZED, 3)                                                                    \
    X(ERROR_DEINITIALIZED, 4)                                                                      \
    X(ERROR_INVALID_HANDLE, 400)                                                                   \
    X(ERROR_NOT_READY, 600)                                                                        \
    X(ERROR_NOT_SUPPORTED, 801)

/** An error after which the context is broken: all further work in it returns the same (cuda.h, on
 * each of these results). */
static inline int cu_is_sticky(cu_result result)
{
    enum { ECC = 214, ADDRESS = 700, TIMEOUT = 702, ASSERT = 710, STACK = 714, FAILED = 719 };
    return result == ECC || result == ADDRESS || result == TIMEOUT || result == ASSERT ||
           (result >= STACK && result <= FAILED);
}

#define X(name, value) CUDA_##name = value,
enum { CU_RESULTS(X) };
#undef X

enum {
    CU_STREAM_LEGACY_HANDLE = 1,     /* CU_STREAM_LEGACY */
    CU_STREAM_PER_THREAD_HANDLE = 2, /* CU_STREAM_PER_THREAD */
    CU_NON_BLOCKING = 1,             /* CU_STREAM_NON_BLOCKING */
    CU_CAPTURE_STATUS_NONE = 0,      /* CU_STREAM_CAPTURE_STATUS_NONE */
    CU_CAPTURE_MODE_RELAXED = 2,     /* CU_STREAM_CAPTURE_MODE_RELAXED */
    CU_CAPABLE_PER_THREAD = 2,       /* CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM */
    CU_FOUND = 0,                    /* CU_GET_PROC_ADDRESS_SUCCESS */

    CU_MEMORY_HOST = 1, /* CU_MEMORYTYPE_* */
    CU_MEMORY_DEVICE = 2,
    CU_MEMORY_ARRAY = 3,
    CU_MEMORY_UNIFIED = 4,

    CU_POINTER_MEMORY_TYPE = 2, /* CU_POINTER_ATTRIBUTE_* */
    CU_POINTER_MANAGED = 8,
    CU_POINTER_IS_PLAIN = 10, /* IS_LEGACY_CUDA_IPC_CAPABLE: of cuMemAlloc and its like */
    CU_POINTER_RANGE_START = 11,
    CU_POINTER_RANGE_SIZE = 12,
    CU_POINTER_POOL = 17, /* ..._MEMPOOL_HANDLE */

    CU_ATTACH_SINGLE = 4,   /* CU_MEM_ATTACH_SINGLE; GLOBAL and HOST are 1 and 2 */
    CU_LOCATION_DEVICE = 1, /* CU_MEM_LOCATION_TYPE_* */
    CU_LOCATION_HOST = 2,
    CU_ACCESS_READ_WRITE = 3, /* CU_MEM_ACCESS_FLAGS_PROT_READWRITE: more there is not */

    CU_NODE_GRAPH = 4, /* CU_GRAPH_NODE_TYPE_* */
    CU_NODE_WAIT_EVENT = 6,
    CU_NODE_EVENT_RECORD = 7,
    CU_NODE_WAIT_SEMAPHORES = 9,
    CU_NODE_MEM_ALLOC = 10,
    CU_NODE_MEM_FREE = 11,
    CU_NODE_BATCH_MEM_OP = 12,

    CU_FUNCTION_MAX_THREADS = 0, /* CU_FUNC_ATTRIBUTE_* */
    CU_FUNCTION_STATIC_SHARED = 1,
    CU_FUNCTION_MAX_DYNAMIC_SHARED = 8,
    CU_FUNCTION_CARVEOUT = 9,
    CU_FUNCTION_CLUSTER_MUST_BE_SET = 10,
    CU_FUNCTION_NON_PORTABLE_CLUSTER = 14,

    CU_DEVICE_MAX_BLOCK_X = 2, /* CU_DEVICE_ATTRIBUTE_MAX_* */
    CU_DEVICE_MAX_BLOCK_Y = 3,
    CU_DEVICE_MAX_BLOCK_Z = 4,
    CU_DEVICE_MAX_GRID_X = 5,
    CU_DEVICE_MAX_GRID_Y = 6,
    CU_DEVICE_MAX_GRID_Z = 7,
    CU_DEVICE_PROCESSORS = 16,         /* CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT */
    CU_DEVICE_CONCURRENT_MANAGED = 89, /* CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS */

    CU_EXTRA_END = 0, /* CU_LAUNCH_PARAM_* */
    CU_EXTRA_BUFFER = 1,
    CU_EXTRA_SIZE = 2,
};

/** CUipcEventHandle, CUipcMemHandle */
struct cu_ipc_handle {
    char bytes[64];
};

/** CUmemAccessDesc */
struct cu_access {
    uint32_t location_type, location;
    uint32_t flags;
};

/** CUlaunchConfig */
struct cu_launch_config {
    uint32_t grid[3], block[3], shared_bytes;
    cu_word stream;
    const void *attributes;
    uint32_t attribute_count;
};

enum {
    CU_LAUNCH_ATTRIBUTE_BYTES = 72, /* sizeof(CUlaunchAttribute); begins with its 32-bit id */
    CU_LAUNCH_ATTRIBUTES_MAX = 32,  /* there are fewer kinds */
    CU_ATTRIBUTE_COOPERATIVE = 2,   /* CU_LAUNCH_ATTRIBUTE_* */
    CU_ATTRIBUTE_SYNC_POLICY = 3,
    CU_ATTRIBUTE_CLUSTER = 4,
    CU_ATTRIBUTE_CLUSTER_POLICY = 5,
    CU_ATTRIBUTE_SERIALIZATION = 6,
    CU_ATTRIBUTE_PRIORITY = 8,
    CU_ATTRIBUTE_SYNC_DOMAIN = 10,
    CU_ATTRIBUTE_PREFERRED_CLUSTER = 11,
    CU_ATTRIBUTE_CARVEOUT = 14,
    CU_ATTRIBUTE_NVLINK = 16,
};

/** CUDA_LAUNCH_PARAMS: of cuLaunchCooperativeKernelMultiDevice. */
struct cu_multi_device {
    cu_word function;
    uint32_t grid[3], block[3], shared_bytes;
    cu_word stream;
    void **parameters;
};

/** CUDA_KERNEL_NODE_PARAMS_v2 */
struct cu_kernel_node {
    cu_word function;
    uint32_t grid[3], block[3], shared_bytes;
    void **parameters, **extra;
    cu_word kernel, context;
};

/** CUDA_ARRAY3D_DESCRIPTOR */
struct cu_array {
    size_t width, height, depth; /* in elements; 0: one */
    uint32_t format, channels, flags;
};

/** CUDA_MEMCPY2D_v2, CUDA_MEMCPY3D_v2 and CUDA_MEMCPY3D_PEER: where a copy's two ends are told, and
 * how much is copied. CU_COPY_NONE: there is no such field. */
struct cu_copy_end {
    uint8_t x, y, z, type, host, device, array, pitch, height;
};
struct cu_copy_layout {
    unsigned bytes;
    struct cu_copy_end from, to;
    uint8_t width, rows, depth;
};
enum { CU_COPY_NONE = 255 };
#define CU_COPY_2D_LAYOUT                                                                          \
    {                                                                                              \
        128, {0, 8, CU_COPY_NONE, 16, 24, 32, 40, 48, CU_COPY_NONE},                               \
            {56, 64, CU_COPY_NONE, 72, 80, 88, 96, 104, CU_COPY_NONE}, 112, 120, CU_COPY_NONE      \
    }
#define CU_COPY_3D_LAYOUT                                                                          \
    {                                                                                              \
        200, {0, 8, 16, 32, 40, 48, 56, 72, 80}, {88, 96, 104, 120, 128, 136, 144, 160, 168}, 176, \
            184, 192                                                                               \
    }
