// SPDX-License-Identifier: Apache-2.0
/*
 * Host functions and callbacks. They run in threads of the driver's, without its lock; a thread
 * more is made when all are busy, so that one function that waits for another stream's cannot hold
 * it up. Calls of the driver from them are not permitted (CUDA_ERROR_NOT_PERMITTED).
 */
#include "engine.h"

#include <signal.h>
#include <sys/prctl.h>

enum { MOST_THREADS = 64 };

static struct nv_command *queue, *queue_last;
static unsigned threads, idle;
static pthread_cond_t queued = PTHREAD_COND_INITIALIZER;
static __thread bool inside;

extern pthread_mutex_t nv_mutex;

bool nv_in_host_function(void);
bool nv_in_host_function(void)
{
    return inside;
}

static void run(struct nv_command *command)
{
    struct nv_op op = command->op;
    CUresult status = op.ctx->sticky;

    nv_unlock();
    inside = true;
    if (op.kind == NV_OP_HOST)
        op.host.fn(op.host.data);
    else
        op.host.callback(op.host.stream, status, op.host.data);
    inside = false;
    nv_lock();
    command->next = nv_engine.finished;
    nv_engine.finished = command;
    nv_engine_kick();
}

static void *worker(void *unused)
{
    prctl(PR_SET_NAME, "reef-emu-host");
    nv_lock();
    while (!nv_engine.stopping) {
        struct nv_command *command = queue;

        if (!command) {
            idle++;
            pthread_cond_wait(&queued, &nv_mutex);
            idle--;
            continue;
        }
        queue = command->next;
        run(command);
    }
    nv_unlock();
    return NULL;
}

static void start_worker(void)
{
    sigset_t all, old;
    pthread_t thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    if (pthread_create(&thread, NULL, worker, NULL) == 0) {
        pthread_detach(thread);
        threads++;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

void nv_host_enqueue(struct nv_command *command)
{
    unsigned waiting = 0;

    command->next = NULL;
    if (queue)
        queue_last->next = command;
    else
        queue = command;
    queue_last = command;
    for (const struct nv_command *c = queue; c; c = c->next)
        waiting++;
    if (idle < waiting && threads < MOST_THREADS)
        start_worker();
    pthread_cond_signal(&queued);
}

static CUresult submit(CUstream handle, struct nv_op *op)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (op->kind == NV_OP_HOST ? !op->host.fn : !op->host.callback)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (stream->capture && op->kind == NV_OP_CALLBACK) {
        nv_capture_invalidate(stream);
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    op->host.stream = handle;
    return nv_leave(nv_submit(stream, op, NULL));
}

CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void *userData)
{
    struct nv_op op = {.kind = NV_OP_HOST, .host = {.fn = fn, .data = userData}};

    return submit(hStream, &op);
}

CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void *userData,
                             unsigned int flags)
{
    struct nv_op op = {.kind = NV_OP_CALLBACK, .host = {.callback = callback, .data = userData}};

    if (flags != 0)
        return CUDA_ERROR_INVALID_VALUE;
    return submit(hStream, &op);
}
