// SPDX-License-Identifier: Apache-2.0
/* Events: record, query, wait, versions, time. */
#include "conformance.h"

CASE(event_query, "an event is ready before its first record, and not from a record until it ran")
{
    CUstream s = stream();
    CUevent e = event();
    struct gate gate;

    OK(cuEventQuery(e));
    OK(cuEventSynchronize(e));
    gate_close(&gate, s);
    OK(cuEventRecord(e, s));
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    OK(cuEventQuery(e));
}

CASE(event_synchronize, "cuEventSynchronize returns when what was before the record is done")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUevent e = event();

    chain(s, at);
    OK(cuEventRecord(e, s));
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
}

CASE(event_wait, "a stream that waits for an event goes on when it has happened, not before")
{
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);
    CUevent e = event();
    struct gate gate;

    gate_close(&gate, a);
    affine(a, at, 1, 4);
    OK(cuEventRecord(e, a));
    OK(cuStreamWaitEvent(b, e, 0));
    affine(b, at, 10, 1);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 41);
}

CASE(event_wait_unrecorded, "waiting for an event that was never recorded waits for nothing")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);

    OK(cuStreamWaitEvent(s, event(), 0));
    affine(s, at, 1, 4);
    EQUAL(word(at), 4);
}

CASE(event_wait_version, "a wait is for the record before it, not for a later one")
{
    CUstream a = free_stream(), b = free_stream(), c = free_stream();
    CUdeviceptr at = words(1);
    CUevent e = event();
    struct gate gate;

    OK(cuEventRecord(e, a));
    OK(cuStreamWaitEvent(b, e, 0));
    gate_close(&gate, c);
    OK(cuEventRecord(e, c)); /* a new record, that stands */
    affine(b, at, 1, 6);
    OK(cuStreamSynchronize(b));
    EQUAL(peek(at), 6);
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
}

CASE(event_rerecord_held, "recording anew while the first record stands: waits keep their own")
{
    CUstream a = free_stream(), b = free_stream(), c = free_stream();
    CUdeviceptr at = words(1);
    struct gate gate;
    CUevent e = event();

    gate_close(&gate, a);
    affine(a, at, 1, 2);
    OK(cuEventRecord(e, a));
    OK(cuStreamWaitEvent(b, e, 0));
    OK(cuEventRecord(e, c)); /* happens at once */
    OK(cuEventSynchronize(e));
    affine(b, at, 10, 1);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 21);
}

CASE(event_wait_many, "a stream may wait for many events")
{
    CUstream s = free_stream(), other[8];
    CUdeviceptr at = words(9);
    CUevent e;

    for (unsigned i = 0; i < 8; i++) {
        other[i] = free_stream();
        chain(other[i], at + 4 * i);
        e = event();
        OK(cuEventRecord(e, other[i]));
        OK(cuStreamWaitEvent(s, e, 0));
        OK(cuEventDestroy(e));
    }
    OK(cuStreamSynchronize(s));
    for (unsigned i = 0; i < 8; i++)
        EQUAL(peek(at + 4 * i), CHAIN);
}

CASE(event_destroy_pending,
     "an event that is destroyed while recorded still holds what waits for it")
{
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);
    CUevent e = event();
    struct gate gate;

    gate_close(&gate, a);
    affine(a, at, 1, 4);
    OK(cuEventRecord(e, a));
    OK(cuStreamWaitEvent(b, e, 0));
    OK(cuEventDestroy(e));
    affine(b, at, 10, 1);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 41);
}

CASE(event_ring, "streams that wait for each other in turn neither deadlock nor lose order")
{
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);
    uint32_t x = 0;

    for (uint32_t i = 0; i < 50; i++) {
        CUstream from = i % 2 ? a : b, to = i % 2 ? b : a;
        CUevent e = event();

        affine(from, at, 3, i);
        x = x * 3 + i;
        OK(cuEventRecord(e, from));
        OK(cuStreamWaitEvent(to, e, 0));
    }
    EQUAL(word(at), x);
}

CASE(event_elapsed, "elapsed time is that between the records, and grows with the work")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUevent e[3] = {event(), event(), event()};
    float first, both;

    OK(cuEventRecord(e[0], s));
    slow(s, at, 2000);
    OK(cuEventRecord(e[1], s));
    slow(s, at, 2000);
    OK(cuEventRecord(e[2], s));
    OK(cuStreamSynchronize(s));
    OK(cuEventElapsedTime(&first, e[0], e[1]));
    OK(cuEventElapsedTime(&both, e[0], e[2]));
    CHECK(first >= 1.9f);
    CHECK(both >= first + 1.9f);
}

CASE(event_elapsed_not_ready, "elapsed time of a record that has not happened is NOT_READY")
{
    CUstream s = stream();
    CUevent a = event(), b = event();
    struct gate gate;
    float ms;

    OK(cuEventRecord(a, s));
    gate_close(&gate, s);
    OK(cuEventRecord(b, s));
    IS(cuEventElapsedTime(&ms, a, b), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(b));
    OK(cuEventElapsedTime(&ms, a, b));
    CHECK(ms >= 0);
}

CASE(event_elapsed_wrong,
     "elapsed time with an event that is none is refused while the other is to come")
{
    CUevent recorded = event(), never = event();
    CUstream s = stream();
    struct gate gate;
    float ms;

    gate_close(&gate, s);
    OK(cuEventRecord(recorded, s));
    IS(cuEventElapsedTime(&ms, recorded, recorded), CUDA_ERROR_NOT_READY);
    IS(cuEventElapsedTime(&ms, never, recorded), CUDA_ERROR_INVALID_HANDLE);
    IS(cuEventElapsedTime(&ms, recorded, NULL), CUDA_ERROR_INVALID_HANDLE);
    CHECK(cuEventElapsedTime(NULL, recorded, recorded) != CUDA_SUCCESS);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
}

CASE(event_elapsed_untimed, "events without timing, or without a record, have no elapsed time")
{
    CUevent a = event(), b;
    float ms;

    OK(cuEventCreate(&b, CU_EVENT_DISABLE_TIMING));
    OK(cuEventRecord(a, NULL));
    OK(cuEventRecord(b, NULL));
    OK(cuCtxSynchronize());
    IS(cuEventElapsedTime(&ms, a, b), CUDA_ERROR_INVALID_HANDLE);
    IS(cuEventElapsedTime(&ms, a, event()), CUDA_ERROR_INVALID_HANDLE);
}

CASE(event_elapsed_untimed_pending,
     "that an event has no timing is said while its record, or the other's, is to come")
{
    CUevent timed = event(), untimed, again;
    CUstream s = stream();
    struct gate gate;
    float ms;

    OK(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING));
    gate_close(&gate, s);
    OK(cuEventRecord(untimed, s));
    OK(cuEventRecord(timed, s));
    IS(cuEventElapsedTime(&ms, timed, untimed), CUDA_ERROR_INVALID_HANDLE);
    IS(cuEventElapsedTime(&ms, untimed, timed), CUDA_ERROR_INVALID_HANDLE);
    IS(cuEventElapsedTime(&ms, untimed, untimed), CUDA_ERROR_INVALID_HANDLE);
    IS(cuEventElapsedTime(&ms, timed, timed), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    IS(cuEventElapsedTime(&ms, timed, untimed), CUDA_ERROR_INVALID_HANDLE);
    /* An event made with timing, perhaps at the same place. */
    OK(cuEventDestroy(untimed));
    OK(cuEventCreate(&again, CU_EVENT_DEFAULT));
    gate_close(&gate, s);
    OK(cuEventRecord(again, s));
    IS(cuEventElapsedTime(&ms, again, again), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    OK(cuEventElapsedTime(&ms, again, again));
}

CASE(event_legacy, "a record in the legacy stream is behind the blocking streams' work")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUevent e = event();

    chain(s, at);
    OK(cuEventRecord(e, NULL));
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
}

CASE(event_record_flags,
     "cuEventRecordWithFlags without flags is a record; unknown flags are refused")
{
    CUstream s = stream();
    CUevent e = event();

    OK(cuEventRecordWithFlags(e, s, CU_EVENT_RECORD_DEFAULT));
    OK(cuEventSynchronize(e));
    IS(cuEventRecordWithFlags(e, s, 0x80), CUDA_ERROR_INVALID_VALUE);
    IS(cuEventCreate(&e, 0x800), CUDA_ERROR_INVALID_VALUE);
}

CASE(event_blocking_sync, "an event with blocking synchronization waits as well")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUevent e;

    OK(cuEventCreate(&e, CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING));
    chain(s, at);
    OK(cuEventRecord(e, s));
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
}

CASE(event_interprocess, "an interprocess event has to be without timing")
{
    CUevent e;

    IS(cuEventCreate(&e, CU_EVENT_INTERPROCESS), CUDA_ERROR_INVALID_VALUE);
    OK(cuEventCreate(&e, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
    OK(cuEventRecord(e, NULL));
    OK(cuEventSynchronize(e));
}
