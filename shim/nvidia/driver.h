// SPDX-License-Identifier: Apache-2.0
/*
 * The driver's functions that libreef.so itself calls, by their real addresses, never through a
 * hook. Any thread; no lock of ours may be held (the driver has locks of its own).
 */
#pragma once

#include "shim/nvidia/api.h"

/* CU_OWN(symbol, needed, arguments): needed: without it libreef does not schedule. */
#define CU_OWN_FUNCTIONS(X)                                                                        \
    X(cuCtxGetCurrent, 1, 1)                                                                       \
    X(cuCtxSetCurrent, 1, 1)                                                                       \
    X(cuCtxGetDevice, 1, 1)                                                                        \
    X(cuCtxGetFlags, 0, 1)                                                                         \
    X(cuCtxGetStreamPriorityRange, 0, 2)                                                           \
    X(cuDeviceGetUuid_v2, 0, 2)                                                                    \
    X(cuDeviceGetUuid, 0, 2)                                                                       \
    X(cuDeviceGetPCIBusId, 0, 3)                                                                   \
    X(cuDeviceGetAttribute, 1, 3)                                                                  \
    X(cuEventCreate, 1, 2)                                                                         \
    X(cuEventRecord, 1, 2)                                                                         \
    X(cuEventQuery, 1, 1)                                                                          \
    X(cuEventElapsedTime, 1, 3)                                                                    \
    X(cuEventDestroy_v2, 1, 1)                                                                     \
    X(cuStreamCreateWithPriority, 1, 3)                                                            \
    X(cuStreamDestroy_v2, 1, 1)                                                                    \
    X(cuStreamQuery, 1, 1)                                                                         \
    X(cuStreamWaitEvent, 1, 3)                                                                     \
    X(cuStreamIsCapturing, 1, 2)                                                                   \
    X(cuStreamGetCtx, 1, 2)                                                                        \
    X(cuFuncGetAttribute, 0, 3)                                                                    \
    X(cuFuncGetName, 0, 2)                                                                         \
    X(cuKernelGetAttribute, 0, 4)                                                                  \
    X(cuKernelGetName, 0, 2)                                                                       \
    X(cuFuncGetParamInfo, 0, 4)                                                                    \
    X(cuKernelGetParamInfo, 0, 4)                                                                  \
    X(cuKernelGetFunction, 0, 2)                                                                   \
    X(cuPointerGetAttribute, 0, 3)                                                                 \
    X(cuArray3DGetDescriptor_v2, 0, 2)                                                             \
    X(cuDevicePrimaryCtxGetState, 0, 3)                                                            \
    X(cuDevicePrimaryCtxRetain, 0, 2)                                                              \
    X(cuDevicePrimaryCtxRelease_v2, 0, 1)                                                          \
    X(cuCtxFromGreenCtx, 0, 2)                                                                     \
    X(cuGraphCreate, 0, 2)                                                                         \
    X(cuGraphDestroy, 0, 1)                                                                        \
    X(cuGraphAddKernelNode_v2, 0, 5)                                                               \
    X(cuGraphDestroyNode, 0, 1)                                                                    \
    X(cuGraphKernelNodeSetAttribute, 0, 3)                                                         \
    X(cuGraphChildGraphNodeGetGraph, 0, 2)                                                         \
    X(cuGraphExecGetFlags, 0, 2)                                                                   \
    X(cuGraphGetNodes, 0, 3)                                                                       \
    X(cuGraphNodeGetType, 0, 2)                                                                    \
    X(cuThreadExchangeStreamCaptureMode, 0, 1)                                                     \
    X(cuPointerGetAttributes, 0, 4)                                                                \
    X(cuMemAlloc_v2, 0, 2)                                                                         \
    X(cuMemFree_v2, 0, 1)                                                                          \
    X(cuMemHostAlloc, 0, 3)                                                                        \
    X(cuMemFreeHost, 0, 1)                                                                         \
    X(cuMemHostRegister_v2, 0, 3)                                                                  \
    X(cuEventSynchronize, 0, 1)                                                                    \
    X(cuMemHostGetDevicePointer_v2, 0, 3)                                                          \
    X(cuMemsetD32Async, 0, 4)                                                                      \
    X(cuStreamSynchronize, 0, 1)                                                                   \
    X(cuStreamBatchMemOp_v2, 0, 4)                                                                 \
    X(cuModuleLoadData, 0, 2)                                                                      \
    X(cuModuleGetFunction, 0, 3)

#define CU_TYPE_1 cu_result (*)(cu_word)
#define CU_TYPE_2 cu_result (*)(cu_word, cu_word)
#define CU_TYPE_3 cu_result (*)(cu_word, cu_word, cu_word)
#define CU_TYPE_4 cu_result (*)(cu_word, cu_word, cu_word, cu_word)
#define CU_TYPE_5 cu_result (*)(cu_word, cu_word, cu_word, cu_word, cu_word)

struct cu_driver {
#define X(symbol, needed, arguments) __typeof__(CU_TYPE_##arguments) symbol;
    CU_OWN_FUNCTIONS(X)
#undef X
};

/** Filled by cu_driver_load(); entries that are not needed may be NULL. */
extern struct cu_driver cu;

/** False, with the name of what is missing, if this driver lacks something needed. Once, before
 * use. */
bool cu_driver_load(const char **missing);

/** Address of an out parameter as an argument. */
#define cu_out(variable) ((cu_word)(uintptr_t) & (variable))

/** The calling thread's context, or 0. */
static inline cu_word cu_current_context(void)
{
    cu_word context = 0;
    return cu.cuCtxGetCurrent(cu_out(context)) == CUDA_SUCCESS ? context : 0;
}
