// SPDX-License-Identifier: Apache-2.0
/*
 * queue_stress ROUNDS SEED: threads put random work on their streams while real-time work comes and
 * goes at random. Each thread has values that only order-dependent kernels change, and follows in
 * plain C what they must be; results are looked at by copies of every kind, by host functions in
 * the stream, and after handing a value from stream to stream with events and the legacy stream.
 */
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { THREADS = 4, LANES = 3 };

/* A value, the stream that works on it, and what it must be after all that was called. */
struct lane {
    CUstream stream;
    int64_t *at;
    uint64_t want;
    CUevent event;
    bool blocking;
};

struct worker {
    pthread_t thread;
    unsigned seed, rounds;
    struct lane lanes[LANES];
    int64_t *pinned;
};

static _Atomic unsigned running = THREADS;

static unsigned pick(struct worker *w, unsigned n)
{
    return (unsigned)rand_r(&w->seed) % n;
}

static void work(struct worker *w, struct lane *lane, CUstream stream)
{
    unsigned factor = 2 + pick(w, 7);
    rig_do(rig_scale, stream, lane->at, factor);
    lane->want = lane->want * factor + 1;
}

struct expectation {
    int64_t *at;
    uint64_t want;
};

static void look(void *data)
{
    struct expectation *e = data;
    CHECK((uint64_t)*e->at == e->want, "a host function sees %lx, not %lx", (unsigned long)*e->at,
          (unsigned long)e->want);
    free(e);
}

static void expect_in_stream(struct lane *lane)
{
    struct expectation *e = malloc(sizeof(*e));
    *e = (struct expectation){lane->at, lane->want};
    TRY(cuLaunchHostFunc(lane->stream, look, e));
}

/* The value goes to another stream, by an event. */
static void hand_over(struct worker *w, struct lane *lane, struct lane *by)
{
    TRY(cuEventRecord(lane->event, lane->stream));
    TRY(cuStreamWaitEvent(by->stream, lane->event, 0));
    work(w, lane, by->stream);
    TRY(cuEventRecord(lane->event, by->stream));
    TRY(cuStreamWaitEvent(lane->stream, lane->event, 0));
}

static void renew_event(struct lane *lane)
{
    TRY(cuEventRecord(lane->event, lane->stream));
    TRY(cuEventDestroy_v2(lane->event));
    TRY(cuEventCreate(&lane->event, 0));
}

static void renew_stream(struct lane *lane)
{
    CUstream next = rig_stream(lane->blocking ? 0 : 1);
    TRY(cuEventRecord(lane->event, lane->stream));
    TRY(cuStreamWaitEvent(next, lane->event, 0));
    TRY(cuStreamDestroy_v2(lane->stream));
    lane->stream = next;
}

static void check_copy(struct worker *w, struct lane *lane)
{
    int64_t host = -1;
    switch (pick(w, 3)) {
    case 0: /* pageable: there when the call returns */
        TRY(cuMemcpyDtoHAsync_v2(&host, dev(lane->at), 8, lane->stream));
        break;
    case 1:
        TRY(cuMemcpyDtoHAsync_v2(w->pinned, dev(lane->at), 8, lane->stream));
        TRY(cuStreamSynchronize(lane->stream));
        host = *w->pinned;
        break;
    default:
        if (!lane->blocking)
            TRY(cuStreamSynchronize(lane->stream));
        TRY(cuMemcpyDtoH_v2(&host, dev(lane->at), 8));
    }
    CHECK((uint64_t)host == lane->want, "%lx, not %lx", (unsigned long)host,
          (unsigned long)lane->want);
}

static void set_value(struct worker *w, struct lane *lane)
{
    unsigned value = pick(w, 1000);
    int64_t wide = value;
    if (pick(w, 2)) {
        TRY(cuMemcpyHtoDAsync_v2(dev(lane->at), &wide, 8, lane->stream));
        wide = -1;
    } else {
        TRY(cuMemsetD32Async(dev(lane->at), 0, 2, lane->stream));
        rig_do(rig_add, lane->stream, lane->at, value);
    }
    lane->want = value;
}

static void one_round(struct worker *w)
{
    struct lane *lane = &w->lanes[pick(w, LANES)];
    switch (pick(w, 24)) {
    case 0:
        check_copy(w, lane);
        break;
    case 1:
        set_value(w, lane);
        break;
    case 2:
        renew_event(lane);
        break;
    case 3:
        renew_stream(lane);
        break;
    case 4:
    case 5:
        hand_over(w, lane, &w->lanes[pick(w, LANES)]);
        break;
    case 6:
    case 7:
        if (lane->blocking) /* ordered with the legacy stream both ways */
            work(w, lane, pick(w, 2) ? NULL : STREAM_LEGACY);
        break;
    case 8:
        expect_in_stream(lane);
        break;
    case 9:
        TRY(cuEventRecord(lane->event, lane->stream));
        TRY(cuEventSynchronize(lane->event));
        CHECK((uint64_t)*lane->at == lane->want);
        break;
    case 10: {
        TRY(cuEventRecord(lane->event, lane->stream)); /* behind work on the legacy stream */
        CUresult result = cuStreamQuery(lane->stream);
        CHECK(result == NOT_READY || (uint64_t)*lane->at == lane->want, "idle too early");
        break;
    }
    default:
        work(w, lane, lane->stream);
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    TRY(cuCtxSetCurrent(rig_context));
    TRY(cuMemHostAlloc((void **)&w->pinned, 64, 0));
    for (unsigned i = 0; i < LANES; i++) {
        struct lane *lane = &w->lanes[i];
        lane->blocking = i != 1;
        lane->stream = i == 2 ? STREAM_PER_THREAD : rig_stream(lane->blocking ? 0 : 1);
        lane->at = rig_int64();
        TRY(cuEventCreate(&lane->event, 0));
    }
    for (unsigned i = 0; i < w->rounds; i++)
        one_round(w);
    for (unsigned i = 0; i < LANES; i++) {
        TRY(cuStreamSynchronize(NULL));
        TRY(cuStreamSynchronize(w->lanes[i].stream));
        CHECK((uint64_t)*w->lanes[i].at == w->lanes[i].want);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[THREADS];
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    rig_start();
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].seed = seed * THREADS + i;
        workers[i].rounds = rounds;
        CHECK(pthread_create(&workers[i].thread, NULL, run, &workers[i]) == 0);
    }
    while (atomic_load(&running) > 0) {
        rig_hold();
        usleep((unsigned)rand_r(&seed) % 1500);
        rig_release();
        usleep((unsigned)rand_r(&seed) % 1500);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(workers[i].thread, NULL);
    TRY(cuCtxSynchronize());
    return 0;
}
