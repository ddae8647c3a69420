// SPDX-License-Identifier: Apache-2.0
/*
 * What is made ready ahead is taken back just when a request comes, or the program ends
 * (shim/nvidia/ahead.c, rt.c). The board and the anchors are this file's; what "the other thread"
 * does happens in the middle of the agent's call of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

#define MS 1000000ull

static bool bit, anchor;                                  /* on the board; on the device */
static void (*before_raise)(void), (*before_clear)(void); /* once each */
static void (*after_clear)(void), (*while_put_down)(void);
static struct reef_context context;
static struct reef_stream stream = {.key = 8, .context = &context};

static void once(void (**what)(void))
{
    void (*now)(void) = *what;
    *what = NULL;
    if (now)
        now();
}

void reef_board_rt_raise(struct reef_board *board)
{
    once(&before_raise);
    bit = true;
}

void reef_board_rt_clear(struct reef_board *board)
{
    once(&before_clear);
    bit = false;
    once(&after_clear);
}

void cu_anchor_ahead(struct reef_context *c, uint64_t now_ns, uint64_t until_ns)
{
    anchor = true;
    once(&while_put_down);
}

bool cu_anchor_release(void)
{
    bool was = anchor;
    anchor = false;
    return was;
}

void cu_anchor_end(void)
{
    cu_anchor_release();
}

/* --- not asked for anything here (and rt_rest.c) --- */

bool cu_fast_step(void)
{
    return false;
}
void cu_fast_end(void) {}

/* --- the other thread --- */

static void request(void)
{
    cu_rt_arrive(&stream);
}

static void exits(void)
{
    atomic_store(&reef_cuda.exiting, true);
    cu_rt_end();
}

/* Ready at 10 ms; it is taken back in the next step, and not made ready again. */
static int make_ready(void **state)
{
    reef_cuda = (struct reef_cuda){.lock = PTHREAD_MUTEX_INITIALIZER, .gpu_count = 1};
    reef_cuda.streams = &stream;
    atomic_store(&stream.arrivals, 0);
    stream.idle_at = 0;
    bit = anchor = false;
    reef_state.config.ahead = REEF_AHEAD_ALWAYS;
    cu_rt_step(10 * MS);
    reef_state.config.ahead = REEF_AHEAD_OFF;
    return bit && anchor ? 0 : -1;
}

static void test_nobody(void **state)
{
    cu_rt_step(100 * MS);
    assert_false(bit);
    assert_false(anchor);
}

/* Its thread finds the bit set, and leaves it at that. */
static void test_comes_before(void **state)
{
    before_clear = request;
    cu_rt_step(100 * MS);
    assert_true(bit);
    assert_true(anchor);
}

static void test_comes_after(void **state)
{
    after_clear = request;
    cu_rt_step(100 * MS);
    assert_true(bit);
}

/* And if it is there already, nothing is taken back, however late. */
static void test_came(void **state)
{
    request();
    cu_rt_step(100 * MS);
    assert_true(bit);
    assert_true(anchor);
}

/* The program ends while the agent makes ready: nobody would take it back. */
static void ends_while(void (**moment)(void))
{
    cu_rt_step(100 * MS);
    reef_state.config.ahead = REEF_AHEAD_ALWAYS;
    *moment = exits;
    cu_rt_step(200 * MS);
    assert_null(*moment);
    assert_false(bit);
    assert_false(anchor);
    cu_rt_step(300 * MS);
    assert_false(bit);
}

static void test_ends_before(void **state)
{
    ends_while(&before_raise);
}

static void test_ends_after(void **state)
{
    ends_while(&while_put_down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody, make_ready),
        cmocka_unit_test_setup(test_comes_before, make_ready),
        cmocka_unit_test_setup(test_comes_after, make_ready),
        cmocka_unit_test_setup(test_came, make_ready),
        cmocka_unit_test_setup(test_ends_before, make_ready),
        cmocka_unit_test_setup(test_ends_after, make_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
