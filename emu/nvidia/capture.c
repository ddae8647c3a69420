// SPDX-License-Identifier: Apache-2.0
/*
 * Stream capture. A stream that is captured has the nodes that its next one depends on ("tips"); an
 * event that is recorded in it takes them along to the streams that wait for it. Source: CUDA
 * Driver API, "Stream capture" (cuStreamBeginCapture and the calls around it), CUDA C++ Programming
 * Guide, "Prohibited and unhandled operations".
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

struct nv_capture {
    unsigned refs;
    struct nv_context *ctx;
    struct nv_graph *graph;
    bool given_graph; /* cuStreamBeginCaptureToGraph: not ours */
    struct nv_stream *origin;
    CUstreamCaptureMode mode;
    bool invalid, ended;
    unsigned long long id;
    pthread_t thread;
    struct nv_capture *next;
};

static struct nv_capture *captures; /* that go on */
static unsigned long long ids;
static __thread CUstreamCaptureMode thread_mode; /* 0: global */

static void set_tips(struct nv_stream *stream, struct nv_node *const *nodes, unsigned count)
{
    struct nv_node **copy = malloc((count + 1) * sizeof(*copy));

    if (copy && count)
        memcpy(copy, nodes, count * sizeof(*copy));
    free(stream->tips);
    stream->tips = copy;
    stream->tip_count = copy ? count : 0;
}

static void add_tips(struct nv_stream *stream, struct nv_node *const *nodes, unsigned count)
{
    struct nv_node **all = malloc((stream->tip_count + count + 1) * sizeof(*all));
    unsigned n = stream->tip_count;

    if (!all)
        return;
    if (n)
        memcpy(all, stream->tips, n * sizeof(*all));
    for (unsigned i = 0; i < count; i++) {
        bool known = false;

        for (unsigned k = 0; k < n; k++)
            known |= all[k] == nodes[i];
        if (!known)
            all[n++] = nodes[i];
    }
    free(stream->tips);
    stream->tips = all;
    stream->tip_count = n;
}

static void release(struct nv_capture *capture)
{
    if (--capture->refs == 0)
        free(capture);
}

static void leave(struct nv_stream *stream)
{
    struct nv_capture *capture = stream->capture;

    stream->capture = NULL;
    set_tips(stream, NULL, 0);
    release(capture);
}

/* ---- what other files ask ---- */

void nv_capture_break(struct nv_capture *capture)
{
    capture->invalid = true;
}

struct nv_graph *nv_capture_graph(const struct nv_stream *stream)
{
    return stream->capture->graph;
}

void nv_capture_invalidate(struct nv_stream *stream)
{
    stream->capture->invalid = true;
}

CUresult nv_capture_add(struct nv_stream *stream, struct nv_op *op)
{
    struct nv_capture *capture = stream->capture;
    struct nv_node *node;

    if (capture->invalid) {
        nv_op_clear(op);
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    }
    op->ctx = stream->ctx;
    node = nv_node_add(capture->graph, nv_node_type(op), op, stream->tips, stream->tip_count);
    if (!node)
        return CUDA_ERROR_OUT_OF_MEMORY;
    if (op->kind == NV_OP_KERNEL)
        node->function = op->kernel.function->handle;
    set_tips(stream, &node, 1);
    return CUDA_SUCCESS;
}

CUresult nv_capture_record(struct nv_stream *stream, struct nv_event *event)
{
    struct nv_node **copy;

    if (stream->capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    copy = malloc((stream->tip_count + 1) * sizeof(*copy));
    if (!copy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(copy, stream->tips, stream->tip_count * sizeof(*copy));
    free(event->captured);
    event->captured = copy;
    event->captured_count = stream->tip_count;
    event->capture = stream->capture;
    stream->capture->refs++; /* never given back: events keep knowing that they were captured */
    return CUDA_SUCCESS;
}

CUresult nv_capture_wait(struct nv_stream *stream, struct nv_event *event, bool *handled)
{
    *handled = stream->capture || event->capture;
    if (!*handled)
        return CUDA_SUCCESS;
    if (!event->capture) { /* captured work would depend on work outside */
        stream->capture->invalid = true;
        return CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
    }
    if (event->capture->ended)
        return stream->capture ? CUDA_ERROR_STREAM_CAPTURE_ISOLATION : CUDA_ERROR_CAPTURED_EVENT;
    if (event->capture->invalid)
        return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (stream->capture && stream->capture != event->capture) {
        stream->capture->invalid = event->capture->invalid = true;
        return CUDA_ERROR_STREAM_CAPTURE_MERGE;
    }
    if (stream->legacy)
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    if (!stream->capture) {
        stream->capture = event->capture;
        stream->capture->refs++;
        set_tips(stream, NULL, 0);
    }
    add_tips(stream, event->captured, event->captured_count);
    return CUDA_SUCCESS;
}

CUresult nv_capture_check_unsafe(void)
{
    CUresult rc = CUDA_SUCCESS;

    if (thread_mode == CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_SUCCESS;
    for (struct nv_capture *c = captures; c; c = c->next) {
        bool own = pthread_equal(c->thread, pthread_self());
        bool concerns = c->mode == CU_STREAM_CAPTURE_MODE_GLOBAL
                            ? own || thread_mode == CU_STREAM_CAPTURE_MODE_GLOBAL
                            : c->mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL && own;

        if (!concerns)
            continue;
        c->invalid = true;
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return rc;
}

CUresult nv_capture_check_wait(struct nv_context *ctx)
{
    CUresult rc = CUDA_SUCCESS;

    for (struct nv_capture *c = captures; c; c = c->next) {
        if (c->ctx != ctx)
            continue;
        c->invalid = true;
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return rc;
}

CUresult nv_capture_check_legacy(struct nv_context *ctx)
{
    CUresult rc = CUDA_SUCCESS;

    for (struct nv_stream *s = ctx->streams; captures && s; s = s->next) {
        if (!s->capture || s->non_blocking)
            continue;
        s->capture->invalid = true;
        rc = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
    return rc;
}

static void end(struct nv_capture *capture)
{
    struct nv_capture **link = &captures;

    while (*link != capture)
        link = &(*link)->next;
    *link = capture->next;
    capture->ended = true;
    for (struct nv_stream *s = capture->ctx->streams; s; s = s->next) {
        if (s->capture == capture)
            leave(s);
    }
}

/* A stream goes while it is captured: so does the capture. */
void nv_capture_forget_stream(struct nv_stream *stream)
{
    struct nv_capture *capture = stream->capture;

    if (!capture)
        return;
    if (capture->origin == stream) {
        capture->refs++;
        end(capture);
        if (!capture->given_graph)
            nv_graph_free(capture->graph);
        release(capture);
    } else {
        capture->invalid = true;
        leave(stream);
    }
}

/* ---- the interface ---- */

static CUresult enter_stream(CUstream handle, struct nv_stream **stream)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, stream);
    return rc == CUDA_SUCCESS ? rc : nv_leave(rc);
}

static CUresult begin(struct nv_stream *stream, CUstreamCaptureMode mode, struct nv_graph *graph)
{
    struct nv_capture *capture;

    if (stream->legacy)
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (mode > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    if (stream->capture)
        return CUDA_ERROR_ILLEGAL_STATE;
    capture = calloc(1, sizeof(*capture));
    if (!capture)
        return CUDA_ERROR_OUT_OF_MEMORY;
    capture->given_graph = graph != NULL;
    capture->graph = graph ? graph : nv_graph_new();
    if (!capture->graph)
        return CUDA_ERROR_OUT_OF_MEMORY;
    capture->refs = 1;
    capture->ctx = stream->ctx;
    capture->origin = stream;
    capture->mode = mode;
    capture->id = ++ids;
    capture->thread = pthread_self();
    capture->next = captures;
    captures = capture;
    stream->capture = capture;
    set_tips(stream, NULL, 0);
    return CUDA_SUCCESS;
}

CUresult cuStreamBeginCapture(CUstream hStream, CUstreamCaptureMode mode)
{
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &stream);

    return rc == CUDA_SUCCESS ? nv_leave(begin(stream, mode, NULL)) : rc;
}

CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph,
                                     const CUgraphNode *dependencies,
                                     const CUgraphEdgeData *dependencyData, size_t numDependencies,
                                     CUstreamCaptureMode mode)
{
    struct nv_stream *stream;
    struct nv_graph *graph;
    CUresult rc = enter_stream(hStream, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || (numDependencies && !dependencies))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = begin(stream, mode, graph);
    for (size_t i = 0; i < numDependencies && rc == CUDA_SUCCESS; i++) {
        struct nv_node *node = nv_object(dependencies[i], NV_NODE);

        if (node && node->graph == graph)
            add_tips(stream, &node, 1);
        else
            rc = CUDA_ERROR_INVALID_VALUE;
    }
    return nv_leave(rc);
}

/* Work of other streams has to have been waited for by the origin. */
static bool joined(const struct nv_capture *capture)
{
    const struct nv_stream *origin = capture->origin;

    for (const struct nv_stream *s = capture->ctx->streams; s; s = s->next) {
        if (s->capture != capture || s == origin)
            continue;
        for (unsigned i = 0; i < s->tip_count; i++) {
            bool found = false;

            for (unsigned k = 0; k < origin->tip_count; k++)
                found |= nv_node_depends(origin->tips[k], s->tips[i]);
            if (!found)
                return false;
        }
    }
    return true;
}

CUresult cuStreamEndCapture(CUstream hStream, CUgraph *phGraph)
{
    struct nv_capture *capture;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    capture = stream->capture;
    if (!phGraph)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *phGraph = NULL;
    if (!capture)
        return nv_leave(CUDA_ERROR_ILLEGAL_STATE);
    if (capture->origin != stream) {
        capture->invalid = true; /* so does driver 580 */
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    }
    if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED &&
        !pthread_equal(capture->thread, pthread_self()))
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
    rc = capture->invalid   ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
         : !joined(capture) ? CUDA_ERROR_STREAM_CAPTURE_UNJOINED
                            : CUDA_SUCCESS;
    capture->refs++;
    end(capture);
    if (rc == CUDA_SUCCESS)
        *phGraph = capture->graph->handle;
    else if (!capture->given_graph)
        nv_graph_free(capture->graph);
    release(capture);
    return nv_leave(rc);
}

static CUstreamCaptureStatus status_of(const struct nv_stream *stream)
{
    return !stream->capture           ? CU_STREAM_CAPTURE_STATUS_NONE
           : stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED
                                      : CU_STREAM_CAPTURE_STATUS_ACTIVE;
}

CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus *status)
{
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!status)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (stream->legacy && (rc = nv_capture_check_legacy(stream->ctx)) != CUDA_SUCCESS)
        return nv_leave(rc);
    *status = status_of(stream);
    return nv_leave(CUDA_SUCCESS);
}

static CUresult info(CUstream hStream, CUstreamCaptureStatus *status, cuuint64_t *id,
                     CUgraph *graph, const CUgraphNode **dependencies, size_t *count)
{
    static __thread CUgraphNode *list;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!status)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *status = status_of(stream);
    if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE)
        return nv_leave(CUDA_SUCCESS);
    if (id)
        *id = stream->capture->id;
    if (graph)
        *graph = stream->capture->graph->handle;
    if (count)
        *count = stream->tip_count;
    if (dependencies) {
        free(list);
        list = calloc(stream->tip_count + 1, sizeof(*list));
        for (unsigned i = 0; list && i < stream->tip_count; i++)
            list[i] = stream->tips[i]->handle;
        *dependencies = list;
    }
    return nv_leave(CUDA_SUCCESS);
}

#undef cuStreamGetCaptureInfo
NV_EXPORT CUresult cuStreamGetCaptureInfo(CUstream s, CUstreamCaptureStatus *status,
                                          cuuint64_t *id);
CUresult cuStreamGetCaptureInfo(CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id)
{
    return info(s, status, id, NULL, NULL, NULL);
}
NV_EXPORT CUresult cuStreamGetCaptureInfo_v2(CUstream s, CUstreamCaptureStatus *status,
                                             cuuint64_t *id, CUgraph *graph,
                                             const CUgraphNode **dependencies, size_t *count);
CUresult cuStreamGetCaptureInfo_v2(CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id,
                                   CUgraph *graph, const CUgraphNode **dependencies, size_t *count)
{
    return info(s, status, id, graph, dependencies, count);
}
NV_EXPORT CUresult cuStreamGetCaptureInfo_v3(CUstream s, CUstreamCaptureStatus *status,
                                             cuuint64_t *id, CUgraph *graph,
                                             const CUgraphNode **dependencies,
                                             const CUgraphEdgeData **edgeData, size_t *count);
CUresult cuStreamGetCaptureInfo_v3(CUstream s, CUstreamCaptureStatus *status, cuuint64_t *id,
                                   CUgraph *graph, const CUgraphNode **dependencies,
                                   const CUgraphEdgeData **edgeData, size_t *count)
{
    if (edgeData)
        *edgeData = NULL;
    return info(s, status, id, graph, dependencies, count);
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode *mode)
{
    CUstreamCaptureMode before = thread_mode;

    if (!mode || *mode > CU_STREAM_CAPTURE_MODE_RELAXED)
        return CUDA_ERROR_INVALID_VALUE;
    thread_mode = *mode;
    *mode = before;
    return CUDA_SUCCESS;
}

static CUresult update(CUstream handle, CUgraphNode *nodes, size_t count, unsigned flags)
{
    struct nv_stream *stream;
    CUresult rc = enter_stream(handle, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!stream->capture)
        return nv_leave(CUDA_ERROR_ILLEGAL_STATE);
    if (flags > CU_STREAM_SET_CAPTURE_DEPENDENCIES || (count && !nodes))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES)
        set_tips(stream, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        struct nv_node *node = nv_object(nodes[i], NV_NODE);

        if (!node || node->graph != stream->capture->graph)
            return nv_leave(CUDA_ERROR_INVALID_VALUE);
        add_tips(stream, &node, 1);
    }
    return nv_leave(CUDA_SUCCESS);
}

#undef cuStreamUpdateCaptureDependencies
NV_EXPORT CUresult cuStreamUpdateCaptureDependencies(CUstream s, CUgraphNode *nodes, size_t count,
                                                     unsigned flags);
CUresult cuStreamUpdateCaptureDependencies(CUstream s, CUgraphNode *nodes, size_t count,
                                           unsigned flags)
{
    return update(s, nodes, count, flags);
}
NV_EXPORT CUresult cuStreamUpdateCaptureDependencies_v2(CUstream s, CUgraphNode *nodes,
                                                        const CUgraphEdgeData *data, size_t count,
                                                        unsigned flags);
CUresult cuStreamUpdateCaptureDependencies_v2(CUstream s, CUgraphNode *nodes,
                                              const CUgraphEdgeData *data, size_t count,
                                              unsigned flags)
{
    return update(s, nodes, count, flags);
}
