// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel launches: what they check, and how arguments are copied. Errors of a launch come from the
 * call itself; what the kernel does wrong comes later and breaks its context.
 */
#include "graph.h"
#include "library.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_BLOCK_THREADS = 1024, DEFAULT_SHARED_BYTES = 49152 };

static unsigned long long counted;

CUresult nv_function_of(struct nv_context *ctx, CUfunction handle, struct nv_function **function)
{
    *function = nv_object(handle, NV_FUNCTION);
    if (*function)
        return CUDA_SUCCESS;
    return nv_kernel_function(ctx, handle, function);
}

struct emu_shape nv_shape(const struct nv_function *function, const uint32_t block[3],
                          uint32_t dynamic_shared)
{
    uint32_t threads = block[0] * block[1] * block[2];

    return (struct emu_shape){
        .waves = (threads + PTX_LANES - 1) / PTX_LANES,
        .vgprs = function->ptx->registers,
        .sgprs = 1,
        .lds_bytes = function->ptx->shared_bytes + dynamic_shared,
    };
}

/* .maxntid counts, .reqntid does not: so driver 580 tells. */
uint32_t nv_max_threads(const struct nv_function *function)
{
    const uint32_t *limit = function->ptx->max_threads;
    uint32_t threads = limit[0] ? limit[0] * limit[1] * limit[2] : MAX_BLOCK_THREADS;

    while (threads > PTX_LANES) {
        const uint32_t block[3] = {threads, 1, 1};
        struct emu_shape shape = nv_shape(function, block, 0);

        if (emu_occupancy(&nv_profile, &shape) > 0)
            break;
        threads -= PTX_LANES;
    }
    return threads;
}

static CUresult check_sizes(const struct nv_context *ctx, const struct nv_function *f,
                            const struct nv_kernel_args *k)
{
    const uint32_t *block = k->block, *grid = k->grid;
    uint64_t threads = (uint64_t)block[0] * block[1] * block[2];
    const uint32_t *required = f->ptx->required_threads, *most = f->ptx->max_threads;
    struct emu_shape shape;

    if (!grid[0] || !grid[1] || !grid[2] || !threads || grid[1] > 65535 || grid[2] > 65535 ||
        grid[0] > INT32_MAX || block[0] > 1024 || block[1] > 1024 || block[2] > 64 ||
        threads > MAX_BLOCK_THREADS || (uint64_t)grid[0] * grid[1] * grid[2] > UINT32_MAX)
        return CUDA_ERROR_INVALID_VALUE;
    if (k->shared_bytes > (uint32_t)f->max_dynamic_shared &&
        f->ptx->shared_bytes + k->shared_bytes > DEFAULT_SHARED_BYTES)
        return CUDA_ERROR_INVALID_VALUE;
    if (required[0] && memcmp(required, block, 3 * sizeof(*block)) != 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (most[0] && threads > (uint64_t)most[0] * most[1] * most[2])
        return CUDA_ERROR_INVALID_VALUE;
    if (threads > nv_max_threads(f))
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    shape = nv_shape(f, block, k->shared_bytes);
    if (emu_occupancy(&nv_profile, &shape) == 0)
        return CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES;
    if (k->cooperative && (uint64_t)grid[0] * grid[1] * grid[2] >
                              (uint64_t)emu_occupancy(&nv_profile, &shape) * nv_green_count(ctx))
        return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
    return CUDA_SUCCESS;
}

/* Both ways of passing arguments; the other one has to be NULL. What a buffer is too short for is
 * not looked at (driver 580 takes it): zero here. */
static CUresult copy_params(const struct ptx_function *ptx, void **params, void **extra,
                            uint8_t **out)
{
    const void *buffer = NULL;
    size_t bytes = 0;
    uint8_t *copy;

    if (params && extra)
        return CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; extra && extra[i] != CU_LAUNCH_PARAM_END && i < 8; i += 2) {
        if (extra[i] == CU_LAUNCH_PARAM_BUFFER_POINTER)
            buffer = extra[i + 1];
        else if (extra[i] == CU_LAUNCH_PARAM_BUFFER_SIZE)
            bytes = *(size_t *)extra[i + 1];
        else
            return CUDA_ERROR_INVALID_VALUE;
    }
    /* A real driver reads through it; here that would be an error of ours. */
    for (uint32_t i = 0; params && i < ptx->param_count; i++)
        if (!params[i])
            return CUDA_ERROR_INVALID_VALUE;
    if (ptx->param_count && !params && !(buffer && bytes > 0))
        return CUDA_ERROR_INVALID_VALUE;
    copy = calloc(1, ptx->param_bytes + 16);
    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (buffer)
        memcpy(copy, buffer, bytes < ptx->param_bytes ? bytes : ptx->param_bytes);
    for (uint32_t i = 0; params && i < ptx->param_count; i++)
        memcpy(copy + ptx->params[i].offset, params[i], ptx->params[i].size);
    *out = copy;
    return CUDA_SUCCESS;
}

/* Fills @op, which then owns the copies. The lock is held. */
CUresult nv_kernel_op(struct nv_context *ctx, CUfunction handle, const struct nv_kernel_args *args,
                      void **params, void **extra, struct nv_op *op)
{
    struct nv_function *f;
    CUresult rc = nv_function_of(ctx, handle, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (f->ptx->missing) {
        emu_missing("PTX: %s (in kernel %s)", f->ptx->missing, f->ptx->name);
        return CUDA_ERROR_NOT_SUPPORTED;
    }
    rc = check_sizes(ctx, f, args);
    if (rc != CUDA_SUCCESS)
        return rc;
    *op = (struct nv_op){.kind = NV_OP_KERNEL, .ctx = ctx, .kernel = *args};
    rc = copy_params(f->ptx, params, extra, &op->kernel.params);
    if (rc != CUDA_SUCCESS)
        return rc;
    op->kernel.function = f;
    f->module->refs++;
    if (op->kernel.event)
        op->kernel.event->refs++;
    return CUDA_SUCCESS;
}

CUresult nv_launch(CUfunction f, const struct nv_kernel_args *args, bool own_priority,
                   CUstream handle, void **params, void **extra)
{
    struct nv_kernel_args copy = *args;
    struct nv_command *command;
    struct nv_context *ctx;
    struct nv_stream *stream;
    struct nv_op op;
    CUresult rc;

    if (nv_count_only) {
        __atomic_fetch_add(&counted, 1, __ATOMIC_RELAXED);
        return CUDA_SUCCESS;
    }
    rc = nv_enter(&ctx);
    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc == CUDA_SUCCESS && stream->legacy)
        rc = nv_capture_check_legacy(stream->ctx);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (!own_priority)
        copy.priority = stream->priority;
    rc = nv_kernel_op(stream->ctx, f, &copy, params, extra, &op);
    if (rc == CUDA_SUCCESS && op.kernel.function->module->ctx != nv_base(stream->ctx)) {
        nv_op_clear(&op);
        rc = CUDA_ERROR_INVALID_HANDLE;
    }
    if (rc == CUDA_SUCCESS && !stream->capture &&
        (rc = nv_module_bindings(op.kernel.function->module, &op.kernel.bindings)) != CUDA_SUCCESS)
        nv_op_clear(&op);
    if (rc != CUDA_SUCCESS && stream->capture)
        nv_capture_invalidate(stream); /* a refused launch breaks a capture (driver 580) */
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    nv_legacy_launched(&op.kernel);
    rc = nv_submit(stream, &op, copy.event ? &command : NULL);
    if (rc == CUDA_SUCCESS && copy.event && command) {
        nv_event_set_record(copy.event, command);
        nv_command_release(command);
    }
    return nv_leave(rc);
}

CUresult cuLaunchKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz,
                        unsigned int bx, unsigned int by, unsigned int bz, unsigned int shared,
                        CUstream hStream, void **kernelParams, void **extra)
{
    struct nv_kernel_args args = {
        .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared_bytes = shared};

    return nv_launch(f, &args, false, hStream, kernelParams, extra);
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz,
                                   unsigned int bx, unsigned int by, unsigned int bz,
                                   unsigned int shared, CUstream hStream, void **kernelParams)
{
    struct nv_kernel_args args = {
        .grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared_bytes = shared, .cooperative = true};

    return nv_launch(f, &args, false, hStream, kernelParams, NULL);
}

static CUresult attribute(const CUlaunchAttribute *a, struct nv_kernel_args *args, bool *priority)
{
    switch (a->id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    case CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
        return CUDA_SUCCESS; /* hints; full serialization satisfies the last one */
    case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        args->cooperative = a->value.cooperative != 0;
        return CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_PRIORITY:
        args->priority = a->value.priority;
        *priority = true;
        return args->priority > 0 || args->priority < -5 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
        args->event = nv_event_of(a->value.programmaticEvent.event);
        args->event_at_start = false;
        return args->event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT:
        args->event = nv_event_of(a->value.launchCompletionEvent.event);
        args->event_at_start = true;
        return args->event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION:
        return a->value.clusterDim.x == 1 && a->value.clusterDim.y == 1 &&
                       a->value.clusterDim.z == 1
                   ? CUDA_SUCCESS
                   : CUDA_ERROR_NOT_SUPPORTED;
    default:
        return CUDA_ERROR_NOT_SUPPORTED;
    }
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **kernelParams, void **extra)
{
    struct nv_kernel_args args = {0};
    bool priority = false;

    if (!c || (c->numAttrs && !c->attrs))
        return CUDA_ERROR_INVALID_VALUE;
    args = (struct nv_kernel_args){.grid = {c->gridDimX, c->gridDimY, c->gridDimZ},
                                   .block = {c->blockDimX, c->blockDimY, c->blockDimZ},
                                   .shared_bytes = c->sharedMemBytes};
    for (unsigned i = 0; i < c->numAttrs && !nv_count_only; i++) {
        CUresult rc = attribute(&c->attrs[i], &args, &priority);

        if (rc != CUDA_SUCCESS)
            return rc;
    }
    return nv_launch(f, &args, priority, c->hStream, kernelParams, extra);
}
