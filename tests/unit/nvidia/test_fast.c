// SPDX-License-Identifier: Apache-2.0
/*
 * What ends the fast path just when it begins, and what comes back from the driver after its end
 * (shim/nvidia/fast.c, rt.c). What "the other thread" does happens in the middle of this one's
 * calls.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/nvidia/anchor.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

_Thread_local bool cu_inside __attribute__((tls_model("initial-exec")));

static struct reef_context context = {.handle = 4};
static struct reef_stream stream = {.key = 8, .context = &context};
static bool is_rt, bit;
static void (*while_it_begins)(void);
static cu_result broken;

bool cu_is_rt(void)
{
    return is_rt;
}

struct reef_stream *cu_stream(cu_word handle)
{
    return handle == stream.key ? &stream : NULL;
}

struct reef_stream *cu_stream_legacy(struct reef_context *of)
{
    if (while_it_begins)
        while_it_begins();
    return &stream;
}

void reef_board_rt_raise(struct reef_board *board)
{
    bit = true;
}

void reef_board_rt_clear(struct reef_board *board)
{
    bit = false;
}

void cu_note_broken(cu_result error)
{
    broken = error;
}

/* --- not asked for anything here (and rt_rest.c) --- */

bool cu_active(void)
{
    return true;
}
void cu_anchor_end(void) {}
void cu_ahead_began(uint64_t idle_ns) {}
uint64_t cu_ahead_step(uint64_t now_ns)
{
    return UINT64_MAX;
}
void cu_ahead_end(void) {}

/* --- */

static void start(bool rt)
{
    is_rt = rt;
    bit = rt;
    broken = CUDA_SUCCESS;
    while_it_begins = NULL;
    reef_cuda = (struct reef_cuda){.lock = PTHREAD_MUTEX_INITIALIZER,
                                   .gpu_count = 1,
                                   .contexts = &context,
                                   .streams = &stream};
    reef_cuda.core = (struct reef_core *)&stream; /* there is one */
    atomic_store(&reef_cuda.gpus[0].rt_raised, rt);
    atomic_store(&stream.arrivals, 5);
    atomic_store(&stream.returned, 5);
    stream.idle_at = 5;
    stream.uncounted = false;
}

static int begin_rt(void **state)
{
    start(true);
    return cu_fast_step() ? 0 : -1;
}

static int begin_be(void **state)
{
    start(false);
    return cu_fast_step() ? 0 : -1;
}

/* In every case the other thread first notes what ends it. */
static void be_comes(void)
{
    atomic_store(&reef_cuda.peers_be, true);
    cu_fast_end();
}

static void rt_comes(void)
{
    atomic_store(&reef_cuda.bounded, true);
    cu_fast_end();
}

static void something_is_held(void)
{
    atomic_store(&reef_cuda.pending, 1);
}

/* There is nothing to be ended yet, and not a moment later either: the launch behind what is held
 * would overtake it. */
static void test_ended_while_it_begins(void **state)
{
    static void (*const others[])(void) = {be_comes, rt_comes, something_is_held};
    for (unsigned i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        start(others[i] == be_comes);
        while_it_begins = others[i];
        assert_false(cu_fast_step());
        assert_int_equal(reef_cuda.fast, 0);
    }
}

static void test_conditions_rt(void **state)
{
    _Atomic bool *const conditions[] = {&reef_cuda.exiting, &reef_cuda.peers_be,
                                        &reef_cuda.anchor_due};
    for (unsigned i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        start(true);
        atomic_store(conditions[i], true);
        assert_false(cu_fast_step());
    }
    start(true);
    atomic_store(&reef_cuda.gpus[0].rt_raised, false);
    assert_false(cu_fast_step());
    struct reef_anchor anchor = {.up = true};
    start(true);
    atomic_store(&context.anchor, &anchor);
    assert_false(cu_fast_step());
    atomic_store(&context.anchor, NULL);
}

static void test_conditions_be(void **state)
{
    _Atomic bool *const conditions[] = {&reef_cuda.exiting, &reef_cuda.bounded, &reef_cuda.closed,
                                        &reef_cuda.was_held, &reef_cuda.timeslice_wanted};
    for (unsigned i = 0; i < sizeof(conditions) / sizeof(conditions[0]); i++) {
        start(false);
        atomic_store(conditions[i], true);
        assert_false(cu_fast_step());
    }
    start(false);
    atomic_store(&reef_cuda.pending, 1);
    assert_false(cu_fast_step());
    start(false);
    reef_state.config.fast_path = REEF_FAST_PATH_OFF;
    assert_false(cu_fast_step());
    reef_state.config.fast_path = REEF_FAST_PATH_AUTO;
}

/* Calls that load code are to be looked at for guards. */
static void test_guards(void **state)
{
    reef_state.config.guard = REEF_GUARD_PTX;
    start(false);
    assert_true(cu_fast_step());
    assert_int_equal(reef_cuda.fast, REEF_FAST_LAUNCH);
    reef_state.config.guard = REEF_GUARD_OFF;
}

static void test_marks_rt(void **state)
{
    cu_fast_end();
    assert_int_not_equal(stream.idle_at, stream.arrivals);
    assert_int_equal(reef_cuda.unseen, 1);
    cu_fast_end(); /* nothing new */
    assert_int_equal(reef_cuda.unseen, 1);
}

/* What nobody has ended it for, the agent's next step does. */
static void test_goes_on(void **state)
{
    assert_true(cu_fast_step());
    assert_false(stream.uncounted);
    atomic_store(&reef_cuda.was_held, true);
    assert_false(cu_fast_step());
    assert_int_equal(reef_cuda.fast, 0);
    assert_true(stream.uncounted);
}

static void test_marks_be(void **state)
{
    cu_fast_end();
    assert_true(stream.uncounted);
}

/* A launch comes back and finds it ended, its stream known to be idle, and the bit cleared. */
static void test_late_rt(void **state)
{
    atomic_store(&reef_cuda.arrivals, 9); /* itself among them */
    be_comes();
    stream.idle_at = 5;
    atomic_store(&reef_cuda.gpus[0].rt_raised, false);
    bit = false;
    assert_int_equal(cu_fast_returned(stream.key, CUDA_SUCCESS), CUDA_SUCCESS);
    assert_int_equal(stream.arrivals, 6);
    assert_int_equal(stream.returned, 6);
    assert_int_equal(reef_cuda.arrivals, 9);
    assert_true(bit);
    assert_false(cu_inside);
}

/* Into a stream of which nothing is known: only the driver can tell when it is over. */
static void test_late_unknown(void **state)
{
    be_comes();
    unsigned before = reef_cuda.unseen;
    cu_fast_returned(stream.key + 8, CUDA_SUCCESS);
    assert_int_equal(reef_cuda.unseen, before + 1);
}

static void test_late_be(void **state)
{
    rt_comes();
    stream.uncounted = false;
    cu_fast_returned(stream.key, CUDA_SUCCESS);
    assert_true(stream.uncounted);
}

static void test_error(void **state)
{
    assert_int_equal(cu_fast_returned(stream.key, 1), 1); /* CUDA_ERROR_INVALID_VALUE */
    assert_int_equal(broken, CUDA_SUCCESS);
    assert_int_equal(cu_fast_returned(stream.key, 700), 700); /* ..._ILLEGAL_ADDRESS */
    assert_int_equal(broken, 700);
    assert_int_equal(stream.arrivals, 5); /* it has not ended */
}

/* Whoever waits does not know what others bring on the fast path meanwhile. */
static void test_waits(void **state)
{
    struct cu_rt_wait wait;
    atomic_store(&reef_cuda.arrivals, 9);
    cu_rt_wait_begin(&wait, &stream, NULL);
    be_comes();
    cu_rt_wait_end(&wait, CUDA_SUCCESS);
    assert_int_not_equal(stream.idle_at, stream.arrivals);

    cu_rt_wait_begin(&wait, &stream, NULL); /* it is not fast any more: it does */
    cu_rt_wait_end(&wait, CUDA_SUCCESS);
    assert_int_equal(stream.idle_at, stream.arrivals);

    atomic_store(&reef_cuda.peers_be, false);
    cu_rt_wait_begin(&wait, &stream, NULL);
    assert_true(cu_fast_step());
    be_comes();
    cu_rt_wait_end(&wait, CUDA_SUCCESS);
    assert_int_not_equal(stream.idle_at, stream.arrivals);

    atomic_store(&reef_cuda.peers_be, false);
    cu_rt_wait_begin(&wait, &stream, NULL);
    assert_true(cu_fast_step());
    cu_rt_wait_end(&wait, CUDA_SUCCESS);
    assert_int_not_equal(stream.idle_at, stream.arrivals);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ended_while_it_begins),
        cmocka_unit_test(test_conditions_rt),
        cmocka_unit_test(test_conditions_be),
        cmocka_unit_test(test_guards),
        cmocka_unit_test_setup(test_marks_rt, begin_rt),
        cmocka_unit_test_setup(test_marks_be, begin_be),
        cmocka_unit_test_setup(test_goes_on, begin_be),
        cmocka_unit_test_setup(test_late_rt, begin_rt),
        cmocka_unit_test_setup(test_late_unknown, begin_rt),
        cmocka_unit_test_setup(test_late_be, begin_be),
        cmocka_unit_test_setup(test_error, begin_be),
        cmocka_unit_test_setup(test_waits, begin_rt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
