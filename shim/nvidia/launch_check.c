// SPDX-License-Identifier: Apache-2.0
/*
 * Whether the driver would take a launch that is to be put off. It is not put off unless that is
 * sure.
 *
 * First what can be told from the limits of function and device. The rest only the driver knows: of
 * a block that the code demands (.reqntid) it tells no attribute. It checks a kernel node of a
 * graph as it checks a launch (seen with driver 580), so the launch is added to a graph that never
 * runs, and taken out again: 0.3 us. This touches no stream and no capture.
 *
 * Any thread. The driver is called with scratch_lock held: these calls wait for nothing and call
 * nobody back.
 */
#include <string.h>

#include "shim/nvidia/launch.h"

/* --- limits --- */

static bool within_device(const struct cu_shape *shape)
{
    static _Atomic int
        limits[6]; /* the same for all GPUs that CUDA 13 supports; the least is kept */
    static const int which[6] = {CU_DEVICE_MAX_BLOCK_X, CU_DEVICE_MAX_BLOCK_Y,
                                 CU_DEVICE_MAX_BLOCK_Z, CU_DEVICE_MAX_GRID_X,
                                 CU_DEVICE_MAX_GRID_Y,  CU_DEVICE_MAX_GRID_Z};
    if (atomic_load(&limits[5]) == 0) {
        int device = 0, value[6];
        if (cu.cuCtxGetDevice(cu_out(device)) != CUDA_SUCCESS)
            return false;
        for (unsigned i = 0; i < 6; i++) {
            if (cu.cuDeviceGetAttribute(cu_out(value[i]), (cu_word)which[i],
                                        (cu_word)(unsigned)device) != CUDA_SUCCESS)
                return false;
            atomic_store(&limits[i], value[i]);
        }
    }
    for (unsigned i = 0; i < 3; i++)
        if (shape->block[i] == 0 || shape->block[i] > (uint32_t)limits[i] || shape->grid[i] == 0 ||
            shape->grid[i] > (uint32_t)limits[3 + i])
            return false;
    return true;
}

static bool within_limits(const struct cu_shape *shape, const struct cu_function *f)
{
    int max_dynamic = 0;
    if (f->cluster_needed || !within_device(shape) || !cu.cuFuncGetAttribute ||
        cu.cuFuncGetAttribute(cu_out(max_dynamic), CU_FUNCTION_MAX_DYNAMIC_SHARED,
                              f->attributes_of) != CUDA_SUCCESS)
        return false;
    uint64_t threads = (uint64_t)shape->block[0] * shape->block[1] * shape->block[2];
    return threads <= (uint64_t)f->max_threads && shape->shared_bytes <= (uint32_t)max_dynamic;
}

/* Whether its arguments are all there. */
static bool has_arguments(const struct cu_shape *shape, const struct cu_function *f)
{
    if (shape->parameters && shape->extra)
        return false;
    for (unsigned i = 0; shape->parameters && i < f->count; i++)
        if (!shape->parameters[i])
            return false;
    return shape->parameters || shape->extra || f->count == 0;
}

/* --- attributes --- */

static bool good_cluster(const struct cu_launch_config *config, const uint32_t *value)
{
    for (unsigned d = 0; d < 3; d++)
        if (value[d] == 0 || config->grid[d] % value[d] != 0)
            return false;
    return (uint64_t)value[0] * value[1] * value[2] <= 8;
}

/* Whether the attribute is a plain value that the driver will accept. */
static bool plain_attribute(const struct cu_launch_config *config, const struct reef_stream *s,
                            uint32_t id, const uint32_t *value)
{
    int number = (int)value[0];
    switch (id) {
    case 0: /* CU_LAUNCH_ATTRIBUTE_IGNORE */
        return true;
    case CU_ATTRIBUTE_COOPERATIVE: /* whether the grid fits on the device only the driver knows */
        return number == 0;
    case CU_ATTRIBUTE_SYNC_POLICY: /* CU_SYNC_POLICY_AUTO .. _BLOCKING_SYNC */
        return number >= 1 && number <= 4;
    case CU_ATTRIBUTE_CLUSTER:
    case CU_ATTRIBUTE_PREFERRED_CLUSTER:
        return good_cluster(config, value);
    case CU_ATTRIBUTE_CLUSTER_POLICY: /* CU_CLUSTER_SCHEDULING_POLICY_DEFAULT .. _LOAD_BALANCING */
        return value[0] <= 2;
    case CU_ATTRIBUTE_SERIALIZATION:
    case CU_ATTRIBUTE_SYNC_DOMAIN: /* CU_LAUNCH_MEM_SYNC_DOMAIN_DEFAULT, _REMOTE */
    case CU_ATTRIBUTE_NVLINK:
        return value[0] <= 1;
    case CU_ATTRIBUTE_PRIORITY:
        return number <= 0 && number >= s->context->greatest_priority;
    case CU_ATTRIBUTE_CARVEOUT: /* CU_SHAREDMEM_CARVEOUT_DEFAULT, or per cent */
        return number >= -1 && number <= 100;
    default:
        return false;
    }
}

static bool plain_attributes(const struct cu_launch_config *config, const struct reef_stream *s)
{
    const char *at = config->attributes;
    if (config->attribute_count > CU_LAUNCH_ATTRIBUTES_MAX || (config->attribute_count > 0 && !at))
        return false;
    for (uint32_t i = 0; i < config->attribute_count; i++, at += CU_LAUNCH_ATTRIBUTE_BYTES) {
        uint32_t id, value[3];
        memcpy(&id, at, sizeof(id));
        memcpy(value, at + 8, sizeof(value));
        if (!plain_attribute(config, s, id, value))
            return false;
    }
    return true;
}

/* --- as a node --- */

static pthread_mutex_t scratch_lock = PTHREAD_MUTEX_INITIALIZER;
static cu_word scratch; /* CUgraph; 0: not made */

/* The size of clusters is checked with the grid. */
static bool takes_cluster(cu_word node, const struct cu_launch_config *config)
{
    const char *at = config->attributes;
    for (uint32_t i = 0; i < config->attribute_count; i++, at += CU_LAUNCH_ATTRIBUTE_BYTES) {
        uint32_t id;
        memcpy(&id, at, sizeof(id));
        if (id == CU_ATTRIBUTE_CLUSTER &&
            (!cu.cuGraphKernelNodeSetAttribute ||
             cu.cuGraphKernelNodeSetAttribute(node, id, (cu_word)(uintptr_t)(at + 8)) !=
                 CUDA_SUCCESS))
            return false;
    }
    return true;
}

/* What the driver says of it. Where it cannot be asked: success. */
static cu_result as_node(const struct cu_shape *shape, const struct cu_function *f,
                         const struct cu_launch_config *config)
{
    struct cu_kernel_node params = {
        .shared_bytes = shape->shared_bytes,
        .parameters = shape->parameters,
        .extra = shape->extra,
    };
    bool is_kernel = f->attributes_of != f->handle; /* a CUkernel, which has no context */
    *(is_kernel ? &params.kernel : &params.function) = shape->function;
    memcpy(params.grid, shape->grid, sizeof(params.grid));
    memcpy(params.block, shape->block, sizeof(params.block));
    cu_word node = 0;
    if (!cu.cuGraphCreate || !cu.cuGraphDestroy || !cu.cuGraphAddKernelNode_v2 ||
        !cu.cuGraphDestroyNode)
        return CUDA_SUCCESS;
    pthread_mutex_lock(&scratch_lock);
    if (!scratch && cu.cuGraphCreate(cu_out(scratch), 0) != CUDA_SUCCESS) {
        scratch = 0;
        pthread_mutex_unlock(&scratch_lock);
        return CUDA_SUCCESS;
    }
    cu_result result = cu.cuGraphAddKernelNode_v2(cu_out(node), scratch, 0, 0, cu_out(params));
    bool added = result == CUDA_SUCCESS;
    if (added && config && !takes_cluster(node, config))
        result = CUDA_ERROR_NOT_SUPPORTED;
    if (added && cu.cuGraphDestroyNode(node) != CUDA_SUCCESS) {
        cu.cuGraphDestroy(scratch);
        scratch = 0;
    }
    pthread_mutex_unlock(&scratch_lock);
    return result == CUDA_ERROR_DEINITIALIZED ? CUDA_SUCCESS : result;
}

/* Only what was seen to be the launch's error too is taken for it; a buffer of arguments may be
 * shorter for a launch. Other errors may be a node's: such a launch is made in turn. */
bool cu_launch_check(const struct cu_shape *shape, const struct cu_function *f,
                     const struct cu_launch_config *config, struct reef_call *call)
{
    if (!f || !has_arguments(shape, f) || (config && !plain_attributes(config, call->stream)))
        return false;
    cu_result result = as_node(shape, f, config);
    if (result == CUDA_ERROR_INVALID_VALUE && !shape->extra)
        call->refused = result;
    return result == CUDA_SUCCESS && within_limits(shape, f);
}
