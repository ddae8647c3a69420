// SPDX-License-Identifier: Apache-2.0
/*
 * The streams of the fake libcuda: each has a worker thread that runs its operations in order. An
 * operation on the legacy stream waits for everything before it on blocking streams, and what
 * follows on those waits for it.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/preload/fakes/fake_cuda.h"

pthread_mutex_t fake_lock = PTHREAD_MUTEX_INITIALIZER;
pthread_cond_t fake_changed = PTHREAD_COND_INITIALIZER;

static struct fake_stream *streams;
static _Thread_local struct fake_stream *mine;
#define STREAM_MAGIC 0x53545245414d3137ull

static bool ready(const struct fake_work *w)
{
    for (unsigned i = 0; i < w->depend_count; i++)
        if (w->depends[i].stream->completed < w->depends[i].number)
            return false;
    return true;
}

static void *work(void *arg)
{
    struct fake_stream *s = arg;
    pthread_mutex_lock(&fake_lock);
    for (;;) {
        while (!s->head || !ready(s->head)) {
            if (!s->head && s->destroyed)
                goto out;
            pthread_cond_wait(&fake_changed, &fake_lock);
        }
        struct fake_work *w = s->head;
        pthread_mutex_unlock(&fake_lock);
        w->run(w);
        pthread_mutex_lock(&fake_lock);
        s->head = w->next;
        if (!s->head)
            s->tail = NULL;
        s->completed++;
        pthread_cond_broadcast(&fake_changed);
        free(w);
    }
out:
    pthread_mutex_unlock(&fake_lock);
    return NULL;
}

struct fake_stream *fake_stream_new(struct fake_context *context, unsigned flags, int priority,
                                    bool legacy)
{
    struct fake_stream *s = calloc(1, sizeof(*s));
    s->context = context;
    s->flags = flags;
    s->priority = priority;
    s->legacy = legacy;
    s->magic = STREAM_MAGIC;
    pthread_mutex_lock(&fake_lock);
    s->next = streams;
    streams = s;
    pthread_mutex_unlock(&fake_lock);
    if (!fake_counting) {
        pthread_create(&s->worker, NULL, work, s);
        pthread_detach(s->worker);
    }
    return s;
}

struct fake_stream *fake_stream_of(CUstream handle, bool per_thread)
{
    struct fake_context *context = fake_current();
    if (handle == STREAM_PER_THREAD || (!handle && per_thread)) {
        if (!mine && context)
            mine = fake_stream_new(context, 0, 0, false);
        return mine;
    }
    if (!handle || handle == STREAM_LEGACY)
        return context ? context->legacy : NULL;
    return handle->magic == STREAM_MAGIC && !handle->destroyed ? handle : NULL;
}

static void depend(struct fake_work *w, struct fake_stream *on)
{
    if (on->completed == on->queued || w->depend_count == FAKE_DEPENDS)
        return;
    w->depends[w->depend_count].stream = on;
    w->depends[w->depend_count++].number = on->queued;
}

CUresult fake_put(struct fake_stream *s, const struct fake_work *given)
{
    if (fake_counting)
        return OK;
    struct fake_work *w = malloc(sizeof(*w));
    *w = *given;
    w->next = NULL;
    pthread_mutex_lock(&fake_lock);
    if (s->capturing) {
        if (s->graph->last)
            s->graph->last->next = w;
        else
            s->graph->first = w;
        s->graph->last = w;
        pthread_mutex_unlock(&fake_lock);
        return OK;
    }
    if (s->legacy)
        for (struct fake_stream *o = streams; o; o = o->next)
            if (o != s && !(o->flags & 1) && o->context == s->context)
                depend(w, o);
    if (!s->legacy && !(s->flags & 1))
        depend(w, s->context->legacy);
    if (s->tail)
        s->tail->next = w;
    else
        s->head = w;
    s->tail = w;
    s->queued++;
    pthread_cond_broadcast(&fake_changed);
    pthread_mutex_unlock(&fake_lock);
    return OK;
}

void fake_wait(struct fake_stream *s, uint64_t number)
{
    pthread_mutex_lock(&fake_lock);
    while (s->completed < number)
        pthread_cond_wait(&fake_changed, &fake_lock);
    pthread_mutex_unlock(&fake_lock);
}

void fake_finish(struct fake_stream *s)
{
    pthread_mutex_lock(&fake_lock);
    for (uint64_t number = s->queued; s->completed < number;)
        pthread_cond_wait(&fake_changed, &fake_lock);
    pthread_mutex_unlock(&fake_lock);
}

void fake_wait_all(struct fake_context *context, bool blocking_only)
{
    pthread_mutex_lock(&fake_lock);
    for (struct fake_stream *s = streams; s; s = s->next) {
        uint64_t number = s->queued;
        if (s->context != context || (blocking_only && (s->flags & 1)))
            continue;
        while (s->completed < number)
            pthread_cond_wait(&fake_changed, &fake_lock);
    }
    pthread_mutex_unlock(&fake_lock);
}
