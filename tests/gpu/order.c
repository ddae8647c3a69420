// SPDX-License-Identifier: Apache-2.0
/*
 * order ROUNDS SEED: random work on several streams, ordered by events and the legacy stream, with
 * kernels whose order matters, followed in plain C. As tests/preload/cuda/queue_stress.c, but for a
 * device whose memory the host cannot read. Prints how many values were looked at and how many were
 * wrong.
 */
#include "tests/gpu/kit.h"

enum { LANES = 4 };

static struct lane {
    CUstream stream;
    CUdeviceptr at;
    uint64_t want, *pinned;
    CUevent event;
    unsigned flags;
} lanes[LANES];
static struct kit kit;
static unsigned seed, looked, wrong;

static unsigned pick(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

static void work(struct lane *lane, CUstream stream)
{
    uint64_t factor = 2 + pick(7);
    kit_scale(&kit, stream, lane->at, factor);
    lane->want = lane->want * factor + 1;
}

static void look(struct lane *lane)
{
    uint64_t pageable = 0, got;
    switch (pick(3)) {
    case 0:
        TRY(cuMemcpyDtoHAsync_v2(&pageable, lane->at, 8, lane->stream));
        got = pageable;
        break;
    case 1:
        TRY(cuMemcpyDtoHAsync_v2(lane->pinned, lane->at, 8, lane->stream));
        TRY(cuEventRecord(lane->event, lane->stream));
        TRY(cuEventSynchronize(lane->event));
        got = *lane->pinned;
        break;
    default:
        if (lane->flags & 1)
            TRY(cuStreamSynchronize(lane->stream));
        TRY(cuMemcpyDtoH_v2(&pageable, lane->at, 8));
        got = pageable;
    }
    looked++;
    wrong += got != lane->want;
}

static void set(struct lane *lane)
{
    uint64_t value = pick(1000);
    TRY(cuMemcpyHtoDAsync_v2(lane->at, &value, 8, lane->stream));
    lane->want = value;
    value = ~0ull;
}

static void hand_over(struct lane *lane, struct lane *by)
{
    TRY(cuEventRecord(lane->event, lane->stream));
    TRY(cuStreamWaitEvent(by->stream, lane->event, 0));
    work(lane, by->stream);
    TRY(cuEventRecord(lane->event, by->stream));
    TRY(cuStreamWaitEvent(lane->stream, lane->event, 0));
}

static void renew(struct lane *lane)
{
    CUstream next;
    TRY(cuStreamCreate(&next, lane->flags));
    TRY(cuEventRecord(lane->event, lane->stream));
    TRY(cuStreamWaitEvent(next, lane->event, 0));
    TRY(cuStreamDestroy_v2(lane->stream));
    TRY(cuEventDestroy_v2(lane->event));
    TRY(cuEventCreate(&lane->event, 0));
    lane->stream = next;
}

static void graph(struct lane *lane)
{
    CUgraph graph;
    CUgraphExec exec;
    TRY(cuStreamBeginCapture_v2(lane->stream, 0));
    work(lane, lane->stream);
    work(lane, lane->stream);
    TRY(cuStreamEndCapture(lane->stream, &graph));
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    TRY(cuGraphLaunch(exec, lane->stream));
    TRY(cuGraphExecDestroy(exec));
    TRY(cuGraphDestroy(graph));
}

static void one_round(void)
{
    struct lane *lane = &lanes[pick(LANES)];
    switch (pick(24)) {
    case 0:
        look(lane);
        break;
    case 1:
        set(lane);
        break;
    case 2:
        renew(lane);
        break;
    case 3:
    case 4:
        hand_over(lane, &lanes[pick(LANES)]);
        break;
    case 5:
        if (!(lane->flags & 1))
            work(lane, NULL);
        break;
    case 6:
        graph(lane);
        break;
    default:
        work(lane, lane->stream);
    }
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 1000;
    seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    kit_start(&kit);
    for (int i = 0; i < LANES; i++) {
        struct lane *lane = &lanes[i];
        uint64_t zero = 0;
        lane->flags = i & 1;
        TRY(cuStreamCreate(&lane->stream, lane->flags));
        TRY(cuEventCreate(&lane->event, 0));
        TRY(cuMemAlloc_v2(&lane->at, 8));
        TRY(cuMemcpyHtoD_v2(lane->at, &zero, 8));
        TRY(cuMemHostAlloc((void **)&lane->pinned, 8, 0));
    }
    for (int i = 0; i < rounds; i++)
        one_round();
    TRY(cuCtxSynchronize());
    for (int i = 0; i < LANES; i++)
        look(&lanes[i]);
    printf("{\"looked\": %u, \"wrong\": %u}\n", looked, wrong);
    return wrong != 0;
}
