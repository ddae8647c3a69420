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
#define CUDA_ERROR_INVALID_HANDLE  own_invalid_handle
#define CUDA_ERROR_OUT_OF_MEMORY   own_out_of_memory
#define CUDA_ERROR_NOT_READY       own_not_ready
#define CUDA_ERROR_NOT_SUPPORTED   own_not_supported
#include "shim/nvidia/abi.h"
#undef CUDA_SUCCESS
#undef CUDA_ERROR_INVALID_VALUE
#undef CUDA_ERROR_NOT_INITIALIZED
#undef CUDA_ERROR_DEINITIALIZED
#undef CUDA_ERROR_INVALID_HANDLE
#undef CUDA_ERROR_OUT_OF_MEMORY
#undef CUDA_ERROR_NOT_READY
#undef CUDA_ERROR_NOT_SUPPORTED

#define SAME(ours, theirs) _Static_assert((long long)(ours) == (long long)(theirs), #ours)

#define RESULT(name, value) SAME(value, CUDA_##name);
CU_RESULTS(RESULT)

SAME(214, CUDA_ERROR_ECC_UNCORRECTABLE); /* cu_is_sticky */
SAME(700, CUDA_ERROR_ILLEGAL_ADDRESS);
SAME(702, CUDA_ERROR_LAUNCH_TIMEOUT);
SAME(710, CUDA_ERROR_ASSERT);
SAME(714, CUDA_ERROR_HARDWARE_STACK_ERROR);
SAME(719, CUDA_ERROR_LAUNCH_FAILED);
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
SAME(CU_POINTER_MANAGED, CU_POINTER_ATTRIBUTE_IS_MANAGED);
SAME(CU_POINTER_POOL, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE);
SAME(CU_ATTACH_SINGLE, CU_MEM_ATTACH_SINGLE);
SAME(CU_LOCATION_DEVICE, CU_MEM_LOCATION_TYPE_DEVICE);
SAME(CU_LOCATION_HOST, CU_MEM_LOCATION_TYPE_HOST);
SAME(CU_ACCESS_READ_WRITE, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
SAME(CU_NODE_GRAPH, CU_GRAPH_NODE_TYPE_GRAPH);
SAME(CU_NODE_WAIT_EVENT, CU_GRAPH_NODE_TYPE_WAIT_EVENT);
SAME(CU_NODE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_EVENT_RECORD);
SAME(CU_NODE_WAIT_SEMAPHORES, CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT);
SAME(CU_NODE_BATCH_MEM_OP, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP);
SAME(CU_NODE_MEM_ALLOC, CU_GRAPH_NODE_TYPE_MEM_ALLOC);
SAME(CU_NODE_MEM_FREE, CU_GRAPH_NODE_TYPE_MEM_FREE);
SAME(CU_DEVICE_CONCURRENT_MANAGED, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS);
SAME(CU_POINTER_RANGE_START, CU_POINTER_ATTRIBUTE_RANGE_START_ADDR);
SAME(CU_POINTER_IS_PLAIN, CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE);
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
SAME(sizeof(struct cu_array), sizeof(CUDA_ARRAY3D_DESCRIPTOR));
SAME(offsetof(struct cu_array, depth), offsetof(CUDA_ARRAY3D_DESCRIPTOR, Depth));
SAME(offsetof(struct cu_array, format), offsetof(CUDA_ARRAY3D_DESCRIPTOR, Format));
SAME(offsetof(struct cu_array, channels), offsetof(CUDA_ARRAY3D_DESCRIPTOR, NumChannels));
SAME(sizeof(struct cu_ipc_handle), sizeof(CUipcEventHandle));
SAME(sizeof(struct cu_access), sizeof(CUmemAccessDesc));
SAME(offsetof(struct cu_access, flags), offsetof(CUmemAccessDesc, flags));
SAME(offsetof(struct cu_launch_config, block), offsetof(CUlaunchConfig, blockDimX));
SAME(offsetof(struct cu_launch_config, shared_bytes), offsetof(CUlaunchConfig, sharedMemBytes));
SAME(offsetof(struct cu_launch_config, stream), offsetof(CUlaunchConfig, hStream));
SAME(offsetof(struct cu_launch_config, attributes), offsetof(CUlaunchConfig, attrs));
SAME(offsetof(struct cu_launch_config, attribute_count), offsetof(CUlaunchConfig, numAttrs));
SAME(sizeof(struct cu_multi_device), sizeof(CUDA_LAUNCH_PARAMS));
SAME(offsetof(struct cu_multi_device, stream), offsetof(CUDA_LAUNCH_PARAMS, hStream));
SAME(sizeof(struct cu_kernel_node), sizeof(CUDA_KERNEL_NODE_PARAMS_v2));
SAME(offsetof(struct cu_kernel_node, grid), offsetof(CUDA_KERNEL_NODE_PARAMS_v2, gridDimX));
SAME(offsetof(struct cu_kernel_node, block), offsetof(CUDA_KERNEL_NODE_PARAMS_v2, blockDimX));
SAME(offsetof(struct cu_kernel_node, shared_bytes),
     offsetof(CUDA_KERNEL_NODE_PARAMS_v2, sharedMemBytes));
SAME(offsetof(struct cu_kernel_node, parameters),
     offsetof(CUDA_KERNEL_NODE_PARAMS_v2, kernelParams));
SAME(offsetof(struct cu_kernel_node, extra), offsetof(CUDA_KERNEL_NODE_PARAMS_v2, extra));
SAME(offsetof(struct cu_kernel_node, kernel), offsetof(CUDA_KERNEL_NODE_PARAMS_v2, kern));
SAME(offsetof(struct cu_kernel_node, context), offsetof(CUDA_KERNEL_NODE_PARAMS_v2, ctx));
SAME(CU_LAUNCH_ATTRIBUTE_BYTES, sizeof(CUlaunchAttribute));
SAME(0, CU_LAUNCH_ATTRIBUTE_IGNORE);
SAME(CU_ATTRIBUTE_COOPERATIVE, CU_LAUNCH_ATTRIBUTE_COOPERATIVE);
SAME(CU_ATTRIBUTE_SYNC_POLICY, CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY);
SAME(4, CU_SYNC_POLICY_BLOCKING_SYNC);
SAME(CU_ATTRIBUTE_CLUSTER, CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION);
SAME(CU_ATTRIBUTE_CLUSTER_POLICY, CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE);
SAME(2, CU_CLUSTER_SCHEDULING_POLICY_LOAD_BALANCING);
SAME(CU_ATTRIBUTE_SERIALIZATION, CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
SAME(CU_ATTRIBUTE_PRIORITY, CU_LAUNCH_ATTRIBUTE_PRIORITY);
SAME(CU_ATTRIBUTE_SYNC_DOMAIN, CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN);
SAME(1, CU_LAUNCH_MEM_SYNC_DOMAIN_REMOTE);
SAME(CU_ATTRIBUTE_PREFERRED_CLUSTER, CU_LAUNCH_ATTRIBUTE_PREFERRED_CLUSTER_DIMENSION);
SAME(CU_ATTRIBUTE_CARVEOUT, CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT);
SAME(CU_ATTRIBUTE_NVLINK, CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING);
SAME(8, offsetof(CUlaunchAttribute, value));

#define AT(type, field) offsetof(type, field)
#define END_2D(type, end)                                                                          \
    {                                                                                              \
        AT(type, end##XInBytes), AT(type, end##Y), CU_COPY_NONE, AT(type, end##MemoryType),        \
            AT(type, end##Host), AT(type, end##Device), AT(type, end##Array),                      \
            AT(type, end##Pitch), CU_COPY_NONE                                                     \
    }
#define END_3D(type, end)                                                                          \
    {                                                                                              \
        AT(type, end##XInBytes), AT(type, end##Y), AT(type, end##Z), AT(type, end##MemoryType),    \
            AT(type, end##Host), AT(type, end##Device), AT(type, end##Array),                      \
            AT(type, end##Pitch), AT(type, end##Height)                                            \
    }
#define LAYOUT_3D(type)                                                                            \
    {                                                                                              \
        sizeof(type), END_3D(type, src), END_3D(type, dst), AT(type, WidthInBytes),                \
            AT(type, Height), AT(type, Depth)                                                      \
    }

int main(void)
{
    static const struct cu_copy_layout ours[] = {CU_COPY_2D_LAYOUT, CU_COPY_3D_LAYOUT,
                                                 CU_COPY_3D_LAYOUT};
    static const struct cu_copy_layout theirs[] = {
        {sizeof(CUDA_MEMCPY2D), END_2D(CUDA_MEMCPY2D, src), END_2D(CUDA_MEMCPY2D, dst),
         AT(CUDA_MEMCPY2D, WidthInBytes), AT(CUDA_MEMCPY2D, Height), CU_COPY_NONE},
        LAYOUT_3D(CUDA_MEMCPY3D),
        LAYOUT_3D(CUDA_MEMCPY3D_PEER)};
    return __builtin_memcmp(ours, theirs, sizeof(ours)) != 0;
}
