// SPDX-License-Identifier: Apache-2.0
/*
 * Anchors (shim/nvidia/anchor.c) that the agent puts down while the program's threads call
 * anything: what "the other thread" does happens in the middle of the agent's calls. The anchor's
 * kernels (anchor_kernel.c) and the driver are this file's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <sched.h>
#include <semaphore.h>

#include <cmocka.h>

#include "shim/nvidia/anchor.h"
#include "shim/preload/log.h"

struct reef_cuda reef_cuda;
struct reef_state reef_state;
struct cu_driver cu;
_Atomic int reef_log_level = -1;

#define HOOK(sym, its_name, v, count, its_kind, stream_at)                                         \
    [CU_##sym] = {.symbol = #sym, .kind = CU_KIND_##its_kind, .stream = stream_at},
struct cu_api cu_api[CU_SYMBOL_COUNT] = {
#include "shim/nvidia/api.def"
};

static const struct cu_api work = {.kind = CU_KIND_LAUNCH, .work = true};
static struct reef_anchor mine, another;
static struct reef_context context;
static const struct reef_anchor *put; /* the one that was put down last */
static bool ended;                    /* they were told to end after that */
static _Atomic int made;
static sem_t begun; /* making one */
/* Once each. */
static void (*as_current)(void), (*before_up)(void), (*while_up)(void), (*when_over)(void);

static void once(void (**what)(void))
{
    void (*now)(void) = *what;
    *what = NULL;
    if (now)
        now();
}

enum anchor_put anchor_put_down(struct reef_anchor *anchor, uint64_t now_ns)
{
    once(&before_up);
    put = anchor;
    ended = false;
    atomic_store(&anchor->up, true);
    once(&while_up);
    return ANCHOR_PUT;
}

bool anchor_take_up(struct reef_anchor *anchor)
{
    bool was = atomic_exchange(&anchor->up, false);
    ended = ended || was;
    return was;
}

bool anchor_gave_up(const struct reef_anchor *anchor)
{
    once(&when_over);
    return true;
}

bool anchor_is_fresh(const struct reef_anchor *anchor, uint64_t now_ns)
{
    return false;
}

/* It takes long: code is loaded. */
struct reef_anchor *anchor_new(void)
{
    sem_post(&begun);
    for (int i = 0; i < 2000; i++)
        sched_yield();
    made++;
    return &mine;
}

struct reef_context *cu_context(void)
{
    return &context;
}

void cu_make_current(cu_word handle)
{
    once(&as_current);
}

uint64_t cu_peers_look(uint64_t now_ns, bool at_once)
{
    return UINT64_MAX;
}
bool reef_disabled(void)
{
    return false;
}
void reef_board_ring_self(struct reef_board *board) {}
void reef_log_write(int level, const char *format, ...) {}

/* --- the other thread --- */

static bool begins(enum cu_symbol symbol)
{
    static const cu_word words[CU_ARGUMENTS_MAX];
    return cu_anchor_before(&cu_api[symbol], words);
}

static void frees(void)
{
    assert_true(begins(CU_cuMemFree_v2));
}

static void launches_cooperatively(void)
{
    assert_true(begins(CU_cuLaunchCooperativeKernel));
    cu_anchor_passed();
}

static void launches_on_many(void)
{
    assert_true(begins(CU_cuLaunchCooperativeKernelMultiDevice));
    cu_anchor_passed();
}

static void becomes_another(void)
{
    atomic_store(&context.anchor, &another);
}

static void loses_it(void)
{
    cu_anchor_forget(&context);
}

static void renews(void)
{
    anchor_put_down(&mine, 2);
}

static int setup(void **state)
{
    reef_cuda = (struct reef_cuda){.lock = PTHREAD_MUTEX_INITIALIZER, .contexts = &context};
    atomic_store(&reef_cuda.anchors, true);
    context.handle = 1;
    atomic_store(&context.anchor, &mine);
    atomic_store(&mine.up, false);
    put = NULL;
    ended = false;
    made = 0;
    sem_init(&begun, 0, 0);
    cu_anchor_step(0, true); /* work is over: nothing is remembered of it */
    return 0;
}

static void test_alone(void **state)
{
    cu_anchor_ahead(&context, 1, 2);
    assert_ptr_equal(put, &mine);
    assert_true(atomic_load(&mine.up));
    assert_false(begins(CU_cuStreamSynchronize));
    assert_false(begins(CU_cuMemcpyHtoD_v2));
    assert_true(atomic_load(&mine.up));
}

static void test_in_the_way(void **state)
{
    frees();
    cu_anchor_ahead(&context, 1, 2);
    assert_null(put);
    cu_anchor_passed();
}

/* The call has looked for anchors already, and found none. */
static void test_in_the_way_meanwhile(void **state)
{
    before_up = frees;
    cu_anchor_ahead(&context, 1, 2);
    assert_true(ended);
    cu_anchor_passed();
    while_up = frees;
    cu_anchor_ahead(&context, 1, 2);
    assert_true(ended);
    cu_anchor_passed();
}

/* Its kernel runs on after the call. */
static void test_cooperative(void **state)
{
    before_up = launches_cooperatively;
    cu_anchor_ahead(&context, 1, 2);
    assert_true(ended);
    put = NULL;
    cu_anchor_ahead(&context, 1, 2);
    assert_null(put);
}

static void test_cooperative_on_many(void **state)
{
    before_up = launches_on_many;
    cu_anchor_ahead(&context, 1, 2);
    assert_true(ended);
}

/* A context was destroyed, and its record is a new one's. */
static void test_another_context(void **state)
{
    as_current = becomes_another;
    cu_anchor_ahead(&context, 1, 2);
    assert_ptr_equal(put, &another);
    put = NULL;
    as_current = loses_it;
    cu_anchor_ahead(&context, 1, 2);
    assert_null(put);
}

/* A thread sees that the anchor has ended by itself; another has put a fresh one down since. */
static void test_renewed(void **state)
{
    anchor_put_down(&mine, 1);
    when_over = renews;
    cu_anchor_after(&cu_api[CU_cuStreamSynchronize], CUDA_SUCCESS);
    assert_true(atomic_load(&mine.up) || ended);
}

/* A copy between contexts comes behind all work of both. */
static void test_peer(void **state)
{
    assert_true(begins(CU_cuMemcpyPeer));
    cu_anchor_passed();
    assert_true(begins(CU_cuMemcpy3DPeer_ptds));
    cu_anchor_passed();
}

static void *make_one(void *arg)
{
    reef_state.config.anchor = 2; /* on */
    atomic_store(&reef_cuda.anchor_due, true);
    cu_anchor_after(&work, CUDA_SUCCESS);
    return NULL;
}

/* The driver is not taken down while code is loaded, and none is loaded from then on. */
static void test_process_ends(void **state)
{
    pthread_t thread;
    atomic_store(&context.anchor, NULL);
    assert_int_equal(pthread_create(&thread, NULL, make_one, NULL), 0);
    sem_wait(&begun);
    atomic_store(&reef_cuda.exiting, true);
    cu_anchor_end();
    assert_int_equal(made, 1);
    pthread_join(thread, NULL);
    atomic_store(&context.anchor, NULL);
    make_one(NULL);
    assert_int_equal(made, 1);
    reef_state.config.anchor = 0;
}

/* The last case: from here on there are none. */
static void test_no_more(void **state)
{
    atomic_store(&reef_cuda.anchor_due, true);
    cu_anchor_after(&work, CUDA_SUCCESS);
    assert_ptr_equal(put, &mine);
    cu_anchor_no_more("");
    assert_true(ended);
    put = NULL;
    cu_anchor_ahead(&context, 1, 2);
    assert_null(put);
    atomic_store(&reef_cuda.anchor_due, true);
    cu_anchor_after(&work, CUDA_SUCCESS);
    assert_null(put);
    assert_int_equal(context.asking, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_alone, setup),
        cmocka_unit_test_setup(test_in_the_way, setup),
        cmocka_unit_test_setup(test_in_the_way_meanwhile, setup),
        cmocka_unit_test_setup(test_cooperative, setup),
        cmocka_unit_test_setup(test_cooperative_on_many, setup),
        cmocka_unit_test_setup(test_another_context, setup),
        cmocka_unit_test_setup(test_renewed, setup),
        cmocka_unit_test_setup(test_peer, setup),
        cmocka_unit_test_setup(test_process_ends, setup),
        cmocka_unit_test_setup(test_no_more, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
