// SPDX-License-Identifier: Apache-2.0
/*
 * What shim/nvidia/abi.h says by hand, compared with the vendor's header: compiled where there is
 * one, and every line is checked by the compiler. abi.h's names of results are cuda.h's, so they
 * are compared by number.
 */
#include <cuda.h>
#include <stddef.h>
#include <stdint.h>

/* abi.h's enumerators would be defined twice. */
#define CUDA_SUCCESS               own_success
#define CUDA_ERROR_INVALID_VALUE   own_invalid_value
#define CUDA_ERROR_NOT_INITIALIZED own_not_initialized
#define CUDA_ERROR_DEINITIALIZED   own_deinitialized
#define CUDA_ERROR_NOT_READY       own_not_ready
#include "shim/nvidia/abi.h"
#undef CUDA_SUCCESS
#undef CUDA_ERROR_INVALID_VALUE
#undef CUDA_ERROR_NOT_INITIALIZED
#undef CUDA_ERROR_DEINITIALIZED
#undef CUDA_ERROR_NOT_READY

#define SAME(ours, theirs) _Static_assert((long long)(ours) == (long long)(theirs), #ours)

#define RESULT(name, value) SAME(value, CUDA_##name);
CU_RESULTS(RESULT)

SAME(CU_STREAM_LEGACY_HANDLE, 1);
SAME(CU_NON_BLOCKING, CU_STREAM_NON_BLOCKING);
SAME(CU_CAPTURE_STATUS_NONE, CU_STREAM_CAPTURE_STATUS_NONE);
SAME(CU_CAPTURE_MODE_RELAXED, CU_STREAM_CAPTURE_MODE_RELAXED);
SAME(CU_CAPABLE_PER_THREAD, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM);
SAME(CU_FOUND, CU_GET_PROC_ADDRESS_SUCCESS);
SAME(CU_MEMORY_HOST, CU_MEMORYTYPE_HOST);
SAME(CU_MEMORY_DEVICE, CU_MEMORYTYPE_DEVICE);
SAME(CU_MEMORY_ARRAY, CU_MEMORYTYPE_ARRAY);
SAME(CU_MEMORY_UNIFIED, CU_MEMORYTYPE_UNIFIED);
SAME(CU_POINTER_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_MEMORY_TYPE);
SAME(CU_POINTER_RANGE_START, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR);
SAME(CU_POINTER_RANGE_SIZE, CU_POINTER_ATTRIBUTE_RANGE_SIZE);
SAME(CU_FUNCTION_MAX_THREADS, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
SAME(CU_FUNCTION_STATIC_SHARED, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
SAME(CU_FUNCTION_MAX_DYNAMIC_SHARED, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
SAME(CU_FUNCTION_CLUSTER_MUST_BE_SET, CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET);
SAME(CU_DEVICE_MAX_BLOCK_X, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X);
SAME(CU_DEVICE_MAX_BLOCK_Y, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y);
SAME(CU_DEVICE_MAX_BLOCK_Z, CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z);
SAME(CU_DEVICE_MAX_GRID_X, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X);
SAME(CU_DEVICE_MAX_GRID_Y, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y);
SAME(CU_DEVICE_MAX_GRID_Z, CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z);
SAME(CU_EXTRA_END, (intptr_t)CU_LAUNCH_PARAM_END_AS_INT);
SAME(CU_EXTRA_BUFFER, CU_LAUNCH_PARAM_BUFFER_POINTER_AS_INT);
SAME(CU_EXTRA_SIZE, CU_LAUNCH_PARAM_BUFFER_SIZE_AS_INT);

SAME(sizeof(struct cu_launch_config), sizeof(CUlaunchConfig));
SAME(sizeof(struct cu_ipc_handle), sizeof(CUipcEventHandle));
SAME(offsetof(struct cu_launch_config, block), offsetof(CUlaunchConfig, blockDimX));
SAME(offsetof(struct cu_launch_config, shared_bytes), offsetof(CUlaunchConfig, sharedMemBytes));
SAME(offsetof(struct cu_launch_config, stream), offsetof(CUlaunchConfig, hStream));
SAME(offsetof(struct cu_launch_config, attributes), offsetof(CUlaunchConfig, attrs));
SAME(offsetof(struct cu_launch_config, attribute_count), offsetof(CUlaunchConfig, numAttrs));
SAME(CU_LAUNCH_ATTRIBUTE_BYTES, sizeof(CUlaunchAttribute));
SAME(8, offsetof(CUlaunchAttribute, value));
SAME(CU_LAUNCH_ATTRIBUTE_EVENT, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT);
SAME(CU_LAUNCH_ATTRIBUTE_KNOWN, CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION);
SAME(CU_LAUNCH_ATTRIBUTE_CARVEOUT, CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
SAME(CU_LAUNCH_ATTRIBUTE_NVLINK, CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING);

#define LAYOUT(type)                                                                               \
    {                                                                                              \
        sizeof(type), offsetof(type, srcMemoryType), offsetof(type, srcHost),                      \
            offsetof(type, srcDevice), offsetof(type, dstMemoryType), offsetof(type, dstHost),     \
            offsetof(type, dstDevice)                                                              \
    }

int main(void)
{
    static const struct cu_copy_layout ours[] = {CU_COPY_2D_LAYOUT, CU_COPY_3D_LAYOUT,
                                                 CU_COPY_3D_LAYOUT};
    static const struct cu_copy_layout theirs[] = {LAYOUT(CUDA_MEMCPY2D), LAYOUT(CUDA_MEMCPY3D),
                                                   LAYOUT(CUDA_MEMCPY3D_PEER)};
    return __builtin_memcmp(ours, theirs, sizeof(ours)) != 0;
}
