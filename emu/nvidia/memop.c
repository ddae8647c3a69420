// SPDX-License-Identifier: Apache-2.0
/*
 * Stream memory operations: waiting for and writing words of memory in stream order. The device
 * thread looks at the words that streams wait for. Source: CUDA Driver API, "Stream Memory
 * Operations" (the second version of the interface; the first one has the same functions here).
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

bool nv_memop_ready(const struct nv_memop *op)
{
    uint64_t now, mask = op->wide ? UINT64_MAX : UINT32_MAX;
    const void *at;
    bool ready;

    nv_memory_lock_read();
    at = nv_memory_host(op->va, op->wide ? 8 : 4);
    now = !at        ? op->value
          : op->wide ? __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE)
                     : __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
    nv_memory_unlock();
    switch (op->flags & 3) {
    case CU_STREAM_WAIT_VALUE_EQ:
        ready = now == (op->value & mask);
        break;
    case CU_STREAM_WAIT_VALUE_AND:
        ready = (now & op->value) != 0;
        break;
    case CU_STREAM_WAIT_VALUE_NOR:
        ready = (~(now | op->value) & mask) != 0;
        break;
    default: /* GEQ: cyclic */
        ready = op->wide ? (int64_t)(now - op->value) >= 0
                         : (int32_t)((uint32_t)now - (uint32_t)op->value) >= 0;
        break;
    }
    return ready;
}

void nv_memop_write(const struct nv_memop *op)
{
    void *at;

    nv_memory_lock_read();
    at = nv_memory_host(op->va, op->wide ? 8 : 4);
    if (at && op->wide)
        __atomic_store_n((uint64_t *)at, op->value, __ATOMIC_RELEASE);
    else if (at)
        __atomic_store_n((uint32_t *)at, (uint32_t)op->value, __ATOMIC_RELEASE);
    nv_memory_unlock();
}

static CUresult check(const struct nv_memop *op)
{
    const struct nv_memory *memory;
    CUresult rc = CUDA_SUCCESS;

    if (op->va % (op->wide ? 8 : 4))
        return CUDA_ERROR_INVALID_VALUE;
    if (op->wait && (op->flags & ~(3u | CU_STREAM_WAIT_VALUE_FLUSH)))
        return CUDA_ERROR_INVALID_VALUE;
    if (op->wait && (op->flags & CU_STREAM_WAIT_VALUE_FLUSH))
        return CUDA_ERROR_NOT_SUPPORTED; /* needs CAN_FLUSH_REMOTE_WRITES */
    nv_memory_lock_read();
    memory = nv_memory_find(op->va);
    /* Managed memory is not allowed. */
    if (!memory || memory->kind == NV_MEMORY_MANAGED)
        rc = CUDA_ERROR_INVALID_VALUE;
    nv_memory_unlock();
    return rc;
}

static CUresult single(CUstream handle, struct nv_memop memop)
{
    struct nv_op op = {.kind = memop.wait ? NV_OP_WAIT_VALUE : NV_OP_WRITE_VALUE, .memop = memop};
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc == CUDA_SUCCESS)
        rc = check(&memop);
    if (rc == CUDA_SUCCESS)
        rc = nv_submit(stream, &op, NULL);
    return nv_leave(rc);
}

/* Both versions of the interface: the first is there with its own symbol. */
#undef cuStreamWaitValue32
#undef cuStreamWaitValue64
#undef cuStreamWriteValue32
#undef cuStreamWriteValue64
#undef cuStreamBatchMemOp
#define BOTH(name, type, is_wait, is_wide)                                                         \
    NV_EXPORT CUresult name(CUstream s, CUdeviceptr at, type value, unsigned flags);               \
    CUresult name(CUstream s, CUdeviceptr at, type value, unsigned flags)                          \
    {                                                                                              \
        return single(s, (struct nv_memop){is_wait, is_wide, at, value, flags});                   \
    }                                                                                              \
    NV_EXPORT CUresult name##_v2(CUstream s, CUdeviceptr at, type value, unsigned flags);          \
    CUresult name##_v2(CUstream s, CUdeviceptr at, type value, unsigned flags)                     \
    {                                                                                              \
        return name(s, at, value, flags);                                                          \
    }
BOTH(cuStreamWaitValue32, cuuint32_t, true, false)
BOTH(cuStreamWaitValue64, cuuint64_t, true, true)
BOTH(cuStreamWriteValue32, cuuint32_t, false, false)
BOTH(cuStreamWriteValue64, cuuint64_t, false, true)

static CUresult convert(const CUstreamBatchMemOpParams *from, struct nv_memop *to)
{
    switch (from->operation) {
    case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        *to = (struct nv_memop){true, false, from->waitValue.address, from->waitValue.value,
                                from->waitValue.flags};
        break;
    case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        *to = (struct nv_memop){true, true, from->waitValue.address, from->waitValue.value64,
                                from->waitValue.flags};
        break;
    case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        *to = (struct nv_memop){false, false, from->writeValue.address, from->writeValue.value,
                                from->writeValue.flags};
        break;
    case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        *to = (struct nv_memop){false, true, from->writeValue.address, from->writeValue.value64,
                                from->writeValue.flags};
        break;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
    return check(to);
}

/* A copy of the array as an operation. The lock is held. */
CUresult nv_batch_op(unsigned count, const CUstreamBatchMemOpParams *params, unsigned flags,
                     struct nv_op *op)
{
    CUresult rc = CUDA_SUCCESS;

    if (flags || count > 256 || (count && !params))
        return CUDA_ERROR_INVALID_VALUE;
    *op = (struct nv_op){.kind = NV_OP_BATCH};
    op->batch.ops = calloc(count + 1, sizeof(*op->batch.ops));
    if (!op->batch.ops)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (unsigned i = 0; i < count && rc == CUDA_SUCCESS; i++)
        rc = convert(&params[i], &op->batch.ops[i]);
    op->batch.count = count;
    if (rc != CUDA_SUCCESS)
        nv_op_clear(op);
    return rc;
}

void nv_batch_params(const struct nv_op *op, CUstreamBatchMemOpParams *params)
{
    for (unsigned i = 0; i < op->batch.count; i++) {
        const struct nv_memop *m = &op->batch.ops[i];
        CUstreamBatchMemOpParams *p = &params[i];

        memset(p, 0, sizeof(*p));
        /* Both structures begin alike. */
        p->operation =
            m->wait   ? m->wide ? CU_STREAM_MEM_OP_WAIT_VALUE_64 : CU_STREAM_MEM_OP_WAIT_VALUE_32
            : m->wide ? CU_STREAM_MEM_OP_WRITE_VALUE_64
                      : CU_STREAM_MEM_OP_WRITE_VALUE_32;
        p->waitValue.address = m->va;
        p->waitValue.value64 = m->value;
        p->waitValue.flags = m->flags;
    }
}

NV_EXPORT CUresult cuStreamBatchMemOp(CUstream stream, unsigned count,
                                      CUstreamBatchMemOpParams *params, unsigned flags);
CUresult cuStreamBatchMemOp(CUstream handle, unsigned count, CUstreamBatchMemOpParams *params,
                            unsigned flags)
{
    struct nv_op op;
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc == CUDA_SUCCESS)
        rc = nv_batch_op(count, params, flags, &op);
    return nv_leave(rc == CUDA_SUCCESS ? nv_submit(stream, &op, NULL) : rc);
}

NV_EXPORT CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned count,
                                         CUstreamBatchMemOpParams *params, unsigned flags);
CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned count, CUstreamBatchMemOpParams *params,
                               unsigned flags)
{
    return cuStreamBatchMemOp(stream, count, params, flags);
}
